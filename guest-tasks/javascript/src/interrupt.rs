//! The place where the host may ask the interpreter to stop.

use std::cell::Cell;
use std::thread;
use std::time::Duration;

use crate::sandpool::task::interrupt;

/// The longest sleep in which nobody looks.
const SLEEP: Duration = Duration::from_millis(50);

thread_local! {
    /// `true` before the first call, when there is no host to ask, and once a call was stopped:
    /// what describes its error is not to be stopped too.
    static STOPPED: Cell<bool> = const { Cell::new(true) };
}

/// Begins a call.
pub fn begin() {
    STOPPED.set(false);
}

/// Returns `true`, once in a call, if the running code is to end now. The engine asks this
/// every few thousand steps.
pub fn wanted() -> bool {
    let wanted = !STOPPED.get() && interrupt::is_requested();
    if wanted {
        STOPPED.set(true);
    }
    wanted
}

/// Sleeps for this time, or less where the host may ask for a stop meanwhile.
pub fn sleep(time: Duration) {
    thread::sleep(longest_wait(Some(time)).unwrap_or(time));
}

/// Returns how long to wait at most where this was wanted, or any time: less where the host
/// may ask for a stop meanwhile.
pub fn longest_wait(time: Option<Duration>) -> Option<Duration> {
    match interrupt::is_possible() {
        true => Some(time.map_or(SLEEP, |time| time.min(SLEEP))),
        false => time,
    }
}
