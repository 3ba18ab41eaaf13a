//! The host's end of a ring: sends tasks, takes them back, takes answers.
//!
//! The other end may be hostile. The host keeps every number that it relies on in private
//! memory, and compares the worker's numbers with it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::Violation;
use super::arena::Arena;
use super::ring::{ARENA, Claim, LARGE_PAYLOAD, Lane, Ring, SLOTS};
use super::sleep;

/// The host's end of a ring.
#[derive(Debug)]
pub struct HostEnd {
    ring: Arc<Ring>,
    arena: Arena,
    /// The number of tasks that the worker was last seen to have claimed.
    head: u32,
    /// The number of tasks that the worker may claim.
    tail: u32,
    /// The number of tasks that are in their slots.
    filled: u32,
    /// The number of answers taken.
    consumed: u32,
    /// The number of answers that the worker was last seen to have published.
    published: u32,
    /// The number of answers that were seen to be to claimed tasks.
    sound: u32,
    /// The number of answers that the worker knows to be taken.
    freed: u32,
    /// The furthest end of payloads in their arenas since memory was given back.
    reached: usize,
}

/// The number of bytes that are given back at once, of each arena: that takes the system
/// about a millisecond, and the pool waits.
const GIVEN_BACK_AT_ONCE: usize = 2 * 1024 * 1024;

/// The number of answers that are taken before the worker is told, which is then cheap.
const FREED_AT_ONCE: u32 = 64;

/// The size in bytes of an answer of which the worker is told at once, or it might wait for
/// room.
const FREED_SOON: usize = 16 * 1024;

/// The reason why a task was not sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SendError {
    /// Try again when an answer has been taken.
    Full,
    /// The control socket is full of messages that the worker has not read.
    Unread,
    /// The worker must be ended.
    Violation(Violation),
}

impl From<Violation> for SendError {
    fn from(violation: Violation) -> Self {
        SendError::Violation(violation)
    }
}

impl HostEnd {
    pub fn new(ring: Ring) -> Self {
        HostEnd {
            ring: Arc::new(ring),
            arena: Arena::new(ARENA),
            head: 0,
            tail: 0,
            filled: 0,
            consumed: 0,
            published: 0,
            sound: 0,
            freed: 0,
            reached: 0,
        }
    }

    /// Reads the claim word and checks it against the host's books.
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

    /// Returns `true` if a small payload would find a place.
    pub fn has_room(&self) -> bool {
        self.filled.wrapping_sub(self.consumed) < SLOTS && !self.arena.is_full()
    }

    /// Puts a task, in pieces, into the ring; [`HostEnd::offer`] must follow. Returns
    /// `true` if there was room.
    pub fn fill(&mut self, payload: &[&[u8]]) -> bool {
        if self.filled.wrapping_sub(self.consumed) >= SLOTS {
            return false;
        }
        let len = payload.iter().map(|piece| piece.len()).sum();
        let Some(offset) = self.arena.place(len) else {
            return false;
        };
        self.reached = self.reached.max(offset + len);
        self.ring.fill(Lane::Tasks, self.filled, offset, payload);
        self.filled = self.filled.wrapping_add(1);
        true
    }

    /// Lets the worker claim the tasks that were put into the ring. Does not wake it; see
    /// [`HostEnd::wake`].
    pub fn offer(&mut self) -> Result<(), Violation> {
        let tail = self.filled;
        self.move_tail(|claim| Claim { tail, ..claim })?;
        Ok(())
    }

    /// Takes back the tasks that are not claimed, and returns their number.
    pub fn take_back(&mut self) -> Result<u32, Violation> {
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

    /// Moves the tail while the worker may be moving the head; returns the claim word's
    /// former value.
    fn move_tail(&mut self, next: impl Fn(Claim) -> Claim) -> Result<Claim, Violation> {
        // The worker may claim in between, which moves the head: at most as often as there
        // are slots, as the check refuses every other change.
        for _ in 0..=SLOTS {
            let before = self.read_claim()?;
            let after = next(before);
            let swapped = self.ring.claim().compare_exchange(
                before.word(),
                after.word(),
                Ordering::AcqRel,
                Ordering::Relaxed,
            );
            if swapped.is_ok() {
                (self.tail, self.filled) = (after.tail, after.tail);
                return Ok(before);
            }
        }
        Err(Violation("it keeps changing its claims"))
    }

    /// Returns the number of claimed tasks that are not answered (0 or 1), and of sent
    /// tasks that are not claimed.
    pub fn outstanding(&mut self) -> Result<Outstanding, Violation> {
        // A worker publishes before it claims the next task. So a head that is read before
        // the answers is at most one ahead of them, and one that is read after them is at
        // least as far.
        let early = self.read_claim()?;
        let published = self.read_published()?;
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

    /// Reads the number of published answers, which only ever grows.
    fn read_published(&mut self) -> Result<u32, Violation> {
        let published = self.ring.published().load(Ordering::Acquire);
        let seen = self.published.wrapping_sub(self.consumed);
        if published.wrapping_sub(self.consumed) < seen {
            return Err(Violation("it took an answer back"));
        }
        self.published = published;
        Ok(published)
    }

    /// Returns `true` if an answer seems to be there; costs one load. An answer that was
    /// seen once counts, so that answers that come and go keep nobody busy.
    pub fn has_answer(&mut self) -> bool {
        // An answer that was taken back is found out by the next taker.
        let seen = self.published != self.consumed;
        seen || self
            .read_published()
            .is_ok_and(|published| published != self.consumed)
    }

    /// Takes the next answer, copied out of the shared memory to the end of `into`; returns
    /// `true` if there was one. `most` returns the largest size in bytes of a large answer.
    pub fn take_answer(
        &mut self,
        into: &mut Vec<u8>,
        most: impl FnOnce() -> u64,
    ) -> Result<bool, Violation> {
        // Answers that were seen to be sound stay sound: the words are read again when all
        // these answers are taken.
        if self.sound == self.consumed {
            if !self.has_answer() || self.outstanding()?.answered == 0 {
                return Ok(false);
            }
            self.sound = self.published;
        }
        let place = self
            .ring
            .place(Lane::Answers, self.consumed)
            .ok_or(Violation("an answer lies outside its arena"))?;
        let len = place.len();
        if len > LARGE_PAYLOAD && len as u64 > most() {
            return Err(Violation("an answer is larger than its task's may be"));
        }
        self.reached = self.reached.max(place.end);
        // A length that no memory is left for is an error, not the end of this program.
        into.try_reserve(len)
            .map_err(|_| Violation("there is no memory for its answer"))?;
        self.ring.take(Lane::Answers, place, into);
        self.consumed = self.consumed.wrapping_add(1);
        self.arena.free_oldest();
        let waiting = self.consumed.wrapping_sub(self.freed);
        if self.sound == self.consumed || waiting >= FREED_AT_ONCE || len >= FREED_SOON {
            self.freed = self.consumed;
            self.ring.consumed().store(self.consumed, Ordering::Release);
        }
        Ok(true)
    }

    /// Returns `true` if the ring takes more memory than a quiet one needs.
    pub fn holds_much(&self) -> bool {
        self.reached > LARGE_PAYLOAD
    }

    /// Gives a part of that memory back. No task may be on its way.
    pub fn give_back(&mut self) {
        // From the end, and so that parts begin at page boundaries.
        let end = self.reached.next_multiple_of(GIVEN_BACK_AT_ONCE).min(ARENA);
        let start = end.saturating_sub(GIVEN_BACK_AT_ONCE).max(LARGE_PAYLOAD);
        for lane in [Lane::Tasks, Lane::Answers] {
            self.ring.give_back(lane, start..end);
        }
        self.reached = start;
    }

    /// Wakes the worker if it sleeps: after sending, and after answers were
    /// taken from a ring that was full of them.
    pub fn wake(&self) {
        sleep::wake(self.ring.worker_sleeps());
    }

    /// Announces that the host is about to sleep until there are `until` answers; it must
    /// look for them once more afterwards.
    pub fn announce_sleep(&self, until: u32) {
        let wants = self.consumed.wrapping_add(until);
        self.ring.host_wants().store(wants, Ordering::Relaxed);
        sleep::announce(self.ring.host_sleeps());
    }

    /// Announces that a thread is about to [`Nap`] until there is an answer.
    pub fn announce_nap(&self) -> Nap {
        let wants = self.consumed.wrapping_add(1);
        self.ring.host_wants().store(wants, Ordering::Relaxed);
        sleep::announce_nap(self.ring.host_sleeps());
        Nap(Arc::clone(&self.ring))
    }

    /// Returns `true` if `count` answers seem to be there.
    pub fn has_answers(&mut self, count: u32) -> bool {
        // An answer that was taken back is found out by the next taker.
        self.read_published().map_or(true, |published| {
            published.wrapping_sub(self.consumed) >= count
        })
    }

    /// Announces that the host is awake and needs no ringing.
    pub fn announce_awake(&self) {
        sleep::announce_awake(self.ring.host_sleeps());
    }
}

#[cfg(any(test, fuzzing))]
impl HostEnd {
    /// Sends one task.
    pub fn send(&mut self, payload: &[u8]) -> Result<(), SendError> {
        match self.fill(&[payload]) {
            true => Ok(self.offer()?),
            false => Err(SendError::Full),
        }
    }
}

/// A thread's sleep until the worker itself wakes it.
pub struct Nap(Arc<Ring>);

impl Nap {
    /// Sleeps for `at_most` this long.
    pub fn sleep(self, at_most: Duration) {
        sleep::nap(self.0.host_sleeps(), at_most);
    }
}

/// The tasks at a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outstanding {
    /// The number of answers that wait to be taken.
    pub answered: u32,
    /// `true` if a task is claimed and not answered.
    pub running: bool,
    /// The number of tasks that are not claimed.
    pub unclaimed: u32,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ring::RING_SIZE;
    use crate::sleep::Spin;
    use crate::worker_end::WorkerEnd;
    use proptest::prelude::*;
    use sandpool_sys::{EventFd, Mapping, memfd_sized};

    /// Returns both ends of one ring, and the ring itself for a worker that writes
    /// anything.
    fn ends() -> (HostEnd, WorkerEnd, Ring) {
        let file = memfd_sized("test", RING_SIZE as u64).expect("memfd");
        let ring = || Ring::new(Mapping::new(&file, RING_SIZE).expect("map"));
        let bell = EventFd::new().expect("eventfd");
        (
            HostEnd::new(ring()),
            WorkerEnd::new(ring(), bell.into(), Spin::new(true)),
            ring(),
        )
    }

    fn answer(host: &mut HostEnd) -> Result<Option<Vec<u8>>, Violation> {
        let mut payload = Vec::new();
        let taken = host.take_answer(&mut payload, || u64::MAX)?;
        Ok(taken.then_some(payload))
    }

    fn claimed(worker: &mut WorkerEnd) -> Option<Vec<u8>> {
        let mut payload = Vec::new();
        worker.claim(&mut payload).then_some(payload)
    }

    fn move_head(ring: &Ring, head: u32) {
        let claim = Claim::from_word(ring.claim().load(Ordering::Relaxed));
        ring.claim()
            .store(Claim { head, ..claim }.word(), Ordering::Relaxed);
    }

    #[test]
    fn a_task_is_claimed_or_taken_back_and_never_both() {
        let (mut host, mut worker, _) = ends();
        for payload in [b"a", b"b", b"c"] {
            host.send(payload).expect("room");
        }
        assert_eq!(claimed(&mut worker).as_deref(), Some(&b"a"[..]));
        assert_eq!(host.take_back(), Ok(2));
        assert_eq!(claimed(&mut worker), None);
        host.send(b"d").expect("room");
        worker.publish(&[b"A"]);
        assert_eq!(claimed(&mut worker).as_deref(), Some(&b"d"[..]));
        assert_eq!(answer(&mut host), Ok(Some(b"A".to_vec())));
        assert_eq!(answer(&mut host), Ok(None));
        let outstanding = host.outstanding().expect("honest");
        assert!(outstanding.running && outstanding.unclaimed == 0);
    }

    #[test]
    fn answers_outlive_their_worker() {
        let (mut host, mut worker, _) = ends();
        host.send(b"a").expect("room");
        host.send(b"b").expect("room");
        assert!(claimed(&mut worker).is_some());
        worker.publish(&[b"A"]);
        assert!(claimed(&mut worker).is_some());
        drop(worker);
        assert_eq!(answer(&mut host), Ok(Some(b"A".to_vec())));
        assert!(host.outstanding().expect("honest").running);
    }

    #[test]
    fn a_full_ring_says_so_and_has_room_again_after_an_answer() {
        let (mut host, mut worker, _) = ends();
        for _ in 0..SLOTS {
            host.send(b"x").expect("room");
        }
        assert_eq!(host.send(b"x"), Err(SendError::Full));
        assert!(claimed(&mut worker).is_some());
        worker.publish(&[b"X"]);
        assert_eq!(host.send(b"x"), Err(SendError::Full));
        assert!(answer(&mut host).expect("honest").is_some());
        assert_eq!(host.send(b"x"), Ok(()));
    }

    #[test]
    fn claims_that_go_backwards_or_past_the_tasks_are_violations() {
        let (mut host, mut worker, ring) = ends();
        host.send(b"a").expect("room");
        host.send(b"b").expect("room");
        assert!(claimed(&mut worker).is_some());
        host.outstanding().expect("honest");
        move_head(&ring, 0);
        assert!(host.outstanding().is_err());
        move_head(&ring, 3);
        assert!(host.outstanding().is_err());
        assert!(matches!(host.send(b"c"), Err(SendError::Violation(_))));
    }

    #[test]
    fn claiming_two_at_once_is_a_violation() {
        let (mut host, _, ring) = ends();
        host.send(b"a").expect("room");
        host.send(b"b").expect("room");
        move_head(&ring, 2);
        assert!(host.outstanding().is_err());
    }

    #[test]
    fn moving_the_tail_is_a_violation() {
        let (mut host, _, ring) = ends();
        host.send(b"a").expect("room");
        ring.claim()
            .store(Claim { head: 0, tail: 2 }.word(), Ordering::Relaxed);
        assert!(host.outstanding().is_err());
        assert!(host.take_back().is_err());
    }

    #[test]
    fn answering_what_was_never_claimed_is_a_violation() {
        let (mut host, mut worker, _) = ends();
        host.send(b"a").expect("room");
        worker.publish(&[b"A"]);
        assert!(answer(&mut host).is_err());
    }

    #[test]
    fn an_answer_that_was_seen_and_is_taken_back_is_a_violation() {
        let (mut host, mut worker, ring) = ends();
        host.send(b"a").expect("room");
        assert!(claimed(&mut worker).is_some());
        worker.publish(&[b"A"]);
        assert!(host.has_answer());
        ring.published().store(0, Ordering::Relaxed);
        assert!(host.has_answer(), "it is looked at, and found out");
        assert!(answer(&mut host).is_err());
    }

    #[test]
    fn an_answer_outside_its_arena_is_a_violation() {
        let (mut host, mut worker, ring) = ends();
        host.send(b"a").expect("room");
        assert!(claimed(&mut worker).is_some());
        worker.publish(&[b"A"]);
        ring.write_slot(Lane::Answers, 0, u64::MAX);
        assert!(answer(&mut host).is_err());
    }

    proptest! {
        #[test]
        fn sequence_numbers_wrap_and_payloads_arrive_whole(
            start in prop_oneof![Just(0u32), Just(u32::MAX - 3), any::<u32>()],
            sizes in proptest::collection::vec(0usize..5000, 1..60),
        ) {
            let (mut host, mut worker, ring) = ends();
            let claim = Claim { head: start, tail: start };
            ring.claim().store(claim.word(), Ordering::Relaxed);
            ring.published().store(start, Ordering::Relaxed);
            ring.consumed().store(start, Ordering::Relaxed);
            (host.head, host.tail, host.filled) = (start, start, start);
            (host.consumed, host.published) = (start, start);
            (host.sound, host.freed) = (start, start);
            worker.start_at_for_test(start);
            for (i, size) in sizes.into_iter().enumerate() {
                let payload = vec![i as u8; size];
                host.send(&payload).expect("room");
                prop_assert_eq!(claimed(&mut worker), Some(payload.clone()));
                worker.publish(&[&payload]);
                prop_assert_eq!(answer(&mut host), Ok(Some(payload)));
            }
        }

        #[test]
        fn whatever_a_worker_writes_is_an_answer_or_a_violation(
            words in proptest::collection::vec((0usize..RING_SIZE / 8, any::<u64>()), 0..40),
            claim in any::<u64>(),
            published in any::<u32>(),
        ) {
            let (mut host, _, ring) = ends();
            host.send(b"a").expect("room");
            for (place, word) in words {
                ring.write_word(place * 8, word);
            }
            ring.claim().store(claim, Ordering::Relaxed);
            ring.published().store(published, Ordering::Relaxed);
            let _ = host.outstanding();
            let _ = answer(&mut host);
            let _ = host.take_back();
            let _ = host.send(b"b");
        }
    }
}
