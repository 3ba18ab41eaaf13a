//! The birth of a child process: clone and exec, with as little in between as there can
//! be.
//!
//! The child shares this process's memory until it executes its program (as
//! with vfork), so that a host of many gigabytes pays nothing for its page
//! tables. A pid namespace has to be made here, since a process enters one only
//! by being born in it; everything else that locks a child in is done by the
//! child itself, in `sandbox`, where it can be told in Rust and in order.

use std::cell::Cell;
use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::ptr::null;

use libc::{c_char, c_int, c_void};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::process::{Pid, Resource, Rlimit};
use serde::{Deserialize, Serialize};

use super::descriptors::mark_all;
use super::memfd::memfd_of;
use super::refused::{explain, is_refusal};
use super::{ControlSocket, Program};

/// The namespaces that a child was born into; it makes the others itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Namespaces {
    /// A user namespace.
    pub user: bool,
    /// A pid namespace.
    pub pid: bool,
}

/// A child that has executed its program.
pub(super) struct Born {
    pub(super) pid: Pid,
    pub(super) pidfd: OwnedFd,
    pub(super) namespaces: Namespaces,
}

/// Bytes of stack for the child until it executes its program.
const STACK: usize = 64 * 1024;

/// Bytes of stack that a program is started with, unless that is forbidden:
/// wasm's own stack, of 4 MiB at most, and the frames of the host functions that
/// it calls have to fit.
const PROGRAM_STACK: u64 = 8 * 1024 * 1024;

/// Starts `program`. With `apart`, in namespaces of its own: a privileged
/// process gives it a pid namespace, an ordinary one has to give it a user
/// namespace for that. Where neither is allowed it is born into ours, and says
/// so in its report.
pub(super) fn spawn(program: &Program, control: &ControlSocket, apart: bool) -> io::Result<Born> {
    let plan = SpawnPlan::new(program, control)?;
    let pid = Namespaces {
        user: false,
        pid: true,
    };
    let both = Namespaces {
        user: true,
        pid: true,
    };
    let tries = [pid, both].into_iter().filter(|_| apart);
    for namespaces in tries {
        match plan.start(namespaces) {
            Err(SpawnFailure::Namespaces(_)) => {}
            Err(SpawnFailure::Program(error)) => return Err(error),
            Ok(born) => return Ok(born),
        }
    }
    plan.start(Namespaces::default())
        .map_err(|failed| match failed {
            SpawnFailure::Namespaces(error) | SpawnFailure::Program(error) => error,
        })
}

/// The failure: not allowed to be apart, or the program cannot be started.
enum SpawnFailure {
    Namespaces(io::Error),
    Program(io::Error),
}

/// Everything that the child needs, made ready by the parent: the child itself
/// may not allocate.
struct SpawnPlan {
    path: CString,
    role: CString,
    number: CString,
    control: OwnedFd,
    null: OwnedFd,
    uid_map: CString,
    gid_map: CString,
    parent: Pid,
}

/// The plan that the child of a [`SpawnPlan`] reads.
struct Errand<'a> {
    plan: &'a SpawnPlan,
    argv: [*const c_char; 4],
    namespaces: Namespaces,
    /// Set by the child if it could not execute its program.
    halted: Cell<Option<Halted>>,
}

/// The call at which a child stopped on its way to its program.
#[derive(Clone, Copy)]
struct Halted {
    call: &'static str,
    error: Errno,
    /// True if it was about its namespaces, without which it can be tried again.
    of_namespaces: bool,
}

impl From<Halted> for SpawnFailure {
    fn from(halted: Halted) -> Self {
        let Halted { call, error, .. } = halted;
        let told = match call {
            // The program's own fault: its path stands beside the text.
            "execve" if error != Errno::NOSYS => error.into(),
            _ if is_refusal(error) => explain(call)(error),
            _ => io::Error::new(error.kind(), format!("`{call}`: {error}")),
        };
        match halted.of_namespaces {
            true => SpawnFailure::Namespaces(told),
            false => SpawnFailure::Program(told),
        }
    }
}

/// For the standard streams of a child, which reads and prints nothing. Where
/// there is no `/dev`, an empty file that nobody can write to does as well.
fn null_stream() -> io::Result<OwnedFd> {
    let flags = OFlags::RDWR | OFlags::CLOEXEC;
    match rustix::fs::open(c"/dev/null", flags, Mode::empty()) {
        Ok(null) => Ok(null),
        Err(_) => Ok(memfd_of("sandpool-null", &[])?.into()),
    }
}

impl SpawnPlan {
    fn new(program: &Program, control: &ControlSocket) -> io::Result<Self> {
        let null = null_stream()?;
        // Above the standard streams, whose numbers the child fills anew.
        let control = rustix::io::fcntl_dupfd_cloexec(control, 3)?;
        let null = rustix::io::fcntl_dupfd_cloexec(null, 3)?;
        let map = |id: u32| CString::new(format!("0 {id} 1\n"));
        Ok(SpawnPlan {
            path: CString::new(program.path.as_os_str().as_bytes())?,
            role: CString::new(program.role.as_bytes())?,
            number: CString::new(control.as_raw_fd().to_string())?,
            uid_map: map(rustix::process::geteuid().as_raw())?,
            gid_map: map(rustix::process::getegid().as_raw())?,
            parent: rustix::process::getpid(),
            control,
            null,
        })
    }

    fn start(&self, namespaces: Namespaces) -> Result<Born, SpawnFailure> {
        let errand = Errand {
            plan: self,
            argv: [
                self.path.as_ptr(),
                self.role.as_ptr(),
                self.number.as_ptr(),
                null(),
            ],
            namespaces,
            halted: Cell::new(None),
        };
        let mut flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::CLONE_PIDFD | libc::SIGCHLD;
        if namespaces.user {
            flags |= libc::CLONE_NEWUSER;
        }
        if namespaces.pid {
            flags |= libc::CLONE_NEWPID;
        }
        let mut stack = vec![0u128; STACK / size_of::<u128>()];
        let mut pidfd: c_int = -1;
        let signals = block_signals();
        // SAFETY: the child runs `child` on a stack of its own, of which the
        // end is passed as the stack grows down; a `u128` is aligned as stacks
        // have to be. `errand`, the stack and `pidfd` live until `clone`
        // returns, which is after the child has executed its program or ended
        // (CLONE_VFORK), and this thread does not run meanwhile. `child` only
        // makes system calls that are safe after fork. Every signal is blocked,
        // so no handler of this process runs in the child.
        let pid = unsafe {
            libc::clone(
                child,
                stack.as_mut_ptr_range().end.cast(),
                flags,
                (&raw const errand).cast_mut().cast(),
                &raw mut pidfd,
            )
        };
        let error = last_error();
        restore_signals(&signals);
        if pid < 0 {
            return Err(SpawnFailure::from(Halted {
                call: "clone",
                error,
                of_namespaces: namespaces != Namespaces::default(),
            }));
        }
        // SAFETY: clone has just made this descriptor, for us alone.
        let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
        if let Some(halted) = errand.halted.get() {
            reap(pidfd.as_fd());
            return Err(halted.into());
        }
        let pid = Pid::from_raw(pid)
            .ok_or_else(|| SpawnFailure::Program(io::Error::other("a child without a number")))?;
        Ok(Born {
            pid,
            pidfd,
            namespaces,
        })
    }
}

fn reap(pidfd: BorrowedFd<'_>) {
    use rustix::process::{WaitId, WaitIdOptions, waitid};
    let _ = rustix::io::retry_on_intr(|| waitid(WaitId::PidFd(pidfd), WaitIdOptions::EXITED));
}

fn block_signals() -> libc::sigset_t {
    let mut before = empty_set();
    let mut all = empty_set();
    // SAFETY: both sets are live locals of the right type.
    unsafe {
        libc::sigfillset(&raw mut all);
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const all, &raw mut before);
    }
    before
}

fn restore_signals(before: &libc::sigset_t) {
    // SAFETY: the set is alive; a null pointer says that the old one is not
    // asked for.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, before, std::ptr::null_mut()) };
}

fn empty_set() -> libc::sigset_t {
    let mut set = std::mem::MaybeUninit::uninit();
    // SAFETY: the callee initialises the set that it is given.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        set.assume_init()
    }
}

/// The child's life until it executes its program. Only system calls.
extern "C" fn child(errand: *mut c_void) -> c_int {
    // SAFETY: `SpawnPlan::start` passes a pointer to an `Errand` that lives until
    // this function has executed the program or returned.
    let errand = unsafe { &*errand.cast::<Errand<'_>>() };
    if let Err(halted) = become_program(errand) {
        errand.halted.set(Some(halted));
    }
    127
}

/// Returns only with what went wrong.
fn become_program(errand: &Errand<'_>) -> Result<(), Halted> {
    let plan = errand.plan;
    // First of all, so that no moment is left in which the parent could die
    // unnoticed; then look whether it had died before. In a pid namespace of
    // its own a process has no parent to look at: there the child finds its
    // channel hung up.
    let with_parent = Some(rustix::process::Signal::KILL);
    check(
        "prctl",
        rustix::process::set_parent_process_death_signal(with_parent),
    )?;
    if !errand.namespaces.pid && rustix::process::getppid() != Some(plan.parent) {
        check("getppid", Err(Errno::SRCH))?;
    }
    if errand.namespaces.user {
        // Root in a namespace of its own, as nobody but who it is: it needs
        // that for the other namespaces, and gives it up with them made.
        write_map(c"/proc/self/setgroups", c"deny")?;
        write_map(c"/proc/self/uid_map", &plan.uid_map)?;
        write_map(c"/proc/self/gid_map", &plan.gid_map)?;
    }
    // A terminal's Ctrl-C is the parent's to deal with.
    check("setpgid", rustix::process::setpgid(None, None))?;
    // The host's handlers are no code of the child's, and what the host ignores
    // the child does not; only then may signals come again.
    for signal in 1..=libc::SIGRTMAX() {
        // SAFETY: plain system call; the ones that cannot be changed fail.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
    restore_signals(&empty_set());
    for stream in 0..3 {
        // SAFETY: a plain system call on a descriptor that is open.
        check_raw("dup2", unsafe { libc::dup2(plan.null.as_raw_fd(), stream) })?;
    }
    // Whatever the host program left open stays out of the child, also what a
    // library opened without CLOEXEC.
    check("close_range", mark_all())?;
    // SAFETY: a plain system call on a descriptor that is open.
    check_raw("fcntl", unsafe {
        libc::fcntl(plan.control.as_raw_fd(), libc::F_SETFD, 0)
    })?;
    // A user's `ulimit -s` is about programs that he knows. Under a small one
    // deep recursion of a guest would be a crash instead of a trap, and a large
    // one leaves the stack, which no limit on memory counts, without a bound.
    let stack = rustix::process::getrlimit(Resource::Stack);
    let own = Rlimit {
        current: Some(
            stack
                .maximum
                .map_or(PROGRAM_STACK, |most| most.min(PROGRAM_STACK)),
        ),
        ..stack
    };
    check(
        "setrlimit",
        rustix::process::setrlimit(Resource::Stack, own),
    )?;
    let environment = [null::<c_char>()];
    // SAFETY: path, arguments and environment are C strings and null-ended
    // arrays of them that live in the plan and here; it returns only on error.
    check_raw("execve", unsafe {
        libc::execve(
            plan.path.as_ptr(),
            errand.argv.as_ptr(),
            environment.as_ptr(),
        )
    })
}

fn write_map(path: &CStr, text: &CStr) -> Result<(), Halted> {
    let write = || {
        let file = rustix::fs::open(path, OFlags::WRONLY, Mode::empty())?;
        rustix::io::write(&file, text.to_bytes())
    };
    write().map(drop).map_err(|error| Halted {
        call: "write",
        error,
        of_namespaces: true,
    })
}

fn check<T>(call: &'static str, result: rustix::io::Result<T>) -> Result<T, Halted> {
    result.map_err(|error| Halted {
        call,
        error,
        of_namespaces: false,
    })
}

fn check_raw(call: &'static str, result: c_int) -> Result<(), Halted> {
    match result {
        -1 => check(call, Err(last_error())),
        _ => Ok(()),
    }
}

fn last_error() -> Errno {
    Errno::from_io_error(&io::Error::last_os_error()).unwrap_or(Errno::IO)
}

/// Takes over the descriptor whose number the parent passed on the command
/// line. Fails unless it is an open socket, so a wrong number harms nobody.
pub fn own_control_descriptor(number: RawFd) -> io::Result<ControlSocket> {
    if number < 0 {
        return Err(io::Error::from_raw_os_error(libc::EBADF));
    }
    // SAFETY: the number is not -1 (just checked), and is only asked about; a
    // closed one is EBADF.
    let borrowed = unsafe { BorrowedFd::borrow_raw(number) };
    rustix::net::sockopt::socket_type(borrowed)?;
    // SAFETY: the descriptor is open (just checked) and the parent gave it to
    // this process for this purpose, so nobody else here owns it.
    let owned = unsafe { OwnedFd::from_raw_fd(number) };
    rustix::io::fcntl_setfd(&owned, rustix::io::FdFlags::CLOEXEC)?;
    Ok(ControlSocket::from_fd(owned))
}
