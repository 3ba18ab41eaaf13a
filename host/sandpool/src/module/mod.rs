//! From a path to an artifact that workers can load: read, hashed, taken from
//! the cache or compiled by a process of its own.
//!
//! The host reads a module's bytes only to hash and to copy them. It never
//! parses, compiles or loads one.

mod artifact_store;
mod built_in;
mod cache;
mod compile;
mod error;
mod import_error;
mod snapshot;
mod source;
mod waiting;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Duration;

pub use cache::CacheTrouble;
pub use error::LoadError;
pub use import_error::ImportError;
pub(crate) use import_error::{type_of, type_of_parts};
pub use waiting::AsyncLoad;

pub(crate) use artifact_store::{ArtifactStore, TroubleHandler, probe as probe_cache};
pub(crate) use error::Problem;
pub(crate) use snapshot::SnapshotKey;

use crate::confinement::Confinement;
use crate::outcome::Verdict;
use sandpool_protocol::description::{Description, ExportedResource, Import, ModuleKind};
use sandpool_protocol::imports::Links;
use sandpool_protocol::limits::{LimitName, MIB, PoolLimits};
use sandpool_protocol::settings::EngineSettings;
use sandpool_sys::{EventFd, Program, SealedMemory, writes_to_a_limit};
use sandpool_value::{Function, LookupError, find_function};
use source::Source;

/// The wasm stack of an interpreter in bytes, where the pool's is smaller. Code that recurses
/// is usual there, and each of its calls is several of the interpreter's.
const SCRIPT_STACK: u64 = 4 * MIB;

/// A task module that a pool has loaded. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Module {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// All functions that a task can call, in the order of their numbers.
    callables: Vec<Function>,
    name: String,
    /// The file that the module was read from.
    file: Option<PathBuf>,
    hash: Arc<str>,
    /// The bytes of the module; if it is instrumented, of its original.
    source: Arc<Source>,
    description: Description,
    /// `None` if the module was only looked at.
    artifact: Option<SealedMemory>,
    settings: EngineSettings,
    links: Arc<Links>,
    /// The reason why the module cannot be run with these links.
    unlinked: Option<String>,
    /// `true` if the module is there to take a snapshot of an instance, and for nothing
    /// else.
    is_instrumented: bool,
}

impl Module {
    /// Returns the name of the file without its ending, or `module` for bytes.
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// Returns the file that the module was read from; nothing for bytes. Of a module by name,
    /// it is the file that was found.
    pub fn file(&self) -> Option<&Path> {
        self.inner.file.as_deref()
    }

    /// Returns the SHA-256 of the module's bytes, in lowercase hex.
    pub fn hash(&self) -> &str {
        &self.inner.hash
    }

    /// Returns [`Module::hash`] as it is shared by the outcomes of the module's tasks.
    pub(crate) fn shared_hash(&self) -> Arc<str> {
        Arc::clone(&self.inner.hash)
    }

    /// Returns the size of the module in bytes.
    pub fn size(&self) -> u64 {
        self.inner.source.memory.len()
    }

    /// Returns the kind of the module.
    pub fn kind(&self) -> ModuleKind {
        self.inner.description.kind()
    }

    /// Returns `true` if the module can be run as a command.
    pub fn is_command(&self) -> bool {
        self.inner.description.command
    }

    /// Returns the functions that the module exports.
    pub fn functions(&self) -> &[Function] {
        &self.inner.description.functions
    }

    /// Returns all functions that a task can call, in the order of their numbers: those of
    /// the module, and those of its resources.
    pub(crate) fn callables(&self) -> &[Function] {
        &self.inner.callables
    }

    /// Returns the resources that the module exports. They live in a
    /// [`Session`](crate::Session), where their functions are called by their own names and
    /// by short ones: `counter` for its constructor, `counter.next`.
    pub fn resources(&self) -> &[ExportedResource] {
        &self.inner.description.resources
    }

    /// Returns the names of the other exports, which no call reaches: interfaces of WASI,
    /// modules, components.
    pub fn other_exports(&self) -> &[String] {
        &self.inner.description.others
    }

    /// Returns the module's imports.
    pub fn imports(&self) -> &[Import] {
        &self.inner.description.imports
    }

    /// Finds a function by its name or by any unique suffix of its full name: `fib`,
    /// `arith#fib`, `demo:math/arith#fib`.
    ///
    /// # Errors
    ///
    /// Returns an error if the module has no function of this name, or more than one.
    pub fn find(&self, name: &str) -> Result<&Function, LookupError> {
        Ok(&self.callables()[self.find_index(name)?])
    }

    pub(crate) fn find_index(&self, name: &str) -> Result<usize, LookupError> {
        find_function(self.callables(), name).map_err(|error| {
            let resource = self.resources().iter().find(|one| one.is_meant_by(name));
            match (&error, resource) {
                (LookupError::Unknown { .. }, Some(resource)) => LookupError::OfResource {
                    asked: name.to_owned(),
                    resource: resource.name.clone(),
                },
                _ => error,
            }
        })
    }

    pub(crate) fn is_component(&self) -> bool {
        self.inner.description.component
    }

    /// Returns `true` if the module is an interpreter with a program in it.
    pub(crate) fn is_interpreter(&self) -> bool {
        self.inner.description.is_interpreter
    }

    /// Returns `true` if the module runs text as code: it exports `sandpool:script`.
    pub(crate) fn runs_scripts(&self) -> bool {
        let of_scripts = |interface: &str| interface.starts_with("sandpool:script/");
        let mut functions = self.functions().iter();
        functions.any(|function| function.interface.as_deref().is_some_and(of_scripts))
    }

    /// Returns the settings of the engine that runs the module. They differ from those that
    /// it was compiled with in the wasm stack alone, of which compiled code knows nothing.
    pub(crate) fn engine_settings(&self) -> EngineSettings {
        let mut settings = self.inner.settings.clone();
        if self.runs_scripts() {
            settings.wasm_stack = settings.wasm_stack.max(SCRIPT_STACK);
        }
        settings
    }

    /// Returns `true` if the module imports log or progress, whose messages have to be
    /// collected before an answer is handed over.
    pub(crate) fn sends_messages(&self) -> bool {
        self.imports()
            .iter()
            .any(|import| import.name.starts_with("sandpool:task/"))
    }

    /// Returns `true` if the module imports queues, pipes, managed objects or tools, which take
    /// an exchange.
    pub(crate) fn shares_objects(&self) -> bool {
        const INTERFACES: [&str; 4] = ["queue", "pipe", "manager", "host"];
        self.imports().iter().any(|import| {
            let interface = import.name.strip_prefix("sandpool:task/");
            interface.is_some_and(|rest| INTERFACES.iter().any(|name| rest.starts_with(name)))
        })
    }

    /// Returns `true` if the module may make HTTP requests.
    pub(crate) fn requests_http(&self) -> bool {
        const HANDLER: &str = "wasi:http/outgoing-handler";
        self.imports()
            .iter()
            .any(|import| import.name.starts_with(HANDLER))
    }

    /// Returns the reason why the module cannot be run by the pool that loaded it, if it
    /// cannot: it imports functions that neither sandpool nor the pool provides, and that
    /// the pool does not [deny](crate::PoolBuilder::unknown_imports), or that the pool gives
    /// with another type.
    pub fn unlinked(&self) -> Option<&str> {
        self.inner.unlinked.as_deref()
    }

    /// Returns `true` if the module was compiled. One that was only looked at was not, and
    /// cannot be called.
    pub(crate) fn is_compiled(&self) -> bool {
        self.inner.artifact.is_some()
    }

    fn runnable(self, path: &str, loader: &Loader) -> Result<Self, LoadError> {
        let problem = match loader.import_check.of(self.imports()) {
            Err(error) => error::Problem::Import(error),
            Ok(()) => match self.unlinked() {
                None => return Ok(self),
                Some(why) => error::Problem::Invalid {
                    reason: why.to_owned(),
                },
            },
        };
        Err(LoadError::new(path.to_owned(), problem))
    }

    /// Returns `true` if both are handles of one loaded module.
    pub(crate) fn is(&self, other: &Module) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }

    pub(crate) fn downgrade(&self) -> WeakModule {
        WeakModule(Arc::downgrade(&self.inner))
    }

    /// Returns the artifact.
    ///
    /// # Errors
    ///
    /// Returns an error if the module was only looked at.
    pub(crate) fn artifact(&self) -> io::Result<&SealedMemory> {
        let artifact = self.inner.artifact.as_ref();
        artifact.ok_or_else(|| io::Error::other("the module was not compiled"))
    }

    pub(crate) fn source(&self) -> &SealedMemory {
        &self.inner.source.memory
    }

    /// Returns `true` if the calls of the module return a snapshot.
    pub(crate) fn is_instrumented(&self) -> bool {
        self.inner.is_instrumented
    }

    pub(crate) fn settings(&self) -> &EngineSettings {
        &self.inner.settings
    }

    /// Returns `true` if a pool with this loader can run the module: it was loaded with
    /// settings equal to the pool's.
    pub(crate) fn is_for(&self, loader: &Loader) -> bool {
        let (ours, theirs) = (&self.inner.links, &loader.links);
        self.inner.settings == loader.settings && (Arc::ptr_eq(ours, theirs) || ours == theirs)
    }
}

/// A handle of a module that may be gone.
#[derive(Debug)]
pub(crate) struct WeakModule(Weak<Inner>);

impl WeakModule {
    /// Returns `true` if this is a handle of that loaded module.
    pub(crate) fn is(&self, module: &Module) -> bool {
        self.0.as_ptr() == Arc::as_ptr(&module.inner)
    }

    pub(crate) fn is_alive(&self) -> bool {
        self.0.strong_count() > 0
    }
}

/// Finds the file of a module by name. `worker` is the program that workers are.
pub(crate) fn find_by_name(name: &str, worker: &Path) -> Result<PathBuf, LoadError> {
    built_in::find(name, worker).map_err(|problem| LoadError::new(name.to_owned(), problem))
}

/// The purpose for which a module is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    /// To call it or to run it: all its imports must be provided.
    Run,
    /// To look at it: it is described, and nothing of it is compiled.
    Inspect,
    /// To take a snapshot of an instance, for which it is instrumented.
    Snapshot,
}

/// The name of a module, and the file that it was read from.
struct Named {
    name: String,
    file: Option<PathBuf>,
}

/// The settings with which a pool loads its modules.
#[derive(Debug)]
pub(crate) struct Loader {
    pub(crate) program: Program,
    pub(crate) settings: EngineSettings,
    /// The imports that the host gives, and its reaction to those that nobody gives.
    pub(crate) links: Arc<Links>,
    pub(crate) limits: PoolLimits,
    pub(crate) cache: Option<ArtifactStore>,
    /// The time for which a compilation is tried again that something outside prevents.
    pub(crate) max_retry_time: Duration,
    /// Readable once the pool is terminated: compilations end too.
    pub(crate) stop: EventFd,
    /// The confinement of compilers and workers.
    pub(crate) confinement: Confinement,
    pub(crate) import_check: ImportCheck,
}

/// The check of a module's imports against the functions that a pool gives.
#[derive(Default)]
pub(crate) struct ImportCheck(Option<Box<CheckImports>>);

type CheckImports = dyn Fn(&[Import]) -> Result<(), ImportError> + Send + Sync;

impl ImportCheck {
    pub(crate) fn new(
        check: impl Fn(&[Import]) -> Result<(), ImportError> + Send + Sync + 'static,
    ) -> Self {
        ImportCheck(Some(Box::new(check)))
    }

    fn of(&self, imports: &[Import]) -> Result<(), ImportError> {
        self.0.as_ref().map_or(Ok(()), |check| check(imports))
    }
}

impl std::fmt::Debug for ImportCheck {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ImportCheck")
    }
}

impl Loader {
    /// Loads a module to look at it. Gives that up when `given_up` is rung.
    pub(crate) fn load_file(
        &self,
        path: &Path,
        given_up: Option<&EventFd>,
    ) -> Result<Module, LoadError> {
        self.load_file_for(path, Purpose::Inspect, given_up)
    }

    fn load_file_for(
        &self,
        path: &Path,
        purpose: Purpose,
        given_up: Option<&EventFd>,
    ) -> Result<Module, LoadError> {
        let name = path
            .file_stem()
            .map_or_else(String::new, |stem| stem.to_string_lossy().into());
        let file = match built_in::name_of(path) {
            Some(name) => find_by_name(name, &self.program.path)?,
            None => path.to_owned(),
        };
        let shown = file.display().to_string();
        let failed = |problem| LoadError::new(shown.clone(), problem);
        let source = writes_to_a_limit(|| Source::from_file(&file, self.limits.module_size))
            .map_err(failed)?;
        let named = Named {
            name,
            file: Some(file),
        };
        self.load(named, source, purpose, given_up)
            .map_err(|problem| LoadError::new(shown, problem))
    }

    /// Loads a module to call it or to run it: all its imports must be provided.
    pub(crate) fn load_runnable(
        &self,
        path: &Path,
        given_up: Option<&EventFd>,
    ) -> Result<Module, LoadError> {
        let module = self.load_file_for(path, Purpose::Run, given_up)?;
        module.runnable(&path.display().to_string(), self)
    }

    pub(crate) fn load_bytes(
        &self,
        bytes: &[u8],
        given_up: Option<&EventFd>,
    ) -> Result<Module, LoadError> {
        let name = "module".to_owned();
        let source = writes_to_a_limit(|| Source::from_bytes(bytes, self.limits.module_size))
            .map_err(|problem| LoadError::new(name.clone(), problem))?;
        let named = Named {
            name: name.clone(),
            file: None,
        };
        self.load(named, source, Purpose::Run, given_up)
            .map_err(|problem| LoadError::new(name.clone(), problem))?
            .runnable(&name, self)
    }

    /// Throws a module's artifact out of the cache: a worker could not load it.
    pub(crate) fn forget(&self, module: &Module) {
        if let Some(cache) = &self.cache {
            cache.remove(module.hash(), module.settings());
        }
    }

    fn load(
        &self,
        named: Named,
        source: Source,
        purpose: Purpose,
        given_up: Option<&EventFd>,
    ) -> Result<Module, error::Problem> {
        let cached = self
            .cache
            .as_ref()
            .and_then(|cache| writes_to_a_limit(|| cache.get(&source.hash, &self.settings)));
        let (artifact, description) = match cached {
            Some((artifact, description)) => (Some(artifact), description),
            None => {
                let compiled = compile::compile(self, &source, purpose, given_up)
                    .map_err(|problem| problem.sorted(&self.limits))?;
                if let (Some(cache), (Some(artifact), description)) = (&self.cache, &compiled) {
                    writes_to_a_limit(|| {
                        cache.put(&source.hash, &self.settings, artifact, description);
                    });
                }
                compiled
            }
        };
        // Of a module that is to run, the check is an error of its own.
        let misfit = match purpose {
            Purpose::Inspect => self.import_check.of(&description.imports).err(),
            Purpose::Run | Purpose::Snapshot => None,
        };
        let unlinked = misfit.map(|error| error.to_string());
        let unlinked = unlinked.or_else(|| self.links.refusal(&description.imports));
        Ok(Module {
            inner: Arc::new(Inner {
                callables: description.callables(),
                name: named.name,
                file: named.file,
                hash: source.hash.as_str().into(),
                unlinked: unlinked.or_else(|| description.unlinked.clone()),
                source: Arc::new(source),
                description,
                // A module that was only looked at cannot be called, cached or not.
                artifact: artifact.filter(|_| purpose != Purpose::Inspect),
                settings: self.settings.clone(),
                links: Arc::clone(&self.links),
                is_instrumented: false,
            }),
        })
    }
}

/// The verdict of a task whose module could not be loaded.
impl LoadError {
    /// Returns the verdict of a task whose module cannot be loaded: `invalid_module`;
    /// `compile_limit` if compiling it ran past a limit; `memory_limit` if it wants more
    /// tables, memories or instances than are allowed; `internal_error` if the module is
    /// not to blame. Of a function that left no snapshot, the verdict is that of its call.
    pub fn verdict(&self) -> Verdict {
        if let Some(verdict) = self.verdict_of_snapshot() {
            return verdict;
        }
        match self.limit().map(|limit| limit.name) {
            // It was never compiled.
            Some(LimitName::ModuleSize) => Verdict::InvalidModule,
            Some(
                LimitName::CompileTimeout | LimitName::CompileCpuTime | LimitName::CompileMemory,
            ) => Verdict::CompileLimit,
            Some(_) => Verdict::MemoryLimit,
            None if self.is_internal() => Verdict::InternalError,
            None => Verdict::InvalidModule,
        }
    }
}
