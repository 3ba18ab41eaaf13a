//! Which task is next, which worker gets it, and when a worker may be started.
//!
//! Rules and the queue they read, with no I/O: nothing here touches a process, a
//! channel or a clock (callers say what time it is), so all of it is tested without a
//! worker.

mod queue;
mod restarts;
pub(crate) mod rules;

pub(crate) use queue::{Entry, Queue};
pub use restarts::StartTrouble;
pub(crate) use restarts::{Blame, Breaks, Fault, Health, News, Restarts};
pub(crate) use rules::STRANDED_AFTER;
