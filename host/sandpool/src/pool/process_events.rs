//! Processes the events of one worker, on the dispatcher's thread or on that of a caller
//! that polls for its answer itself. Runs under the lock.

use std::sync::Arc;
use std::time::Instant;

use super::config::Config;
use super::state::PoolState;
use super::worker::{Findings, PollEvents, WorkerCheck, WorkerHandle};

impl PoolState {
    /// Processes the events of the worker in a slot, if there is one; returns `true` if the
    /// worker is gone.
    pub(super) fn process_events(
        &mut self,
        config: &Config,
        slot: usize,
        events: PollEvents,
        now: Instant,
    ) -> bool {
        let PoolState {
            slots,
            queue,
            tasks,
            out,
            buffers,
            oom_kills,
            restarts,
            ..
        } = self;
        let Some(worker) = slots.worker_mut(slot) else {
            return false;
        };
        let mut check = WorkerCheck {
            config,
            queue,
            tasks,
            out,
            buffers,
            oom_kills,
            findings: Findings::default(),
        };
        let gone = check.process_events(worker, events, now);
        let findings = check.findings;
        if findings.ready {
            restarts.is_ready();
        }
        if worker.has_worked() {
            restarts.has_worked();
        }
        let Findings {
            fault,
            breaks_key,
            session_end,
            broken,
            ..
        } = findings;
        if fault.is_some() || breaks_key.is_some() || session_end.is_some() {
            let worker_key = Arc::clone(worker.worker_key());
            if let Some(fault) = fault {
                self.start_failed(&worker_key, fault);
            }
            if let Some(why) = breaks_key {
                self.keys.break_key(&worker_key, why);
            }
            if let Some(end) = session_end {
                self.end_session(&worker_key, end);
            }
        }
        if let Some(reason) = broken {
            self.break_with(reason);
        }
        gone
    }

    /// Returns `true` if an answer or a request of any worker waits in shared memory.
    pub(super) fn has_news(&mut self) -> bool {
        self.slots
            .workers_mut()
            // A worker that is being ended is not listened to any more.
            .any(|worker| worker.listens() && worker.has_news())
    }

    /// Returns `true` if so many answers or requests of a worker wait that the host must
    /// not sleep.
    pub(super) fn keeps_awake(&mut self) -> bool {
        self.slots
            .workers_mut()
            .any(|worker| worker.listens() && worker.keeps_awake())
    }

    /// Returns the workers.
    pub(super) fn workers(&self) -> impl Iterator<Item = &WorkerHandle> {
        self.slots.workers()
    }

    /// Returns `true` if a core is left for looking that no task uses.
    pub(super) fn leaves_a_core(&self, config: &Config) -> bool {
        let busy = self.workers().filter(|worker| worker.is_busy()).count();
        busy < config.cores
    }
}
