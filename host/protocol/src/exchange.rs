//! The memory through which a worker asks for shared objects: a byte stream each way, and
//! two words for decisions that need no request.
//!
//! A stream is written by one side and read by the other. Each side keeps its own count of
//! bytes in private memory, and believes the other's count only after it was compared with
//! that. A message is a length and that many bytes; it may be longer than the stream, and
//! then travels piece by piece.
//!
//! The *claim* word tells which of the items that were handed ahead the guest has received:
//! the worker moves `head`, the host moves `tail` back. The *credit* word tells how many
//! items may be put without waiting for a reply: the worker moves `head` for each, the host
//! moves `tail` back. Both are [`Claim`]s, so that an item is received or taken back, and a
//! credit used or withdrawn, never both.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::Violation;
use super::request::MAX_REQUEST;
use super::ring::Claim;
use sandpool_sys::Mapping;

/// The size of each stream in bytes.
const STREAM: usize = 256 * 1024;

// Words that different sides write lie on different cache lines.
const WRITTEN: [usize; 2] = [0, 64];
const READ: [usize; 2] = [128, 192];
const HOST_SLEEPS: usize = 256;
const WORKER_SLEEPS: usize = 320;
const CLAIM: usize = 384;
const CREDIT: usize = 448;
const HOST_WAITS: usize = 512;
const WORKER_WAITS: usize = 576;
const BYTES: usize = 4096;

/// The size of the whole memory in bytes.
pub const EXCHANGE_SIZE: usize = BYTES + 2 * STREAM;

/// One of the two streams, by its direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    ToHost = 0,
    ToWorker = 1,
}

/// The shared memory, with a name for each of its words.
#[derive(Debug)]
pub struct Exchange {
    memory: Mapping,
}

impl Exchange {
    pub fn new(memory: Mapping) -> Self {
        Exchange { memory }
    }

    /// 1 while the host sleeps, or is about to.
    pub fn host_sleeps(&self) -> &AtomicU32 {
        self.memory.word32(HOST_SLEEPS)
    }

    /// 1 while the worker sleeps, or is about to; it sleeps on this word.
    pub fn worker_sleeps(&self) -> &AtomicU32 {
        self.memory.word32(WORKER_SLEEPS)
    }

    /// 1 while the host has bytes that found no room; for HTTP.
    pub fn host_waits(&self) -> &AtomicU32 {
        self.memory.word32(HOST_WAITS)
    }

    /// 1 while the worker has bytes that found no room; for HTTP.
    pub fn worker_waits(&self) -> &AtomicU32 {
        self.memory.word32(WORKER_WAITS)
    }

    fn written(&self, way: Way) -> &AtomicU32 {
        self.memory.word32(WRITTEN[way as usize])
    }

    fn read(&self, way: Way) -> &AtomicU32 {
        self.memory.word32(READ[way as usize])
    }

    fn start(way: Way) -> usize {
        BYTES + way as usize * STREAM
    }

    /// Claims `count` of the items that the host offers under this word, or nothing if
    /// there are fewer. Only the worker calls this.
    pub fn claim(&self, word: Word, count: u32) -> bool {
        let word = self.word(word);
        let mut before = word.load(Ordering::Acquire);
        loop {
            let claim = Claim::from_word(before);
            if claim.tail.wrapping_sub(claim.head) < count {
                return false;
            }
            let after = Claim {
                head: claim.head.wrapping_add(count),
                ..claim
            };
            match word.compare_exchange_weak(
                before,
                after.word(),
                Ordering::AcqRel,
                Ordering::Acquire,
            ) {
                Ok(_) => return true,
                Err(now) => before = now,
            }
        }
    }

    fn word(&self, word: Word) -> &AtomicU64 {
        self.memory.word64(match word {
            Word::Handed => CLAIM,
            Word::Credit => CREDIT,
        })
    }
}

/// The writes of a worker that was taken over: for tests, fuzzing and the hostile
/// worker.
#[cfg(any(test, fuzzing, debug_assertions))]
impl Exchange {
    /// Returns a claim word, to be changed at will.
    pub fn bare_word(&self, word: Word) -> &AtomicU64 {
        self.word(word)
    }

    /// Returns the written and the read count of a stream.
    pub fn bare_counts(&self, way: Way) -> [&AtomicU32; 2] {
        [self.written(way), self.read(way)]
    }

    /// Writes bytes anywhere into the stream to the host.
    #[cfg(any(test, fuzzing))]
    pub fn bare_bytes(&self, place: usize, bytes: &[u8]) {
        let place = place % (STREAM - bytes.len());
        self.memory.copy_in(Self::start(Way::ToHost) + place, bytes);
    }
}

/// One of the two claim words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// Items that were handed ahead.
    Handed,
    /// Items that may be put on credit.
    Credit,
}

/// The host's offer under a claim word, by its own count.
#[derive(Debug)]
pub struct Offer {
    word: Word,
    head: u32,
    tail: u32,
}

impl Offer {
    pub fn new(word: Word) -> Self {
        Offer {
            word,
            head: 0,
            tail: 0,
        }
    }

    /// Offers `count` items. The last offer is over: claimed, or taken back.
    pub fn offer(&mut self, exchange: &Exchange, count: u32) {
        self.head = self.tail;
        self.tail = self.tail.wrapping_add(count);
        let claim = Claim {
            head: self.head,
            tail: self.tail,
        };
        exchange
            .word(self.word)
            .store(claim.word(), Ordering::Release);
    }

    /// Takes back the unclaimed items, except for the first `owed` of the offer. Returns
    /// the number of items that stay: claimed or owed.
    pub fn take_back(&mut self, exchange: &Exchange, owed: u32) -> Result<u32, Violation> {
        let word = exchange.word(self.word);
        let offered = self.tail.wrapping_sub(self.head);
        // The worker may claim in between, which moves the head: at most as often as there
        // is something left.
        for _ in 0..=offered {
            let before = word.load(Ordering::Acquire);
            let claimed = self.check(before)?;
            let stays = claimed.max(owed.min(offered));
            let tail = self.head.wrapping_add(stays);
            let head = self.head.wrapping_add(claimed);
            let after = Claim { head, tail }.word();
            if word
                .compare_exchange(before, after, Ordering::AcqRel, Ordering::Relaxed)
                .is_ok()
            {
                self.tail = tail;
                return Ok(stays);
            }
        }
        Err(Violation("it keeps changing its claims"))
    }

    fn check(&self, word: u64) -> Result<u32, Violation> {
        let claim = Claim::from_word(word);
        let claimed = claim.head.wrapping_sub(self.head);
        if claim.tail != self.tail || claimed > self.tail.wrapping_sub(self.head) {
            return Err(Violation("it claimed more than it was offered"));
        }
        Ok(claimed)
    }
}

/// The writing end of a stream.
#[derive(Debug)]
pub struct StreamWriter {
    way: Way,
    written: u32,
    /// The last count that the other side was seen to have read.
    read: u32,
}

impl StreamWriter {
    pub fn new(way: Way) -> Self {
        StreamWriter {
            way,
            written: 0,
            read: 0,
        }
    }

    /// Returns `true` if the other side has read since there was no room.
    pub fn may_write_on(&self, exchange: &Exchange) -> bool {
        exchange.read(self.way).load(Ordering::Acquire) != self.read
    }

    /// Writes as many bytes as there is room for, and returns their number. The other side
    /// learns of them at once, unless it sleeps.
    pub fn write(&mut self, exchange: &Exchange, bytes: &[u8]) -> Result<usize, Violation> {
        let mut room = STREAM - self.written.wrapping_sub(self.read) as usize;
        if room < bytes.len() {
            let read = exchange.read(self.way).load(Ordering::Acquire);
            if self.written.wrapping_sub(read) > self.written.wrapping_sub(self.read) {
                return Err(Violation("it moved what it has read of a stream"));
            }
            self.read = read;
            room = STREAM - self.written.wrapping_sub(read) as usize;
        }
        let count = room.min(bytes.len());
        let (now, start) = (&bytes[..count], self.written as usize % STREAM);
        let (first, second) = now.split_at(count.min(STREAM - start));
        let base = Exchange::start(self.way);
        exchange.memory.copy_in(base + start, first);
        exchange.memory.copy_in(base, second);
        self.written = self.written.wrapping_add(count as u32);
        exchange
            .written(self.way)
            .store(self.written, Ordering::Release);
        Ok(count)
    }
}

/// The reading end of a stream, which assembles messages.
#[derive(Debug)]
pub struct StreamReader {
    way: Way,
    /// The size in bytes of the longest message that is taken.
    most: usize,
    read: u32,
    /// The bytes of messages that are not whole yet.
    begun: Vec<u8>,
    /// The position of the next message in `begun`.
    next: usize,
}

/// The number of bytes of a message's length.
const LENGTH: usize = 4;

impl StreamReader {
    pub fn new(way: Way) -> Self {
        Self::bounded(way, MAX_REQUEST)
    }

    /// Makes a reader that takes no message of more than `most` bytes.
    pub fn bounded(way: Way, most: usize) -> Self {
        StreamReader {
            way,
            most,
            read: 0,
            begun: Vec::new(),
            next: 0,
        }
    }

    /// Returns `true` if there are bytes to read; costs one load.
    pub fn has_more(&self, exchange: &Exchange) -> bool {
        exchange.written(self.way).load(Ordering::Acquire) != self.read || self.has_message()
    }

    fn has_message(&self) -> bool {
        let rest = &self.begun[self.next..];
        rest.first_chunk::<LENGTH>()
            .is_some_and(|length| rest.len() - LENGTH >= u32::from_le_bytes(*length) as usize)
    }

    /// Returns `true` if a message has begun and is not whole.
    pub fn is_in_the_middle(&self) -> bool {
        self.begun.len() > self.next && !self.has_message()
    }

    /// Takes in the bytes that are there, so that the other side has room again; returns
    /// their number.
    pub fn fill(&mut self, exchange: &Exchange) -> Result<usize, Violation> {
        let written = exchange.written(self.way).load(Ordering::Acquire);
        let count = written.wrapping_sub(self.read) as usize;
        if count > STREAM {
            return Err(Violation("it wrote more into a stream than there is room"));
        }
        if count == 0 {
            return Ok(0);
        }
        if self.next > 0 {
            self.begun.drain(..self.next);
            self.next = 0;
        }
        let start = self.read as usize % STREAM;
        let first = count.min(STREAM - start);
        let base = Exchange::start(self.way);
        exchange
            .memory
            .copy_out(base + start, first, &mut self.begun);
        exchange
            .memory
            .copy_out(base, count - first, &mut self.begun);
        self.read = written;
        exchange.read(self.way).store(written, Ordering::Release);
        Ok(count)
    }

    /// Returns the next message, if it is whole.
    pub fn message(&mut self) -> Result<Option<&[u8]>, Violation> {
        let rest = &self.begun[self.next..];
        let Some((length, rest)) = rest.split_first_chunk::<LENGTH>() else {
            return Ok(None);
        };
        let length = u32::from_le_bytes(*length) as usize;
        if length > self.most {
            return Err(Violation("it asks with more bytes than a request may have"));
        }
        if rest.len() < length {
            return Ok(None);
        }
        let start = self.next + LENGTH;
        self.next = start + length;
        Ok(Some(&self.begun[start..start + length]))
    }
}

/// Returns a message with its length, ready to be written.
pub fn framed<T: serde::Serialize>(message: &T) -> Vec<u8> {
    let bytes = postcard::to_extend(message, vec![0; LENGTH]);
    // Writing into a vector cannot fail, and our messages always encode.
    let mut bytes = bytes.unwrap_or_default();
    let length = (bytes.len() - LENGTH) as u32;
    bytes[..LENGTH].copy_from_slice(&length.to_le_bytes());
    bytes
}

#[cfg(test)]
mod tests;
