//! Ends a key that is broken, with its tasks and streams, or breaks the pool.

use std::sync::{Arc, Weak};

use super::keys::WorkerKey;
use super::life::PoolPhase;
use super::scheduler::{Breaks, Fault};
use super::state::PoolState;
use super::tasks::outcome;
use super::worker::WorkerHandle;
use crate::outcome::Verdict;

impl PoolState {
    /// Breaks the pool, for this reason.
    pub(crate) fn break_with(&mut self, reason: String) {
        self.life.advance(PoolPhase::Broken(reason));
    }

    /// Notes that a worker for this key could not be started.
    pub(crate) fn start_failed(&mut self, worker_key: &Arc<WorkerKey>, fault: Fault) {
        let works = |worker: &&WorkerHandle| worker.works();
        let others = self.workers().any(WorkerHandle::listens);
        let of_key = self
            .workers()
            .filter(works)
            .any(|worker| worker.key() == worker_key.id);
        let now = std::time::Instant::now();
        let failed = self
            .restarts
            .failed(&worker_key.health, fault, (others, of_key), now);
        match failed {
            Breaks::Nothing => {}
            Breaks::Key(why) => self.break_key(worker_key, why),
            Breaks::Pool(why) => self.break_with(why),
        }
    }

    /// Ends the waiting tasks and streams of this key, now and in future, for this reason.
    pub(crate) fn break_key(&mut self, worker_key: &Arc<WorkerKey>, why: String) {
        self.keys.remember_broken(worker_key, &why);
        worker_key.health.breaks(why);
        self.note_if_broken(worker_key);
    }

    /// Notes a broken key, whose tasks are ended when tasks are next handed out.
    pub(crate) fn note_if_broken(&mut self, worker_key: &Arc<WorkerKey>) {
        let is_noted = |other: &Weak<WorkerKey>| other.as_ptr() == Arc::as_ptr(worker_key);
        if worker_key.health.broken().is_some() && !self.broken_keys.iter().any(is_noted) {
            self.broken_keys.push(Arc::downgrade(worker_key));
        }
    }

    /// Ends the tasks and the streams of broken keys; returns `true` if there were tasks.
    pub(crate) fn end_broken(&mut self) -> bool {
        if self.broken_keys.is_empty() {
            return false;
        }
        let mut ended_any = false;
        self.broken_keys
            .retain(|worker_key| worker_key.strong_count() > 0);
        let broken: Vec<_> = self.broken_keys.iter().filter_map(Weak::upgrade).collect();
        for worker_key in broken {
            let why = worker_key.health.broken().unwrap_or_default();
            let of_key = |other: &Arc<WorkerKey>| other.id == worker_key.id;
            for stream in self.sources.iter() {
                if stream.key() == worker_key.id && !stream.is_stopped() {
                    stream.stop(Verdict::InternalError, why);
                }
            }
            if !self.queue.holds(worker_key.id) {
                continue;
            }
            let tasks = self
                .queue
                .remove_all(|batch| of_key(&batch.template.worker_key));
            self.unfinished -= tasks.len() as u64;
            ended_any |= !tasks.is_empty();
            for task in tasks {
                let ended = outcome::never_ran(task, Verdict::InternalError, why.to_owned());
                self.out.finish(None, ended);
            }
        }
        ended_any
    }
}
