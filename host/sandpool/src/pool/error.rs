//! The errors of a pool, and of a call before it is sent.

mod grant;
mod handle;
mod setting;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use super::keys::SessionEnd;
use crate::module::{ImportError, LoadError};
use crate::outcome::Outcome;
use sandpool_protocol::description::ModuleKind;
use sandpool_protocol::limits::LimitHit;
use sandpool_sys::in_force::naming_limit;
use sandpool_value::{ArgumentError, ConvertError, LookupError, Printable, Value, quoted};

pub use grant::GrantError;
pub use handle::HandleError;
pub use setting::SettingError;

/// An error of the pool, or of a call that was never sent. What becomes of a
/// task that was sent is an [`Outcome`]; only the calls that return a bare
/// value turn a failed one into [`Error::Failed`].
///
/// Its text does not repeat that of its cause, which is its
/// [`source`](std::error::Error::source). To print both, use
/// [`with_causes`](crate::value::with_causes), or the `{:#}` of an error-reporting crate
/// such as anyhow:
///
/// ```
/// use sandpool::value::with_causes;
///
/// fn report(error: &sandpool::Error) {
///     eprintln!("error: {}", with_causes(error));
/// }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A pool that takes no more tasks: [`Pool::close`](crate::Pool::close) was
    /// called.
    #[error("the pool is closed")]
    Closed,
    /// A pool that takes no more tasks: it was terminated.
    #[error("the pool was terminated")]
    Terminated,
    /// A [`Pool::join`](crate::Pool::join) before `close` or `terminate`.
    #[error("the pool still takes tasks; call `close` or `terminate` before `join`")]
    NotClosed,
    /// A callback that waited for its own pool to end, or for a result that is handed over by
    /// another callback; or a function of the host that waited for its own pool to end, or for
    /// the session whose call it serves.
    #[error("a callback or a function of the host cannot wait for what waits for it")]
    WouldDeadlock,
    /// A pool that cannot run tasks any more.
    #[error("the pool is broken: {reason}")]
    Broken {
        /// The fault that broke it.
        reason: String,
    },
    /// A call of an `InProcess` that panicked on its thread.
    #[error("the thread of a call in this process panicked")]
    CallPanicked,
    /// A queue that holds as many tasks as it may.
    #[error("the queue is full: it holds {limit} tasks; raise the queue length limit")]
    QueueFull {
        /// The limit.
        limit: u64,
    },
    /// A pool that has as many sessions as it may; see
    /// [`PoolBuilder::sessions`](crate::PoolBuilder::sessions).
    #[error("the pool has {limit} sessions already; close some, or raise the limit of sessions")]
    SessionsFull {
        /// The limit.
        limit: usize,
    },
    /// A call in a session that is over.
    #[error("{reason}")]
    SessionEnded {
        /// The reason why it is over.
        reason: SessionEnd,
    },
    /// A handle of a resource that the session does not have.
    #[error(transparent)]
    Handle(#[from] HandleError),
    /// A setting that makes no sense.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// A directory or a variable that cannot be granted.
    #[error(transparent)]
    Grant(#[from] GrantError),
    /// Words for a command among the inputs of a function.
    #[error(
        "the input is words for a command, and {} is a function",
        quoted(function)
    )]
    CommandInput {
        /// The function.
        function: String,
    },
    /// A worker binary, set on the builder, that is no executable file.
    #[error(
        "no binary for worker processes was found: `{}`, which was set as worker binary, is no \
         executable file",
        .path.display()
    )]
    WorkerBinary {
        /// The path that was set.
        path: PathBuf,
    },
    /// A worker binary, set by the environment, that is no executable file.
    #[error(
        "no binary for worker processes was found: `{}`, from $SANDPOOL_WORKER, is no executable \
         file",
        .path.display()
    )]
    WorkerBinaryOfEnvironment {
        /// The path in the variable `SANDPOOL_WORKER`.
        path: PathBuf,
    },
    /// A program that is to be its own worker, and cannot be found.
    #[error(
        "no binary for worker processes was found: there is no `/proc` here, by which this \
         program would find itself, and it is not at `{}` any more",
        .path.display()
    )]
    OwnBinary {
        /// The path that the program was started by.
        path: PathBuf,
    },
    /// No worker binary in any of the places where one is looked for.
    #[error(
        "no binary for worker processes was found: `PoolBuilder::worker_binary` was not called, \
         $SANDPOOL_WORKER is not set, this program does not call `sandpool::worker_entry` first \
         thing in `main`, there is no `sandpool` beside it, and none on PATH"
    )]
    NoWorkerBinary,
    /// A refusal by the operating system of something that the pool needs.
    #[error("the operating system refused to {what}")]
    System {
        /// The thing that was refused: what the system was to do.
        what: &'static str,
        /// The operating system's error.
        source: std::io::Error,
    },
    /// A strict sandbox that cannot be kept, because layers are missing.
    #[error("a strict sandbox cannot be kept; missing layers: {missing}")]
    Sandbox {
        /// The layers that are missing, and why.
        missing: String,
    },
    /// A module that was loaded by a pool with other settings.
    #[error("module `{module}` was loaded by a pool with other settings; load it with this one")]
    ForeignModule {
        /// The module's name.
        module: String,
    },
    /// A module that was only looked at, by [`Pool::inspect`](crate::Pool::inspect), which
    /// compiles nothing.
    #[error("module `{module}` was inspected, and not compiled; load it to call it")]
    NotCompiled {
        /// The module's name.
        module: String,
    },
    /// A module that imports functions that sandpool does not provide.
    #[error("module `{module}` cannot be run: {}", Printable(why))]
    Unlinked {
        /// The module's name.
        module: String,
        /// The imports.
        why: String,
    },
    /// A module of which the pool's
    /// [`initializer_snapshot`](crate::PoolBuilder::initializer_snapshot) cannot be taken.
    #[error(transparent)]
    Snapshot(Box<LoadError>),
    /// A function that was not found.
    #[error(transparent)]
    Function(#[from] LookupError),
    /// A module whose imports do not fit the functions that the pool, or the call, gives.
    #[error("module `{module}` cannot be run")]
    Import {
        /// The module's name.
        module: String,
        /// The import.
        source: ImportError,
    },
    /// Arguments that do not fit the function.
    #[error(transparent)]
    Arguments(#[from] ArgumentError),
    /// Encoded arguments that take too many bytes.
    #[error("{limit}")]
    ArgumentsTooLarge {
        /// The bytes that they take.
        size: u64,
        /// The limit.
        limit: LimitHit,
    },
    /// A call of a function of a module that is only a command, or the other way round.
    #[error("module `{module}` {}", wrong_kind(.kind))]
    WrongKind {
        /// The module's name.
        module: String,
        /// The kind of the module.
        kind: ModuleKind,
    },
    /// A function that takes or returns what no call can carry, such as a resource.
    #[error("{} cannot be called: {why}", quoted(function))]
    Unsupported {
        /// The function.
        function: String,
        /// The reason: the type that it takes or returns.
        why: String,
    },
    /// A result that is not there yet.
    #[error("the result is not there yet")]
    NotReady,
    /// A wait that ran past its time; the task goes on.
    #[error("the result did not come in time; the task goes on")]
    Timeout,
    /// A task that did not end `ok`.
    #[error("{}", failed(.0))]
    Failed(Box<Outcome<Value>>),
    /// The value of a task that ended `ok`, which is of another type than was asked for.
    #[error("the result is of another type than was asked for")]
    Convert(#[from] ConvertError),
}

impl Error {
    /// Returns a function that makes the error of a refused step, naming the limit behind it
    /// where that is known.
    pub(crate) fn system(what: &'static str) -> impl Fn(std::io::Error) -> Self {
        move |error| Error::System {
            what,
            source: naming_limit(error),
        }
    }
}

fn wrong_kind(kind: &ModuleKind) -> &'static str {
    match kind {
        ModuleKind::Command => "is a command and exports no functions; run it",
        ModuleKind::Component | ModuleKind::Core => "is no command; call one of its functions",
    }
}

fn failed(outcome: &Outcome<Value>) -> String {
    match &outcome.error {
        Some(error) => format!("{}: {error}", outcome.verdict),
        None => outcome.verdict.to_string(),
    }
}
