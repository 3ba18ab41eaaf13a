//! The errors of loading a module into this process, and of calling it.

use std::error::Error as StdError;
use std::io;

use crate::module::LoadError;
use crate::pool::Error;
use sandpool_protocol::limits::show_bytes;

/// A module that cannot be loaded into this process, or a call that failed.
///
/// Its text does not repeat that of its cause: see [`Error`] for how to print both.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InProcessError {
    /// A module that cannot be read or compiled.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// A setting that makes no sense, a function that is not there, arguments that do
    /// not fit it, or a call that did not end `ok`.
    #[error(transparent)]
    Call(#[from] Error),
    /// A strict sandbox, of which this process has no layer.
    #[error("a strict sandbox cannot be kept: the guest would run in this process")]
    StrictSandbox,
    /// A directory that was granted.
    #[error("a guest in this process can be granted no directories")]
    Directories,
    /// A queue, a pipe or a managed object that was granted.
    #[error("a guest in this process can be granted no queues, pipes or managed objects")]
    SharedObjects,
    /// Functions of the host.
    #[error("a guest in this process can be given no functions of the host")]
    HostFunctions,
    /// An initializer.
    #[error("a guest in this process has no initializer; call the function first")]
    Initializer,
    /// A limit on CPU time.
    #[error("a guest in this process has no limit on CPU time; limit its wall time or its fuel")]
    CpuTime,
    /// Output that was to be passed on.
    #[error("a guest in this process has its output captured or thrown away, and not passed on")]
    InheritedOutput,
    /// A wasm stack that may not fit on the caller's own.
    #[error(
        "a guest in this process has a wasm stack of {} at most: it runs on its caller's own",
        show_bytes(*most)
    )]
    WasmStack {
        /// The greatest size, in bytes.
        most: u64,
    },
    /// A compiled module that cannot be read back.
    #[error("`{module}` cannot be loaded into this process: it cannot be read")]
    Unreadable {
        /// The module's name.
        module: String,
        /// The operating system's error.
        source: io::Error,
    },
    /// A module that wasmtime refuses.
    #[error("`{module}` cannot be loaded into this process")]
    Refused {
        /// The module's name.
        module: String,
        /// Wasmtime's error.
        source: Box<dyn StdError + Send + Sync>,
    },
    /// A module with a part that cannot be described.
    #[error("`{module}` cannot be loaded into this process: {reason}")]
    Undescribed {
        /// The module's name.
        module: String,
        /// The part.
        reason: String,
    },
}

#[cfg(test)]
mod tests {
    use sandpool_protocol::limits::MIB;

    use super::*;
    use crate::error_texts::check;

    #[test]
    fn each_error_says_what_is_wrong_and_its_cause_once() {
        let module = || "m".to_owned();
        check([
            (Error::Closed.into(), "the pool is closed"),
            (
                InProcessError::StrictSandbox,
                "a strict sandbox cannot be kept: the guest would run in this process",
            ),
            (
                InProcessError::Directories,
                "a guest in this process can be granted no directories",
            ),
            (
                InProcessError::SharedObjects,
                "a guest in this process can be granted no queues, pipes or managed objects",
            ),
            (
                InProcessError::HostFunctions,
                "a guest in this process can be given no functions of the host",
            ),
            (
                InProcessError::Initializer,
                "a guest in this process has no initializer; call the function first",
            ),
            (
                InProcessError::CpuTime,
                "a guest in this process has no limit on CPU time; limit its wall time or its fuel",
            ),
            (
                InProcessError::InheritedOutput,
                "a guest in this process has its output captured or thrown away, and not passed on",
            ),
            (
                InProcessError::WasmStack { most: MIB },
                "a guest in this process has a wasm stack of 1MiB at most: it runs on its \
                 caller's own",
            ),
            (
                InProcessError::Unreadable {
                    module: module(),
                    source: io::ErrorKind::NotFound.into(),
                },
                "`m` cannot be loaded into this process: it cannot be read <- entity not found",
            ),
            (
                InProcessError::Refused {
                    module: module(),
                    source: "an artifact of another engine".into(),
                },
                "`m` cannot be loaded into this process <- an artifact of another engine",
            ),
            (
                InProcessError::Undescribed {
                    module: module(),
                    reason: "it is too deep".into(),
                },
                "`m` cannot be loaded into this process: it is too deep",
            ),
        ]);
    }

    #[test]
    fn the_causes_of_an_error_of_wasmtime_stay_in_line() {
        let error = wasmtime::Error::msg("deep")
            .context("middle")
            .context("outer");
        let error = InProcessError::Refused {
            module: "m".into(),
            source: error.into(),
        };
        check([(
            error,
            "`m` cannot be loaded into this process <- outer <- middle <- deep",
        )]);
    }
}
