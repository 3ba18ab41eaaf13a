//! Steers a stream of calls while it runs, from another thread than the one that reads its
//! outcomes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::outcome::Verdict;
use crate::pool::stream::StreamState;
use crate::pool::tasks::Batch;
use crate::pool::worker::WorkerHandle;

/// A handle that steers the stream of an [`IMap`](crate::IMap) from any thread; made by
/// [`IMap::steering`](crate::IMap::steering).
#[derive(Clone)]
pub struct Steering {
    stream: Arc<StreamState>,
}

/// A task that a worker runs now.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct RunningTask {
    /// The index of its input within the stream.
    pub index: u64,
    /// The time since when it runs, as far as the host has seen: a few milliseconds late at
    /// most.
    pub since: Instant,
}

impl Steering {
    pub(super) fn new(stream: Arc<StreamState>) -> Self {
        Steering { stream }
    }

    /// Ends the stream early: no further input is taken, tasks that no worker runs yet end
    /// `cancelled`, and running tasks go on to their end.
    pub fn finish(&self) {
        self.stream.steers().finish();
        self.stream
            .stop(Verdict::Cancelled, "cancelled before it ran");
        if let Some(pool) = self.stream.pool() {
            pool.sweep(|batch| self.is_mine(batch));
        }
    }

    /// Sets a wall time for the stream's tasks from now on, running tasks included, if it
    /// is shorter than that of the call. `None` takes it back.
    pub fn set_timeout(&self, timeout: Option<Duration>) {
        if self.stream.steers().set_timeout(timeout)
            && let Some(pool) = self.stream.pool()
        {
            // The dispatcher may sleep until the old deadline.
            pool.wake.ring();
        }
    }

    /// Returns the tasks that workers run now, the longest-running first.
    pub fn running(&self) -> Vec<RunningTask> {
        let Some(pool) = self.stream.pool() else {
            return Vec::new();
        };
        let state = pool.lock();
        let workers = state.slots.workers();
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
