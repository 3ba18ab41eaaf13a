//! Writes past the limit on the size of files (`ulimit -f`): the system ends a process
//! for them by a signal, SIGXFSZ. Here they are errors, as on a full disk, without a
//! change to what the embedding program does about that signal.

use std::mem::MaybeUninit;
use std::ptr::null_mut;

/// Runs something that writes files; a write past the limit is an error to it.
pub fn writes_to_a_limit<T>(write: impl FnOnce() -> T) -> T {
    let _blocked = Blocked::new();
    write()
}

/// From now on, a write past the limit is an error to this thread, for good: only for
/// threads that are ours.
pub fn writes_to_a_limit_here() {
    let blocked = Blocked::new();
    std::mem::forget(blocked);
}

/// While this lives, the signal waits; at the end one that has come is taken away.
struct Blocked {
    was_blocked: bool,
}

impl Blocked {
    fn new() -> Self {
        let set = the_signal();
        let mut before = MaybeUninit::<libc::sigset_t>::uninit();
        // SAFETY: both sets are live locals of the right type; the callee fills the
        // second.
        let was_blocked = unsafe {
            libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, before.as_mut_ptr());
            libc::sigismember(before.as_ptr(), libc::SIGXFSZ) == 1
        };
        Blocked { was_blocked }
    }
}

impl Drop for Blocked {
    fn drop(&mut self) {
        if self.was_blocked {
            return;
        }
        let set = the_signal();
        let now = libc::timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        // SAFETY: the set and the time are live locals; nobody asks for details of
        // the signal, and null says so.
        unsafe {
            libc::sigtimedwait(&raw const set, null_mut(), &raw const now);
            libc::pthread_sigmask(libc::SIG_UNBLOCK, &raw const set, null_mut());
        }
    }
}

fn the_signal() -> libc::sigset_t {
    let mut set = MaybeUninit::uninit();
    // SAFETY: the first call initialises the set, the second adds a signal that there
    // is.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        libc::sigaddset(set.as_mut_ptr(), libc::SIGXFSZ);
        set.assume_init()
    }
}

/// Returns whether this thread blocks the signal.
#[cfg(test)]
fn is_blocked() -> bool {
    let mut set = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: a null set asks for nothing to be changed; the callee fills the other.
    unsafe {
        libc::pthread_sigmask(libc::SIG_BLOCK, std::ptr::null(), set.as_mut_ptr());
        libc::sigismember(set.as_ptr(), libc::SIGXFSZ) == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mask_is_afterwards_as_it_was_and_no_signal_is_left() {
        assert!(!is_blocked());
        writes_to_a_limit(|| {
            assert!(is_blocked());
            // As the system does it: to this thread. It would end the tests.
            // SAFETY: a plain call without pointers.
            unsafe { libc::raise(libc::SIGXFSZ) };
            writes_to_a_limit(|| assert!(is_blocked()));
            assert!(is_blocked());
        });
        assert!(!is_blocked());
    }
}
