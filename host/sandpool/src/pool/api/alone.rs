//! What a pool that runs a single task offers to the `process` module beside
//! what every pool does.

use super::pool::Pool;
use crate::pool::life::PoolPhase;
use crate::pool::state::Slot;

impl Pool {
    /// Waits until there is a worker process, and says which. `None` if there is
    /// nothing left for one to do, or none can be started.
    pub(crate) fn wait_for_worker(&self) -> Option<u32> {
        let shared = self.shared();
        let mut state = shared.lock();
        loop {
            if let Some(worker) = state.slots.iter().find_map(Slot::worker) {
                return Some(worker.pid());
            }
            if !state.life.goes_on() || state.unfinished == 0 {
                return None;
            }
            state = shared.wait(state);
        }
    }

    /// As [`Pool::terminate`], but does not wait.
    pub(crate) fn begin_to_terminate(&self) {
        self.shared().set_phase(PoolPhase::Terminated);
    }

    /// Whether this thread is one that the pool itself waits for.
    pub(crate) fn is_own_thread(&self) -> bool {
        self.shared().lock().life.is_own_thread()
    }
}
