//! Passes the host's own standard input on to guests. It is read only when the first guest
//! asks for it, since input that nobody asks for is not ours to take.
//!
//! Guests read from a socket and not from a pipe: a pipe can only end, and input that
//! cannot be read must not look like input that has ended. A socket whose other end is
//! closed with something unread in it fails with `ECONNRESET`, once all that was sent has
//! been read. So the socket holds a byte from the beginning, which is taken out only where
//! the input has come to its end.

use std::io::{self, ErrorKind, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;

use rustix::io::{ioctl_fionbio, read};
use rustix::net::{
    AddressFamily, SendFlags, Shutdown, SocketFlags, SocketType, send, shutdown, socketpair,
};

use super::relay::Trouble;
use sandpool_sys::stdio;
use sandpool_sys::thread_error;

/// The number of bytes that are read at once.
const PIECE: usize = 64 * 1024;

/// The socket that guests of every pool in this process read from, once one has asked.
static GUESTS_END: Mutex<Option<OwnedFd>> = Mutex::new(None);

/// The reason why the input could not be read, if that failed.
static FAILED: OnceLock<String> = OnceLock::new();

/// Returns the descriptor from which a guest reads the host's standard input. If the input
/// cannot be read, now or later, `trouble` tells why.
pub(crate) fn pipe(trouble: &Arc<Trouble>) -> io::Result<OwnedFd> {
    let mut end = GUESTS_END.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(why) = FAILED.get() {
        let _ = trouble.set(why.clone());
        // One guest has been told of the failure; each of the others must be told too.
        return Ok(pair()?.1);
    }
    if let Some(end) = &*end {
        return end.try_clone();
    }
    let (hosts, guests) = pair()?;
    let copy = guests.try_clone()?;
    let trouble = Arc::clone(trouble);
    thread::Builder::new()
        .name("sandpool-stdin".into())
        .spawn(move || {
            match pass_on(&hosts) {
                Ok(()) => take_byte(&hosts),
                Err(error) => {
                    let why = format!("stdin cannot be read: {error}");
                    let why = FAILED.get_or_init(|| why);
                    let _ = trouble.set(why.clone());
                }
            }
            // Dropping the socket closes it.
        })
        .map_err(thread_error)?;
    *end = Some(guests);
    Ok(copy)
}

/// Returns the host's end and the guests' end. Nothing can be written into the guests' end.
fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let flags = SocketFlags::CLOEXEC;
    let (hosts, guests) = socketpair(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    send(&guests, b"x", SendFlags::NOSIGNAL)?;
    shutdown(&guests, Shutdown::Write)?;
    // Set here for the worker, which may not change the mode of a descriptor.
    ioctl_fionbio(&guests, true)?;
    Ok((hosts, guests))
}

/// Passes the input on until it ends, or until nobody reads it any more.
fn pass_on(to: impl AsFd) -> io::Result<()> {
    let mut stdin = stdio::stdin()?;
    let mut buffer = vec![0; PIECE];
    loop {
        match stdin.read(&mut buffer)? {
            0 => return Ok(()),
            len if send_all(&to, &buffer[..len]).is_err() => return Ok(()),
            _ => {}
        }
    }
}

fn send_all(to: impl AsFd, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        // No signal: SIGPIPE would end a program that does not ignore it.
        match send(&to, bytes, SendFlags::NOSIGNAL) {
            Ok(sent) => bytes = &bytes[sent..],
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Takes out the byte, so that closing this end is the end of the input.
fn take_byte(hosts: impl AsFd) {
    let _ = read(hosts, &mut [0; 1]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;

    #[test]
    fn an_input_that_fails_does_not_look_like_one_that_has_ended() {
        for fails in [false, true] {
            let (hosts, guests) = pair().expect("a pair");
            ioctl_fionbio(&guests, false).expect("set");
            send_all(&hosts, b"all of it").expect("sent");
            if !fails {
                take_byte(&hosts);
            }
            drop(hosts);
            let mut read = Vec::new();
            let ended = File::from(guests).read_to_end(&mut read);
            assert_eq!(read, b"all of it");
            assert_eq!(ended.is_err(), fails);
        }
    }

    #[test]
    fn a_guest_can_send_nothing_to_the_host() {
        let (_hosts, guests) = pair().expect("a pair");
        let sent = send(&guests, b"x", SendFlags::NOSIGNAL);
        assert_eq!(sent, Err(rustix::io::Errno::PIPE));
    }
}
