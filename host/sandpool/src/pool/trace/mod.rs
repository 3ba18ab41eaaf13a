//! Reports a pool to `tracing`, in the feature of that name: spans for the pool, its
//! workers and its tasks, and events for starts, kills, verdicts and refusals.
//!
//! Without the feature the types here are empty and their functions do nothing, so that
//! nobody else needs to know whether it is on. A subscriber is code of others: it is
//! only called where no lock is held, and a panic in it ends nothing.

#[cfg_attr(feature = "tracing", path = "on.rs")]
#[cfg_attr(not(feature = "tracing"), path = "off.rs")]
mod reports;

use std::borrow::Cow;
use std::time::Duration;

use crate::outcome::{HttpExchange, Refusal, Verdict};

pub(super) use reports::{Caller, KillNote, PoolSpan, TaskSpans, WorkerSpans};

/// The fields of a task's outcome that are reported.
#[cfg_attr(
    not(feature = "tracing"),
    expect(dead_code, reason = "read by the feature `tracing`")
)]
pub(super) struct TaskReport<'a> {
    pub(super) module: &'a str,
    pub(super) function: &'a str,
    pub(super) index: u64,
    pub(super) attempts: u32,
    pub(super) verdict: Verdict,
    pub(super) error: Option<&'a str>,
    pub(super) refusals: &'a [Refusal],
    pub(super) http: &'a [HttpExchange],
    pub(super) worker_pid: Option<u32>,
    pub(super) queue_wait: Duration,
    pub(super) run_time: Option<Duration>,
}

/// The end of a worker.
#[cfg_attr(
    not(feature = "tracing"),
    expect(dead_code, reason = "read by the feature `tracing`")
)]
pub(super) enum WorkerExit {
    /// The pool had no more use for it.
    Dismissed,
    /// The pool killed it, for this reason.
    Killed(Cow<'static, str>),
    /// It ended by itself.
    Left,
}
