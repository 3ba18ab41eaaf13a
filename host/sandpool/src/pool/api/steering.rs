//! Requests to a stream of calls while it runs: from another thread,
//! while its reader waits for outcomes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::outcome::Verdict;
use crate::pool::state::Slot;
use crate::pool::stream::StreamState;
use crate::pool::tasks::Batch;
use crate::pool::worker::WorkerHandle;

/// Steers the stream of an [`IMap`](crate::IMap), from whatever thread; made by
/// [`IMap::steering`](crate::IMap::steering).
#[derive(Clone)]
pub struct Steering {
    stream: Arc<StreamState>,
}

/// A task that a worker runs now.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct RunningTask {
    /// Its index within the stream.
    pub index: u64,
    /// Since when it runs, as far as the host has seen: a few milliseconds late
    /// at most.
    pub since: Instant,
}

impl Steering {
    pub(crate) fn new(stream: Arc<StreamState>) -> Self {
        Steering { stream }
    }

    /// Ends the stream early: no further input is taken, tasks that no worker
    /// runs yet end `cancelled`, and those that run end as they would have.
    pub fn finish(&self) {
        self.stream.steers().finish();
        self.stream
            .stop(Verdict::Cancelled, "cancelled before it ran");
        if let Some(pool) = self.stream.pool() {
            pool.sweep(|batch| self.is_mine(batch));
        }
    }

    /// A wall time for tasks from now on, those that run included, if it is
    /// shorter than the one that the call has. `None` takes it back.
    pub fn set_timeout(&self, timeout: Option<Duration>) {
        if self.stream.steers().set_timeout(timeout)
            && let Some(pool) = self.stream.pool()
        {
            // The dispatcher may sleep until the old deadline.
            pool.wake.ring();
        }
    }

    /// The tasks that workers run now, the longest first.
    pub fn running(&self) -> Vec<RunningTask> {
        let Some(pool) = self.stream.pool() else {
            return Vec::new();
        };
        let state = pool.lock();
        let workers = state.slots.iter().filter_map(Slot::worker);
        let mut running: Vec<_> = workers
            .filter_map(WorkerHandle::running)
            .filter(|(task, _)| self.is_mine(&task.batch))
            .map(|(task, since)| RunningTask {
                index: task.index,
                since,
            })
            .collect();
        drop(state);
        running.sort_by_key(|task| task.since);
        running
    }

    fn is_mine(&self, batch: &Batch) -> bool {
        let steers = batch.template.steers.as_ref();
        steers.is_some_and(|steers| Arc::ptr_eq(steers, self.stream.steers()))
    }
}
