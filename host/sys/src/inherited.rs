//! The state that a program inherits from its parent, as far as the `sandpool` command
//! looks at it. A library leaves its program's signals alone.

use std::io;
use std::ptr::{null, null_mut};

use rustix::io::Errno;

/// Returns whether this process ignores a signal.
pub fn is_ignored(signal: i32) -> bool {
    let mut action = std::mem::MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: a null action asks only; the callee writes the present one to a live
    // local of its type, if it succeeds.
    match unsafe { libc::sigaction(signal, null(), action.as_mut_ptr()) } {
        // SAFETY: it has succeeded.
        0 => unsafe { action.assume_init() }.sa_sigaction == libc::SIG_IGN,
        _ => false,
    }
}

/// Lets these signals reach this thread, though a parent blocked them.
pub fn unblock(signals: &[i32]) {
    let mut set = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: the first call initialises the set, a live local, which the others
    // read or write; numbers that are no signals' fail.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        for signal in signals {
            libc::sigaddset(set.as_mut_ptr(), *signal);
        }
        libc::pthread_sigmask(libc::SIG_UNBLOCK, set.as_ptr(), null_mut());
    }
}

/// Sees to it that this process hears how its children end. The kernel reaps those
/// of a process that ignores SIGCHLD, as the children of some programs do, and
/// tells nobody.
pub fn hear_of_children() {
    // SAFETY: no handler is installed, only the default disposition, which this
    // process would have had from most parents.
    unsafe { libc::signal(libc::SIGCHLD, libc::SIG_DFL) };
}

/// Returns whether `clone3` is refused with an error that the C library does not make
/// do with: it falls back to `clone` only where the kernel does not know the call, and
/// else starts no threads at all.
pub fn has_unusable_clone3() -> bool {
    // SAFETY: without arguments, and with a size of 0, the kernel refuses it and
    // makes nothing.
    let answer = unsafe { libc::syscall(libc::SYS_clone3, null::<libc::c_void>(), 0usize) };
    let error = io::Error::last_os_error();
    answer < 0 && Errno::from_io_error(&error) == Some(Errno::PERM)
}
