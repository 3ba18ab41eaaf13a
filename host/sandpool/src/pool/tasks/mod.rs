//! A task and everything that is known about it without a worker: its arguments, the batch
//! that it was submitted with, the ways in which it may end, its retries.
//!
//! Values and rules alone: no thread, no I/O. Knows no other room, only `error`, `keys` and
//! `trace`, to which it reports each result that is delivered.

mod batch;
mod constants;
mod handles;
mod http_record;
pub(super) mod outcome;
mod retry;
mod steers;
mod task;
mod task_count;
mod task_result;

pub(super) use batch::{Batch, Inputs, Rest, check_size};
pub(super) use constants::Constants;
pub(super) use handles::GivenHandles;
pub(crate) use http_record::HttpRecord;
pub(super) use outcome::{Lost, Observed, Raw};
pub use retry::Retries;
pub(super) use steers::Steers;
pub(super) use task::{Callable, Callback, Completion, Sink, Task, Template, wrong_kind};
pub(super) use task_count::TaskCount;
pub(crate) use task_result::{TaskResult, value_of};
