//! The sessions of a pool, under its lock: their number, the time since when each is
//! without a call, and their ends.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::error::Error;
use super::keys::{KeyId, KeyParts, SessionEnd, SessionLife, WorkerKey};
use super::state::{PoolState, Shared};
use super::tasks::{Lost, outcome};
use super::worker::WorkerHandle;
use crate::module::Module;
use crate::outcome::Verdict;

/// The sessions of a pool that are not over.
#[derive(Default)]
pub(super) struct Sessions {
    open: HashMap<KeyId, OpenSession>,
    /// The number of sessions that take no more calls, and have some to finish.
    closing: usize,
    /// No session expires before this time.
    look_at: Option<Instant>,
}

struct OpenSession {
    worker_key: Arc<WorkerKey>,
    /// The time of the last call that was taken.
    called: Instant,
    is_closing: bool,
}

impl Sessions {
    fn add(&mut self, worker_key: &Arc<WorkerKey>, now: Instant) {
        let session = OpenSession {
            worker_key: Arc::clone(worker_key),
            called: now,
            is_closing: false,
        };
        self.open.insert(worker_key.id, session);
        // The next look finds out when it is due.
        self.look_at = Some(now);
    }

    fn remove(&mut self, key: KeyId) {
        if let Some(session) = self.open.remove(&key) {
            self.closing -= usize::from(session.is_closing);
        }
    }

    fn close(&mut self, key: KeyId) {
        if let Some(session) = self.open.get_mut(&key)
            && !std::mem::replace(&mut session.is_closing, true)
        {
            self.closing += 1;
        }
    }

    /// Notes a call, if the key is a session's.
    ///
    /// # Errors
    ///
    /// Returns an error if the session takes no more calls.
    #[inline]
    pub(super) fn take_call(&mut self, worker_key: &WorkerKey) -> Result<(), Error> {
        match &worker_key.session {
            None => Ok(()),
            Some(life) => match self.open.get_mut(&worker_key.id) {
                Some(session) if !session.is_closing => {
                    session.called = Instant::now();
                    Ok(())
                }
                _ => Err(Error::SessionEnded {
                    reason: life.ended().cloned().unwrap_or(SessionEnd::Closed),
                }),
            },
        }
    }

    /// Returns `true` if a session waits for its last calls.
    #[inline]
    pub(super) fn any_closing(&self) -> bool {
        self.closing > 0
    }

    /// Returns the time at which the dispatcher is to look at the sessions.
    pub(super) fn due(&self) -> Option<Instant> {
        self.look_at
    }
}

impl Shared {
    /// Opens a session of a module.
    ///
    /// # Errors
    ///
    /// Returns an error if the pool takes no tasks, or has as many sessions as it may.
    pub(super) fn open_session(
        &self,
        key: KeyParts,
        module: &Module,
        life: SessionLife,
    ) -> Result<Arc<WorkerKey>, Error> {
        let now = Instant::now();
        let mut state = self.lock();
        state.life.accepts_tasks()?;
        if let Some(limit) = self.config.sessions
            && state.sessions.open.len() >= limit
        {
            return Err(Error::SessionsFull { limit });
        }
        let worker_key = state.keys.bind_session(key, module, life);
        let sleeps = match self.config.session_idle {
            Some(idle) => now
                .checked_add(idle)
                .is_some_and(|due| state.sleeps_past(due)),
            None => false,
        };
        state.sessions.add(&worker_key, now);
        drop(state);
        if sleeps {
            self.wake.ring();
        }
        Ok(worker_key)
    }

    /// Lets a session take no more calls, and end when those that it took have ended.
    pub(super) fn close_session(&self, worker_key: &Arc<WorkerKey>) {
        let mut state = self.lock();
        match state.is_session_busy(worker_key.id) {
            // It makes room for another at once.
            false => state.end_session(worker_key, SessionEnd::Closed),
            true => state.sessions.close(worker_key.id),
        }
        drop(state);
        self.wake.ring();
    }

    /// Ends a session at once.
    pub(super) fn terminate_session(&self, worker_key: &Arc<WorkerKey>) {
        self.lock().end_session(worker_key, SessionEnd::Closed);
        self.wake.ring();
    }

    /// Asks the running call of a session to stop. Does nothing if none runs.
    pub(super) fn ask_session_to_stop(&self, worker_key: &WorkerKey) {
        let state = self.lock();
        let mut workers = state.slots.workers();
        if let Some(worker) = workers.find(|worker| worker.key() == worker_key.id) {
            worker.ask_to_stop();
        }
    }

    /// Waits until no process of a session that was closed is left, unless the pool or a task
    /// waits for this very thread.
    pub(super) fn wait_for_session(&self, worker_key: &WorkerKey) {
        let is_over = |life: &SessionLife| life.ended().is_some() && !life.has_worker();
        let mut state = self.lock();
        while !worker_key.session.as_ref().is_none_or(is_over)
            && !state.life.is_at_end()
            && !state.life.is_own_thread()
            && self.call_threads.running_here().is_none()
        {
            state = self.wait(state);
        }
    }
}

impl PoolState {
    /// Returns `true` if a call of a session runs or waits.
    fn is_session_busy(&self, key: KeyId) -> bool {
        let of_session = |worker: &&WorkerHandle| worker.key() == key;
        let worker = self.slots.workers().find(of_session);
        self.queue.waits(key) || worker.is_some_and(WorkerHandle::is_busy)
    }

    /// Ends a session for this reason, with the calls that wait. A call that runs ends
    /// `cancelled`.
    pub(super) fn end_session(&mut self, worker_key: &Arc<WorkerKey>, why: SessionEnd) {
        let Some(life) = &worker_key.session else {
            return;
        };
        life.end(why);
        self.sessions.remove(worker_key.id);
        self.end_waiting_calls(worker_key);
        let of_session = |worker: &WorkerHandle| worker.key() == worker_key.id;
        if let Some(worker) = self.slots.find_mut(of_session)
            && !worker.is_dying()
        {
            worker.kill(worker.is_busy().then_some(Lost::Cancelled));
        }
    }

    /// Ends the calls of an ended session that no worker has taken.
    fn end_waiting_calls(&mut self, worker_key: &WorkerKey) {
        let Some(why) = worker_key.session.as_ref().and_then(|life| life.ended()) else {
            return;
        };
        for task in self.queue.remove_key(worker_key.id) {
            self.tasks.finish(1);
            let ended = outcome::never_ran(task, Verdict::Cancelled, why.to_string());
            self.out.finish(None, ended);
        }
    }

    /// Reserves a slot for a session's worker that is to be started.
    pub(super) fn reserve_for_session(&mut self) -> Option<(usize, Arc<WorkerKey>)> {
        let worker_key = self.next_session_start()?;
        let slot = self.slots.reserve_for_session(worker_key.id);
        if let Some(life) = &worker_key.session {
            life.set_has_worker(true);
        }
        Some((slot, worker_key))
    }

    /// Clears the slot of a worker that is gone, and promises it to `next_key`, if there is
    /// one.
    pub(super) fn worker_left(&mut self, slot: usize, next_key: Option<KeyId>) {
        let session = self
            .slots
            .worker(slot)
            .filter(|worker| worker.is_in_session());
        let session = session.map(|worker| Arc::clone(worker.worker_key()));
        self.slots.vacate(slot, next_key);
        if let Some(worker_key) = session
            && let Some(life) = &worker_key.session
        {
            life.set_has_worker(false);
            // A call that was sent may have come back.
            self.end_waiting_calls(&worker_key);
        }
    }

    /// Ends the sessions that were without a call for `idle`, and those that were closed
    /// and have no call left.
    pub(super) fn end_due_sessions(&mut self, idle: Option<Duration>, now: Instant) {
        let is_due = self.sessions.look_at.is_some_and(|due| due <= now);
        if !is_due && !self.sessions.any_closing() {
            return;
        }
        let mut look_at: Option<Instant> = None;
        let mut ended = Vec::new();
        for session in self.sessions.open.values() {
            let key = session.worker_key.id;
            let worker = self.slots.workers().find(|worker| worker.key() == key);
            let is_busy = self.is_session_busy(key);
            let since = match worker.map(WorkerHandle::last_answer) {
                _ if is_busy => now,
                Some(answer) => answer.max(session.called),
                None => session.called,
            };
            let expires = idle.and_then(|idle| Some((since.checked_add(idle)?, idle)));
            if session.is_closing && !is_busy {
                ended.push((Arc::clone(&session.worker_key), SessionEnd::Closed));
            } else if let Some((at, idle)) = expires {
                if at <= now && !is_busy {
                    let end = SessionEnd::Expired { idle };
                    ended.push((Arc::clone(&session.worker_key), end));
                } else {
                    look_at = Some(look_at.map_or(at, |known| known.min(at)));
                }
            }
        }
        self.sessions.look_at = look_at;
        for (worker_key, end) in ended {
            self.end_session(&worker_key, end);
        }
    }
}
