//! How one side sleeps until the other has something for it.
//!
//! Each side has a word in shared memory that is 1 while it sleeps or is about
//! to. It sets the word, looks once more, and sleeps. The other side publishes
//! first, and then looks at the word: one of the two always sees the other.
//!
//! A worker sleeps on the word itself. So a wake-up that was meant for an
//! earlier sleep and comes late, between the last look and the sleep, finds the
//! word at 1, clears it, and the worker does not fall asleep; with a word of
//! its own to sleep on it would, and nobody would know any more.

use std::sync::atomic::{AtomicU32, Ordering, fence};
use std::time::Duration;

use crate::sys::{futex_wait, futex_wake};

/// Says that this side is about to sleep; it must look once more afterwards.
pub(crate) fn announce(word: &AtomicU32) {
    word.store(1, Ordering::Relaxed);
    fence(Ordering::SeqCst);
}

/// Says that this side is awake and needs no waking.
pub(crate) fn announce_awake(word: &AtomicU32) {
    word.store(0, Ordering::Relaxed);
}

/// Sleeps until woken, for `timeout` at most, unless it is `ready`. May return
/// for no reason.
pub(crate) fn sleep(word: &AtomicU32, timeout: Option<Duration>, ready: impl FnOnce() -> bool) {
    announce(word);
    if !ready() {
        futex_wait(word, 1, timeout);
    }
    announce_awake(word);
}

/// Whether the other side has to be woken, which the caller then does. To be
/// asked after something was published.
pub(crate) fn has_to_be_woken(word: &AtomicU32) -> bool {
    fence(Ordering::SeqCst);
    word.load(Ordering::Relaxed) == 1 && word.swap(0, Ordering::Relaxed) == 1
}

/// Wakes the other side if it sleeps on this word.
pub(crate) fn wake(word: &AtomicU32) {
    if has_to_be_woken(word) {
        futex_wake(word);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicU64;
    use std::thread;

    use super::*;

    #[test]
    fn no_wake_up_is_lost_however_late_it_comes() {
        const ROUNDS: u64 = 200_000;
        let shared = Arc::new((AtomicU64::new(0), AtomicU64::new(0), AtomicU32::new(0)));
        let other = Arc::clone(&shared);
        // One item at a time, and the waker is not waited for: its wake-up for
        // one item may meet the sleep for the next.
        let waker = thread::spawn(move || {
            let (sent, done, word) = &*other;
            for n in 1..=ROUNDS {
                sent.store(n, Ordering::Release);
                wake(word);
                while done.load(Ordering::Acquire) < n {
                    std::hint::spin_loop();
                }
            }
        });
        let (sent, done, word) = &*shared;
        for n in 1..=ROUNDS {
            while sent.load(Ordering::Acquire) < n {
                sleep(word, Some(Duration::from_secs(20)), || {
                    sent.load(Ordering::Acquire) >= n
                });
            }
            done.store(n, Ordering::Release);
        }
        waker.join().expect("no panic");
    }
}
