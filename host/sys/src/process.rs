//! Child processes: how one is watched and ended. How one is born is in
//! `spawn`.

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, retry_on_intr};
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, WaitIdStatus, kill_process, pidfd_send_signal, waitid,
};

use super::ControlSocket;
use super::exits::{is_crash, left_for};
use super::refused::{explain, is_refusal};
use super::spawn::{self, Namespaces};

/// The ending of a child process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChildExit {
    /// It left with this exit code.
    Exited(i32),
    /// It crashed by this signal, which its own doing raised.
    Crashed(i32),
    /// Somebody else killed it by this signal.
    Killed(i32),
    /// Somebody else reaped it (a host that ignores SIGCHLD).
    Unknown,
}

/// A child of this process, started to play one role.
///
/// It dies with the *thread* that started it (that is how the parent-death
/// signal works), so start it from a thread that lives as long as it should.
#[derive(Debug)]
pub struct ChildProcess {
    pid: Pid,
    pidfd: OwnedFd,
    namespaces: Namespaces,
    ended: Option<ChildExit>,
}

/// The binary to start for a child, and its role.
#[derive(Clone, Debug)]
pub struct Program {
    /// The executable file.
    pub path: PathBuf,
    /// Its first argument.
    pub role: OsString,
}

impl ChildProcess {
    /// Starts `program` in a process group of its own, with an empty
    /// environment, `/dev/null` for its standard streams and no descriptor but
    /// `control`, whose number it gets as its last argument; in a pid namespace
    /// of its own if `apart` and the system allows it.
    pub fn start(program: &Program, control: ControlSocket, apart: bool) -> io::Result<Self> {
        let born = spawn::spawn(program, &control, apart)?;
        drop(control);
        Ok(ChildProcess {
            pid: born.pid,
            pidfd: born.pidfd,
            namespaces: born.namespaces,
            ended: None,
        })
    }

    /// Its number in the namespace of this process.
    pub fn pid(&self) -> u32 {
        self.pid.as_raw_nonzero().get().unsigned_abs()
    }

    /// The namespaces that it was born into.
    pub fn namespaces(&self) -> Namespaces {
        self.namespaces
    }

    /// Becomes readable when the process has ended.
    pub fn pidfd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }

    /// Sends SIGKILL. The process is gone once [`ChildProcess::ended`] or `wait` says so.
    ///
    /// # Errors
    ///
    /// Returns an error if this process may not signal it: it has not ended then, and
    /// nobody should wait for its end without a bound.
    pub fn kill(&self) -> io::Result<()> {
        if self.ended.is_some() {
            return Ok(());
        }
        match pidfd_send_signal(&self.pidfd, Signal::KILL) {
            Err(error) if is_refusal(error) => self.kill_by_number(),
            // It has ended, and is still to be reaped.
            Ok(()) | Err(Errno::SRCH) => Ok(()),
            Err(error) => Err(explain("pidfd_send_signal")(error)),
        }
    }

    /// Old profiles of containers refuse `pidfd_send_signal`. The number is this
    /// child's until it is reaped, which only this value does; where the host
    /// ignores SIGCHLD the kernel reaps, so the pidfd is asked first.
    fn kill_by_number(&self) -> io::Result<()> {
        let mut ready = [PollFd::new(&self.pidfd, PollFlags::IN)];
        if retry_on_intr(|| poll(&mut ready, Some(&Timespec::default())))? > 0 {
            return Ok(());
        }
        match kill_process(self.pid, Signal::KILL) {
            Ok(()) | Err(Errno::SRCH) => Ok(()),
            Err(error) => Err(io::Error::new(
                error.kind(),
                format!(
                    "`kill`: {error}; the seccomp profile of a container refuses it, or CAP_KILL \
                     is missing to a root whose workers are somebody else"
                ),
            )),
        }
    }

    /// Kills it and waits until it has ended; how it ended, if it could be
    /// killed.
    pub fn end(&mut self) -> io::Result<ChildExit> {
        self.kill()?;
        Ok(self.wait())
    }

    /// Returns the ending of the child, if it has.
    pub fn ended(&mut self) -> Option<ChildExit> {
        if self.ended.is_none() {
            self.ended = self.reap(WaitIdOptions::NOHANG);
        }
        self.ended
    }

    /// Waits until it has ended.
    fn wait(&mut self) -> ChildExit {
        if let Some(ended) = self.ended {
            return ended;
        }
        let ended = self
            .reap(WaitIdOptions::empty())
            .unwrap_or(ChildExit::Unknown);
        self.ended = Some(ended);
        ended
    }

    /// Returns whether somebody has stopped it.
    pub fn is_stopped(&self) -> bool {
        let options = WaitIdOptions::STOPPED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        self.ended.is_none() && matches!(waitid(WaitId::PidFd(self.pidfd()), options), Ok(Some(_)))
    }

    fn reap(&self, options: WaitIdOptions) -> Option<ChildExit> {
        let options = options | WaitIdOptions::EXITED;
        match retry_on_intr(|| waitid(WaitId::PidFd(self.pidfd()), options)) {
            Ok(status) => status.map(|status| how(&status)),
            Err(_) => Some(ChildExit::Unknown),
        }
    }
}

impl Drop for ChildProcess {
    fn drop(&mut self) {
        // Nothing may outlive its owner. Owners reap; this is the last resort.
        if self.ended().is_none() {
            // One that cannot be killed ends when its channel is hung up, which
            // its owner sees to, or with the thread that started it.
            let _ = self.end();
        }
    }
}

fn how(status: &WaitIdStatus) -> ChildExit {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => left_for(code).unwrap_or(ChildExit::Exited(code)),
        (None, Some(signal)) if is_crash(signal) => ChildExit::Crashed(signal),
        (None, Some(signal)) => ChildExit::Killed(signal),
        (None, None) => ChildExit::Unknown,
    }
}
