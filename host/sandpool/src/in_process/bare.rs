//! wasmtime and nothing else: the cost of a call without a limit on memory, without WASI
//! and without an outcome. `sandpool bench` measures this floor beside the isolation
//! levels, with equal engine settings and an equal guest.

use wasmtime::component::{
    Component, ComponentExportIndex, Instance, InstancePre, Linker, ResourceTable,
};
use wasmtime::{Engine, Store};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView, p2};

use super::InProcessError;
use super::guest::{InProcess, artifact_path};
use sandpool_worker::engine::code::Artifact;
use sandpool_worker::engine::{code, config};

/// A component, and its function from a `u32` to a `u32`. `H` is the data of every store:
/// nothing, or `Wasi`.
pub struct Bare<H: 'static = ()> {
    engine: Engine,
    pre: InstancePre<H>,
    host: fn() -> H,
    function: ComponentExportIndex,
    kept: Option<(Store<H>, Instance)>,
}

/// WASI as wasmtime's users give it to a guest, with nothing granted.
pub struct Wasi {
    ctx: WasiCtx,
    table: ResourceTable,
}

impl WasiView for Wasi {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.ctx,
            table: &mut self.table,
        }
    }
}

impl Bare {
    /// Returns the floor beneath a module that is loaded into this process.
    ///
    /// # Errors
    ///
    /// Returns an error if it is no component without imports that exports the function.
    pub fn new(loaded: &InProcess, function: &str) -> Result<Self, InProcessError> {
        Bare::load(loaded, function, || (), |_| Ok(()))
    }
}

impl Bare<Wasi> {
    /// Returns the floor as [`Bare::new`] does, for a component that imports WASI.
    ///
    /// # Errors
    ///
    /// Returns an error if it imports anything else, or does not export the function.
    pub fn with_wasi(loaded: &InProcess, function: &str) -> Result<Self, InProcessError> {
        let host = || Wasi {
            ctx: WasiCtx::builder().build(),
            table: ResourceTable::new(),
        };
        Bare::load(loaded, function, host, p2::add_to_linker_sync)
    }
}

impl<H: Send> Bare<H> {
    fn load(
        loaded: &InProcess,
        function: &str,
        host: fn() -> H,
        link: impl FnOnce(&mut Linker<H>) -> wasmtime::Result<()>,
    ) -> Result<Self, InProcessError> {
        let module = loaded.module();
        let made = || {
            let engine = config::engine(module.settings())?;
            let path = artifact_path(module.artifact()?);
            let component: Component = code::deserialize_component(&engine, Artifact::File(&path))?;
            let mut linker = Linker::new(&engine);
            link(&mut linker)?;
            let pre = linker.instantiate_pre(&component)?;
            let function = component
                .get_export_index(None, function)
                .ok_or_else(|| wasmtime::format_err!("there is no function `{function}`"))?;
            Ok(Bare {
                engine,
                pre,
                host,
                function,
                kept: None,
            })
        };
        made().map_err(|error: wasmtime::Error| InProcessError::Refused {
            module: module.name().to_owned(),
            source: error.into(),
        })
    }

    /// Calls the function in a store and an instance of its own; `None` if that fails.
    pub fn fresh(&mut self, n: u32) -> Option<u32> {
        // There is room for one instance.
        self.kept = None;
        let mut store = Store::new(&self.engine, (self.host)());
        let instance = self.pre.instantiate(&mut store).ok()?;
        self.call(&mut store, instance, n)
    }

    /// Calls the function in an instance that is kept; `None` if that fails.
    pub fn reused(&mut self, n: u32) -> Option<u32> {
        let (mut store, instance) = match self.kept.take() {
            Some(kept) => kept,
            None => {
                let mut store = Store::new(&self.engine, (self.host)());
                let instance = self.pre.instantiate(&mut store).ok()?;
                (store, instance)
            }
        };
        let result = self.call(&mut store, instance, n);
        self.kept = Some((store, instance));
        result
    }

    fn call(&self, store: &mut Store<H>, instance: Instance, n: u32) -> Option<u32> {
        let function = instance
            .get_typed_func::<(u32,), (u32,)>(&mut *store, self.function)
            .ok()?;
        function.call(store, (n,)).ok().map(|(result,)| result)
    }
}
