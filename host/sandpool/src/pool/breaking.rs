//! Ends a key that is broken, with its tasks and streams, or breaks the pool.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::keys::{SessionEnd, WorkerKey};
use super::life::PoolPhase;
use super::scheduler::{Breaks, Fault};
use super::state::PoolState;
use super::tasks::outcome;
use super::worker::WorkerHandle;
use crate::outcome::Verdict;

/// The time for which the start of a session's worker is tried again, while something
/// outside prevents it. Others may need what is scarce, and the caller learns of it.
const SESSION_START: Duration = Duration::from_secs(5);

impl PoolState {
    /// Breaks the pool, for this reason.
    pub(super) fn break_with(&mut self, reason: String) {
        self.life.advance(PoolPhase::Broken(reason));
    }

    /// Notes that a worker for this key could not be started.
    pub(super) fn start_failed(&mut self, worker_key: &Arc<WorkerKey>, fault: Fault) {
        let works = |worker: &&WorkerHandle| worker.works();
        let others = self.has_ready_worker();
        let of_key = self
            .workers()
            .filter(works)
            .any(|worker| worker.key() == worker_key.id);
        let now = Instant::now();
        let why = fault.text.clone();
        let failed = self
            .restarts
            .failed(&worker_key.health, fault, (others, of_key), now);
        match failed {
            Breaks::Nothing => {
                if let Some(life) = &worker_key.session
                    && life.start_fails_for(now) >= SESSION_START
                {
                    self.end_unstarted(worker_key, &why);
                }
            }
            Breaks::Key(why) => self.keys.break_key(worker_key, why),
            Breaks::Pool(why) => self.break_with(why),
        }
    }

    /// Returns `true` if a worker is ready for ordinary tasks. Those of sessions take none.
    pub(super) fn has_ready_worker(&self) -> bool {
        self.workers()
            .any(|worker| worker.listens() && !worker.is_in_session())
    }

    /// Ends a session whose worker cannot be started, with the calls that wait for it.
    fn end_unstarted(&mut self, worker_key: &Arc<WorkerKey>, why: &str) {
        for task in self.queue.remove_key(worker_key.id) {
            self.tasks.finish(1);
            let ended = outcome::never_ran(task, Verdict::InternalError, why.to_owned());
            self.out.finish(None, ended);
        }
        let end = SessionEnd::Failed {
            verdict: Verdict::InternalError,
            reason: why.to_owned(),
        };
        self.end_session(worker_key, end);
    }

    /// Ends the tasks and the streams of broken keys; returns `true` if there were any.
    pub(super) fn end_broken(&mut self) -> bool {
        let mut ended_any = false;
        for worker_key in self.keys.broken() {
            let why = worker_key.health.broken().unwrap_or_default();
            let of_key = |other: &Arc<WorkerKey>| other.id == worker_key.id;
            for stream in self.sources.iter() {
                if stream.key() == worker_key.id && !stream.is_stopped() {
                    self.out.stop(stream, Verdict::InternalError, why);
                    ended_any = true;
                }
            }
            if !self.queue.holds(worker_key.id) {
                continue;
            }
            let tasks = self
                .queue
                .remove_all(|batch| of_key(&batch.template.worker_key));
            self.tasks.finish(tasks.len() as u64);
            ended_any |= !tasks.is_empty();
            for task in tasks {
                let ended = outcome::never_ran(task, Verdict::InternalError, why.to_owned());
                self.out.finish(None, ended);
            }
            if worker_key.session.is_some() {
                let end = SessionEnd::Failed {
                    verdict: Verdict::InternalError,
                    reason: why.to_owned(),
                };
                self.end_session(&worker_key, end);
            }
        }
        ended_any
    }
}
