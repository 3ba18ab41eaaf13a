//! Layout of the memory that the host shares with one worker, and the claim
//! word.
//!
//! Both rings count in 32-bit sequence numbers that wrap. The host sends task
//! `n` by filling slot `n % SLOTS` and moving the claim word's `tail` past it.
//! The worker claims it by moving `head` past it, runs it, publishes answer
//! `n`, and only then claims the next. The host takes tasks back that nobody
//! has claimed by moving `tail` back. Head and tail share one atomic word, so
//! a task is either claimed or taken back, never both.
//!
//! An answer stays in its slot when the worker dies. So exactly the task that
//! was claimed and not answered is lost.

use std::ops::Range;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::arena::MUCH;
use sandpool_sys::Mapping;

/// The number of tasks that can be on their way to one worker at once.
pub const SLOTS: u32 = 1024;

/// The number of bytes for the payloads of tasks, and as many for those of answers: two of
/// the largest, and some small ones. Only the written part takes memory, a quiet ring
/// writes to its start, and the pages that a large payload took are given back.
pub const ARENA: usize = 2 * (INLINE + MUCH);

/// The largest payload in bytes that travels in the ring: 64 MiB, and room for headers.
/// Larger ones have a memory file of their own; making one, and fresh pages for it, takes
/// five times as long as copying that many bytes.
pub const INLINE: usize = 64 * 1024 * 1024 + 128 * 1024;

/// The size in bytes above which a payload is large: no side keeps a buffer for the next,
/// and its part of the ring is given back when its worker has been idle for a while.
pub const LARGE_PAYLOAD: usize = 1024 * 1024 + 4096;

/// The number of bytes up to which a payload is assembled before it goes into the ring,
/// which is quicker than piece by piece.
pub const PUT_TOGETHER: usize = 4096;

const SLOT_SIZE: usize = 8;

// Words that different sides write lie on different cache lines.
const CLAIM: usize = 0;
const WORKER_SLEEPS: usize = 128;
const PUBLISHED: usize = 192;
const HOST_SLEEPS: usize = 256;
const CONSUMED: usize = 320;
const HOST_WANTS: usize = 324;
const TASK_SLOTS: usize = 4096;
const ANSWER_SLOTS: usize = TASK_SLOTS + SLOTS as usize * SLOT_SIZE;
const TASK_ARENA: usize = 20 * 1024;
const ANSWER_ARENA: usize = TASK_ARENA + ARENA;

/// The size of the whole memory in bytes.
pub const RING_SIZE: usize = ANSWER_ARENA + ARENA;

const _: () = assert!(ANSWER_SLOTS + SLOTS as usize * SLOT_SIZE <= TASK_ARENA);

/// One of the two rings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    Tasks,
    Answers,
}

/// The claim word: tasks before `head` are claimed, those from `head` to `tail` are
/// sent and free to be claimed or taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    pub head: u32,
    pub tail: u32,
}

impl Claim {
    pub fn from_word(word: u64) -> Self {
        Claim {
            head: word as u32,
            tail: (word >> 32) as u32,
        }
    }

    pub fn word(self) -> u64 {
        u64::from(self.head) | u64::from(self.tail) << 32
    }
}

/// The shared memory, with a name for each of its words.
#[derive(Debug)]
pub struct Ring {
    memory: Mapping,
}

impl Ring {
    pub fn new(memory: Mapping) -> Self {
        Ring { memory }
    }

    /// The claim word; see [`Claim`].
    pub fn claim(&self) -> &AtomicU64 {
        self.memory.word64(CLAIM)
    }

    /// 1 while the worker sleeps, or is about to; it sleeps on this word.
    pub fn worker_sleeps(&self) -> &AtomicU32 {
        self.memory.word32(WORKER_SLEEPS)
    }

    /// The number of answers that the worker has published.
    pub fn published(&self) -> &AtomicU32 {
        self.memory.word32(PUBLISHED)
    }

    /// 1 while the host sleeps, or is about to; 2 if one of its threads sleeps on
    /// this word.
    pub fn host_sleeps(&self) -> &AtomicU32 {
        self.memory.word32(HOST_SLEEPS)
    }

    /// The number of answers that the host has taken; the worker may reuse their memory.
    pub fn consumed(&self) -> &AtomicU32 {
        self.memory.word32(CONSUMED)
    }

    /// The number of published answers for which a sleeping host is woken.
    pub fn host_wants(&self) -> &AtomicU32 {
        self.memory.word32(HOST_WANTS)
    }

    fn slot(&self, lane: Lane, sequence: u32) -> &AtomicU64 {
        let base = match lane {
            Lane::Tasks => TASK_SLOTS,
            Lane::Answers => ANSWER_SLOTS,
        };
        self.memory
            .word64(base + (sequence % SLOTS) as usize * SLOT_SIZE)
    }

    fn arena(lane: Lane) -> usize {
        match lane {
            Lane::Tasks => TASK_ARENA,
            Lane::Answers => ANSWER_ARENA,
        }
    }

    /// Writes a payload, in pieces, into the arena, and its place into the slot.
    pub fn fill(&self, lane: Lane, sequence: u32, offset: usize, payload: &[&[u8]]) {
        let start = Self::arena(lane) + offset;
        let mut len = 0;
        for piece in payload {
            self.memory.copy_in(start + len, piece);
            len += piece.len();
        }
        let slot = offset as u64 | (len as u64) << 32;
        self.slot(lane, sequence).store(slot, Ordering::Relaxed);
    }

    /// Returns the place of a slot's payload in the arena; `None` if that is outside, or
    /// larger than a ring carries.
    pub fn place(&self, lane: Lane, sequence: u32) -> Option<Range<usize>> {
        let slot = self.slot(lane, sequence).load(Ordering::Relaxed);
        let offset = (slot & 0xffff_ffff) as usize;
        let len = (slot >> 32) as usize;
        let end = offset.checked_add(len)?;
        let fits = len <= INLINE + 64 && offset.is_multiple_of(8) && end <= ARENA;
        fits.then_some(offset..end)
    }

    /// Appends the payload at a [`Ring::place`] to `into`.
    pub fn take(&self, lane: Lane, place: Range<usize>, into: &mut Vec<u8>) {
        let start = Self::arena(lane) + place.start;
        self.memory.copy_out(start, place.len(), into);
    }

    /// Gives back the memory of a part of an arena. No payload may lie there.
    pub fn give_back(&self, lane: Lane, part: Range<usize>) {
        self.memory
            .give_back(Self::arena(lane) + part.start, part.len());
    }
}

/// The writes of a worker that was taken over: for tests, fuzzing and the hostile
/// worker.
#[cfg(any(test, fuzzing, debug_assertions))]
impl Ring {
    /// Writes any slot.
    pub fn write_slot(&self, lane: Lane, sequence: u32, slot: u64) {
        self.slot(lane, sequence).store(slot, Ordering::Relaxed);
    }

    /// Writes any word.
    pub fn write_word(&self, offset: usize, word: u64) {
        self.memory.word64(offset).store(word, Ordering::Relaxed);
    }
}
