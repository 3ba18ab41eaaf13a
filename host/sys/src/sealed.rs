//! Memory that nobody can write any more, mapped to be read in place.

use std::io;
use std::os::fd::AsFd;
use std::ptr::NonNull;

use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

/// A mapping of a memory file whose contents are sealed.
#[derive(Debug)]
pub struct SealedMapping {
    start: NonNull<u8>,
    len: usize,
}

// SAFETY: the mapping is plain memory that belongs to no thread, and nobody
// writes it.
unsafe impl Send for SealedMapping {}

impl SealedMapping {
    /// Maps the first `len` bytes of a memory file of at least that size that is
    /// sealed against writing and shrinking, as the host sends them. A worker
    /// cannot ask whether it is: it may make no such call any more.
    pub fn new(file: impl AsFd, len: u64) -> io::Result<Self> {
        let len = usize::try_from(len).map_err(io::Error::other)?;
        // SAFETY: a null address lets the kernel choose where, so no existing
        // mapping is replaced; length and protection need no precondition.
        let start = unsafe {
            mmap(
                std::ptr::null_mut(),
                len,
                ProtFlags::READ,
                MapFlags::PRIVATE.union(MapFlags::POPULATE),
                file,
                0,
            )?
        };
        let start = NonNull::new(start.cast()).ok_or_else(|| io::Error::other("mapped at null"))?;
        Ok(SealedMapping { start, len })
    }

    /// The contents, which nobody can change any more.
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: `len` bytes from `start` are mapped readable for as long as
        // `self` lives, lie inside the file (`new` asks for it, and it
        // cannot shrink), and nobody can write them any more (it is sealed).
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }
}

impl Drop for SealedMapping {
    fn drop(&mut self) {
        // SAFETY: exactly the range that `new` mapped, and no reference into it
        // outlives `self`.
        let _ = unsafe { munmap(self.start.as_ptr().cast(), self.len) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memfd_of;

    #[test]
    fn sealed_contents_are_read_in_place() {
        let sealed = memfd_of("test", &[b"one ", b"two"]).expect("memfd");
        let mapping = SealedMapping::new(&sealed, sealed.len()).expect("mapped");
        drop(sealed);
        assert_eq!(mapping.bytes(), b"one two");
    }
}
