//! Cancels tasks: waiting tasks end at once, tasks that were sent ahead are taken back
//! first, and running tasks are left to the dispatcher.

use std::sync::MutexGuard;

use super::keys::KeyId;
use super::state::{PoolState, Shared};
use super::tasks::{Batch, Task, outcome};
use crate::outcome::Verdict;

impl Shared {
    /// Cancels a task wherever it is. It ends in the usual way, so its waiter is notified
    /// once.
    pub(super) fn cancel(&self, key: KeyId, id: u64) {
        let mut state = self.lock();
        let mut waiting = state.queue.remove(key, id);
        if waiting.is_none() {
            state.recall(|task| task.id == id);
            waiting = state.queue.remove(key, id);
        }
        self.never_ran(state, waiting.into_iter().collect());
    }

    /// Cancels every task whose `cancelled` flag is set.
    pub(super) fn sweep_cancelled(&self) {
        self.sweep(Batch::is_cancelled);
    }

    /// Ends tasks that were cancelled before any worker ran them.
    pub(super) fn never_ran(&self, state: MutexGuard<'_, PoolState>, tasks: Vec<Task>) {
        drop(state);
        let count = tasks.len() as u64;
        for task in tasks {
            let reason = "cancelled before it ran".into();
            let completion = outcome::never_ran(task, Verdict::Cancelled, reason);
            self.callback_sender.finish(completion);
        }
        // Only now, since the pool may end as soon as no task is unfinished.
        self.lock().tasks.finish(count);
        // The dispatcher cancels tasks that run or are about to; tasks of others that were
        // recalled with these go out again.
        self.wake.ring();
    }

    /// Cancels the tasks of the batches that `fits` accepts and that no worker runs yet.
    pub(super) fn sweep(&self, fits: impl Fn(&Batch) -> bool) {
        let mut state = self.lock();
        state.recall(|task| fits(&task.batch));
        let waiting = state.queue.remove_all(fits);
        self.never_ran(state, waiting);
    }
}

impl PoolState {
    /// Takes back the unclaimed tasks of every worker that has a task that `fits`
    /// accepts.
    pub(super) fn recall(&mut self, fits: impl Fn(&Task) -> bool) {
        let PoolState { slots, queue, .. } = self;
        for worker in slots.workers_mut() {
            // The dispatcher finds a violation again, and acts on it.
            if worker.has_any_task(&fits)
                && let Ok(back) = worker.take_back()
            {
                queue.put_back(back.into_iter());
            }
        }
    }
}
