//! The slots of a pool: the room for as many workers as it has `processes`, and extra slots
//! behind those for the workers of sessions, and for workers that run tasks in places that
//! others have lent.

use super::keys::{KeyId, is_session};
use super::scheduler::{Occupancy, Occupied};
use super::worker::WorkerHandle;

/// The room for one worker process.
pub(super) enum Slot<W = WorkerHandle> {
    Free,
    /// Free, and promised to a worker of this key, for which another worker was ended.
    Promised(KeyId),
    /// Free, and the dispatcher is starting a worker of this key for it.
    Reserved(KeyId),
    Taken(Box<W>),
    /// An extra slot that nobody needs now.
    Unused,
}

/// The slots of a pool. Workers come and go: a slot is reserved before a worker is started
/// for it, and free or promised again when the worker is gone.
pub(super) struct Slots<W = WorkerHandle> {
    slots: Vec<Slot<W>>,
    /// The number of ordinary slots, which come first. The others are extra slots.
    ordinary: usize,
    last_serial: u64,
}

impl<W> Slot<W> {
    /// Returns `true` if a worker may be started here.
    fn is_vacant(&self) -> bool {
        matches!(self, Slot::Free | Slot::Promised(_))
    }

    #[inline]
    pub(super) fn worker(&self) -> Option<&W> {
        match self {
            Slot::Taken(worker) => Some(worker),
            _ => None,
        }
    }

    #[inline]
    fn worker_mut(&mut self) -> Option<&mut W> {
        match self {
            Slot::Taken(worker) => Some(worker),
            _ => None,
        }
    }
}

impl Occupied for Slot {
    #[inline]
    fn occupancy(&self) -> Occupancy {
        match self {
            Slot::Free => Occupancy::Free,
            Slot::Promised(key) => Occupancy::Promised(*key),
            Slot::Reserved(key) if is_session(*key) => Occupancy::Apart,
            Slot::Reserved(key) => Occupancy::Reserved(*key),
            Slot::Taken(worker) if is_session(worker.key()) => Occupancy::Apart,
            Slot::Taken(worker) => Occupancy::Worker(worker.key(), worker.life()),
            Slot::Unused => Occupancy::Apart,
        }
    }
}

impl<W> Slots<W> {
    pub(super) fn new(count: usize) -> Self {
        Slots {
            slots: (0..count).map(|_| Slot::Free).collect(),
            ordinary: count,
            last_serial: 0,
        }
    }

    #[inline]
    pub(super) fn as_slice(&self) -> &[Slot<W>] {
        &self.slots
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Returns the number of tasks that may run at once.
    pub(super) fn places(&self) -> usize {
        self.ordinary
    }

    /// Returns the worker in this slot, if there is one.
    #[inline]
    pub(super) fn worker(&self, slot: usize) -> Option<&W> {
        self.slots.get(slot)?.worker()
    }

    #[inline]
    pub(super) fn worker_mut(&mut self, slot: usize) -> Option<&mut W> {
        self.slots.get_mut(slot)?.worker_mut()
    }

    #[inline]
    pub(super) fn workers(&self) -> impl Iterator<Item = &W> {
        self.slots.iter().filter_map(Slot::worker)
    }

    #[inline]
    pub(super) fn workers_mut(&mut self) -> impl Iterator<Item = &mut W> {
        self.slots.iter_mut().filter_map(Slot::worker_mut)
    }

    /// Returns the first worker that `fits` accepts.
    pub(super) fn find_mut(&mut self, fits: impl Fn(&W) -> bool) -> Option<&mut W> {
        self.workers_mut().find(|worker| fits(worker))
    }

    /// Returns the workers, each with the number of its slot.
    #[inline]
    pub(super) fn numbered_mut(&mut self) -> impl Iterator<Item = (usize, &mut W)> {
        let slots = self.slots.iter_mut().enumerate();
        slots.filter_map(|(i, slot)| Some((i, slot.worker_mut()?)))
    }

    /// Returns `true` if there is a slot in which a worker may be started.
    #[inline]
    pub(super) fn any_vacant(&self) -> bool {
        self.slots.iter().any(Slot::is_vacant)
    }

    /// Returns `true` if there is no worker, and none is being started.
    pub(super) fn all_vacant(&self) -> bool {
        let is_empty = |slot: &Slot<W>| slot.is_vacant() || matches!(slot, Slot::Unused);
        self.slots.iter().all(is_empty)
    }

    /// Returns the extra slots.
    #[inline]
    pub(super) fn extra(&self) -> &[Slot<W>] {
        &self.slots[self.ordinary..]
    }

    /// Returns the workers in extra slots.
    pub(super) fn extra_workers_mut(&mut self) -> impl Iterator<Item = &mut W> {
        self.slots[self.ordinary..]
            .iter_mut()
            .filter_map(Slot::worker_mut)
    }

    /// Reserves an extra slot for a session's worker, which is about to be started.
    pub(super) fn reserve_for_session(&mut self, key: KeyId) -> usize {
        debug_assert!(is_session(key), "a session's key");
        let slot = self.unused();
        self.slots[slot] = Slot::Reserved(key);
        slot
    }

    /// Returns an extra slot that nobody needs.
    fn unused(&mut self) -> usize {
        let unused = |slot: &Slot<W>| matches!(slot, Slot::Unused);
        let found = self.extra().iter().position(unused);
        found.map_or_else(
            || {
                self.slots.push(Slot::Unused);
                self.slots.len() - 1
            },
            |place| self.ordinary + place,
        )
    }

    /// Returns a serial number that no other worker of the pool has.
    pub(super) fn next_serial(&mut self) -> u64 {
        self.last_serial += 1;
        self.last_serial
    }

    /// Reserves a vacant slot for a worker of this key, which is about to be started.
    pub(super) fn reserve(&mut self, slot: usize, key: KeyId) {
        debug_assert!(self.slots[slot].is_vacant(), "the slot is vacant");
        self.slots[slot] = Slot::Reserved(key);
    }

    /// Puts the worker for which a slot is reserved into it, or frees the slot if the
    /// worker could not be started.
    pub(super) fn fill_reserved(&mut self, slot: usize, worker: Option<Box<W>>) {
        debug_assert!(matches!(self.slots[slot], Slot::Reserved(_)), "reserved");
        self.slots[slot] = worker.map_or(self.vacant(slot), Slot::Taken);
        self.drop_unused();
    }

    /// Clears the slot of a worker that is gone, and promises it to `next_key`, if there is
    /// one.
    pub(super) fn vacate(&mut self, slot: usize, next_key: Option<KeyId>) {
        debug_assert!(self.slots[slot].worker().is_some(), "the slot is taken");
        self.slots[slot] = match self.vacant(slot) {
            Slot::Free => next_key.map_or(Slot::Free, Slot::Promised),
            other => other,
        };
        self.drop_unused();
    }

    /// Returns a slot in this position without a worker. An extra slot is used only as long
    /// as somebody needs it.
    fn vacant(&self, slot: usize) -> Slot<W> {
        match slot < self.ordinary {
            true => Slot::Free,
            false => Slot::Unused,
        }
    }

    /// Drops the extra slots at the end that nobody needs.
    fn drop_unused(&mut self) {
        while matches!(self.slots.last(), Some(Slot::Unused)) {
            self.slots.pop();
        }
    }
}

impl<W> Slots<W>
where
    Slot<W>: Occupied,
{
    /// Makes as many extra slots for ordinary workers as workers have `lent` their places.
    /// Returns the number of workers in such slots beyond that, whose lenders work again.
    pub(super) fn lend(&mut self, lent: usize) -> usize {
        let is_ordinary = |slot: &Slot<W>| slot.occupancy() != Occupancy::Apart;
        let mut count = self.extra().iter().filter(|slot| is_ordinary(slot)).count();
        while count < lent {
            let slot = self.unused();
            self.slots[slot] = Slot::Free;
            count += 1;
        }
        for slot in &mut self.slots[self.ordinary..] {
            if count > lent && slot.is_vacant() {
                *slot = Slot::Unused;
                count -= 1;
            }
        }
        self.drop_unused();
        count - lent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_reserved_taken_and_promised_to_the_next() {
        let mut slots: Slots<&str> = Slots::new(2);
        assert!(slots.all_vacant());
        slots.reserve(0, 7);
        assert!(!slots.all_vacant(), "a worker is being started");
        assert_eq!(slots.workers().count(), 0);
        slots.fill_reserved(0, Some(Box::new("worker")));
        assert_eq!(slots.worker(0), Some(&"worker"));
        assert!(slots.any_vacant(), "the other slot");
        slots.reserve(1, 7);
        assert!(!slots.any_vacant());
        slots.fill_reserved(1, None);
        assert!(slots.any_vacant(), "the start has failed");
        let numbered: Vec<usize> = slots.numbered_mut().map(|(slot, _)| slot).collect();
        assert_eq!(numbered, [0]);
        slots.vacate(0, Some(8));
        assert!(slots.all_vacant());
        assert!(matches!(slots.as_slice(), [Slot::Promised(8), Slot::Free]));
    }

    impl Occupied for Slot<KeyId> {
        fn occupancy(&self) -> Occupancy {
            match self {
                Slot::Free => Occupancy::Free,
                Slot::Taken(key) if !is_session(**key) => Occupancy::Reserved(**key),
                Slot::Reserved(key) if !is_session(*key) => Occupancy::Reserved(*key),
                _ => Occupancy::Apart,
            }
        }
    }

    const SESSION: KeyId = KeyId::MAX;

    #[test]
    fn a_sessions_slot_is_an_extra_one_and_goes_with_its_worker() {
        let mut slots: Slots<KeyId> = Slots::new(1);
        let slot = slots.reserve_for_session(SESSION);
        assert_eq!(slot, 1);
        assert!(!slots.all_vacant(), "its worker is being started");
        slots.fill_reserved(slot, Some(Box::new(SESSION)));
        assert_eq!(slots.reserve_for_session(SESSION), 2);
        slots.vacate(1, None);
        assert_eq!(slots.reserve_for_session(SESSION), 1, "used again");
        slots.fill_reserved(1, None);
        slots.fill_reserved(2, None);
        assert_eq!((slots.len(), slots.all_vacant()), (1, true));
        assert!(slots.worker(2).is_none(), "a slot that is gone has none");
    }

    #[test]
    fn a_lent_place_has_a_slot_until_its_worker_is_gone() {
        let mut slots: Slots<KeyId> = Slots::new(1);
        slots.reserve(0, 7);
        assert_eq!((slots.lend(0), slots.any_vacant()), (0, false));
        assert_eq!((slots.lend(1), slots.any_vacant()), (0, true));
        assert_eq!((slots.lend(0), slots.len()), (0, 1), "nobody took it");
        slots.lend(1);
        slots.reserve(1, 7);
        slots.fill_reserved(1, Some(Box::new(7)));
        assert_eq!(slots.lend(1), 0);
        assert_eq!(slots.lend(0), 1, "one worker too many");
        slots.vacate(1, Some(8));
        assert_eq!((slots.lend(0), slots.len()), (0, 1));
    }

    #[test]
    fn serial_numbers_are_unique() {
        let mut slots: Slots<()> = Slots::new(0);
        assert_ne!(slots.next_serial(), slots.next_serial());
    }
}
