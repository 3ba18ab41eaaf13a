//! The host's side of one worker process: its start, the tasks that were sent to it, its
//! clocks and deadlines, its messages and answers, and its end.
//!
//! A worker is not trusted: each message and each answer is checked against the host's own
//! books, and a violation ends the worker. Code in this folder looks at one worker at a
//! time and knows no other: `scheduler/` decides which task a worker gets.

mod allowance;
mod answer_check;
pub(super) mod binary;
mod blame;
mod clock;
mod deadlines;
mod handle;
mod pace;
mod read_messages;
mod session_end;
mod start;
mod start_up;
mod window;
mod worker_check;

pub(super) use handle::WorkerHandle;
pub(super) use start::{refused, start_worker};
pub(super) use worker_check::{Buffers, Findings, PollEvents, WorkerCheck};
