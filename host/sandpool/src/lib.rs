//! `multiprocessing.Pool` for code that you do not trust: WebAssembly task modules that run
//! in parallel, each inside an isolated worker process. For Linux on x86-64 and aarch64.
//!
//! # Start
//!
//! The `Cargo.toml` of your program. Modules are compiled by a dependency, which is many
//! times slower without optimisation, so development builds need the second part (in the
//! root of a workspace):
//!
//! ```toml
//! [dependencies]
//! sandpool = "0.1"
//!
//! [profile.dev.package."*"]
//! opt-level = 2
//! ```
//!
//! A whole program, with a task module as text:
//!
//! ```no_run
//! use sandpool::Pool;
//!
//! const MATH: &str = r#"(module
//!     (func (export "add") (param i32 i32) (result i32)
//!         (i32.add (local.get 0) (local.get 1))))"#;
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     sandpool::worker_entry(); // first in `main`: this program is its own worker
//!     let pool = Pool::builder().build()?;
//!     let math = pool.load_bytes(MATH)?;
//!     let sum: i32 = pool.apply(&math, "add", (40, 2))?;
//!     assert_eq!(sum, 42);
//!     Ok(())
//! }
//! ```
//!
//! A task module is usually a file ([`Pool::load`]): a component with any exports, a
//! command, or a core module, from any language that compiles to WebAssembly. The command
//! `sandpool new NAME` makes a project for one, and `sandpool inspect MODULE` shows the
//! functions of one.
//!
//! # Calls
//!
//! ```no_run
//! use std::time::Duration;
//! use sandpool::Pool;
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     sandpool::worker_entry();
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
//! - [`Pool`] has multiprocessing's methods; [`Process`] runs one task in a process of its
//!   own; [`Queue`], [`pipe`] and [`Manager`] make objects that programs and tasks share.
//! - A task that crashes, loops, eats memory or attacks the host harms only itself, and the
//!   caller always gets an [`Outcome`] for it, with a [`Verdict`]. An [`Error`] is the
//!   pool's own.
//! - A task has clocks and random numbers; directories, variables, HTTP requests and
//!   functions of your program are granted to it ([`PoolBuilder::dir`],
//!   [`PoolBuilder::env`], `PoolBuilder::http` with the feature `http`, on by default,
//!   [`PoolBuilder::import`], [`PoolBuilder::tool`]).
//! - A [`Session`] keeps one instance and its state from call to call; [`Pool::snapshot`]
//!   makes a module whose instances begin where a function left the first one.
//! - Every limit has a default, such as 10 s of wall time and 128 MiB of memory: see
//!   [`TaskLimits`] and [`PoolLimits`].
//! - Structs and enums are arguments and results by the derive macros
//!   [`ToValue`](macro@ToValue) and [`FromValue`](macro@FromValue) (feature `derive`, on by
//!   default).
//! - With the feature `tracing` (off by default), pools, workers and tasks report to a
//!   subscriber of that crate.
//!
//! # Asynchronous programs
//!
//! Call `worker_entry` before the runtime is made, so do not use `#[tokio::main]`; see
//! [`worker_entry`]. Blocking methods have async forms ([`Pool::load_async`],
//! [`AsyncResult::outcome_async`], [`IMap::next_async`], ...). A handle that was told to
//! [cancel on drop](AsyncResult::cancel_on_drop) ends its task when it is dropped.

// For contributors: this crate queues, schedules, keeps deadlines and gives the verdict. It
// knows the protocol, and believes a child only about its own task. It must not parse,
// compile or run a module: `sandpool_worker` does that, which only `entry.rs`,
// `module/compile.rs` and `in_process/` name.

/// The guides compile, and the docs of the derive macros.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/multiprocessing.md")]
#[doc = include_str!("../../../docs/multiprocessing.zh-CN.md")]
#[doc = include_str!("../../../docs/embedding.md")]
#[doc = include_str!("../../derive/docs/to_value.md")]
#[doc = include_str!("../../derive/docs/from_value.md")]
#[doc = include_str!("../../value/docs/convert_error.md")]
#[doc = include_str!("../../value/docs/script.md")]
struct Guide;

mod confinement;
mod entry;
#[cfg(test)]
#[path = "../../value/src/error_texts.rs"]
mod error_texts;
mod guard;
#[cfg(feature = "http")]
pub mod http;
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

#[cfg(feature = "http")]
pub use self::http::{HttpRule, HttpRuleError};
pub use confinement::{Escape, Probed};
#[cfg(feature = "worker")]
#[doc(hidden)]
pub use entry::__worker_entry_before_main;
#[cfg(feature = "worker")]
pub use entry::worker_entry;
pub use module::{AsyncLoad, CacheTrouble, ImportError, LoadError, Module};
pub use outcome::{HttpExchange, Outcome, Refusal, Verdict};
pub use pool::{
    AsyncHostFunction, AsyncResult, Call, CallContext, Error, GrantError, Grants, HandleError,
    HostFunction, IMap, Imports, Input, LogRecord, MapResult, Pool, PoolBuilder, ProgressReport,
    Retries, RunningTask, Session, SessionBuilder, SessionCall, SessionEnd, SettingError,
    StartTrouble, Stdin, Steering, ToInput, Tool,
};
pub use process::{ModuleSource, Process, ProcessBuilder, ProcessError, active_children};
pub use sandpool_protocol::description::{ExportedResource, Import, ImportKind, ModuleKind};
pub use sandpool_protocol::layers::{Layer, LayerReport, LayerState, SandboxReport};
pub use sandpool_protocol::limits::{
    GIB, KIB, Limit, LimitHit, LimitName, MIB, Origin, PoolLimits, TaskLimits,
};
pub use sandpool_protocol::settings::{
    DirGrant, Interrupt, Isolation, LogLevel, Sandbox, Stdio, UnknownImports, UnknownWasmFeature,
    WasmFeature,
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
pub use value::{ConvertError, FromValue, Function, Param, Resource, ToValue, Type, Value};
