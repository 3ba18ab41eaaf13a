//! Waking a process that sleeps: futexes for workers (they wait for one thing),
//! an eventfd for the host (it waits for many).

use std::io::{self, IoSliceMut};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::io::{ReadWriteFlags, preadv2};
use rustix::thread::futex;

use super::refused::is_refusal;

/// For `preadv2`: where the file is, as plain `read` does.
const NO_OFFSET: u64 = u64::MAX;

/// Sleeps until `word` no longer holds `expected`, somebody calls
/// [`futex_wake`], or `timeout` has passed; may also return for no reason.
pub fn futex_wait(word: &AtomicU32, expected: u32, timeout: Option<Duration>) {
    let timeout = timeout.map(|t| futex::Timespec {
        tv_sec: i64::try_from(t.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(t.subsec_nanos()),
    });
    // No PRIVATE flag: the word is in memory that two processes share. Every
    // way to return (woken, changed, timed out, interrupted) makes the caller
    // look again, so the result says nothing more.
    let _ = futex::wait(word, futex::Flags::empty(), expected, timeout.as_ref());
}

/// Wakes the thread that sleeps on `word`, in any process.
pub fn futex_wake(word: &AtomicU32) {
    let _ = futex::wake(word, futex::Flags::empty(), u32::MAX >> 1);
}

/// A descriptor that can be rung and that becomes readable when it is.
#[derive(Debug)]
pub struct EventFd(OwnedFd);

impl EventFd {
    /// Makes one that nobody has rung.
    pub fn new() -> io::Result<Self> {
        Ok(EventFd(eventfd(
            0,
            EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK,
        )?))
    }

    /// Takes over one that came from another process.
    pub fn from_fd(fd: OwnedFd) -> Self {
        EventFd(fd)
    }

    /// Makes the descriptor readable. Ringing one that is already rung is free
    /// of effect, so failure (a counter that is full) is none.
    pub fn ring(&self) {
        let _ = rustix::io::write(&self.0, &1u64.to_ne_bytes());
    }

    /// Makes the descriptor unreadable again. Never waits, whatever the other
    /// side does: it shares the descriptor's flags, so it can make the bell a
    /// blocking one and take a ring away between the poll and this call. Hence
    /// a read that says for itself that it does not wait.
    pub fn clear(&self) {
        let mut counter = [0u8; 8];
        let mut parts = [IoSliceMut::new(&mut counter)];
        let cleared = preadv2(&self.0, &mut parts, NO_OFFSET, ReadWriteFlags::NOWAIT);
        if cleared.is_err_and(is_refusal) {
            self.clear_by_flag();
        }
    }

    /// Where a container's profile refuses the call that does not wait: made a bell
    /// that does not, in the very moment before it is read.
    fn clear_by_flag(&self) {
        let mut counter = [0u8; 8];
        let mut rung = [PollFd::new(&self.0, PollFlags::IN)];
        let is_rung = poll(&mut rung, Some(&Timespec::default())) == Ok(1);
        if is_rung && rustix::io::ioctl_fionbio(&self.0, true).is_ok() {
            let _ = rustix::io::read(&self.0, &mut counter);
        }
    }
}

impl AsFd for EventFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rings(bell: &EventFd) -> bool {
        let mut ready = [PollFd::new(bell, PollFlags::IN)];
        poll(&mut ready, Some(&rustix::event::Timespec::default())).expect("polled") == 1
    }

    #[test]
    fn a_bell_is_cleared_without_waiting_even_if_it_was_made_a_blocking_one() {
        let bell = EventFd::new().expect("eventfd");
        bell.ring();
        bell.ring();
        assert!(rings(&bell));
        bell.clear();
        assert!(!rings(&bell));
        for clear in [EventFd::clear, EventFd::clear_by_flag] {
            rustix::io::ioctl_fionbio(&bell, false).expect("now it blocks");
            clear(&bell);
            bell.ring();
            rustix::io::ioctl_fionbio(&bell, false).expect("now it blocks");
            clear(&bell);
            assert!(!rings(&bell));
        }
    }
}
