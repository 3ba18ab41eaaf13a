//! The worker's end of a ring: claims tasks one at a time, publishes answers.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::arena::Arena;
use super::ring::{ARENA, Claim, Lane, Ring};
use super::sleep::{self, Spin};
use sandpool_sys::EventFd;

/// The worker's end of a ring.
#[derive(Debug)]
pub struct WorkerEnd {
    ring: Ring,
    /// The bell that rings the host when it sleeps.
    bell: Arc<EventFd>,
    arena: Arena,
    spin: Spin,
    /// The number of answers published.
    published: u32,
    /// The number of answers that the host was last seen to have taken.
    freed: u32,
}

impl WorkerEnd {
    pub fn new(ring: Ring, bell: Arc<EventFd>, spin: Spin) -> Self {
        WorkerEnd {
            ring,
            bell,
            arena: Arena::new(ARENA),
            spin,
            published: 0,
            freed: 0,
        }
    }

    /// Claims the next task and appends its payload to `into`; returns `false` if there is
    /// none.
    pub fn claim(&mut self, into: &mut Vec<u8>) -> bool {
        loop {
            let word = self.ring.claim().load(Ordering::Acquire);
            let claim = Claim::from_word(word);
            if claim.head == claim.tail {
                return false;
            }
            let next = Claim {
                head: claim.head.wrapping_add(1),
                ..claim
            };
            let swapped = self.ring.claim().compare_exchange(
                word,
                next.word(),
                Ordering::AcqRel,
                Ordering::Relaxed,
            );
            if swapped.is_ok() {
                let place = self.ring.place(Lane::Tasks, claim.head);
                debug_assert!(
                    place.is_some(),
                    "the host fills slots before it moves the tail"
                );
                return place
                    .map(|place| self.ring.take(Lane::Tasks, place, into))
                    .is_some();
            }
        }
    }

    /// Waits until a task may be there.
    pub fn wait_for_task(&mut self) {
        sleep::look_then_sleep(self.ring.worker_sleeps(), &mut self.spin, None, || {
            let claim = Claim::from_word(self.ring.claim().load(Ordering::Acquire));
            claim.head != claim.tail
        });
    }

    /// Publishes the answer, in pieces, to the task that was claimed last. Waits while the
    /// arena is full of answers that the host has not taken; returns `true` if it did not
    /// have to wait.
    pub fn publish(&mut self, payload: &[&[u8]]) -> bool {
        let len = payload.iter().map(|piece| piece.len()).sum();
        let mut at_once = true;
        let offset = loop {
            self.free_taken();
            if let Some(offset) = self.arena.place(len) {
                break offset;
            }
            at_once = false;
            let freed = self.freed;
            self.bell.ring();
            // The host wakes sleepers when it has sent something; while it only takes answers,
            // look again after a moment.
            let moment = Some(Duration::from_millis(1));
            sleep::sleep(self.ring.worker_sleeps(), moment, || {
                self.ring.consumed().load(Ordering::Acquire) != freed
            });
        };
        self.ring
            .fill(Lane::Answers, self.published, offset, payload);
        self.published = self.published.wrapping_add(1);
        self.ring
            .published()
            .store(self.published, Ordering::Release);
        let wanted = || {
            let wants = self.ring.host_wants().load(Ordering::Relaxed);
            self.published.wrapping_sub(wants).cast_signed() >= 0
        };
        if sleep::has_to_be_woken_if(self.ring.host_sleeps(), wanted) {
            self.bell.ring();
        }
        at_once
    }

    fn free_taken(&mut self) {
        let consumed = self.ring.consumed().load(Ordering::Acquire);
        while self.freed != consumed {
            self.arena.free_oldest();
            self.freed = self.freed.wrapping_add(1);
        }
    }
}

#[cfg(test)]
impl WorkerEnd {
    /// Sets the numbers as if `sequence` tasks had come and gone.
    pub fn start_at_for_test(&mut self, sequence: u32) {
        (self.published, self.freed) = (sequence, sequence);
    }
}
