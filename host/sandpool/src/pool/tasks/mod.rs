//! A task and everything that is known about it without a worker: what it is called
//! with, which tasks it was submitted with, how it may end, whether it is run again.
//!
//! Values and rules alone: no lock, no thread, no I/O. Knows no other room but
//! `scheduler/` for the key that a task is queued under.

mod constants;
mod lot;
mod retry;
pub(crate) mod settle;
mod settled;
mod task;

pub(crate) use constants::Constants;
pub(crate) use lot::{Inputs, Lot, Rest, check_size};
pub use retry::Retries;
pub(crate) use settle::{Lost, Observed, Raw};
pub(crate) use settled::Settled;
pub(crate) use task::{Callback, Completion, KeyId, Sink, Task, Template};
