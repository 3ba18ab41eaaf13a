//! Refuses sockets and host names, which are never granted.
//!
//! WASI's own functions would refuse them too, but only after they have asked the operating
//! system for one, and without telling anybody but the guest.

use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource};
use wasmtime_wasi::p2;
use wasmtime_wasi::p2::bindings::sockets::ip_name_lookup::ResolveAddressStream;
use wasmtime_wasi::p2::bindings::sockets::network::{ErrorCode, IpAddressFamily};

use crate::engine::guest::Guest;

/// Links WASI's sockets, and functions of ours that refuse in place of those that ask the
/// operating system.
pub(super) fn add_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    // All of WASI is linked first, which gives these interfaces their types; hardly any
    // guest wants them.
    p2::add_to_linker_sync(linker)?;
    linker
        .instance("wasi:sockets/tcp-create-socket@0.2.12")?
        .func_wrap(
            "create-tcp-socket",
            |mut store: StoreContextMut<'_, Guest>, (_,): (IpAddressFamily,)| {
                store.data_mut().bounds.deny("socket", "TCP".into());
                Ok((Err::<Resource<p2::TcpSocket>, _>(ErrorCode::AccessDenied),))
            },
        )?;
    linker
        .instance("wasi:sockets/udp-create-socket@0.2.12")?
        .func_wrap(
            "create-udp-socket",
            |mut store: StoreContextMut<'_, Guest>, (_,): (IpAddressFamily,)| {
                store.data_mut().bounds.deny("socket", "UDP".into());
                Ok((Err::<Resource<p2::UdpSocket>, _>(ErrorCode::AccessDenied),))
            },
        )?;
    linker
        .instance("wasi:sockets/ip-name-lookup@0.2.12")?
        .func_wrap(
            "resolve-addresses",
            |mut store: StoreContextMut<'_, Guest>, (_, name): (Resource<p2::Network>, String)| {
                store.data_mut().bounds.deny("name look-up", name);
                // WASI's own answer where this is not granted.
                let refused = ErrorCode::PermanentResolverFailure;
                Ok((Err::<Resource<ResolveAddressStream>, _>(refused),))
            },
        )?;
    Ok(())
}
