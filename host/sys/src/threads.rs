//! A check whether a process has threads other than the calling one.

use std::io;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::thread::UnshareFlags;

use super::refused::{explain, is_refusal};

/// A thread that was joined may still be in the kernel's list for a moment.
const LEAVING: Duration = Duration::from_millis(50);

/// Returns whether this process has no thread but this one.
///
/// # Errors
/// If there is nobody to tell: the call that asks is refused, and there is no
/// `/proc`.
pub fn is_only_thread() -> io::Result<bool> {
    let deadline = Instant::now() + LEAVING;
    loop {
        let alone = ask()?;
        if alone || Instant::now() >= deadline {
            return Ok(alone);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn ask() -> io::Result<bool> {
    // SAFETY: a process with one thread has nobody to share its memory with, so
    // there is nothing to unshare and the call changes nothing; in any other it
    // answers with an error.
    match unsafe { rustix::thread::unshare_unsafe(SHARED_MEMORY) } {
        Ok(()) => Ok(true),
        Err(Errno::INVAL) => Ok(false),
        // Old profiles of containers refuse it to whoever may make no namespaces.
        Err(error) if is_refusal(error) => listed().ok_or_else(|| explain("unshare")(error)),
        Err(error) => Err(error.into()),
    }
}

const SHARED_MEMORY: UnshareFlags = UnshareFlags::from_bits_retain(libc::CLONE_VM as u32);

fn listed() -> Option<bool> {
    let threads = std::fs::read_dir("/proc/self/task").ok()?;
    Some(threads.take(2).count() == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_with_threads_is_found_out_with_and_without_proc() {
        // The test harness runs this test on a thread of its own.
        assert!(!is_only_thread().expect("asked"));
        assert_eq!(listed(), Some(false));
    }
}
