//! How a child process is born: clone and exec, with as little in between as
//! there can be.
//!
//! The child shares this process's memory until it executes its program (as
//! with vfork), so that a host of many gigabytes pays nothing for its page
//! tables. A pid namespace has to be made here, since a process enters one only
//! by being born in it; everything else that locks a child in is done by the
//! child itself, in `sandbox`, where it can be told in Rust and in order.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::ptr::null;
use std::sync::atomic::{AtomicI32, Ordering};

use libc::{c_char, c_int, c_void};
use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, Resource, Rlimit};
use serde::{Deserialize, Serialize};

use super::{ControlSocket, Program};

/// The namespaces that a child was born into; it makes the others itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Namespaces {
    pub(crate) user: bool,
    pub(crate) pid: bool,
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
    let plan = Plan::new(program, control)?;
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
            Err(Failed::Namespaces(_)) => {}
            Err(Failed::Program(error)) => return Err(error),
            Ok(born) => return Ok(born),
        }
    }
    plan.start(Namespaces::default())
        .map_err(|failed| match failed {
            Failed::Namespaces(error) | Failed::Program(error) => error,
        })
}

/// What went wrong: not allowed to be apart, or the program cannot be started.
enum Failed {
    Namespaces(io::Error),
    Program(io::Error),
}

/// Everything that the child needs, made ready by the parent: the child itself
/// may not allocate.
struct Plan {
    path: CString,
    role: CString,
    number: CString,
    control: OwnedFd,
    null: OwnedFd,
    uid_map: CString,
    gid_map: CString,
    parent: Pid,
}

/// What the child of a [`Plan`] looks at.
struct Errand<'a> {
    plan: &'a Plan,
    argv: [*const c_char; 4],
    namespaces: Namespaces,
    /// 0, or what went wrong: an errno, negative if it was about namespaces.
    failed: AtomicI32,
}

impl Plan {
    fn new(program: &Program, control: &ControlSocket) -> io::Result<Self> {
        let null = rustix::fs::open(c"/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
        // Above the standard streams, whose numbers the child fills anew.
        let control = rustix::io::fcntl_dupfd_cloexec(control, 3)?;
        let null = rustix::io::fcntl_dupfd_cloexec(null, 3)?;
        let map = |id: u32| CString::new(format!("0 {id} 1\n"));
        Ok(Plan {
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

    fn start(&self, namespaces: Namespaces) -> Result<Born, Failed> {
        let errand = Errand {
            plan: self,
            argv: [
                self.path.as_ptr(),
                self.role.as_ptr(),
                self.number.as_ptr(),
                null(),
            ],
            namespaces,
            failed: AtomicI32::new(0),
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
        let error = io::Error::last_os_error();
        restore_signals(&signals);
        if pid < 0 {
            let apart = namespaces != Namespaces::default();
            return Err(match apart {
                true => Failed::Namespaces(error),
                false => Failed::Program(error),
            });
        }
        // SAFETY: clone has just made this descriptor, for us alone.
        let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
        match errand.failed.load(Ordering::Acquire) {
            0 => {}
            errno => {
                reap(pidfd.as_fd());
                let error = io::Error::from_raw_os_error(errno.abs());
                return Err(match errno < 0 {
                    true => Failed::Namespaces(error),
                    false => Failed::Program(error),
                });
            }
        }
        let pid = Pid::from_raw(pid)
            .ok_or_else(|| Failed::Program(io::Error::other("a child without a number")))?;
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
    // SAFETY: `Plan::start` passes a pointer to an `Errand` that lives until
    // this function has executed the program or returned.
    let errand = unsafe { &*errand.cast::<Errand<'_>>() };
    if let Err(failed) = become_program(errand) {
        errand.failed.store(failed, Ordering::Release);
    }
    127
}

/// Returns only with what went wrong; see [`Errand::failed`].
fn become_program(errand: &Errand<'_>) -> Result<(), i32> {
    let plan = errand.plan;
    // First of all, so that no moment is left in which the parent could die
    // unnoticed; then look whether it had died before. In a pid namespace of
    // its own a process has no parent to look at: there the child finds its
    // channel hung up.
    check(rustix::process::set_parent_process_death_signal(Some(
        rustix::process::Signal::KILL,
    )))?;
    if !errand.namespaces.pid && rustix::process::getppid() != Some(plan.parent) {
        return Err(libc::ESRCH);
    }
    if errand.namespaces.user {
        // Root in a namespace of its own, as nobody but who it is: it needs
        // that for the other namespaces, and gives it up with them made.
        let write = |path: &CStr, text: &CStr| write_file(path, text.to_bytes()).map_err(|e| -e);
        write(c"/proc/self/setgroups", c"deny")?;
        write(c"/proc/self/uid_map", &plan.uid_map)?;
        write(c"/proc/self/gid_map", &plan.gid_map)?;
    }
    // A terminal's Ctrl-C is the parent's to deal with.
    check(rustix::process::setpgid(None, None))?;
    // The host's handlers are no code of the child's, and what the host ignores
    // the child does not; only then may signals come again.
    for signal in 1..=libc::SIGRTMAX() {
        // SAFETY: plain system call; the ones that cannot be changed fail.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
    restore_signals(&empty_set());
    for stream in 0..3 {
        // SAFETY: a plain system call on a descriptor that is open.
        check_raw(unsafe { libc::dup2(plan.null.as_raw_fd(), stream) })?;
    }
    // Whatever the host program left open stays out of the child, also what a
    // library opened without CLOEXEC.
    // SAFETY: a plain system call without pointers.
    let marked = unsafe {
        libc::syscall(
            libc::SYS_close_range,
            3u32,
            u32::MAX,
            libc::CLOSE_RANGE_CLOEXEC,
        )
    };
    check_raw(if marked == 0 { 0 } else { -1 })?;
    // SAFETY: a plain system call on a descriptor that is open.
    check_raw(unsafe { libc::fcntl(plan.control.as_raw_fd(), libc::F_SETFD, 0) })?;
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
    check(rustix::process::setrlimit(Resource::Stack, own))?;
    let environment = [null::<c_char>()];
    // SAFETY: path, arguments and environment are C strings and null-ended
    // arrays of them that live in the plan and here; it returns only on error.
    check_raw(unsafe {
        libc::execve(
            plan.path.as_ptr(),
            errand.argv.as_ptr(),
            environment.as_ptr(),
        )
    })
}

fn write_file(path: &CStr, bytes: &[u8]) -> Result<(), i32> {
    let file = check(rustix::fs::open(path, OFlags::WRONLY, Mode::empty()))?;
    check(rustix::io::write(&file, bytes))?;
    Ok(())
}

fn check<T>(result: rustix::io::Result<T>) -> Result<T, i32> {
    result.map_err(rustix::io::Errno::raw_os_error)
}

fn check_raw(result: c_int) -> Result<(), i32> {
    match result {
        -1 => Err(io::Error::last_os_error()
            .raw_os_error()
            .unwrap_or(libc::EIO)),
        _ => Ok(()),
    }
}

/// Takes over the descriptor whose number the parent passed on the command
/// line. Fails unless it is an open socket, so a wrong number harms nobody.
pub(crate) fn own_control_descriptor(number: RawFd) -> io::Result<ControlSocket> {
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
