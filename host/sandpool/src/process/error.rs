//! The errors of a process before its guest runs.

use crate::module::LoadError;
use crate::pool::Error;

/// An error of a [`Process`](crate::Process) itself. The failure of its guest is an
/// [`Outcome`](crate::Outcome) and an exit code.
///
/// Its text does not repeat that of its cause: see [`Error`] for how to print both.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error_texts::check;

    #[test]
    fn each_error_says_what_is_wrong_and_its_cause_once() {
        check([
            (
                ProcessError::AlreadyStarted { name: "p".into() },
                "process `p` was started before; a process is started once",
            ),
            (
                ProcessError::NotStarted { name: "p".into() },
                "process `p` was not started",
            ),
            (
                Error::system("start a thread")(std::io::ErrorKind::NotFound.into()).into(),
                "the operating system refused to start a thread <- entity not found",
            ),
        ]);
    }
}
