//! The descriptors of a process that is about to execute another program.

use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, RawFd};

use rustix::fs::{Mode, OFlags, RawDir};
use rustix::io::{Errno, FdFlags, fcntl_setfd};
use rustix::process::{Resource, getrlimit};

use super::refused::is_refusal;

/// The first behind the standard streams.
const FIRST: RawFd = 3;

/// So many descriptors are tried one by one, which takes a tenth of a second.
const MOST_TRIED: u64 = 1 << 20;

/// Marks all descriptors but the standard streams to be closed when this process
/// executes another program. Makes system calls alone, as a process has to that
/// shares its parent's memory.
pub(super) fn mark_all() -> Result<(), Errno> {
    // SAFETY: a plain system call without pointers.
    let marked = unsafe {
        libc::syscall(
            libc::SYS_close_range,
            FIRST,
            u32::MAX,
            libc::CLOSE_RANGE_CLOEXEC,
        )
    };
    if marked == 0 {
        return Ok(());
    }
    match Errno::from_io_error(&std::io::Error::last_os_error()) {
        // A profile that refuses it, or a kernel without it (before 5.9) or
        // without this flag of it (before 5.11).
        Some(error) if is_refusal(error) || error == Errno::INVAL => {
            mark_listed().or_else(|_| mark_possible(error))
        }
        error => Err(error.unwrap_or(Errno::IO)),
    }
}

/// Those that `/proc` lists.
fn mark_listed() -> Result<(), Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let folder = rustix::fs::open(c"/proc/self/fd", flags, Mode::empty())?;
    let mut buffer = [MaybeUninit::uninit(); 4096];
    let mut entries = RawDir::new(folder, &mut buffer);
    while let Some(entry) = entries.next() {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        let number = name.iter().try_fold(0, |number: RawFd, digit| {
            let digit = digit.is_ascii_digit().then(|| RawFd::from(digit - b'0'))?;
            number.checked_mul(10)?.checked_add(digit)
        });
        if let Some(number) = number.filter(|number| *number >= FIRST) {
            mark(number)?;
        }
    }
    Ok(())
}

/// Every one that there can be, without `/proc`; `refused` if those are too many.
fn mark_possible(refused: Errno) -> Result<(), Errno> {
    let limit = getrlimit(Resource::Nofile);
    // A limit that was lowered closes nothing, so the upper one counts.
    let most = limit.maximum.filter(|most| *most <= MOST_TRIED);
    let most = RawFd::try_from(most.ok_or(refused)?).map_err(|_| refused)?;
    (FIRST..most).try_for_each(mark)
}

fn mark(number: RawFd) -> Result<(), Errno> {
    // SAFETY: the number is not -1; what is not open answers EBADF, and what is
    // stays open.
    let descriptor = unsafe { BorrowedFd::borrow_raw(number) };
    match fcntl_setfd(descriptor, FdFlags::CLOEXEC) {
        Ok(()) | Err(Errno::BADF) => Ok(()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsRawFd;

    fn is_marked(number: RawFd) -> bool {
        // SAFETY: the callers keep the descriptor open.
        let descriptor = unsafe { BorrowedFd::borrow_raw(number) };
        let flags = rustix::io::fcntl_getfd(descriptor).expect("it is open");
        flags.contains(FdFlags::CLOEXEC)
    }

    #[test]
    fn every_way_finds_a_descriptor_that_a_library_left_open() {
        type Way = fn() -> Result<(), Errno>;
        let ways: [Way; 3] = [mark_all, mark_listed, || mark_possible(Errno::PERM)];
        for way in ways {
            let left = rustix::fs::open(c"/", OFlags::RDONLY, Mode::empty()).expect("opened");
            assert!(!is_marked(left.as_raw_fd()));
            way().expect("all are marked");
            assert!(is_marked(left.as_raw_fd()));
        }
    }
}
