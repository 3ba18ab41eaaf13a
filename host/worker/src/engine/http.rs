//! `wasi:http` for guests: its types are wasmtime-wasi-http's, and requests are sent by
//! somebody else, since a worker has no socket.

use std::sync::Arc;

use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource};
use wasmtime_wasi::WasiView;
use wasmtime_wasi_http::p2::bindings::http::outgoing_handler::Host as _;
use wasmtime_wasi_http::p2::bindings::http::types::{ErrorCode, Method, Scheme};
use wasmtime_wasi_http::p2::bindings::{LinkOptions, sync};
use wasmtime_wasi_http::p2::types::{HostFutureIncomingResponse, HostOutgoingRequest};
use wasmtime_wasi_http::{
    Error, RequestOptions, WasiBody, WasiHttp, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks,
    WasiHttpView,
};

use super::guest::Guest;
use sandpool_protocol::http::{MAX_DATA, MAX_HEAD};

/// The kind of refused requests in outcomes.
const REFUSED: &str = "HTTP request";

/// A response, and the future that drives its body; the body here drives itself.
pub type Sent = Result<
    (
        ::http::Response<WasiBody>,
        Box<dyn Future<Output = Result<(), Error>> + Send>,
    ),
    Error,
>;

/// The way of guests' requests to the network.
pub trait HttpSender: Send + Sync {
    /// Returns the future of the response, which is spawned on the current runtime.
    fn send(
        &self,
        request: ::http::Request<WasiBody>,
        options: RequestOptions,
    ) -> Box<dyn Future<Output = Sent> + Send>;
}

/// The state of `wasi:http` of one guest.
pub struct GuestHttp {
    context: WasiHttpCtx,
    hooks: Hooks,
}

impl GuestHttp {
    /// Makes the state for a guest whose requests go this way; without one they are
    /// refused.
    pub fn new(sender: Option<Arc<dyn HttpSender>>) -> Self {
        let mut context = WasiHttpCtx::new();
        // No larger head is sent.
        context.set_field_size_limit(MAX_HEAD);
        GuestHttp {
            context,
            hooks: Hooks { sender },
        }
    }
}

struct Hooks {
    sender: Option<Arc<dyn HttpSender>>,
}

impl WasiHttpHooks for Hooks {
    fn send_request(
        &mut self,
        request: ::http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        match &self.sender {
            Some(sender) => sender.send(request, options.unwrap_or_default()),
            None => Box::new(std::future::ready(Err(Error::HttpRequestDenied))),
        }
    }

    /// The host writes that header, from the URL that it compared.
    fn set_host_header(&mut self) -> bool {
        false
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        MAX_DATA
    }
}

impl WasiHttpView for Guest {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        let GuestHttp { context, hooks } = &mut self.http;
        WasiHttpCtxView {
            hooks,
            table: self.wasi.get().ctx().table,
            ctx: context,
        }
    }
}

/// Gives a component `wasi:http/types`.
pub(super) fn add_types(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    let options = LinkOptions::default();
    sync::http::types::add_to_linker::<_, WasiHttp>(linker, &options.into(), Guest::http)
}

/// Gives a component `wasi:http/outgoing-handler`. A request without a grant is refused at
/// once, and noted.
pub(super) fn add_handler(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    let mut handler = linker.instance("wasi:http/outgoing-handler@0.2.12")?;
    handler.func_wrap(
        "handle",
        |mut store: StoreContextMut<'_, Guest>,
         (request, options): (
            Resource<HostOutgoingRequest>,
            Option<Resource<RequestOptions>>,
        )|
         -> wasmtime::Result<(Result<Resource<HostFutureIncomingResponse>, ErrorCode>,)> {
            let guest = store.data_mut();
            if guest.http.hooks.sender.is_none() {
                let request = guest.ctx().table.delete(request)?;
                guest.bounds.deny(REFUSED, line(&request));
                return Ok((Err(ErrorCode::HttpRequestDenied),));
            }
            Ok((match guest.http().handle(request, options) {
                Ok(response) => Ok(response),
                Err(error) => Err(error.downcast()?),
            },))
        },
    )
}

/// Returns the method and the origin of a request, in one line.
fn line(request: &HostOutgoingRequest) -> String {
    let method = match &request.method {
        Method::Other(method) => method.clone(),
        known => format!("{known:?}").to_uppercase().replace("METHOD::", ""),
    };
    let scheme = match &request.scheme {
        Some(Scheme::Http) => "http",
        Some(Scheme::Https) | None => "https",
        Some(Scheme::Other(scheme)) => scheme,
    };
    let authority = request.authority.as_deref().unwrap_or_default();
    format!("{method} {scheme}://{authority}")
}
