//! Decides which key gets a worker, and when: the rules of the pool.
//!
//! A free worker takes the oldest task of its own key, unless a task of another key has
//! waited too long; then the worker is replaced.

use std::time::{Duration, Instant};

use super::queue::Queue;
use crate::pool::keys::{KeyId, is_session};

/// The time that a task waits before a worker of another key is replaced for it. A worker
/// is not replaced before it has lived that long either, or two keys with long queues would
/// do nothing but start processes.
pub(crate) const REPLACE_AFTER: Duration = Duration::from_millis(50);

/// The number of keys with waiting tasks that are looked at when slots are given out.
const MAX_CONTENDERS: usize = 16;

/// The run time of a task after which the tasks that were sent after it are taken back.
pub(crate) const STRANDED_AFTER: Duration = Duration::from_millis(1);

/// The occupant of one slot, as far as the rules care.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Occupancy {
    Free,
    /// Free, and promised to a worker of this key.
    Promised(KeyId),
    /// A worker of this key is being started for it.
    Reserved(KeyId),
    /// A worker of this key lives in it.
    Worker(KeyId, WorkerLife),
    /// A session's worker, or nobody may live in it: no concern of ordinary tasks.
    Apart,
}

/// The phases of a worker's life, as the rules know them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WorkerLife {
    Starting,
    Ready {
        since: Instant,
        is_idle: bool,
    },
    /// The worker was told to end its task.
    Interrupted,
    Dying,
}

impl Occupancy {
    /// Returns `true` if a worker may be started in this slot.
    #[inline]
    fn is_vacant(self) -> bool {
        matches!(self, Occupancy::Free | Occupancy::Promised(_))
    }

    /// Returns the key of the worker in this slot, if there is one.
    #[inline]
    fn worker(self) -> Option<KeyId> {
        match self {
            Occupancy::Worker(key, _) => Some(key),
            _ => None,
        }
    }
}

/// A slot that tells its occupant.
pub(crate) trait Occupied {
    /// Returns the occupant of the slot.
    fn occupancy(&self) -> Occupancy;
}

/// The waiting tasks, as the rules count them.
pub(crate) trait Demand {
    /// Returns the keys that have waiting tasks, the key with the oldest task first, each
    /// with the time since when its oldest task waits.
    fn keys(&self) -> impl Iterator<Item = (KeyId, Instant)>;

    /// Returns the number of waiting tasks of `key`.
    fn waiting(&self, key: KeyId) -> usize;

    /// Returns `true` if a task of `key` waits.
    fn waits(&self, key: KeyId) -> bool;

    /// Returns `true` if tasks wait and all of them are of `key`.
    fn has_only(&self, key: KeyId) -> bool;
}

impl Demand for Queue {
    fn keys(&self) -> impl Iterator<Item = (KeyId, Instant)> {
        Queue::keys(self)
    }

    #[inline]
    fn waiting(&self, key: KeyId) -> usize {
        Queue::waiting(self, key)
    }

    #[inline]
    fn waits(&self, key: KeyId) -> bool {
        Queue::waits(self, key)
    }

    #[inline]
    fn has_only(&self, key: KeyId) -> bool {
        Queue::has_only(self, key)
    }
}

/// A key that has waiting tasks and could use a further worker.
pub(crate) struct Contender {
    key: KeyId,
    waited_long: bool,
    workers: usize,
}

/// The waiting tasks and the slots of a pool, which the rules decide about.
pub(crate) struct Placement<'a, D, S> {
    demand: &'a D,
    slots: &'a [S],
}

impl<'a, D: Demand, S: Occupied> Placement<'a, D, S> {
    pub(crate) fn new(demand: &'a D, slots: &'a [S]) -> Self {
        Placement { demand, slots }
    }

    fn occupancies(&self) -> impl Iterator<Item = Occupancy> {
        self.slots.iter().map(Occupied::occupancy)
    }

    /// Returns the number of workers of `key`, present and coming.
    fn workers_of(&self, key: KeyId) -> usize {
        let of_key = |occupancy: &Occupancy| match *occupancy {
            Occupancy::Free | Occupancy::Apart | Occupancy::Worker(_, WorkerLife::Dying) => false,
            Occupancy::Promised(other)
            | Occupancy::Reserved(other)
            | Occupancy::Worker(other, _) => other == key,
        };
        self.occupancies().filter(of_key).count()
    }

    /// Returns the number of workers of `key` that are being started and have no task yet.
    fn coming(&self, key: KeyId) -> usize {
        let coming = |occupancy: &Occupancy| match *occupancy {
            Occupancy::Reserved(other) | Occupancy::Worker(other, WorkerLife::Starting) => {
                other == key
            }
            _ => false,
        };
        self.occupancies().filter(coming).count()
    }

    /// Returns a vacant slot and the key of the worker to be started there: the key that
    /// the slot was promised to, else, of the keys with the fewest workers, the one with
    /// the oldest task.
    pub(crate) fn next_start(&self) -> Option<(usize, KeyId)> {
        let mut occupancies = self.occupancies().enumerate();
        let promised = occupancies.find_map(|(i, occupancy)| match occupancy {
            Occupancy::Promised(key) if self.demand.waits(key) => Some((i, key)),
            _ => None,
        });
        if promised.is_some() {
            return promised;
        }
        let slot = self.occupancies().position(Occupancy::is_vacant)?;
        let lacking = self.lacking().map(|(key, _)| key);
        let key = lacking.min_by_key(|key| self.workers_of(*key))?;
        Some((slot, key))
    }

    /// Returns the keys that could use a further worker, the key with the oldest task
    /// first; no more than are worth looking at.
    fn lacking(&self) -> impl Iterator<Item = (KeyId, Instant)> {
        // A session's calls run in its own worker alone.
        let keys = self.demand.keys().filter(|(key, _)| !is_session(*key));
        let keys = keys.take(MAX_CONTENDERS);
        keys.filter(|(key, _)| self.demand.waiting(*key) > self.coming(*key))
    }

    /// Returns the keys that may claim the slot of another key's worker.
    pub(crate) fn contenders(&self, now: Instant) -> Vec<Contender> {
        let mut keys = self.occupancies().filter_map(Occupancy::worker);
        // Nearly always there is one key and nothing to find.
        if let Some(first) = keys.next()
            && self.demand.has_only(first)
            && keys.all(|key| key == first)
        {
            return Vec::new();
        }
        let contender = |(key, since)| Contender {
            key,
            waited_long: now.saturating_duration_since(since) >= REPLACE_AFTER,
            workers: self.workers_of(key),
        };
        self.lacking().map(contender).collect()
    }

    /// Returns the key that takes this slot from its worker once that is idle, if any does.
    pub(crate) fn next_key(
        &self,
        slot: &S,
        contenders: &[Contender],
        now: Instant,
    ) -> Option<KeyId> {
        let Occupancy::Worker(key, life) = slot.occupancy() else {
            return None;
        };
        let mut others = contenders.iter().filter(|other| other.key != key);
        if !self.demand.waits(key) {
            return others.next().map(|other| other.key);
        }
        let WorkerLife::Ready { since, .. } = life else {
            return None;
        };
        if now.saturating_duration_since(since) < REPLACE_AFTER {
            return None;
        }
        others
            .find(|other| other.waited_long && self.workers_of(key) > other.workers)
            .map(|other| other.key)
    }

    /// Returns the slot of an idle worker to end, and the key that gets the slot.
    pub(crate) fn next_to_replace(&self, now: Instant) -> Option<(usize, KeyId)> {
        let leaving = |occupancy: Occupancy| {
            occupancy.is_vacant() || matches!(occupancy, Occupancy::Worker(_, WorkerLife::Dying))
        };
        if self.occupancies().any(leaving) {
            return None;
        }
        let contenders = self.contenders(now);
        let mut idle =
            self.slots
                .iter()
                .enumerate()
                .filter_map(|(i, slot)| match slot.occupancy() {
                    Occupancy::Worker(_, WorkerLife::Ready { is_idle: true, .. }) => {
                        Some((i, self.next_key(slot, &contenders, now)?))
                    }
                    _ => None,
                });
        idle.next()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: KeyId = 1;
    const B: KeyId = 2;

    impl Occupied for Occupancy {
        fn occupancy(&self) -> Occupancy {
            *self
        }
    }

    /// The waiting tasks by key, the key with the oldest task first.
    struct Waiting(Vec<(KeyId, Instant, usize)>);

    impl Demand for Waiting {
        fn keys(&self) -> impl Iterator<Item = (KeyId, Instant)> {
            self.0.iter().map(|(key, since, _)| (*key, *since))
        }

        fn waiting(&self, key: KeyId) -> usize {
            let of_key = self.0.iter().find(|(other, ..)| *other == key);
            of_key.map_or(0, |(_, _, count)| *count)
        }

        fn waits(&self, key: KeyId) -> bool {
            self.waiting(key) > 0
        }

        fn has_only(&self, key: KeyId) -> bool {
            self.0.len() == 1 && self.waits(key)
        }
    }

    fn ready(key: KeyId, since: Instant, is_idle: bool) -> Occupancy {
        Occupancy::Worker(key, WorkerLife::Ready { since, is_idle })
    }

    #[test]
    fn a_vacant_slot_goes_to_the_key_with_the_fewest_workers() {
        let now = Instant::now();
        let waiting = Waiting(vec![(A, now, 5), (B, now, 1)]);
        let slots = [ready(A, now, false), Occupancy::Free];
        let placement = Placement::new(&waiting, &slots);
        assert_eq!(placement.next_start(), Some((1, B)));
    }

    #[test]
    fn a_promised_slot_goes_to_its_key_as_long_as_tasks_of_it_wait() {
        let now = Instant::now();
        let slots = [Occupancy::Free, Occupancy::Promised(A)];
        let waiting = Waiting(vec![(B, now, 1), (A, now, 1)]);
        assert_eq!(Placement::new(&waiting, &slots).next_start(), Some((1, A)));
        let waiting = Waiting(vec![(B, now, 1)]);
        assert_eq!(Placement::new(&waiting, &slots).next_start(), Some((0, B)));
    }

    #[test]
    fn no_more_workers_are_started_for_a_key_than_it_has_tasks() {
        let now = Instant::now();
        let waiting = Waiting(vec![(A, now, 1)]);
        for coming in [
            Occupancy::Reserved(A),
            Occupancy::Worker(A, WorkerLife::Starting),
        ] {
            let slots = [coming, Occupancy::Free];
            assert_eq!(Placement::new(&waiting, &slots).next_start(), None);
        }
    }

    #[test]
    fn an_idle_worker_whose_key_has_no_tasks_is_replaced_at_once() {
        let now = Instant::now();
        let waiting = Waiting(vec![(B, now, 1)]);
        let slots = [ready(A, now, false), ready(A, now, true)];
        let placement = Placement::new(&waiting, &slots);
        assert_eq!(placement.next_to_replace(now), Some((1, B)));
    }

    #[test]
    fn a_worker_whose_key_has_tasks_is_replaced_when_both_have_lasted_long_enough() {
        let then = Instant::now();
        let waiting = Waiting(vec![(A, then, 9), (B, then, 1)]);
        let slots = [ready(A, then, true), ready(A, then, false)];
        let placement = Placement::new(&waiting, &slots);
        let early = then + REPLACE_AFTER - Duration::from_millis(1);
        assert_eq!(placement.next_to_replace(early), None);
        let late = then + REPLACE_AFTER;
        assert_eq!(placement.next_to_replace(late), Some((0, B)));
    }

    #[test]
    fn calls_of_sessions_get_no_ordinary_slot_however_many_there_are() {
        let now = Instant::now();
        let sessions = (0..100).map(|n| (KeyId::MAX - n, now, 1));
        let waiting = Waiting(sessions.chain([(B, now, 1)]).collect());
        let slots = [ready(A, now, true), Occupancy::Apart];
        let placement = Placement::new(&waiting, &slots);
        assert_eq!(placement.next_start(), None);
        assert_eq!(placement.next_to_replace(now), Some((0, B)));
        let slots = [Occupancy::Free, Occupancy::Apart];
        assert_eq!(Placement::new(&waiting, &slots).next_start(), Some((0, B)));
    }

    #[test]
    fn nobody_is_replaced_while_a_slot_is_vacant_or_about_to_be() {
        let now = Instant::now();
        let waiting = Waiting(vec![(B, now, 1)]);
        for other in [Occupancy::Free, Occupancy::Worker(A, WorkerLife::Dying)] {
            let slots = [ready(A, now, true), other];
            let placement = Placement::new(&waiting, &slots);
            assert_eq!(placement.next_to_replace(now), None);
        }
    }
}
