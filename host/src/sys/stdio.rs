//! Whether the process was started with its standard streams.
//!
//! Rust's runtime opens `/dev/null` in place of those that are closed, before
//! `main`: what is written to them is lost without an error. So they are looked at
//! before the runtime begins.

use std::sync::atomic::{AtomicBool, Ordering};

use rustix::io::{Errno, fcntl_getfd};
use rustix::stdio::stdout;

static STDOUT_WAS_CLOSED: AtomicBool = AtomicBool::new(false);

/// Whether stdout was closed when the process was started.
pub fn stdout_was_closed() -> bool {
    STDOUT_WAS_CLOSED.load(Ordering::Relaxed)
}

extern "C" fn look() {
    let is_closed = fcntl_getfd(stdout()) == Err(Errno::BADF);
    STDOUT_WAS_CLOSED.store(is_closed, Ordering::Relaxed);
}

// SAFETY: the loader calls each pointer of this section once, with arguments that
// `look` leaves alone, before `main` and on the one thread that there is. `look`
// makes a system call and sets an atomic: it needs nothing of Rust's runtime.
#[used]
#[unsafe(link_section = ".init_array")]
static LOOK: extern "C" fn() = look;
