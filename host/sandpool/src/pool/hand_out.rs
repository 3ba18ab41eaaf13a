//! Hands out waiting tasks to workers by the rules of `scheduler/`. Runs under the lock, on
//! whichever thread has changed something.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::keys::{KeyId, WorkerKey};
use super::scheduler::{Placement, Queue};
use super::slots::Slot;
use super::state::PoolState;
use super::tasks::Lost;
use super::worker::WorkerHandle;
use sandpool_protocol::host_end::SendError;

/// The run time of a task up to which its worker is expected to take the next one soon.
const HASTE: Duration = Duration::from_micros(100);

impl PoolState {
    /// Hands out waiting tasks. Called, with the lock held, by any thread that has changed
    /// something. Returns `true` if the dispatcher must be rung: to start or replace
    /// workers, or because it sleeps past something that is due now.
    pub(super) fn give_out(&mut self, now: Instant) -> bool {
        if !self.life.goes_on() {
            return true;
        }
        let mut ring = false;
        if !self.life.is_paused() {
            self.draw();
        }
        // The dispatcher delivers their outcomes.
        ring |= self.end_broken();
        if !self.life.is_paused() && self.is_crowded() {
            ring |= self.give_out_places(now);
        } else if !self.life.is_paused() {
            self.level(now);
            ring |= self.feed_idle(now);
            if !self.queue.is_empty() {
                ring |= self.wants_workers(now);
                ring |= self.feed_ahead(now);
            }
        }
        ring || self.dispatcher_sleeps_too_long()
    }

    /// Returns `true` if the dispatcher sleeps past the time at which a worker or a task that
    /// is to be run again must be looked at.
    fn dispatcher_sleeps_too_long(&self) -> bool {
        let Some(until) = self.asleep_until() else {
            return false;
        };
        let mut due = self.slots.workers().filter_map(WorkerHandle::due);
        due.any(|due| due < until) || self.queue.next_due().is_some_and(|due| due < until)
    }

    /// Takes over the inputs that streams have gathered.
    fn draw(&mut self) {
        for i in 0..self.sources.len() {
            if let Some(stream) = self.sources.get(i) {
                stream
                    .draw()
                    .into_iter()
                    .for_each(|entry| self.take_in(entry));
            }
        }
    }

    /// Tells the streams that the dispatcher is about to sleep; returns the time until
    /// which it may, considering the inputs that they have gathered.
    pub(super) fn plan_to_draw(&self, until: Instant) -> Instant {
        if self.life.is_paused() {
            return until;
        }
        let streams = self.sources.iter();
        streams.fold(until, |until, stream| stream.plan_to_draw(until))
    }

    /// Sends one task to each idle worker.
    fn feed_idle(&mut self, now: Instant) -> bool {
        if self.queue.is_empty() {
            return false;
        }
        let replaced = self.next_to_replace(now).map(|(slot, _)| slot);
        let PoolState { slots, queue, .. } = self;
        let mut violated = false;
        for (i, worker) in slots.numbered_mut() {
            if replaced != Some(i)
                && worker.takes_tasks()
                && let Some(task) = queue.pop(worker.key())
            {
                match worker.send(task, now) {
                    Ok(()) => violated |= offer(worker),
                    Err(refused) => {
                        let (task, error) = *refused;
                        queue.put_back([task].into_iter());
                        violated |= refuse(worker, error);
                    }
                }
            }
        }
        violated
    }

    /// Takes back the tasks that were sent ahead to busy workers while others of their key
    /// are idle: the oldest task goes first, wherever it is. A worker that has only just
    /// begun its task keeps the others, as long as there are tasks for all.
    pub(super) fn level(&mut self, now: Instant) {
        let PoolState { slots, queue, .. } = self;
        let takes = |worker: &&WorkerHandle| worker.takes_tasks();
        let idle: Vec<KeyId> = slots
            .workers()
            .filter(takes)
            .map(WorkerHandle::key)
            .collect();
        if idle.is_empty() {
            return;
        }
        for worker in slots.workers_mut() {
            let holds = worker.has_tasks_ahead() && idle.contains(&worker.key());
            let just_begun = worker.time_with_next(now) < HASTE;
            if !holds || just_begun && queue.waits(worker.key()) {
                continue;
            }
            match worker.take_back_from_running() {
                Ok(tasks) => queue.put_back(tasks.into_iter()),
                Err(violation) => worker.kill(Some(Lost::Violation(violation))),
            }
        }
    }

    /// Fills the windows of busy workers, evenly, unless a worker that could take the tasks
    /// is idle or may be started.
    pub(super) fn feed_ahead(&mut self, now: Instant) -> bool {
        // While no further worker can be started, those that work get all tasks.
        if self.slots.any_vacant() && self.restarts.may_start(now) {
            return false;
        }
        let placement = self.placement();
        let contenders = placement.contenders(now);
        // A worker that is to be replaced is sent nothing ahead.
        let window = |slot: &Slot| {
            let busy = slot.worker().filter(|worker| worker.is_busy());
            busy.filter(|_| placement.next_key(slot, &contenders, now).is_none())
                .map_or(0, WorkerHandle::window)
        };
        let windows: Vec<usize> = self.slots.as_slice().iter().map(window).collect();
        let PoolState { slots, queue, .. } = self;
        let workers = slots.numbered_mut();
        let open = workers.map(|(slot, worker)| (worker, windows[slot]));
        let open: Vec<_> = open.filter(|(_, window)| *window > 0).collect();
        // The number of workers of each key that are still to get their share.
        let mut sharers: BTreeMap<KeyId, usize> = BTreeMap::new();
        for (worker, _) in &open {
            *sharers.entry(worker.key()).or_default() += 1;
        }
        let mut violated = false;
        for (worker, window) in open {
            let sharers = sharers.entry(worker.key()).or_default();
            let share = queue.waiting(worker.key()).div_ceil(*sharers);
            *sharers -= 1;
            let mut refusal = None;
            let sent = queue.pop_while(worker.key(), window.min(share), |task| {
                let (task, error) = *worker.send(task, now).err()?;
                refusal = Some(error);
                Some(task)
            });
            if sent > 0 {
                violated |= offer(worker);
            }
            if let Some(error) = refusal {
                violated |= refuse(worker, error);
            }
        }
        violated
    }

    /// Returns `true` if the pool is to have workers for its waiting tasks.
    pub(super) fn starts_workers(&self) -> bool {
        self.life.goes_on() && !self.life.is_paused()
    }

    /// Returns `true` if the dispatcher should start a worker, or make room for one.
    pub(super) fn wants_workers(&self, now: Instant) -> bool {
        self.restarts.may_start(now)
            && (self.next_start().is_some()
                || self.next_session_start().is_some()
                || self.next_to_replace(now).is_some())
    }

    /// Returns the key of a session whose calls wait for its worker to be started.
    pub(super) fn next_session_start(&self) -> Option<Arc<WorkerKey>> {
        if !self.queue.waits_in_session() {
            return None;
        }
        let lacks =
            |key: &&Arc<WorkerKey>| key.session.as_ref().is_some_and(|it| it.lacks_worker());
        self.queue.sessions().find(lacks).cloned()
    }

    /// Returns a slot to start a worker in, and its key; see [`Placement::next_start`].
    pub(super) fn next_start(&self) -> Option<(usize, Arc<WorkerKey>)> {
        let (slot, key) = self.placement().next_start()?;
        Some((slot, self.queue.worker_key(key)?))
    }

    /// Returns the slot of an idle worker to end, and the key that gets the slot; see
    /// [`Placement::next_to_replace`].
    pub(super) fn next_to_replace(&self, now: Instant) -> Option<(usize, KeyId)> {
        self.placement().next_to_replace(now)
    }

    fn placement(&self) -> Placement<'_, Queue, Slot> {
        Placement::new(&self.queue, self.slots.as_slice())
    }
}

/// Lets a worker take the tasks that were sent; returns `true` if the worker is killed.
pub(super) fn offer(worker: &mut WorkerHandle) -> bool {
    match worker.offer() {
        Ok(()) => false,
        Err(violation) => refuse(worker, SendError::Violation(violation)),
    }
}

/// Reacts to a task that a worker's channel refused; returns `true` if the worker is
/// killed. A full channel is harmless, a violation kills the worker. So do unread messages
/// while the worker is idle: no task that is sent by message would ever run.
pub(super) fn refuse(worker: &mut WorkerHandle, error: SendError) -> bool {
    match error {
        SendError::Unread if worker.is_idle() => {
            worker.kill_for("it does not read its messages");
            true
        }
        SendError::Full | SendError::Unread => false,
        SendError::Violation(violation) => {
            worker.kill(Some(Lost::Violation(violation)));
            true
        }
    }
}
