//! The errors of a process before its guest runs.

use crate::module::LoadError;
use crate::pool::Error;

/// An error of a [`Process`](crate::Process) itself. The failure of its guest is an
/// [`Outcome`](crate::Outcome) and an exit code.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProcessError {
    /// The process was started before, even if in vain.
    #[error("process `{name}` was started before; a process is started once")]
    AlreadyStarted {
        /// The process's name.
        name: String,
    },
    /// The process was not started yet.
    #[error("process `{name}` was not started")]
    NotStarted {
        /// The process's name.
        name: String,
    },
    /// The process's module cannot be loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// A setting is invalid, the arguments do not fit the function, or the operating system
    /// refused something that the process needs.
    #[error(transparent)]
    Task(#[from] Error),
}
