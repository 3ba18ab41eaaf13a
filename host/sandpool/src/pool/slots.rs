//! The slots of a pool: the room for as many workers as it has `processes`.

use super::keys::KeyId;
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
}

/// The slots of a pool. Workers come and go: a slot is reserved before a worker is started
/// for it, and free or promised again when the worker is gone.
pub(super) struct Slots<W = WorkerHandle> {
    slots: Vec<Slot<W>>,
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
            Slot::Reserved(key) => Occupancy::Reserved(*key),
            Slot::Taken(worker) => Occupancy::Worker(worker.key(), worker.life()),
        }
    }
}

impl<W> Slots<W> {
    pub(super) fn new(count: usize) -> Self {
        Slots {
            slots: (0..count).map(|_| Slot::Free).collect(),
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

    /// Returns the worker in this slot, if there is one.
    #[inline]
    pub(super) fn worker(&self, slot: usize) -> Option<&W> {
        self.slots[slot].worker()
    }

    #[inline]
    pub(super) fn worker_mut(&mut self, slot: usize) -> Option<&mut W> {
        self.slots[slot].worker_mut()
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
        self.slots.iter().all(Slot::is_vacant)
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
        self.slots[slot] = worker.map_or(Slot::Free, Slot::Taken);
    }

    /// Clears the slot of a worker that is gone, and promises it to `next_key`, if there is
    /// one.
    pub(super) fn vacate(&mut self, slot: usize, next_key: Option<KeyId>) {
        debug_assert!(self.slots[slot].worker().is_some(), "the slot is taken");
        self.slots[slot] = next_key.map_or(Slot::Free, Slot::Promised);
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

    #[test]
    fn serial_numbers_are_unique() {
        let mut slots: Slots<()> = Slots::new(0);
        assert_ne!(slots.next_serial(), slots.next_serial());
    }
}
