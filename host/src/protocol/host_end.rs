//! The host's end of a ring: sends tasks, takes them back, takes answers.
//!
//! The other end may be hostile. The host keeps every number that it relies on
//! in private memory, and compares what the worker wrote with it.

use std::sync::atomic::{Ordering, fence};

use super::Violation;
use super::arena::Arena;
use super::ring::{ARENA, Claim, Lane, Ring, SLOTS};
use crate::sys::futex_wake;

/// The host's end.
#[derive(Debug)]
pub(crate) struct HostEnd {
    ring: Ring,
    arena: Arena,
    /// Tasks that the worker was last seen to have claimed.
    head: u32,
    /// Tasks sent.
    tail: u32,
    /// Answers taken.
    consumed: u32,
}

/// Why a task was not sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SendError {
    /// Try again when an answer has been taken.
    Full,
    /// The worker must be ended.
    Violation(Violation),
}

impl From<Violation> for SendError {
    fn from(violation: Violation) -> Self {
        SendError::Violation(violation)
    }
}

impl HostEnd {
    pub(crate) fn new(ring: Ring) -> Self {
        HostEnd {
            ring,
            arena: Arena::new(ARENA),
            head: 0,
            tail: 0,
            consumed: 0,
        }
    }

    /// Reads the claim word and checks it against what the host knows.
    fn read_claim(&mut self) -> Result<Claim, Violation> {
        let claim = Claim::from_word(self.ring.claim().load(Ordering::Acquire));
        self.check_claim(claim)?;
        Ok(claim)
    }

    fn check_claim(&mut self, claim: Claim) -> Result<(), Violation> {
        if claim.tail != self.tail {
            return Err(Violation("it moved the tail of the tasks"));
        }
        let sent = self.tail.wrapping_sub(self.consumed);
        let claimed = claim.head.wrapping_sub(self.consumed);
        let seen = self.head.wrapping_sub(self.consumed);
        if claimed > sent || claimed < seen {
            return Err(Violation("it moved its claims backwards or past the tasks"));
        }
        self.head = claim.head;
        Ok(())
    }

    /// Sends a task, which the worker may claim at once. Does not wake it; see
    /// [`HostEnd::wake`].
    pub(crate) fn send(&mut self, payload: &[u8]) -> Result<(), SendError> {
        if self.tail.wrapping_sub(self.consumed) >= SLOTS {
            return Err(SendError::Full);
        }
        let Some(offset) = self.arena.place(payload.len()) else {
            return Err(SendError::Full);
        };
        self.ring.fill(Lane::Tasks, self.tail, offset, payload);
        let tail = self.tail.wrapping_add(1);
        self.move_tail(|claim| Claim { tail, ..claim })?;
        Ok(())
    }

    /// Takes back every task that is not claimed, and returns how many.
    pub(crate) fn take_back(&mut self) -> Result<u32, Violation> {
        let before = self.move_tail(|claim| Claim {
            tail: claim.head,
            ..claim
        })?;
        let count = before.tail.wrapping_sub(before.head);
        for _ in 0..count {
            self.arena.free_newest();
        }
        Ok(count)
    }

    /// Moves the tail while the worker may be moving the head; returns the
    /// claim as it was before.
    fn move_tail(&mut self, next: impl Fn(Claim) -> Claim) -> Result<Claim, Violation> {
        loop {
            let before = self.read_claim()?;
            let after = next(before);
            let swapped = self.ring.claim().compare_exchange(
                before.word(),
                after.word(),
                Ordering::AcqRel,
                Ordering::Relaxed,
            );
            if swapped.is_ok() {
                self.tail = after.tail;
                return Ok(before);
            }
            // The worker claimed in between. A hostile one could keep changing
            // the word for ever only by moving its head past the tail, which
            // the check refuses.
        }
    }

    /// How many tasks are claimed and not yet answered (0 or 1), and how many
    /// are sent and not yet claimed.
    pub(crate) fn outstanding(&mut self) -> Result<Outstanding, Violation> {
        // A worker publishes before it claims the next. So a head that is read
        // before the answers are is at most one further than they, and one
        // that is read after them is at least as far.
        let early = self.read_claim()?;
        let published = self.read_published();
        let claim = self.read_claim()?;
        let ahead = early.head.wrapping_sub(published).cast_signed();
        if ahead > 1 {
            return Err(Violation("it claimed a task before it answered the last"));
        }
        let answered = published.wrapping_sub(self.consumed);
        let claimed = claim.head.wrapping_sub(self.consumed);
        if answered > claimed {
            return Err(Violation("it answered what it never claimed"));
        }
        Ok(Outstanding {
            answered,
            running: claimed > answered,
            unclaimed: claim.tail.wrapping_sub(claim.head),
        })
    }

    fn read_published(&self) -> u32 {
        self.ring.published().load(Ordering::Acquire)
    }

    /// Whether an answer seems to be there; costs one load.
    pub(crate) fn has_answer(&self) -> bool {
        self.read_published() != self.consumed
    }

    /// Takes the next answer, copied out of the shared memory.
    pub(crate) fn take_answer(&mut self) -> Result<Option<Vec<u8>>, Violation> {
        if !self.has_answer() {
            return Ok(None);
        }
        if self.outstanding()?.answered == 0 {
            return Ok(None);
        }
        let mut payload = Vec::new();
        self.ring
            .take(Lane::Answers, self.consumed, &mut payload)
            .ok_or(Violation("an answer lies outside its arena"))?;
        self.consumed = self.consumed.wrapping_add(1);
        self.arena.free_oldest();
        self.ring.consumed().store(self.consumed, Ordering::Release);
        Ok(Some(payload))
    }

    /// Wakes the worker if it sleeps: after sending, and after answers were
    /// taken from a ring that was full of them.
    pub(crate) fn wake(&self) {
        self.ring.doorbell().fetch_add(1, Ordering::Release);
        // Between "rang" here and "sleeps" there, one of the two sees the
        // other; both sides use a full fence.
        fence(Ordering::SeqCst);
        if self.ring.worker_sleeps().swap(0, Ordering::Relaxed) == 1 {
            futex_wake(self.ring.doorbell());
        }
    }

    /// Announces that the host is about to sleep; it must look for answers
    /// once more afterwards.
    pub(crate) fn announce_sleep(&self) {
        self.ring.host_sleeps().store(1, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }

    /// Announces that the host is awake and needs no ringing.
    pub(crate) fn announce_awake(&self) {
        self.ring.host_sleeps().store(0, Ordering::Relaxed);
    }
}

/// What is on its way at a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outstanding {
    /// Answers that wait to be taken.
    pub(crate) answered: u32,
    /// Whether a task is claimed and not answered.
    pub(crate) running: bool,
    /// Tasks that nobody has claimed.
    pub(crate) unclaimed: u32,
}
