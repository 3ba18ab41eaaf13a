//! A task and everything that is known about it without a worker: its arguments, the batch
//! that it was submitted with, the ways in which it may end, its retries.
//!
//! Values and rules alone: no lock, no thread, no I/O. Knows no other room, only the worker
//! keys (`keys`) that tasks are queued under.

mod batch;
mod constants;
pub(crate) mod outcome;
mod retry;
mod steers;
mod task;
mod task_count;
mod task_result;

pub(crate) use batch::{Batch, Inputs, Rest, check_size};
pub(crate) use constants::Constants;
pub(crate) use outcome::{Lost, Observed, Raw};
pub use retry::Retries;
pub(crate) use steers::Steers;
pub(crate) use task::{Callable, Callback, Completion, Sink, Task, Template, wrong_kind};
pub(crate) use task_count::TaskCount;
pub(crate) use task_result::{TaskResult, value_of};
