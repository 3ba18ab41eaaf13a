//! The code of a module, loaded and linked: everything that can be done once for all tasks
//! that run it.

use smallvec::SmallVec;
use wasmtime::component::{Component, ComponentExportIndex, InstancePre};
use wasmtime::{Engine, Module, Store, ValRaw};

use super::convert::{from_core, is_core, take_core};
use super::guest::Guest;
use super::handles::Handles;
use super::typed::{FastCall, fast_call};
use super::{describe, imports};
use sandpool_protocol::imports::Links;
use sandpool_value::{Function, Type, Value};

/// The code of either kind of module.
pub enum Code {
    Component {
        pre: InstancePre<Guest>,
        functions: Vec<LoadedFunction>,
        run: Option<ComponentExportIndex>,
    },
    Core {
        pre: wasmtime::InstancePre<Guest>,
        functions: Vec<Function>,
        is_reactor: bool,
    },
}

/// A function of a component, looked up once.
pub struct LoadedFunction {
    pub function: Function,
    /// `None` for a function that drops a handle of a resource.
    pub export: Option<ComponentExportIndex>,
    /// The call that makes no value of each byte, for signatures of bytes and strings.
    pub fast: Option<FastCall>,
}

/// The instance of either kind of module.
#[derive(Clone, Copy)]
pub enum Instance {
    Component(wasmtime::component::Instance),
    Core(wasmtime::Instance),
}

/// A function of either kind of module, found in an instance.
#[derive(Clone, Copy)]
pub enum Found {
    Component(wasmtime::component::Func),
    Core(CoreFunc),
}

/// A function of a core module, found in an instance of it by its name in the module's
/// description.
#[derive(Clone, Copy)]
pub struct CoreFunc(wasmtime::Func);

impl CoreFunc {
    pub(super) fn new(func: wasmtime::Func) -> Self {
        CoreFunc(func)
    }

    /// Calls it; `arguments` are encoded, and `function` is its description.
    ///
    /// wasmtime's own dynamic call looks its type up and checks it each time,
    /// which costs twice as much as the call.
    #[expect(unsafe_code, reason = "types are checked here, not by wasmtime")]
    pub(super) fn call(
        self,
        store: &mut Store<Guest>,
        function: &Function,
        mut arguments: &[u8],
    ) -> wasmtime::Result<Value> {
        let results = match &function.result {
            None => &[],
            Some(Type::Tuple(types)) => &types[..],
            Some(one) => std::slice::from_ref(one),
        };
        let params = function.params.iter();
        let raw: Option<SmallVec<[ValRaw; 4]>> = params
            .map(|param| take_core(&mut arguments, &param.ty))
            .collect();
        let mut raw = raw
            .filter(|_| arguments.is_empty())
            .ok_or_else(|| wasmtime::format_err!("the arguments do not fit the function"))?;
        if !results.iter().all(is_core) {
            return Err(wasmtime::format_err!("a result is no number"));
        }
        if raw.len() < results.len() {
            raw.resize(results.len(), ValRaw::u64(0));
        }
        // SAFETY: the callee wants room for all parameters and, afterwards, all
        // results, parameters of the function's own types, and references that
        // are alive. The description was read from the export of the function's
        // module that has its name, so the types in it are its own: `take_core`
        // has put a number of each parameter's type there and nothing else,
        // `is_core` has found numbers alone among the results, and there is room
        // for whichever are more.
        unsafe { self.0.call_unchecked(&mut *store, &raw mut raw[..])? };
        let mut values = results.iter().zip(&raw).map(|(ty, raw)| from_core(raw, ty));
        let value = match results.len() {
            1 => values.next().flatten(),
            _ => values.collect::<Option<_>>().map(Value::Tuple),
        };
        value.ok_or_else(|| wasmtime::format_err!("a result is no number"))
    }
}

/// A living guest.
pub struct Live {
    pub store: Store<Guest>,
    pub instance: Instance,
    /// The function that was called last, with its number.
    pub found: Option<(u32, Found)>,
    /// The number of tasks that it has been used for.
    pub used: u64,
    /// The handles of its resources that the host has.
    pub(super) handles: Handles,
}

impl Live {
    /// Returns a guest that was just instantiated.
    pub fn new(store: Store<Guest>, instance: Instance) -> Self {
        Live {
            store,
            instance,
            found: None,
            used: 0,
            handles: Handles::default(),
        }
    }
}

/// The reason why code cannot be loaded.
pub enum Unloadable {
    /// The bytes are no artifact, or one for another engine.
    Artifact(wasmtime::Error),
    /// The module has something that cannot be described.
    Module(String),
}

impl From<wasmtime::Error> for Unloadable {
    fn from(error: wasmtime::Error) -> Self {
        Unloadable::Artifact(error)
    }
}

/// The place of an artifact, whose contents nobody can change.
#[derive(Clone, Copy)]
pub enum Artifact<'a> {
    /// In a file, which is mapped: all processes that map it share its pages.
    File(&'a str),
    /// In memory, from which it is copied.
    Bytes(&'a [u8]),
}

impl Code {
    /// Loads an artifact and links its imports.
    pub fn load(
        engine: &Engine,
        artifact: Artifact<'_>,
        component: bool,
        links: &Links,
    ) -> Result<Self, Unloadable> {
        if component {
            let component = deserialize_component(engine, artifact)?;
            let linker = imports::component_linker(engine, &component, links)?;
            let pre = linker.instantiate_pre(&component)?;
            let exports = describe::component_exports(engine, &component);
            let exports = exports.map_err(Unloadable::Module)?;
            let functions = exports.callables().into_iter().map(|found| LoadedFunction {
                fast: fast_call(&found.function),
                function: found.function,
                export: found.export,
            });
            return Ok(Code::Component {
                pre,
                functions: functions.collect(),
                run: describe::component_command(&component),
            });
        }
        let module = deserialize_module(engine, artifact)?;
        let linker = imports::core_linker(engine, &module, links)?;
        let pre = linker.instantiate_pre(&module)?;
        Ok(Code::Core {
            pre,
            functions: describe::core_functions(&module),
            is_reactor: module.get_export("_initialize").is_some(),
        })
    }

    /// Instantiates the module, which runs its start function.
    pub fn instantiate(&self, store: &mut Store<Guest>) -> wasmtime::Result<Instance> {
        self.make(store).inspect_err(|_| self.see_birth(store))
    }

    /// Notes a refusal if the module asks for more memory at birth than it may have.
    /// wasmtime takes that memory before it asks, so the operating system refuses a very
    /// large one.
    fn see_birth(&self, store: &mut Store<Guest>) {
        let required = match self {
            Code::Component { pre, .. } => pre.component().resources_required(),
            Code::Core { pre, .. } => Some(pre.module().resources_required()),
        };
        let bounds = &mut store.data_mut().bounds;
        let largest = required.and_then(|required| required.max_initial_memory_size);
        let largest = largest.map(|pages| pages.saturating_mul(bounds.least_page));
        if let (Some(largest), Some(limit)) = (largest, bounds.memory_limit)
            && largest > limit
        {
            bounds.refuse_birth(largest);
        }
    }

    fn make(&self, store: &mut Store<Guest>) -> wasmtime::Result<Instance> {
        match self {
            Code::Component { pre, .. } => Ok(Instance::Component(pre.instantiate(store)?)),
            Code::Core {
                pre, is_reactor, ..
            } => {
                let instance = pre.instantiate(&mut *store)?;
                if *is_reactor {
                    instance
                        .get_typed_func::<(), ()>(&mut *store, "_initialize")?
                        .call(store, ())?;
                }
                Ok(Instance::Core(instance))
            }
        }
    }
}

#[expect(
    unsafe_code,
    reason = "an artifact is machine code: only wasmtime can load it"
)]
pub fn deserialize_component(
    engine: &Engine,
    artifact: Artifact<'_>,
) -> wasmtime::Result<Component> {
    // SAFETY: the callee wants bytes that wasmtime's `serialize` made and that
    // do not change. They are sealed, and the host took them from its own
    // compiler process or from its own cache. A compiler that was taken over
    // can still have written anything: that code then runs in this process. A
    // worker is built to be no worse off for it; `in_process` is for modules
    // that are trusted.
    unsafe {
        match artifact {
            Artifact::File(path) => Component::deserialize_file(engine, path),
            Artifact::Bytes(bytes) => Component::deserialize(engine, bytes),
        }
    }
}

#[expect(
    unsafe_code,
    reason = "an artifact is machine code: only wasmtime can load it"
)]
fn deserialize_module(engine: &Engine, artifact: Artifact<'_>) -> wasmtime::Result<Module> {
    // SAFETY: as in `deserialize_component`.
    unsafe {
        match artifact {
            Artifact::File(path) => Module::deserialize_file(engine, path),
            Artifact::Bytes(bytes) => Module::deserialize(engine, bytes),
        }
    }
}
