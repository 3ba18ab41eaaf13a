//! Large pages for memory that is about to be filled: to get 64 MiB of small ones
//! takes longer than to fill them.

use std::mem::MaybeUninit;

use rustix::mm::{Advice, madvise};

/// Bytes of a large page, on all that this runs on.
const LARGE_PAGE: usize = 2 * 1024 * 1024;

/// Asks for large pages for memory that is about to be filled.
pub(super) fn expect_large(memory: &mut [MaybeUninit<u8>]) {
    let range = memory.as_mut_ptr_range();
    let start = range.start.addr().next_multiple_of(LARGE_PAGE);
    let end = range.end.addr() / LARGE_PAGE * LARGE_PAGE;
    if start >= end {
        return;
    }
    let start = range.start.with_addr(start);
    // SAFETY: the pages from `start` to `end` lie inside of `memory`, which is
    // borrowed for writing, and this advice changes nothing of what is in them.
    let _ = unsafe { madvise(start.cast(), end - start.addr(), Advice::LinuxHugepage) };
}
