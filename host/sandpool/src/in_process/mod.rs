//! The isolation level `in-process`: a trusted module in this very process, without isolation.
//!
//! A call costs no more than a call of wasmtime, and nothing stands between the guest
//! and this process but wasmtime: a fault in it, or in the compiler that made the
//! artifact, is a fault in this program. So it is asked for by name, it is refused
//! where the strict sandbox was asked for, and the `sandpool` command uses it only to
//! measure what isolation costs. For code that you do not trust there is
//! [`Pool`](crate::Pool).
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
//! The module is read and compiled as a pool does it, in a compiler process of
//! its own. The artifact comes from there and never from the cache: whoever can
//! write to that folder would be running code in this process.

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
use crate::pool::{Parts, PoolBuilder};
use sandpool_protocol::settings::{Sandbox, Stdio};

/// The most wasm stack: guests run on their caller's own, and threads have 2 MiB.
const MAX_WASM_STACK: u64 = sandpool_protocol::limits::MIB;

/// Checks what was asked for, loads the module, and hands over both.
fn prepare(
    builder: PoolBuilder,
    load: impl FnOnce(&Loader) -> Result<Module, LoadError>,
) -> Result<(Parts, Module), InProcessError> {
    let parts = builder.cache(false).into_parts()?;
    refuse(&parts)?;
    let module = load(&parts.loader)?;
    Ok((parts, module))
}

/// Refuses settings that only a process of its own can keep.
fn refuse(parts: &Parts) -> Result<(), InProcessError> {
    if parts.sandbox == Sandbox::Strict {
        return Err(InProcessError::StrictSandbox);
    }
    if !parts.grants.dirs.is_empty() {
        return Err(InProcessError::Directories);
    }
    if parts.has_shares {
        return Err(InProcessError::SharedObjects);
    }
    if parts.has_initializer {
        return Err(InProcessError::Initializer);
    }
    if parts.task_limits.cpu_time.value.is_some() {
        return Err(InProcessError::CpuTime);
    }
    if parts.stdio == Stdio::Inherit {
        return Err(InProcessError::InheritedOutput);
    }
    if parts.loader.settings.wasm_stack > MAX_WASM_STACK {
        return Err(InProcessError::WasmStack {
            most: MAX_WASM_STACK,
        });
    }
    Ok(())
}

impl InProcess {
    /// Loads a module from a file: WebAssembly or its text format.
    ///
    /// Of the builder's settings these count: limits of tasks (but CPU time,
    /// and what arguments and results take, which go nowhere here), module size and limits of compilations, wasm stack and features,
    /// [`Isolation::ProcessReuse`](crate::Isolation::ProcessReuse) for how many
    /// calls an instance is kept, variables, standard streams that are captured
    /// or thrown away, and the worker binary, which compiles. Wall time holds
    /// only with [`Interrupt::Epoch`](crate::Interrupt::Epoch): without checks
    /// in the code there is nothing to end a guest with, as there is no process
    /// to kill.
    ///
    /// # Errors
    /// If the file is no module that can be run here; if the strict sandbox, a
    /// directory, a shared object, an initializer, output that is passed on or a
    /// limit on CPU time was asked for.
    pub fn load(builder: PoolBuilder, path: impl AsRef<Path>) -> Result<Self, InProcessError> {
        let (parts, module) = prepare(builder, |loader| loader.load_runnable(path.as_ref(), None))?;
        InProcess::new(Arc::new(parts), module)
    }

    /// As [`InProcess::load`], from bytes.
    ///
    /// # Errors
    /// As [`InProcess::load`].
    pub fn load_bytes(
        builder: PoolBuilder,
        bytes: impl AsRef<[u8]>,
    ) -> Result<Self, InProcessError> {
        let (parts, module) = prepare(builder, |loader| loader.load_bytes(bytes.as_ref(), None))?;
        InProcess::new(Arc::new(parts), module)
    }
}
