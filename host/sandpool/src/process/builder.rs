//! The settings of a process.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::children;
use super::error::ProcessError;
use super::handle::Process;
use crate::module::{LoadError, Module};
use crate::pool::{AsyncResult, Error, Pool, PoolBuilder, Stdin};
use crate::shared::{Handle, Share};
use sandpool_protocol::settings::Stdio;
use sandpool_value::{Args, ToArgs, ToValue, Value};

/// The source of a process's module: a path, bytes, or a module that a pool has loaded with
/// equal settings (otherwise starting fails). All of them convert into it; a string is a
/// path.
#[derive(Clone, Debug)]
pub enum ModuleSource {
    /// A file: WebAssembly or its text format.
    Path(PathBuf),
    /// The bytes of a module: WebAssembly or its text format.
    Bytes(Vec<u8>),
    /// A loaded module, which is compiled already.
    Loaded(Module),
}

impl ModuleSource {
    fn load(self, pool: &Pool) -> Result<Module, LoadError> {
        match self {
            ModuleSource::Path(path) => pool.load(path),
            ModuleSource::Bytes(bytes) => pool.load_bytes(bytes),
            ModuleSource::Loaded(module) => Ok(module),
        }
    }
}

/// The forms of a source.
macro_rules! sources {
    ($($from:ty => $case:ident, $into:expr;)+) => {
        $(
            impl From<$from> for ModuleSource {
                fn from(source: $from) -> Self {
                    ModuleSource::$case($into(source))
                }
            }
        )+
    };
}

sources! {
    &str => Path, PathBuf::from;
    &Path => Path, PathBuf::from;
    &PathBuf => Path, PathBuf::clone;
    PathBuf => Path, std::convert::identity;
    &[u8] => Bytes, <[u8]>::to_vec;
    Vec<u8> => Bytes, std::convert::identity;
    &Module => Loaded, Module::clone;
    Module => Loaded, std::convert::identity;
}

/// Builds a [`Process`]; made by [`Process::call`] and [`Process::command`].
///
/// Defaults:
///
/// | setting | default |
/// |---|---|
/// | `name` | `Process-1`, `Process-2`, ... |
/// | arguments, shared objects, words, standard input | none |
/// | output | [`Stdio::Inherit`]: whole lines, live |
/// | wall time | no limit |
/// | all else (`configure`) | as a pool's: see [`PoolBuilder`] |
#[must_use = "a builder does nothing until it is built"]
pub struct ProcessBuilder {
    name: Option<String>,
    recipe: Recipe,
}

/// The settings of a process, until it is started.
pub(super) struct Recipe {
    source: ModuleSource,
    /// The name of the function; `None` for a command.
    function: Option<String>,
    args: Args,
    shares: Vec<(String, Handle)>,
    argv: Vec<String>,
    stdin: Stdin,
    pool: PoolBuilder,
}

impl ProcessBuilder {
    pub(super) fn new(source: ModuleSource, function: Option<&str>) -> Self {
        let pool = Pool::builder()
            .stdio(Stdio::Inherit)
            .timeout(None::<Duration>);
        ProcessBuilder {
            name: None,
            recipe: Recipe {
                source,
                function: function.map(str::to_owned),
                args: Args::default(),
                shares: Vec::new(),
                argv: Vec::new(),
                stdin: Stdin::Empty,
                pool,
            },
        }
    }

    /// Sets the name of the process, which need not be unique; its guest can ask for it.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Adds positional arguments of the function, and keywords where `args` has some.
    pub fn args(mut self, args: impl ToArgs) -> Self {
        let before = std::mem::take(&mut self.recipe.args);
        self.recipe.args = before.then(args.into_args());
        self
    }

    /// Adds an argument by the name of its parameter.
    pub fn kwarg(mut self, name: &str, value: impl ToValue) -> Self {
        self.recipe.args.kwarg(name, value);
        self
    }

    /// Grants a queue, a side of a pipe or a managed object to the guest, which opens it by
    /// this name. An object that is an argument is granted by that.
    ///
    /// The process lets go of the object when its guest has ended, so that a holder of the
    /// other side of a pipe learns of that.
    pub fn share(mut self, name: impl Into<String>, object: &impl Share) -> Self {
        self.recipe.shares.push((name.into(), object.handle()));
        self
    }

    /// Adds words for the command, after its own name.
    pub fn argv<W: Into<String>>(mut self, words: impl IntoIterator<Item = W>) -> Self {
        self.recipe.argv.extend(words.into_iter().map(Into::into));
        self
    }

    /// Sets the standard input of the command \[none\].
    pub fn stdin(mut self, stdin: Stdin) -> Self {
        self.recipe.stdin = stdin;
        self
    }

    /// Sets limits, capabilities, output and isolation, as for a pool:
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # use sandpool::{MIB, Process};
    /// let process = Process::command("tool.wasm")
    ///     .argv(["-v"])
    ///     .configure(|pool| pool.memory(64 * MIB).timeout(Duration::from_secs(5)))
    ///     .start()?;
    /// # drop(process);
    /// # Ok::<(), sandpool::ProcessError>(())
    /// ```
    ///
    /// The number of workers, their replacement and the queue length mean nothing for a
    /// single task.
    pub fn configure(mut self, settings: impl FnOnce(PoolBuilder) -> PoolBuilder) -> Self {
        self.recipe.pool = settings(self.recipe.pool);
        self
    }

    /// Returns the process, not yet started. Neither the module nor the settings are looked
    /// at before the start.
    pub fn build(self) -> Process {
        let name = self.name.unwrap_or_else(children::next_name);
        Process::new(name, self.recipe)
    }

    /// Starts the process and returns it.
    ///
    /// # Errors
    ///
    /// Returns an error as [`Process::start`] does.
    pub fn start(self) -> Result<Process, ProcessError> {
        let process = self.build();
        process.start()?;
        Ok(process)
    }
}

impl Recipe {
    /// Builds the pool, loads the module and sends the one task. `until_ended` is dropped
    /// when the task has ended.
    pub(super) fn start(
        self,
        name: &str,
        until_ended: impl Send + 'static,
    ) -> Result<(Pool, AsyncResult<Value>), ProcessError> {
        let pool = self.pool.processes(1).build()?;
        let module = self.source.load(&pool)?;
        let call = match &self.function {
            Some(function) => pool.call(&module, function).args(self.args),
            None => pool.command(&module).argv(self.argv).stdin(self.stdin),
        };
        let shared = self.shares.iter();
        let call = shared.fold(call, |call, (name, object)| call.share(name, object));
        let sent: Result<_, Error> = call
            .name(name)
            .callback(move |_| drop(until_ended))
            .apply_async();
        let result = sent?;
        // Its worker ends with its one task.
        pool.close();
        Ok((pool, result))
    }
}
