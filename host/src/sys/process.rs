//! Child processes: how one is started, watched and ended.

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::ControlSocket;

/// How a child process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// It left with this exit code.
    Exited(i32),
    /// This signal killed it.
    Killed(i32),
    /// Somebody else reaped it (a host that ignores SIGCHLD).
    Unknown,
}

/// A child of this process, started to play one role.
///
/// It dies with the *thread* that started it (that is how the parent-death
/// signal works), so start it from a thread that lives as long as it should.
#[derive(Debug)]
pub(crate) struct ChildProcess {
    child: Child,
    pidfd: OwnedFd,
    ended: Option<Ended>,
}

/// Which binary to start, and what to tell it to be.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) path: PathBuf,
    pub(crate) role: OsString,
}

impl ChildProcess {
    /// Starts `program` in a process group of its own, with an empty
    /// environment, `/dev/null` for its standard streams and no descriptor but
    /// `control`, whose number it gets as its last argument.
    pub(crate) fn start(program: &Program, control: ControlSocket) -> io::Result<Self> {
        let control_fd = control.as_fd().as_raw_fd();
        let parent = rustix::process::getpid();
        let mut command = new_command(program);
        command
            .arg(&program.role)
            .arg(control_fd.to_string())
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0);
        // SAFETY: the closure runs between fork and exec, where only
        // async-signal-safe work is allowed: it makes system calls and
        // allocates nothing, also when it fails.
        unsafe { command.pre_exec(move || prepare_for_exec(control_fd, parent)) };
        let mut child = command.spawn()?;
        drop(control);
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let pidfd = pid
            .ok_or(rustix::io::Errno::SRCH)
            .and_then(|pid| pidfd_open(pid, PidfdFlags::empty()));
        match pidfd {
            Ok(pidfd) => Ok(ChildProcess {
                child,
                pidfd,
                ended: None,
            }),
            Err(error) => {
                let _ = child.kill();
                let _ = child.wait();
                Err(error.into())
            }
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Becomes readable when the process has ended.
    pub(crate) fn pidfd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }

    /// Sends SIGKILL. The process is gone once [`ChildProcess::ended`] or
    /// [`ChildProcess::wait`] says so.
    pub(crate) fn kill(&self) {
        if self.ended.is_none() {
            let _ = pidfd_send_signal(&self.pidfd, Signal::KILL);
        }
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<Ended> {
        if self.ended.is_none() {
            self.ended = match self.child.try_wait() {
                Ok(None) => None,
                Ok(Some(status)) => Some(how(status)),
                Err(_) => Some(Ended::Unknown),
            };
        }
        self.ended
    }

    /// Waits until it has ended.
    pub(crate) fn wait(&mut self) -> Ended {
        if let Some(ended) = self.ended {
            return ended;
        }
        let ended = self.child.wait().map_or(Ended::Unknown, how);
        self.ended = Some(ended);
        ended
    }
}

impl Drop for ChildProcess {
    fn drop(&mut self) {
        // Nothing may outlive its owner. Owners reap; this is the last resort.
        if self.ended().is_none() {
            self.kill();
            let _ = self.wait();
        }
    }
}

fn how(status: std::process::ExitStatus) -> Ended {
    match (status.code(), status.signal()) {
        (Some(code), _) => Ended::Exited(code),
        (None, Some(signal)) => Ended::Killed(signal),
        (None, None) => Ended::Unknown,
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that starts processes"
)]
fn new_command(program: &Program) -> Command {
    Command::new(&program.path)
}

/// Runs in the child between fork and exec.
fn prepare_for_exec(control: RawFd, parent: Pid) -> io::Result<()> {
    // First of all, so that no moment is left in which the parent could die
    // unnoticed; then look whether it had died before.
    die_with_parent()?;
    if rustix::process::getppid() != Some(parent) {
        return Err(io::Error::from_raw_os_error(libc::ESRCH));
    }
    // Whatever the host program left open stays out of the child, also what a
    // library opened without CLOEXEC. They are marked rather than closed: std
    // still needs one of them to report a failed exec.
    // SAFETY: a plain system call without pointers.
    let marked = unsafe {
        libc::syscall(
            libc::SYS_close_range,
            3u32,
            u32::MAX,
            libc::CLOSE_RANGE_CLOEXEC,
        )
    };
    if marked != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: a plain system call without pointers, on a descriptor that the
    // parent keeps open until `spawn` has returned.
    if unsafe { libc::fcntl(control, libc::F_SETFD, 0) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// Asks the kernel to kill this process when the thread that started it ends.
fn die_with_parent() -> io::Result<()> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    Ok(())
}

/// Takes over the descriptor whose number the parent passed on the command
/// line. Fails unless it is an open socket, so a wrong number harms nobody.
pub(crate) fn own_control_descriptor(number: RawFd) -> io::Result<ControlSocket> {
    // SAFETY: the call only asks about the number; a closed one is EBADF.
    let borrowed = unsafe { BorrowedFd::borrow_raw(number) };
    rustix::net::sockopt::socket_type(borrowed)?;
    // SAFETY: the descriptor is open (just checked) and the parent gave it to
    // this process for this purpose, so nobody else here owns it.
    let owned = unsafe { OwnedFd::from_raw_fd(number) };
    rustix::io::fcntl_setfd(&owned, rustix::io::FdFlags::CLOEXEC)?;
    Ok(ControlSocket::from_fd(owned))
}
