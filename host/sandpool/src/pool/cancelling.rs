//! Cancels tasks: those that wait end at once, those that were sent ahead are taken
//! back first, and those that run are left to the dispatcher.

use std::sync::MutexGuard;

use super::keys::KeyId;
use super::state::{PoolState, Shared, Slot};
use super::tasks::{Batch, Task, outcome};
use crate::outcome::Verdict;

impl Shared {
    /// Cancels a task wherever it is. It ends by the usual way, so its waiter
    /// hears of it once.
    pub(crate) fn cancel(&self, key: KeyId, id: u64) {
        let mut state = self.lock();
        let mut waiting = state.queue.remove(key, id);
        if waiting.is_none() {
            state.recall(|task| task.id == id);
            waiting = state.queue.remove(key, id);
        }
        self.never_ran(state, waiting.into_iter().collect());
    }

    /// Cancels every task whose flag says so.
    pub(crate) fn sweep_cancelled(&self) {
        self.sweep(Batch::is_cancelled);
    }

    /// Settles tasks that were cancelled before anybody ran them.
    pub(crate) fn never_ran(&self, state: MutexGuard<'_, PoolState>, tasks: Vec<Task>) {
        drop(state);
        let count = tasks.len() as u64;
        for task in tasks {
            let reason = "cancelled before it ran".into();
            let completion = outcome::never_ran(task, Verdict::Cancelled, reason);
            self.callback_sender.finish(completion);
        }
        // Only now: the pool may end as soon as nothing is unfinished.
        self.lock().unfinished -= count;
        // Tasks that run, or are about to, are the dispatcher's affair; tasks that were
        // recalled for the sake of others go out again.
        self.wake.ring();
    }

    /// Cancels tasks that nobody runs yet.
    pub(crate) fn sweep(&self, such: impl Fn(&Batch) -> bool) {
        let mut state = self.lock();
        state.recall(|task| such(&task.batch));
        let waiting = state.queue.remove_all(such);
        self.never_ran(state, waiting);
    }
}

impl PoolState {
    /// Takes back what was sent to workers that have such a task and nobody
    /// has claimed.
    pub(crate) fn recall(&mut self, such: impl Fn(&Task) -> bool) {
        let PoolState { slots, queue, .. } = self;
        for worker in slots.iter_mut().filter_map(Slot::worker_mut) {
            // A violation is found again, and answered, by the dispatcher.
            if worker.has_any_task(&such)
                && let Ok(back) = worker.take_back()
            {
                queue.put_back(back.into_iter());
            }
        }
    }
}
