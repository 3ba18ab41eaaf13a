//! The imports of guests: WASI, and the interfaces in `wit/`.
//!
//! All other functions that a module imports are linked too, and refused when they are
//! called: those of worlds that sandpool knows and did not grant, and unknown ones where the
//! pool denies them. The compiler uses the same linkers to find out whether a module imports
//! a function by another type than it has.

mod known;
mod refused;
mod sockets;

use wasmtime::component::{Component, Linker as ComponentLinker};
use wasmtime::{Engine, ExternType, Linker as CoreLinker, Module};
use wasmtime_wasi::{I32Exit, p1};

use super::guest::Guest;
use super::host_functions;
pub use known::{granted_by, is_provided_to_core, is_reserved, known_to_component};
use known::{is_provided, is_provided_to_component};
use refused::Refuse;
use sandpool_protocol::imports::Links;

/// Makes the linker for a component's imports, but for those that the host gives. Imports
/// that nobody gives are linked as well, and refused when they are called; a module that may
/// not have them is refused before it gets here.
pub fn component_linker(
    engine: &Engine,
    component: &Component,
    links: &Links,
) -> wasmtime::Result<ComponentLinker<Guest>> {
    let ty = component.component_type();
    let wanted: Vec<&str> = ty.imports(engine).map(|(name, _)| name).collect();
    let mut linker = ComponentLinker::new(engine);
    linker.allow_shadowing(true);
    known::add_to_linker(&mut linker, &wanted)?;
    let is_available = |name: &&str| links.gives(name) || is_provided_to_component(name);
    if !wanted.iter().all(is_available) {
        let mut refuse = Refuse::new(engine);
        for (name, import) in ty.imports(engine) {
            match is_available(&name) {
                true => refuse.pass(&import.ty),
                false => refuse.link(&mut linker.root(), name, &import.ty)?,
            }
        }
    }
    if !links.given.is_empty() {
        host_functions::add_to_component(&mut linker, engine, component, links, is_reserved)?;
    }
    Ok(linker)
}

/// Makes the linker for a core module's imports, which may include WASI preview 1, but for
/// those that the host gives. Functions that nobody gives are linked as well, and refused
/// when they are called.
pub fn core_linker(
    engine: &Engine,
    module: &Module,
    links: &Links,
) -> wasmtime::Result<CoreLinker<Guest>> {
    let mut linker = CoreLinker::new(engine);
    if module.imports().len() == 0 {
        return Ok(linker);
    }
    p1::add_to_linker_sync(&mut linker, |guest: &mut Guest| guest.wasi.get())?;
    linker.allow_shadowing(true);
    super::preview1::add_to_linker(&mut linker)?;
    // wasmtime-wasi makes a trap of exit codes from 126 on.
    let exit = |code: i32| -> wasmtime::Result<()> { Err(I32Exit(code).into()) };
    linker.func_wrap("wasi_snapshot_preview1", "proc_exit", exit)?;
    super::assembly_script::add_to_linker(&mut linker)?;
    for import in module.imports() {
        let (from, name) = (import.module(), import.name());
        if let ExternType::Func(ty) = import.ty()
            && !links.gives(&format!("{from}#{name}"))
            && !is_provided(from, name, &ty)
        {
            refused::core_func(&mut linker, from, name, ty)?;
        }
    }
    if !links.given.is_empty() {
        host_functions::add_to_core(&mut linker, module, links, is_provided)?;
    }
    Ok(linker)
}
