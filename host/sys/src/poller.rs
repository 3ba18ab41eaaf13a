//! Waiting for many descriptors at once.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::event::{Timespec, epoll};

/// A set of descriptors, each with a token. What a child process was given a
/// copy of has to be taken out: closing our copy alone does not do it.
#[derive(Debug)]
pub struct Poller(OwnedFd);

impl Poller {
    /// Makes one that waits for nothing yet.
    pub fn new() -> io::Result<Self> {
        Ok(Poller(epoll::create(epoll::CreateFlags::CLOEXEC)?))
    }

    /// Watches whether `fd` is readable.
    pub fn add(&self, fd: impl AsFd, token: u64) -> io::Result<()> {
        let data = epoll::EventData::new_u64(token);
        Ok(epoll::add(&self.0, fd, data, epoll::EventFlags::IN)?)
    }

    /// Watches `fd` no longer.
    pub fn remove(&self, fd: impl AsFd) {
        // One that is not in the set is as good as removed.
        let _ = epoll::delete(&self.0, fd);
    }

    /// Waits until some descriptor is ready, and puts the tokens of those that
    /// are into `ready`. An interrupted wait is one that found nothing.
    pub fn wait(&self, timeout: Option<Duration>, ready: &mut Vec<u64>) -> io::Result<()> {
        ready.clear();
        let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
        let mut events = [epoll::Event {
            flags: epoll::EventFlags::empty(),
            data: epoll::EventData::new_u64(0),
        }; 64];
        match epoll::wait(&self.0, &mut events, timeout.as_ref()) {
            Ok(count) => ready.extend(events[..count].iter().map(|event| event.data.u64())),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }
}
