//! Memory that the host and one worker have mapped both.
//!
//! The other side may write at any time, so nobody ever gets a reference to
//! plain bytes in here: control words are atomics, and contents are copied in
//! and out word by word with atomic accesses.

use std::io;
use std::os::fd::AsFd;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};

use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap, munmap};
use rustix::param::page_size;

use super::large_pages::expect_large;

/// A shared, writable mapping of a memory file.
#[derive(Debug)]
pub struct Mapping {
    start: NonNull<u8>,
    len: usize,
}

// SAFETY: the mapping is plain memory that belongs to no thread, and every
// access to it goes through atomics.
unsafe impl Send for Mapping {}
// SAFETY: as above; two threads that use the same mapping only do atomic
// accesses.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps the first `len` bytes of `file`, which must be a memory file of at
    /// least that size that is sealed against shrinking, or a later access
    /// would be a SIGBUS.
    pub fn new(file: impl AsFd, len: usize) -> io::Result<Self> {
        // SAFETY: a null address lets the kernel choose where, so no existing
        // mapping is replaced; length and protection need no precondition.
        let start = unsafe {
            mmap(
                std::ptr::null_mut(),
                len,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::SHARED,
                file,
                0,
            )?
        };
        let start = NonNull::new(start.cast()).ok_or_else(|| io::Error::other("mapped at null"))?;
        Ok(Mapping { start, len })
    }

    /// The 32-bit word at `offset`.
    ///
    /// # Panics
    /// If `offset` is out of bounds or unaligned; offsets of words are
    /// constants of the layout, never read from shared memory.
    pub fn word32(&self, offset: usize) -> &AtomicU32 {
        assert!(offset.is_multiple_of(4) && offset + 4 <= self.len);
        // SAFETY: in bounds (checked), aligned (checked, and mappings start at
        // a page), mapped for as long as `self` lives, only accessed
        // atomically.
        unsafe { AtomicU32::from_ptr(self.start.as_ptr().add(offset).cast()) }
    }

    /// The 64-bit word at `offset`.
    ///
    /// # Panics
    /// As [`Mapping::word32`].
    pub fn word64(&self, offset: usize) -> &AtomicU64 {
        assert!(offset.is_multiple_of(8) && offset + 8 <= self.len);
        // SAFETY: as in `word32`, with 8 bytes.
        unsafe { AtomicU64::from_ptr(self.start.as_ptr().add(offset).cast()) }
    }

    /// `count` words from `offset` on.
    ///
    /// # Panics
    /// As [`Mapping::word64`].
    fn words(&self, offset: usize, count: usize) -> &[AtomicU64] {
        if count == 0 {
            return &[];
        }
        let bytes = count.saturating_mul(8);
        assert!(offset.is_multiple_of(8) && self.contains(offset, bytes));
        // SAFETY: in bounds (checked), aligned (checked, and mappings start at a
        // page), mapped for as long as `self` lives,
        // only accessed atomically.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr().add(offset).cast(), count) }
    }

    fn byte(&self, offset: usize) -> &AtomicU8 {
        assert!(offset < self.len);
        // SAFETY: in bounds (checked), mapped for as long as `self` lives,
        // only accessed atomically.
        unsafe { AtomicU8::from_ptr(self.start.as_ptr().add(offset)) }
    }

    /// Returns whether `len` bytes from `offset` lie inside.
    pub fn contains(&self, offset: usize, len: usize) -> bool {
        offset.checked_add(len).is_some_and(|end| end <= self.len)
    }

    /// Appends `len` bytes from `offset` to `into`.
    ///
    /// # Panics
    /// If the range is not inside; callers check it first.
    pub fn copy_out(&self, offset: usize, len: usize, into: &mut Vec<u8>) {
        assert!(self.contains(offset, len));
        into.reserve(len);
        expect_large(&mut into.spare_capacity_mut()[..len]);
        let (before, words) = split_at_words(offset, len);
        for i in offset..offset + before {
            into.push(self.byte(i).load(Ordering::Relaxed));
        }
        let start = offset + before;
        let (whole, last) = self.words(start, words).as_chunks::<8>();
        for words in whole {
            let words = words.each_ref().map(|word| word.load(Ordering::Relaxed));
            into.extend_from_slice(words.map(u64::to_ne_bytes).as_flattened());
        }
        for word in last {
            into.extend_from_slice(&word.load(Ordering::Relaxed).to_ne_bytes());
        }
        for i in start + words * 8..offset + len {
            into.push(self.byte(i).load(Ordering::Relaxed));
        }
    }

    /// Gives the pages that lie inside of this range back to the system: they read
    /// as zeros from then on, in every process that has them mapped.
    ///
    /// # Panics
    /// If the range is not inside.
    pub fn give_back(&self, offset: usize, len: usize) {
        assert!(self.contains(offset, len));
        let page = page_size();
        let start = offset.next_multiple_of(page);
        let end = (offset + len) / page * page;
        if start >= end {
            return;
        }
        // SAFETY: the range lies inside of the mapping (checked), and whoever
        // reads from it expects any contents at any time.
        let at = unsafe { self.start.as_ptr().add(start) };
        // SAFETY: as above. If it fails, the memory is only kept.
        let _ = unsafe { madvise(at.cast(), end - start, Advice::LinuxRemove) };
    }

    /// Writes `bytes` at `offset`.
    ///
    /// # Panics
    /// If they do not fit; callers allocate first.
    pub fn copy_in(&self, offset: usize, bytes: &[u8]) {
        assert!(self.contains(offset, bytes.len()));
        let (before, words) = split_at_words(offset, bytes.len());
        let (first, rest) = bytes.split_at(before);
        for (i, byte) in first.iter().enumerate() {
            self.byte(offset + i).store(*byte, Ordering::Relaxed);
        }
        let start = offset + before;
        let (whole, last) = rest.as_chunks::<8>();
        for (word, bytes) in self.words(start, words).iter().zip(whole) {
            word.store(u64::from_ne_bytes(*bytes), Ordering::Relaxed);
        }
        for (i, byte) in last.iter().enumerate() {
            self.byte(start + words * 8 + i)
                .store(*byte, Ordering::Relaxed);
        }
    }
}

/// Of `len` bytes at `offset`: how many come before the first whole word, and
/// how many words follow.
fn split_at_words(offset: usize, len: usize) -> (usize, usize) {
    let before = (offset.next_multiple_of(8) - offset).min(len);
    (before, (len - before) / 8)
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: exactly the range that `new` mapped, and no reference into
        // it outlives `self`.
        let _ = unsafe { munmap(self.start.as_ptr().cast(), self.len) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memfd_sized;

    #[test]
    fn what_is_copied_in_is_copied_out_at_every_length_and_place() {
        let file = memfd_sized("test", 4096).expect("memfd");
        let mapping = Mapping::new(&file, 4096).expect("map");
        for len in 0..40 {
            let bytes: Vec<u8> = (0..len).map(|i| i as u8 ^ 0x5a).collect();
            for offset in 60..70 {
                mapping.copy_in(offset, &bytes);
                let mut back = Vec::new();
                mapping.copy_out(offset, len, &mut back);
                assert_eq!(back, bytes);
            }
        }
    }

    #[test]
    fn ranges_past_the_end_and_past_overflow_are_outside() {
        let file = memfd_sized("test", 4096).expect("memfd");
        let mapping = Mapping::new(&file, 4096).expect("map");
        assert!(mapping.contains(4088, 8));
        assert!(!mapping.contains(4089, 8));
        assert!(!mapping.contains(usize::MAX, 8));
    }
}
