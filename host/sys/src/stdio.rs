//! The host's own standard streams, read and written so that nothing is lost.
//!
//! Blocking is a property of the open file, and every process that shares the file
//! decides for all: a pipe that came from node, ssh or a task runner may be
//! non-blocking, and become so at any moment. To change it back would break the others.
//! So these streams wait until they are ready, whichever they are.
//!
//! Rust takes a descriptor that is closed, or open for the other direction, as a stream
//! that ends or swallows everything. Here that is an error.

use std::io::{self, ErrorKind, Read, Stdin, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{FileType, OFlags, fcntl_getfl, fstat, major, minor};
use rustix::io::Errno;

use crate::was_closed_at_start;

/// A stream that is waited for where it is not ready, or where a signal has
/// interrupted it.
#[derive(Debug)]
pub struct Waiting<S>(S);

impl<S: AsFd> Waiting<S> {
    /// The stream may be non-blocking or not, and change that at any time.
    pub fn new(stream: S) -> Self {
        Waiting(stream)
    }

    fn retry<T>(
        &mut self,
        ready: PollFlags,
        mut once: impl FnMut(&mut S) -> io::Result<T>,
    ) -> io::Result<T> {
        loop {
            match once(&mut self.0) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    wait(self.0.as_fd(), ready)?;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                done => return done,
            }
        }
    }
}

impl<S: Read + AsFd> Read for Waiting<S> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.retry(PollFlags::IN, |stream| stream.read(into))
    }
}

impl<S: Write + AsFd> Write for Waiting<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.retry(PollFlags::OUT, |stream| stream.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.retry(PollFlags::OUT, Write::flush)
    }
}

/// Sleeps until the descriptor is ready, or has an error that the next call tells.
fn wait(descriptor: BorrowedFd<'_>, ready: PollFlags) -> io::Result<()> {
    let mut polled = [PollFd::from_borrowed_fd(descriptor, ready)];
    match poll(&mut polled, None) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// A descriptor of the process, and the way it has to be open.
struct Standard {
    number: usize,
    /// The mode that does not serve.
    wrong: OFlags,
}

const STDIN: Standard = Standard {
    number: 0,
    wrong: OFlags::WRONLY,
};
const STDOUT: Standard = Standard {
    number: 1,
    wrong: OFlags::RDONLY,
};
const STDERR: Standard = Standard {
    number: 2,
    wrong: OFlags::RDONLY,
};

impl Standard {
    /// Fails as the first call would, if Rust did not hide that.
    fn check(&self, stream: impl AsFd) -> io::Result<()> {
        let mode = fcntl_getfl(&stream)? & OFlags::RWMODE;
        // A program may have opened something in its place since.
        let is_closed = was_closed_at_start(self.number) && is_stopgap(stream.as_fd());
        match is_closed || mode == self.wrong {
            true => Err(Errno::BADF.into()),
            false => Ok(()),
        }
    }
}

/// Returns whether a descriptor is the stopgap for a stream that was closed: `/dev/null`
/// from Rust's runtime, or, where there is none, the descriptor that `closed_streams.rs`
/// opens, which is no file.
fn is_stopgap(descriptor: BorrowedFd<'_>) -> bool {
    fstat(descriptor).is_ok_and(|found| match FileType::from_raw_mode(found.st_mode) {
        FileType::CharacterDevice => (major(found.st_rdev), minor(found.st_rdev)) == (1, 3),
        kind => kind == FileType::Unknown,
    })
}

/// Fails if nothing can be read from stdin, be it only that it was closed.
///
/// # Errors
/// `EBADF`.
pub fn check_stdin() -> io::Result<()> {
    STDIN.check(io::stdin())
}

/// Fails if nothing can be written to stdout, be it only that it was closed.
///
/// # Errors
/// `EBADF`.
pub fn check_stdout() -> io::Result<()> {
    STDOUT.check(io::stdout())
}

/// The standard input.
///
/// # Errors
/// As [`check_stdin`].
pub fn stdin() -> io::Result<Waiting<Stdin>> {
    check_stdin()?;
    Ok(Waiting::new(io::stdin()))
}

/// Returns whether a path names what is stdin already. Opened by that name, a socket
/// cannot be read, and one that was closed looks like an empty input.
pub fn is_stdin(path: &Path) -> bool {
    ["-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"]
        .map(Path::new)
        .contains(&path)
}

/// Returns whether a path names what is stdout already. Opened by that name, a file
/// that it goes to would be written from its beginning, or replaced.
pub fn is_stdout(path: &Path) -> bool {
    ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"]
        .map(Path::new)
        .contains(&path)
}

/// Writes all of it to stdout, in one piece, and flushes it.
///
/// # Errors
/// If it cannot be written, be it only that stdout was closed.
pub fn write_stdout(bytes: &[u8]) -> io::Result<()> {
    check_stdout()?;
    let mut stdout = Waiting::new(io::stdout().lock());
    stdout.write_all(bytes)?;
    stdout.flush()
}

/// Writes all of it to stderr, in one piece.
///
/// # Errors
/// If it cannot be written, be it only that stderr was closed.
pub fn write_stderr(bytes: &[u8]) -> io::Result<()> {
    STDERR.check(io::stderr())?;
    Waiting::new(io::stderr().lock()).write_all(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::thread;

    use rustix::io::ioctl_fionbio;
    use rustix::pipe::pipe;

    /// A pipe, neither end of which blocks.
    fn non_blocking_pipe() -> (File, File) {
        let (read, write) = pipe().expect("a pipe");
        for end in [&read, &write] {
            ioctl_fionbio(end, true).expect("set");
        }
        (read.into(), write.into())
    }

    #[test]
    fn what_does_not_fit_a_non_blocking_pipe_waits_for_its_reader() {
        let (mut read, write) = non_blocking_pipe();
        let sent: Vec<u8> = (0..1_000_000_u32).map(|n| n as u8).collect();
        let expected = sent.clone();
        let writer = thread::spawn(move || Waiting::new(write).write_all(&sent));
        let mut received = Vec::new();
        Waiting::new(&mut read)
            .read_to_end(&mut received)
            .expect("read to its end");
        writer.join().expect("no panic").expect("written");
        assert!(received == expected);
    }

    #[test]
    fn a_reader_that_has_left_is_an_error_and_no_wait() {
        let (read, write) = non_blocking_pipe();
        drop(read);
        let error = Waiting::new(write).write_all(b"x").expect_err("no reader");
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    }

    #[test]
    fn a_descriptor_that_is_open_the_other_way_is_an_error() {
        let (read, write) = non_blocking_pipe();
        assert!(STDIN.check(&read).is_ok() && STDOUT.check(&write).is_ok());
        assert!(STDIN.check(&write).is_err());
        assert!(STDOUT.check(&read).is_err() && STDERR.check(&read).is_err());
        let null = File::open("/dev/null").expect("it is there");
        assert!(is_stopgap(null.as_fd()) && !is_stopgap(read.as_fd()));
        // One that was opened on purpose is an input without a line.
        assert!(STDIN.check(&null).is_ok());
    }
}
