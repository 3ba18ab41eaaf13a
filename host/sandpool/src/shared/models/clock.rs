//! A clock that a test moves, for what depends on how long somebody takes.

use std::cell::Cell;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

thread_local!(static PASSED: Cell<Duration> = const { Cell::new(Duration::ZERO) });

/// The time of this test's thread.
pub(super) fn now() -> Instant {
    static BEGIN: OnceLock<Instant> = OnceLock::new();
    *BEGIN.get_or_init(Instant::now) + PASSED.get()
}

/// Lets some time pass.
pub(super) fn pass(micros: u64) {
    PASSED.set(PASSED.get() + Duration::from_micros(micros));
}
