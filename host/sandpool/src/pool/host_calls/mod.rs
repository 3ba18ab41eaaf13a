//! Functions and tools of the host that guests call: the closures, the check of a module's
//! imports against them, and the threads that they run on.
//!
//! Knows modules and values, and nothing of tasks, workers or the pool's lock. A question of a
//! worker becomes a [`HostCall`] in `broker/`, runs on a thread of [`CallThreads`], and its
//! reply goes to the [`CallReplySink`] that came with it, which passes over a reply that nobody
//! waits for any more. Arguments are hostile until they are decoded by the import's types.

mod block_on;
mod bound;
mod call;
mod context;
mod fit;
mod function;
mod imports;
mod running;
mod threads;
mod tool;

pub(crate) use bound::{BoundImports, PoolImports};
pub(crate) use call::{CallReplySink, CallTarget, HostCall};
pub use context::CallContext;
pub(crate) use context::{RunState, TaskFacts};
pub use function::{AsyncHostFunction, HostFunction};
pub use imports::Imports;
pub(crate) use threads::{CallPoller, CallThreads, MAX_CALL_THREADS};
pub use tool::Tool;
pub(crate) use tool::Tools;
