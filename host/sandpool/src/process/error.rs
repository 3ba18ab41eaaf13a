//! The errors of a process before its guest runs.

use crate::module::LoadError;
use crate::pool::Error;

/// An error of a [`Process`](crate::Process) itself. What becomes of its guest
/// is its [`Outcome`](crate::Outcome) and its exit code.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProcessError {
    /// It was started before, be it in vain.
    #[error("process `{name}` was started before; a process is started once")]
    AlreadyStarted {
        /// The process's name.
        name: String,
    },
    /// It has to be started first.
    #[error("process `{name}` was not started")]
    NotStarted {
        /// The process's name.
        name: String,
    },
    /// Its module cannot be loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// A setting makes no sense, the arguments do not fit the function, or the
    /// operating system refused what it takes.
    #[error(transparent)]
    Task(#[from] Error),
}
