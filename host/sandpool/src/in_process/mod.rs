//! The isolation level `in-process`: a trusted module in this very process, without
//! isolation.
//!
//! A call costs no more than a call of wasmtime, and nothing stands between the guest and
//! this process but wasmtime: a fault in it, or in the compiler that made the artifact, is
//! a fault in this program. So a program must ask for this level by name, the level refuses
//! to work with the strict sandbox, and the `sandpool` command uses it only to measure the
//! cost of isolation. For code that you do not trust there is [`Pool`](crate::Pool).
//!
//! ```no_run
//! use sandpool::Pool;
//! use sandpool::in_process::InProcess;
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     sandpool::worker_entry(); // modules are still compiled apart
//!     let mut math = InProcess::load(Pool::builder(), "math.wasm")?;
//!     let n: u64 = math.apply("fib", (30u32,))?;
//!     assert_eq!(n, 832_040);
//!     Ok(())
//! }
//! ```
//!
//! The module is read and compiled as a pool does it, in a compiler process of its own. The
//! artifact comes from there and never from the cache: anybody who can write to that folder
//! would be running code in this process.

mod bare;
mod error;
mod guest;
mod outcome;
mod watchdog;

use std::path::Path;
use std::sync::Arc;

#[doc(hidden)]
pub use bare::Bare;
pub use error::InProcessError;
pub use guest::InProcess;

use crate::module::{LoadError, Loader, Module};
use crate::pool::{PoolBuilder, PoolSettings};
use sandpool_protocol::settings::{Sandbox, Stdio};

/// The largest wasm stack in bytes: guests run on their caller's own, and threads have 2
/// MiB.
const MAX_WASM_STACK_IN_PROCESS: u64 = sandpool_protocol::limits::MIB;

/// Checks the settings, loads the module, and returns both.
fn prepare(
    builder: PoolBuilder,
    load: impl FnOnce(&Loader) -> Result<Module, LoadError>,
) -> Result<(PoolSettings, Module), InProcessError> {
    let settings = builder.cache(false).into_settings()?;
    refuse(&settings)?;
    let module = load(&settings.loader)?;
    Ok((settings, module))
}

/// Refuses settings that only a process of its own can keep.
fn refuse(settings: &PoolSettings) -> Result<(), InProcessError> {
    if settings.sandbox == Sandbox::Strict {
        return Err(InProcessError::StrictSandbox);
    }
    if !settings.grants.dirs.is_empty() {
        return Err(InProcessError::Directories);
    }
    if settings.has_shares {
        return Err(InProcessError::SharedObjects);
    }
    if settings.has_imports {
        return Err(InProcessError::HostFunctions);
    }
    if settings.has_initializer {
        return Err(InProcessError::Initializer);
    }
    if settings.task_limits.cpu_time.value.is_some() {
        return Err(InProcessError::CpuTime);
    }
    if settings.stdio == Stdio::Inherit {
        return Err(InProcessError::InheritedOutput);
    }
    if settings.loader.settings.wasm_stack > MAX_WASM_STACK_IN_PROCESS {
        return Err(InProcessError::WasmStack {
            most: MAX_WASM_STACK_IN_PROCESS,
        });
    }
    Ok(())
}

impl InProcess {
    /// Loads a module from a file: WebAssembly or its text format.
    ///
    /// Of the builder's settings these count:
    ///
    /// - limits of tasks, except CPU time and the sizes of arguments and results, which are
    ///   sent nowhere here;
    /// - module size, limits of compilations, wasm stack and features;
    /// - [`Isolation::ProcessReuse`](crate::Isolation::ProcessReuse), for the number of
    ///   calls that an instance is kept for;
    /// - variables, and standard streams that are captured or thrown away;
    /// - the worker binary, which compiles.
    ///
    /// Wall time holds only with [`Interrupt::Epoch`](crate::Interrupt::Epoch): without
    /// checks in its code a guest cannot be ended, as there is no process to kill.
    ///
    /// # Errors
    ///
    /// Returns an error if the file is no module that can be run here, and if the settings
    /// ask for the strict sandbox, a directory, a shared object, an initializer, output
    /// that is passed on, or a limit on CPU time.
    pub fn load(builder: PoolBuilder, path: impl AsRef<Path>) -> Result<Self, InProcessError> {
        let (settings, module) =
            prepare(builder, |loader| loader.load_runnable(path.as_ref(), None))?;
        InProcess::new(Arc::new(settings), module)
    }

    /// Loads a module from bytes, as [`InProcess::load`] does from a file.
    ///
    /// # Errors
    ///
    /// Returns an error as [`InProcess::load`] does.
    pub fn load_bytes(
        builder: PoolBuilder,
        bytes: impl AsRef<[u8]>,
    ) -> Result<Self, InProcessError> {
        let (settings, module) =
            prepare(builder, |loader| loader.load_bytes(bytes.as_ref(), None))?;
        InProcess::new(Arc::new(settings), module)
    }
}
