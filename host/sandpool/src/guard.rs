//! Foreign code on our threads: callbacks, handlers, subscribers of `tracing`, and the
//! wakers of any executor. A panic in it is reported and ends nothing.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Waker;

use sandpool_sys::stdio;
use sandpool_value::Printable;

/// Runs a function; its panic ends here.
pub(crate) fn guard(what: &str, run: impl FnOnce()) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(run)) {
        let text = panic_text(panic);
        // A callback's panic may repeat words of a guest.
        let line = format!("sandpool: a {what} panicked: {}\n", Printable(&text));
        // When stderr is gone there is nobody left to tell.
        let _ = stdio::write_stderr(line.as_bytes());
    }
}

/// Wakes a future, if one waits.
pub(crate) fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        guard("waker", || waker.wake());
    }
}

/// Returns the message of a panic, and drops its payload, which is foreign code too.
pub(crate) fn panic_text(panic: Box<dyn Any + Send>) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "it said nothing".into());
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(panic))) {
        // Dropping this one might never end.
        std::mem::forget(again);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Bomb;

    impl Drop for Bomb {
        fn drop(&mut self) {
            std::panic::panic_any(Bomb);
        }
    }

    #[test]
    fn a_payload_that_panics_when_it_is_dropped_does_no_harm() {
        let panic = catch_unwind(|| std::panic::panic_any(Bomb));
        let panic = panic.expect_err("it panics");
        assert_eq!(panic_text(panic), "it said nothing");
    }
}
