//! Which task goes to which worker, and when: the rules of the pool.
//!
//! A free worker takes the oldest task of its own key, unless a task of
//! another key has waited too long; then it is replaced. Tasks are sent ahead
//! only to keep a worker from starving, and taken back as soon as they would
//! wait for nothing.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::settle::Lost;
use super::slot::{Phase, Slot};
use super::state::{Bound, Place, PoolPhase, State};
use super::task::KeyId;
use crate::protocol::host_end::SendError;

/// A task of another key that has waited this long gets a worker of another
/// key replaced. A worker is not replaced before it has lived as long either,
/// or two keys with long queues would only start processes.
const PATIENCE: Duration = Duration::from_millis(50);

/// A running task that takes longer than this gives back what was sent after
/// it.
pub(super) const STRANDED_AFTER: Duration = Duration::from_millis(1);

impl State {
    /// Hands out waiting tasks. Called by whoever changed something, with the
    /// lock held. Says whether the dispatcher has to be rung: to start or
    /// replace workers, or because it sleeps past what is due now.
    pub(super) fn give_out(&mut self, now: Instant) -> bool {
        if self.phase == PoolPhase::Terminated || matches!(self.phase, PoolPhase::Broken(_)) {
            return true;
        }
        let mut ring = self.feed_idle(now);
        self.level(now);
        if !self.queue.is_empty() {
            ring |= self.wants_workers(now);
            ring |= self.feed_ahead(now);
        }
        let busy = |place: &Place| place.slot().is_some_and(|slot| !slot.sent.is_empty());
        ring || self.sleeps_past(now + STRANDED_AFTER) && self.slots.iter().any(busy)
    }

    /// One task for each idle worker.
    fn feed_idle(&mut self, now: Instant) -> bool {
        if self.queue.is_empty() {
            return false;
        }
        let replaced = self.next_to_replace(now);
        let State { slots, queue, .. } = self;
        let mut violated = false;
        for (i, place) in slots.iter_mut().enumerate() {
            let Some(slot) = place.slot_mut().filter(|_| replaced != Some(i)) else {
                continue;
            };
            if slot.is_idle()
                && slot.tasks_left > 0
                && let Some(task) = queue.pop(slot.key())
            {
                match slot.send(task, now) {
                    Ok(()) => slot.ring.wake(),
                    Err(refused) => {
                        let (task, error) = *refused;
                        queue.put_back([task].into_iter());
                        violated |= refuse(slot, error);
                    }
                }
            }
        }
        violated
    }

    /// Takes back what was sent ahead to busy workers while others are idle.
    fn level(&mut self, now: Instant) {
        for idle in 0..self.slots.len() {
            let Some(slot) = self.slots[idle]
                .slot()
                .filter(|slot| slot.is_idle() && slot.tasks_left > 0)
            else {
                continue;
            };
            let key = slot.key();
            if self.queue.waits(key) {
                continue;
            }
            let richest = self
                .slots
                .iter_mut()
                .filter_map(Place::slot_mut)
                .filter(|slot| slot.key() == key && slot.is_ready() && slot.sent.len() > 1)
                .max_by_key(|slot| slot.sent.len());
            let Some(richest) = richest else { continue };
            match richest.take_back() {
                Ok(tasks) => self.queue.put_back(tasks.into_iter()),
                Err(violation) => richest.kill(Some(Lost::Violation(violation))),
            }
            self.feed_idle(now);
        }
    }

    /// Fills the windows of busy workers, evenly, unless a worker that could
    /// take the tasks is idle or may be started.
    fn feed_ahead(&mut self, now: Instant) -> bool {
        if self.slots.iter().any(|place| matches!(place, Place::Free)) {
            return false;
        }
        let overdue = self.overdue(now).map(|key| (key, self.workers_of(key)));
        let mut violated = false;
        for i in 0..self.slots.len() {
            let Some(key) = self.slots[i].slot().map(|slot| slot.key()) else {
                continue;
            };
            // One that is to be replaced gets nothing ahead.
            if overdue
                .is_some_and(|(other, workers)| other != key && self.workers_of(key) > workers)
            {
                continue;
            }
            let State { slots, queue, .. } = self;
            let Some(slot) = slots[i].slot_mut().filter(|slot| !slot.sent.is_empty()) else {
                continue;
            };
            let mut sent = 0;
            let share = slot.window();
            while sent < share
                && let Some(task) = queue.pop(slot.key())
            {
                match slot.send(task, now) {
                    Ok(()) => sent += 1,
                    Err(refused) => {
                        let (task, error) = *refused;
                        queue.put_back([task].into_iter());
                        violated |= refuse(slot, error);
                        break;
                    }
                }
            }
            // A worker that runs something finds the rest by itself; it only
            // sleeps if it finished in between.
            if sent > 0 {
                slot.ring.wake();
            }
        }
        violated
    }

    /// The key of the oldest task that has waited past patience, if no worker
    /// of its key could take it.
    fn overdue(&self, now: Instant) -> Option<KeyId> {
        let (key, since) = self.queue.keys().next()?;
        (now.saturating_duration_since(since) >= PATIENCE).then_some(key)
    }

    fn workers_of(&self, key: KeyId) -> usize {
        let of_key = |place: &&Place| match place {
            Place::Free => false,
            Place::Reserved(other) => *other == key,
            Place::Taken(slot) => slot.key() == key && !matches!(slot.phase, Phase::Dying { .. }),
        };
        self.slots.iter().filter(of_key).count()
    }

    /// Workers of `key` that are on their way and have no task yet.
    fn coming(&self, key: KeyId) -> usize {
        let coming = |place: &&Place| match place {
            Place::Free => false,
            Place::Reserved(other) => *other == key,
            Place::Taken(slot) => slot.key() == key && matches!(slot.phase, Phase::Starting { .. }),
        };
        self.slots.iter().filter(coming).count()
    }

    /// Whether the dispatcher should start a worker, or make room for one.
    fn wants_workers(&self, now: Instant) -> bool {
        self.next_start().is_some() || self.next_to_replace(now).is_some()
    }

    /// The key that a new worker should have, if a place is free.
    pub(super) fn next_start(&self) -> Option<(usize, Arc<Bound>)> {
        let place = self
            .slots
            .iter()
            .position(|place| matches!(place, Place::Free))?;
        let key = self
            .queue
            .keys()
            .map(|(key, _)| key)
            .find(|key| self.lacks_workers(*key))?;
        Some((place, self.queue.bound(key)?))
    }

    fn lacks_workers(&self, key: KeyId) -> bool {
        self.queue.waiting(key) > self.coming(key)
    }

    /// An idle worker to end, so that one of another key can be started.
    pub(super) fn next_to_replace(&self, now: Instant) -> Option<usize> {
        let leaving = self
            .slots
            .iter()
            .filter(|place| {
                place
                    .slot()
                    .is_some_and(|slot| matches!(slot.phase, Phase::Dying { .. }))
            })
            .count();
        if leaving > 0 || self.slots.iter().any(|place| matches!(place, Place::Free)) {
            return None;
        }
        let (wanted, since) = self
            .queue
            .keys()
            .find(|(key, _)| self.lacks_workers(*key))?;
        let waited_long = now.saturating_duration_since(since) >= PATIENCE;
        let of_wanted = self.workers_of(wanted);
        let candidates = self
            .slots
            .iter()
            .enumerate()
            .filter_map(|(i, place)| Some((i, place.slot()?)));
        let mut idle = candidates.filter(|(_, slot)| slot.is_idle() && slot.key() != wanted);
        idle.find(|(_, slot)| {
            if !self.queue.waits(slot.key()) {
                return true;
            }
            let Phase::Ready { since } = slot.phase else {
                return false;
            };
            waited_long
                && now.saturating_duration_since(since) >= PATIENCE
                && self.workers_of(slot.key()) > of_wanted
        })
        .map(|(i, _)| i)
    }
}

/// A worker refused a task: full is nothing, breaking the rules is death.
fn refuse(slot: &mut Slot, error: SendError) -> bool {
    match error {
        SendError::Full => false,
        SendError::Violation(violation) => {
            slot.kill(Some(Lost::Violation(violation)));
            true
        }
    }
}
