//! Memory files: how payloads, modules and artifacts reach a process that may
//! open nothing. All of them are made and sealed by the host.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt;

use rustix::buffer::spare_capacity;
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create};
use rustix::process::{Resource, getrlimit};

use super::large_pages::expect_large;
use super::refused::explain;

/// A memory file whose contents can no longer change, for anybody.
#[derive(Debug)]
pub struct SealedMemory {
    file: File,
    len: u64,
}

impl SealedMemory {
    /// Bytes in the file.
    #[expect(clippy::len_without_is_empty, reason = "nobody asks")]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Hands over the whole contents, a piece at a time.
    pub fn pieces(&self, mut take: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        let mut piece = vec![0; 64 * 1024];
        let mut offset = 0;
        while offset < self.len {
            let read = self.file.read_at(&mut piece, offset)?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            take(&piece[..read])?;
            offset += read as u64;
        }
        Ok(())
    }

    /// The whole contents.
    pub fn read(&self) -> io::Result<Vec<u8>> {
        memfd_read_at(&self.file, self.len)
    }
}

impl From<SealedMemory> for OwnedFd {
    fn from(memory: SealedMemory) -> Self {
        memory.file.into()
    }
}

impl AsFd for SealedMemory {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

fn create(name: &str) -> io::Result<File> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    Ok(File::from(
        memfd_create(name, flags).map_err(explain("memfd_create"))?,
    ))
}

/// An empty memory file that may grow: a place for a child's output of a size
/// that is not known yet. [`seal_contents`] ends that.
pub fn memfd_growable(name: &str) -> io::Result<OwnedFd> {
    Ok(create(name)?.into())
}

/// A memory file of exactly `len` bytes, for good: neither side can make the
/// other's accesses fault by resizing it.
pub fn memfd_sized(name: &str, len: u64) -> io::Result<OwnedFd> {
    keep_to_limit(len)?;
    let file = create(name)?;
    ftruncate(&file, len)?;
    fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
    Ok(file.into())
}

/// To go beyond the limit of files ends this process with a signal, so it is looked
/// at first.
fn keep_to_limit(len: u64) -> io::Result<()> {
    let limit = getrlimit(Resource::Fsize).current;
    match limit.filter(|limit| *limit < len) {
        None => Ok(()),
        Some(limit) => Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("`ulimit -f` allows files of {limit} bytes, and it needs one of {len}"),
        )),
    }
}

/// A sealed memory file that holds `parts`, one after the other.
pub fn memfd_of(name: &str, parts: &[&[u8]]) -> io::Result<SealedMemory> {
    keep_to_limit(parts.iter().map(|part| part.len() as u64).sum())?;
    let mut file = create(name)?;
    for part in parts {
        file.write_all(part)?;
    }
    seal_contents(file.into())
}

/// Seals size and contents of a file made by [`memfd_growable`]. Fails while
/// anybody has it mapped writable.
pub fn seal_contents(file: OwnedFd) -> io::Result<SealedMemory> {
    fcntl_add_seals(
        &file,
        SealFlags::WRITE | SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL,
    )?;
    let file = File::from(file);
    let len = file.metadata()?.len();
    Ok(SealedMemory { file, len })
}

/// The first `len` bytes of a memory file, copied out.
pub fn memfd_read_at(file: &File, len: u64) -> io::Result<Vec<u8>> {
    let len = usize::try_from(len).map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory))?;
    let mut bytes = Vec::new();
    // A length that nobody has memory for is an error, not the end.
    bytes
        .try_reserve_exact(len)
        .map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory))?;
    expect_large(bytes.spare_capacity_mut());
    while bytes.len() < len {
        let offset = bytes.len() as u64;
        // The spare capacity is as long as was asked for, or longer.
        let read = rustix::io::pread(file, spare_capacity(&mut bytes), offset)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    bytes.truncate(len);
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sealed_contents_can_be_read_and_no_longer_written() {
        let sealed = memfd_of("test", &[b"one ", b"two"]).expect("memfd");
        assert_eq!(sealed.read().expect("read"), b"one two");
        assert_eq!(sealed.len(), 7);
        assert!(sealed.file.write_at(b"x", 0).is_err());
        assert!(sealed.file.set_len(1).is_err());
    }

    #[test]
    fn a_sized_file_can_be_written_and_not_resized() {
        let file = File::from(memfd_sized("test", 16).expect("memfd"));
        file.write_at(b"x", 15).expect("write inside");
        assert!(file.set_len(8).is_err());
        assert!(file.write_at(b"x", 16).is_err());
    }
}
