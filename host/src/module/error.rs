//! Why a module cannot be loaded.

use std::io;

use crate::limits::LimitHit;
use crate::value::Printable;

/// A module cannot be loaded.
#[derive(Debug, thiserror::Error)]
#[error("cannot load `{path}`: {problem}")]
pub struct LoadError {
    path: String,
    problem: Problem,
}

/// What is wrong. The text of a cause from the operating system stands in the
/// line itself: it is what the user needs to know.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Problem {
    #[error("there is no such file")]
    NotFound,
    #[error("it cannot be read: {0}")]
    Read(io::Error),
    #[error("it is {what}, not a regular file")]
    NotRegular { what: &'static str },
    // Holds names that the module chose, as the other words of a compiler do.
    #[error("{}", Printable(.0))]
    Invalid(String),
    #[error("{0}")]
    Limit(LimitHit),
    #[error("the compiler process {0}")]
    CompilerDied(String),
    #[error("the compiler process cannot be used: {}", Printable(.0))]
    Compiler(String),
}

impl LoadError {
    pub(crate) fn new(path: String, problem: Problem) -> Self {
        LoadError { path, problem }
    }

    /// The path, or `module` for bytes.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Whether there is no such file.
    pub fn is_not_found(&self) -> bool {
        matches!(self.problem, Problem::NotFound)
    }

    /// Whether sandpool itself failed, rather than the module being no good.
    pub fn is_internal(&self) -> bool {
        matches!(self.problem, Problem::Compiler(_))
    }

    /// The limit that compiling ran past.
    pub fn limit(&self) -> Option<&LimitHit> {
        match &self.problem {
            Problem::Limit(hit) => Some(hit),
            _ => None,
        }
    }

    /// What to do about it, where there is something.
    pub fn hint(&self) -> Option<String> {
        match &self.problem {
            Problem::Invalid(text) if text.contains("exports no function") => Some(
                "a task module exports functions (a component or a core module), or is a command"
                    .into(),
            ),
            Problem::Invalid(text) if text.contains("imports what sandpool does not give") => {
                Some("guests get WASI and the interfaces of `sandpool:task`; `sandpool inspect` shows what a module imports".into())
            }
            _ => None,
        }
    }
}
