//! Finds the standard streams that were closed when the process was started.
//!
//! Rust's runtime opens `/dev/null` in place of those that are closed, before
//! `main`: what is written to them is lost without an error, and what is read from
//! them looks like an input without a line. So they are looked at before the runtime
//! begins. Where there is no `/dev/null` the runtime would abort, so something else is
//! put in their place first.

use std::os::fd::IntoRawFd;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::event::epoll;
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::{Errno, fcntl_getfd};
use rustix::stdio::{stderr, stdin, stdout};

/// By descriptor: 0, 1 and 2.
static WAS_CLOSED: [AtomicBool; 3] = [const { AtomicBool::new(false) }; 3];

/// Returns whether this descriptor (0, 1 or 2) was closed when the process was started.
pub fn was_closed_at_start(descriptor: usize) -> bool {
    WAS_CLOSED
        .get(descriptor)
        .is_some_and(|was_closed| was_closed.load(Ordering::Relaxed))
}

extern "C" fn look() {
    for (descriptor, was_closed) in [stdin(), stdout(), stderr()].into_iter().zip(&WAS_CLOSED) {
        let is_closed = fcntl_getfd(descriptor) == Err(Errno::BADF);
        was_closed.store(is_closed, Ordering::Relaxed);
        if is_closed && openat(CWD, c"/dev/null", OFlags::RDWR, Mode::empty()).is_err() {
            // It gets the lowest number that is free, which is this one. What is read
            // from it or written to it is an error, and it leads nowhere.
            let _ = epoll::create(epoll::CreateFlags::empty()).map(IntoRawFd::into_raw_fd);
        }
    }
}

// SAFETY: the loader calls each pointer of this section once, with arguments that
// `look` leaves alone, before `main` and on the one thread that there is. `look`
// makes system calls and sets atomics: it needs nothing of Rust's runtime.
#[used]
#[unsafe(link_section = ".init_array")]
static LOOK: extern "C" fn() = look;
