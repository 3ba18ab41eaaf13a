//! Memory that was freed, and is kept for a while by a process that will want it
//! again: to get 64 MiB of fresh pages takes several times as long as to fill them.

#[cfg(target_env = "gnu")]
pub(crate) use gnu::{give_back, keep_freed};

#[cfg(target_env = "gnu")]
mod gnu {
    /// From now on this process keeps so many freed bytes, also of large blocks,
    /// until [`give_back`].
    pub(crate) fn keep_freed(bytes: u32) {
        let bytes = bytes.min(i32::MAX as u32).cast_signed();
        // SAFETY: these set numbers in the allocator, which takes its own lock.
        unsafe {
            // Large blocks come from the heap too; one of their own goes back to
            // the system as soon as it is freed.
            libc::mallopt(libc::M_MMAP_MAX, 0);
            libc::mallopt(libc::M_TRIM_THRESHOLD, bytes);
        }
    }

    /// Gives freed memory back to the system.
    pub(crate) fn give_back() {
        // SAFETY: it gives back only what is free, under the allocator's lock.
        unsafe { libc::malloc_trim(0) };
    }
}

/// Other C libraries keep what they keep.
#[cfg(not(target_env = "gnu"))]
pub(crate) fn keep_freed(_bytes: u32) {}

#[cfg(not(target_env = "gnu"))]
pub(crate) fn give_back() {}
