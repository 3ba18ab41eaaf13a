//! The control socket: messages with their boundaries kept, and descriptors
//! that travel with them, from the host only.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixDatagram;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags,
    SendAncillaryBuffer, SendAncillaryMessage, SendFlags, Shutdown, SocketFlags, SocketType,
    recvmsg, sendmsg, shutdown, socketpair,
};

/// The most bytes in one message.
pub const MAX_MESSAGE: usize = 64 * 1024;

/// The most descriptors in one message: granted directories, and what a child
/// needs besides.
pub const MAX_DESCRIPTORS: usize = 80;

/// One end of a sequenced-packet socket pair.
#[derive(Debug)]
pub struct ControlSocket(OwnedFd);

/// The result of [`ControlSocket::receive`].
#[derive(Debug)]
pub enum Received {
    /// A message of this many bytes, and the descriptors that came with it.
    Message(usize, Vec<OwnedFd>),
    /// The other end is closed.
    HungUp,
    /// Nothing is there, and the call was not to wait.
    Nothing,
}

impl ControlSocket {
    /// Makes the two ends.
    pub fn pair() -> io::Result<(Self, Self)> {
        let (a, b) = socketpair(
            AddressFamily::UNIX,
            SocketType::SEQPACKET,
            SocketFlags::CLOEXEC,
            None,
        )?;
        Ok((ControlSocket(a), ControlSocket(b)))
    }

    /// Takes over an end that came from another process.
    pub fn from_fd(fd: OwnedFd) -> Self {
        ControlSocket(fd)
    }

    /// Sends one message. With `wait` false a full socket is `WouldBlock`.
    pub fn send(&self, message: &[u8], fds: &[BorrowedFd<'_>], wait: bool) -> io::Result<()> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        if !fds.is_empty() && !ancillary.push(SendAncillaryMessage::ScmRights(fds)) {
            return Err(io::Error::other("too many descriptors for one message"));
        }
        let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
        loop {
            match sendmsg(&self.0, &[IoSlice::new(message)], &mut ancillary, flags) {
                Ok(_) => return Ok(()),
                Err(rustix::io::Errno::INTR) => {}
                // The descriptor itself may be non-blocking (an event loop of
                // this process wants it so), so waiting is done here.
                Err(rustix::io::Errno::AGAIN) if wait => self.wait_writable()?,
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Closes the channel for both ends, while this one stays open.
    pub fn hang_up(&self) {
        // It fails only where the other end is gone.
        let _ = shutdown(&self.0, Shutdown::Both);
    }

    /// Returns whether the other end is closed.
    pub fn is_hung_up(&self) -> bool {
        let mut ready = [PollFd::new(&self.0, PollFlags::empty())];
        let now = rustix::event::Timespec::default();
        let polled = rustix::io::retry_on_intr(|| poll(&mut ready, Some(&now)));
        polled.is_ok() && ready[0].revents().contains(PollFlags::HUP)
    }

    fn wait_writable(&self) -> io::Result<()> {
        let mut ready = [PollFd::new(&self.0, PollFlags::OUT)];
        rustix::io::retry_on_intr(|| poll(&mut ready, None))?;
        Ok(())
    }

    /// The same socket for an event loop, with a descriptor of its own that
    /// does not block. Neither does this one from then on; sends wait all the
    /// same.
    pub fn for_event_loop(&self) -> io::Result<UnixDatagram> {
        let socket = UnixDatagram::from(self.0.try_clone()?);
        socket.set_nonblocking(true)?;
        Ok(socket)
    }

    /// Receives one message into `buffer`, of [`MAX_MESSAGE`] bytes. A message
    /// that was cut short, or had too many descriptors, is an error.
    pub fn receive(&self, buffer: &mut [u8], wait: bool) -> io::Result<Received> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
        self.receive_with(buffer, wait, &mut space)
    }

    /// As [`ControlSocket::receive`] without waiting, with no room for
    /// descriptors: what the host uses, which takes none from a child (the
    /// kernel drops those that are sent all the same).
    pub fn receive_bytes(&self, buffer: &mut [u8]) -> io::Result<Received> {
        self.receive_with(buffer, false, &mut [])
    }

    fn receive_with(
        &self,
        buffer: &mut [u8],
        wait: bool,
        space: &mut [MaybeUninit<u8>],
    ) -> io::Result<Received> {
        let takes_none = space.is_empty();
        let mut ancillary = RecvAncillaryBuffer::new(space);
        let mut flags = RecvFlags::CMSG_CLOEXEC;
        if !wait {
            flags |= RecvFlags::DONTWAIT;
        }
        let received = rustix::io::retry_on_intr(|| {
            recvmsg(
                &self.0,
                &mut [IoSliceMut::new(buffer)],
                &mut ancillary,
                flags,
            )
        });
        let message = match received {
            Ok(message) => message,
            Err(rustix::io::Errno::AGAIN) => return Ok(Received::Nothing),
            Err(rustix::io::Errno::CONNRESET) => return Ok(Received::HungUp),
            Err(error) => return Err(error.into()),
        };
        // The host takes none, and leaves what is sent all the same unread.
        let lost = message.flags.contains(ReturnFlags::CTRUNC) && !takes_none;
        if lost {
            return Err(io::Error::other(
                "descriptors of a control message were lost",
            ));
        }
        if message.flags.contains(ReturnFlags::TRUNC) {
            return Err(io::Error::other("a control message is too long"));
        }
        let mut fds = Vec::new();
        for part in ancillary.drain() {
            if let RecvAncillaryMessage::ScmRights(rights) = part {
                fds.extend(rights);
            }
        }
        // Our messages are never empty, so nothing received is end of file.
        if message.bytes == 0 {
            return Ok(Received::HungUp);
        }
        Ok(Received::Message(message.bytes, fds))
    }
}

impl AsFd for ControlSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
