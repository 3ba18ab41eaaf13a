//! What is decided about the tasks of a stream while they are under way.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use super::task::Task;
use sandpool_protocol::limits::{Limit, Origin};

/// What a stream's tasks are told while they are under way.
#[derive(Debug, Default)]
pub(crate) struct Steers {
    finish: AtomicBool,
    /// In nanoseconds; 0 is none.
    timeout: AtomicU64,
}

impl Steers {
    /// Whether no task of the stream is to be started any more.
    pub(crate) fn finishes(&self) -> bool {
        self.finish.load(Ordering::Relaxed)
    }

    /// Has no further task of the stream started.
    pub(crate) fn finish(&self) {
        self.finish.store(true, Ordering::Relaxed);
    }

    /// Sets the wall time of tasks from now on; returns whether it is another one.
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
    /// The wall time that it has, by its limits and by who steers it.
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
