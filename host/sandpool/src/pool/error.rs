//! What can go wrong with a pool itself, or with a call before it is sent.

use crate::outcome::Outcome;
use sandpool_protocol::description::ModuleKind;
use sandpool_protocol::limits::LimitHit;
use sandpool_sys::in_force::with_limit;
use sandpool_value::{ArgumentError, ConvertError, LookupError, Value};

/// An error of the pool, or of a call that was never sent. What becomes of a
/// task that was sent is an [`Outcome`]; only the calls that return a bare
/// value turn a failed one into [`Error::Failed`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The pool takes no more tasks: [`Pool::close`](crate::Pool::close) was
    /// called.
    #[error("the pool is closed")]
    Closed,
    /// The pool takes no more tasks: it was terminated.
    #[error("the pool was terminated")]
    Terminated,
    /// [`Pool::join`](crate::Pool::join) before `close` or `terminate`.
    #[error("the pool still takes tasks; call `close` or `terminate` before `join`")]
    NotClosed,
    /// A callback waited for its own pool to end, or for a result that is
    /// handed over by another callback.
    #[error("a callback cannot wait for its own pool, nor for another callback")]
    WouldDeadlock,
    /// The pool cannot run tasks any more.
    #[error("the pool is broken: {reason}")]
    Broken {
        /// What broke it.
        reason: String,
    },
    /// The queue holds as many tasks as it may.
    #[error("the queue is full: it holds {limit} tasks; raise the queue length limit")]
    QueueFull {
        /// The limit.
        limit: u64,
    },
    /// A pool needs at least one process, and has room for 65,535.
    #[error("a pool has from 1 to 65535 processes, not `{asked}`")]
    Processes {
        /// What was asked for.
        asked: usize,
    },
    /// A setting that makes no sense.
    #[error("{what}")]
    Setting {
        /// What is wrong with it.
        what: String,
    },
    /// No binary for worker processes was found.
    #[error("no binary for worker processes was found: {tried}")]
    NoWorkerBinary {
        /// The five places, and what was wrong with each.
        tried: String,
    },
    /// The operating system refused what the pool needs.
    #[error("the operating system refused to {what}")]
    System {
        /// What the pool wanted.
        what: &'static str,
        /// Why not.
        source: std::io::Error,
    },
    /// The strict sandbox was asked for, and something is missing or at odds
    /// with it.
    #[error("a strict sandbox cannot be kept: missing are {missing}")]
    Sandbox {
        /// What is missing.
        missing: String,
    },
    /// The module was loaded by a pool with other settings.
    #[error("module `{module}` was loaded by a pool with other settings; load it with this one")]
    ForeignModule {
        /// The module's name.
        module: String,
    },
    /// The module imports what nobody gives.
    #[error("module `{module}` cannot be run: {why}")]
    Unlinked {
        /// The module's name.
        module: String,
        /// What it imports.
        why: String,
    },
    /// The function was not found.
    #[error(transparent)]
    Function(#[from] LookupError),
    /// The arguments do not fit the function.
    #[error(transparent)]
    Arguments(#[from] ArgumentError),
    /// The encoded arguments take too many bytes.
    #[error("{limit}")]
    ArgumentsTooLarge {
        /// What they take.
        size: u64,
        /// The limit.
        limit: LimitHit,
    },
    /// A function was called on what is only a command, or the other way
    /// round.
    #[error("module `{module}` {}", wrong_kind(.kind))]
    WrongKind {
        /// The module's name.
        module: String,
        /// What it is.
        kind: ModuleKind,
    },
    /// The function takes or returns what no call can carry, such as a resource.
    #[error("`{function}` cannot be called: {why}")]
    Unsupported {
        /// The function.
        function: String,
        /// What it takes or returns.
        why: String,
    },
    /// The result is not there yet.
    #[error("the result is not there yet")]
    NotReady,
    /// Waiting ran past its time; the task goes on.
    #[error("the result did not come in time; the task goes on")]
    Timeout,
    /// The task did not end `ok`.
    #[error("{}", failed(.0))]
    Failed(Box<Outcome<Value>>),
    /// The task ended `ok`, but its value is of another type than was asked
    /// for.
    #[error("the result is of another type than was asked for: {0}")]
    Convert(ConvertError),
}

impl From<ConvertError> for Error {
    fn from(error: ConvertError) -> Self {
        Error::Convert(error)
    }
}

impl Error {
    /// That the system refused something, with the limit behind it, where it is known.
    pub(crate) fn system(what: &'static str) -> impl Fn(std::io::Error) -> Self {
        move |error| Error::System {
            what,
            source: match with_limit(&error) {
                text if text == error.to_string() => error,
                text => std::io::Error::new(error.kind(), text),
            },
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
