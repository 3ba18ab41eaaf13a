//! The methods of a pool that runs a single task, for the `process` module.

use super::pool::Pool;
use crate::pool::life::PoolPhase;

impl Pool {
    /// Waits until there is a worker process, and returns its id. Returns `None` if no task
    /// is left for one, or none can be started.
    pub(crate) fn wait_for_worker(&self) -> Option<u32> {
        let shared = self.shared();
        let mut state = shared.lock();
        loop {
            if let Some(worker) = state.slots.workers().next() {
                return Some(worker.pid());
            }
            if !state.life.goes_on() || state.tasks.all_finished() {
                return None;
            }
            state = shared.wait(state);
        }
    }

    /// Terminates the pool as [`Pool::terminate`] does, without waiting.
    pub(crate) fn begin_to_terminate(&self) {
        self.shared().set_phase(PoolPhase::Terminated);
    }

    /// Returns `true` if this thread is one that the pool itself waits for.
    pub(crate) fn is_own_thread(&self) -> bool {
        self.shared().lock().life.is_own_thread()
    }
}
