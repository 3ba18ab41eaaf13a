//! What the host knows of one worker process: its start, what was sent to it, its clocks
//! and deadlines, what it says, and how it ends.
//!
//! A worker is not trusted: each message and each answer is checked against the host's
//! own books, and a broken rule ends the worker. Looks at one worker at a time and knows
//! no other: which task a worker gets is the business of `scheduler/`.

mod allowance;
mod answer_check;
pub(crate) mod binary;
mod blame;
mod clock;
mod deadlines;
mod handle;
mod pace;
mod read_messages;
mod start;
mod start_up;
mod window;
mod worker_check;

pub(crate) use handle::WorkerHandle;
pub(crate) use start::{refused, start_worker};
pub(crate) use worker_check::{Buffers, Findings, PollEvents, WorkerCheck};
