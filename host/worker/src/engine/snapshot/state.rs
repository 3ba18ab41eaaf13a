//! The state of an instance of an instrumented module, as wizer asks for it.
//!
//! wizer has no way to take an error, so the first one is kept until it is done.

use std::collections::HashMap;

use wasmparser::ValType;
use wasmtime::component::{self, Lift, WasmList};
use wasmtime::{Instance, Result, Store, Trap, Val, format_err};
use wasmtime_wizer::{ComponentInstanceState, InstanceState, SnapshotVal};

use crate::engine::guest::Guest;

/// An instance of an instrumented core module.
pub(super) struct CoreState<'a> {
    store: &'a mut Store<Guest>,
    instance: Instance,
    failed: Option<wasmtime::Error>,
}

impl<'a> CoreState<'a> {
    pub(super) fn new(store: &'a mut Store<Guest>, instance: Instance) -> Self {
        CoreState {
            store,
            instance,
            failed: None,
        }
    }

    /// Returns the first error, if there was one.
    pub(super) fn check(self) -> Result<()> {
        self.failed.map_or(Ok(()), Err)
    }

    fn lacks(&mut self, name: &str) {
        let error = || format_err!("its state cannot be read: it lacks `{name}`");
        self.failed.get_or_insert_with(error);
    }
}

impl InstanceState for CoreState<'_> {
    async fn global_get(&mut self, name: &str, _: ValType) -> SnapshotVal {
        let global = self.instance.get_global(&mut *self.store, name);
        match global.map(|global| global.get(&mut *self.store)) {
            Some(Val::I32(value)) => SnapshotVal::I32(value),
            Some(Val::I64(value)) => SnapshotVal::I64(value),
            Some(Val::F32(bits)) => SnapshotVal::F32(bits),
            Some(Val::F64(bits)) => SnapshotVal::F64(bits),
            Some(Val::V128(value)) => SnapshotVal::V128(value.as_u128()),
            _ => {
                self.lacks(name);
                SnapshotVal::I32(0)
            }
        }
    }

    async fn memory_contents(&mut self, name: &str, contents: impl FnOnce(&[u8]) + Send) {
        match self.instance.get_memory(&mut *self.store, name) {
            Some(memory) => contents(memory.data(&*self.store)),
            None => {
                self.lacks(name);
                contents(&[]);
            }
        }
    }
}

/// An instance of an instrumented component.
pub(super) struct ComponentState<'a> {
    store: &'a mut Store<Guest>,
    instance: component::Instance,
    /// The memories that were read, by the name of their function, which is called once:
    /// each call grows its memory.
    memories: HashMap<String, Option<WasmList<u8>>>,
    failed: Option<wasmtime::Error>,
}

impl<'a> ComponentState<'a> {
    pub(super) fn new(store: &'a mut Store<Guest>, instance: component::Instance) -> Self {
        ComponentState {
            store,
            instance,
            memories: HashMap::new(),
            failed: None,
        }
    }

    /// Returns the first error, if there was one.
    pub(super) fn check(self) -> Result<()> {
        self.failed.map_or(Ok(()), Err)
    }

    /// Calls a function of the instrumentation.
    fn call<R: Lift + Send + Sync + 'static>(&mut self, instance: &str, func: &str) -> Option<R> {
        match self.try_to_call(instance, func) {
            Ok(result) => Some(result),
            Err(error) => {
                self.failed.get_or_insert_with(|| unread(&error));
                None
            }
        }
    }

    fn try_to_call<R: Lift + Send + Sync + 'static>(
        &mut self,
        instance: &str,
        func: &str,
    ) -> Result<R> {
        let lacks = || format_err!("it lacks `{instance}#{func}`");
        let store = &mut *self.store;
        let interface = self.instance.get_export_index(&mut *store, None, instance);
        let interface = interface.ok_or_else(lacks)?;
        let export = self
            .instance
            .get_export_index(&mut *store, Some(&interface), func)
            .ok_or_else(lacks)?;
        let func = self
            .instance
            .get_typed_func::<(), (R,)>(&mut *store, export)?;
        let (result,) = func.call(&mut *store, ())?;
        Ok(result)
    }
}

impl ComponentInstanceState for ComponentState<'_> {
    async fn call_func_ret_list_u8(
        &mut self,
        instance: &str,
        func: &str,
        contents: impl FnOnce(&[u8]) + Send,
    ) {
        if !self.memories.contains_key(func) {
            let memory = self.call(instance, func);
            self.memories.insert(func.to_owned(), memory);
        }
        match self.memories.get(func) {
            Some(Some(memory)) => contents(memory.as_le_slice(&*self.store)),
            _ => contents(&[]),
        }
    }

    async fn call_func_ret_s32(&mut self, instance: &str, func: &str) -> i32 {
        self.call(instance, func).unwrap_or_default()
    }

    async fn call_func_ret_s64(&mut self, instance: &str, func: &str) -> i64 {
        self.call(instance, func).unwrap_or_default()
    }

    async fn call_func_ret_f32(&mut self, instance: &str, func: &str) -> u32 {
        self.call(instance, func).map_or(0, f32::to_bits)
    }

    async fn call_func_ret_f64(&mut self, instance: &str, func: &str) -> u64 {
        self.call(instance, func).map_or(0, f64::to_bits)
    }
}

/// Returns the error of a state that could not be read.
fn unread(error: &wasmtime::Error) -> wasmtime::Error {
    match error.downcast_ref::<Trap>() {
        // The accessor could not grow the memory that it reads.
        Some(Trap::UnreachableCodeReached) => format_err!(
            "a memory of it has its largest size, and reading it for a snapshot takes a page more"
        ),
        _ => format_err!("its state cannot be read: {error:#}"),
    }
}
