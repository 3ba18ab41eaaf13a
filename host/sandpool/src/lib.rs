//! `multiprocessing.Pool` for code that you do not trust: WebAssembly task
//! modules that run in parallel, each inside an isolated worker process.
//!
//! ```no_run
//! use std::time::Duration;
//! use sandpool::Pool;
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     sandpool::worker_entry(); // this program is its own worker
//!     let pool = Pool::builder().processes(4).build()?;
//!     let math = pool.load("math.wasm")?;
//!     let n: u64 = pool.apply(&math, "fib", (30u32,))?;
//!     assert_eq!(n, 832_040);
//!     let later = pool
//!         .call(&math, "fib")
//!         .kwarg("n", 30u32)
//!         .timeout(Duration::from_secs(2))
//!         .callback(|outcome| println!("{outcome}"))
//!         .apply_async::<u64>()?;
//!     assert_eq!(later.get(None)?, 832_040);
//!     for outcome in pool.imap_unordered::<u64>(&math, "fib", (0..20u32).map(|n| (n,)))? {
//!         println!("{outcome}");
//!     }
//!     pool.close();
//!     pool.join()?;
//!     Ok(())
//! }
//! ```
//!
//! In an asynchronous program, call `worker_entry` before the runtime is made. Blocking
//! methods have async forms ([`Pool::load_async`], [`AsyncResult::outcome_async`],
//! [`IMap::next_async`], ...); a handle that was told to [cancel on
//! drop](AsyncResult::cancel_on_drop) ends its task when its future is dropped. Structs
//! and enums are arguments and results by the derive macros [`ToValue`](macro@ToValue)
//! and [`FromValue`](macro@FromValue) (feature `derive`, on by default).
//!
//! A development build needs these lines in the `Cargo.toml` of its workspace, because
//! modules are compiled by a dependency that is many times slower without optimisation:
//!
//! ```toml
//! [profile.dev.package."*"]
//! opt-level = 2
//! ```
//!
//! A task that crashes, loops, eats memory or attacks the host harms only itself, and
//! the caller always gets an outcome for it: see [`Outcome`] and [`Verdict`]. The
//! limits of a task are in [`TaskLimits`], those of a pool in [`PoolLimits`].

// For those who work on it: this crate queues, schedules, keeps deadlines and gives the
// verdict. It knows the protocol, and of a child nothing but what that says of its own task.
// It must not parse, compile or run a module: that is `sandpool_worker`'s, which only
// `entry.rs`, `module/compile.rs` and `in_process/` name.

/// The guides compile, and the docs of the derive macros.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/multiprocessing.md")]
#[doc = include_str!("../../../docs/multiprocessing.zh-CN.md")]
#[doc = include_str!("../../../docs/embedding.md")]
#[doc = include_str!("../../derive/docs/to_value.md")]
#[doc = include_str!("../../derive/docs/from_value.md")]
#[doc = include_str!("../../value/docs/convert_error.md")]
struct Guide;

mod confinement;
mod entry;
#[cfg(test)]
#[path = "../../value/src/error_texts.rs"]
mod error_texts;
mod guard;
#[cfg(feature = "in-process")]
pub mod in_process;
mod last_words;
mod module;
mod notify;
mod off_thread;
mod outcome;
mod pool;
mod process;
mod shared;
#[cfg(test)]
#[expect(dead_code, reason = "the tests here take one of them")]
#[path = "../../value/src/strategies.rs"]
mod strategies;
mod wakers;

pub use confinement::{Escape, Probed};
#[cfg(feature = "worker")]
#[doc(hidden)]
pub use entry::__worker_entry_before_main;
#[cfg(feature = "worker")]
pub use entry::worker_entry;
pub use module::{AsyncLoad, CacheTrouble, LoadError, Module};
pub use outcome::{Outcome, Refusal, Verdict};
pub use pool::{
    AsyncResult, Call, Error, GrantError, Grants, IMap, Input, LogRecord, MapResult, Pool,
    PoolBuilder, ProgressReport, Retries, RunningTask, SettingError, StartTrouble, Stdin, Steering,
    ToInput,
};
pub use process::{ModuleSource, Process, ProcessBuilder, ProcessError, active_children};
pub use sandpool_protocol::description::{ExportedResource, Import, ModuleKind};
pub use sandpool_protocol::layers::{Layer, LayerReport, LayerState, SandboxReport};
pub use sandpool_protocol::limits::{
    GIB, KIB, Limit, LimitHit, LimitName, MIB, Origin, PoolLimits, TaskLimits,
};
pub use sandpool_protocol::settings::{
    DirGrant, Interrupt, Isolation, LogLevel, Sandbox, Stdio, UnknownWasmFeature, WasmFeature,
};
pub use sandpool_sys::Attempt;
#[doc(hidden)]
pub use sandpool_sys::{is_ignored, stdio, unblock};
pub use sandpool_value as value;
#[cfg(feature = "worker")]
#[doc(hidden)]
pub use sandpool_worker::prepare_command;
pub use shared::{
    Acquired, Barrier, Condition, Connection, Dict, Event, Handle, JoinableQueue, List, Lock,
    LockGuard, Manager, Queue, Semaphore, Share, SharedError, SharedValue, SimpleQueue, pipe,
};
pub use value::{ConvertError, FromValue, Function, Param, ToValue, Type, Value};
