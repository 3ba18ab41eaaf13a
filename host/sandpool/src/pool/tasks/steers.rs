//! Decisions about the tasks of a stream that are made while they are under way.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use super::task::Task;
use sandpool_protocol::limits::{Limit, Origin};

/// The decisions about a stream's tasks that are made while they are under way.
#[derive(Debug, Default)]
pub(crate) struct Steers {
    finish: AtomicBool,
    /// The wall time in nanoseconds; 0 stands for none.
    timeout: AtomicU64,
}

impl Steers {
    /// Returns `true` if no further task of the stream is to be started.
    pub(super) fn finishes(&self) -> bool {
        self.finish.load(Ordering::Relaxed)
    }

    /// Stops further tasks of the stream from being started.
    pub(crate) fn finish(&self) {
        self.finish.store(true, Ordering::Relaxed);
    }

    /// Sets the wall time of tasks from now on; returns `true` if it has changed.
    pub(crate) fn set_timeout(&self, timeout: Option<Duration>) -> bool {
        let nanos = timeout.map_or(0, |timeout| {
            u64::try_from(timeout.as_nanos()).unwrap_or(0).max(1)
        });
        self.timeout.swap(nanos, Ordering::Relaxed) != nanos
    }

    fn timeout(&self) -> Option<Duration> {
        let nanos = self.timeout.load(Ordering::Relaxed);
        (nanos > 0).then(|| Duration::from_nanos(nanos))
    }
}

impl Task {
    /// Returns the shorter of the task's own wall time and that of its stream's steering.
    pub(crate) fn timeout(&self) -> Limit<Duration> {
        let limit = self.template().limits.timeout;
        let steered = self.template().steers.as_ref().and_then(|s| s.timeout());
        match (limit.value, steered) {
            (Some(limit_value), Some(steered)) if limit_value <= steered => limit,
            (_, Some(steered)) => Limit::set(Some(steered), Origin::Call),
            (_, None) => limit,
        }
    }
}
