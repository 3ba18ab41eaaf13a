//! The errors of a process before its guest runs.

use crate::module::LoadError;
use crate::pool::Error;

/// An error of a [`Process`](crate::Process) itself. What becomes of its guest
/// is its [`Outcome`](crate::Outcome) and its exit code.
///
/// Its text does not repeat that of its cause: see [`Error`] for how to print both.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProcessError {
    /// A second start of a process, be it that the first was in vain.
    #[error("process `{name}` was started before; a process is started once")]
    AlreadyStarted {
        /// The process's name.
        name: String,
    },
    /// A call that needs a process that was started.
    #[error("process `{name}` was not started")]
    NotStarted {
        /// The process's name.
        name: String,
    },
    /// A module that cannot be loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// A setting that makes no sense, arguments that do not fit the function, or a
    /// refusal by the operating system.
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
