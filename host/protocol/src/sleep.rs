//! The sleep of one side until the other has work for it.
//!
//! Each side has a word in shared memory that is 1 while it sleeps or is about to. It sets
//! the word, looks once more, and sleeps. The other side publishes first, and then reads
//! the word: one of the two always sees the other.
//!
//! A worker sleeps on the word itself. So a wake-up that was meant for an earlier sleep and
//! comes late, between the last look and the sleep, finds the word at 1 and clears it, and
//! the worker does not fall asleep. With a separate word to sleep on it would, and nobody
//! would know any more.
//!
//! Falling asleep and being woken costs ten times as much as an empty task. So a side whose
//! last wait was short looks for a moment before it sleeps, as long as nobody else wants
//! its core: see [`Spin`].

use std::sync::atomic::{AtomicU32, Ordering, fence};
use std::thread;
use std::time::{Duration, Instant};

use sandpool_sys::{futex_wait, futex_wake};

/// The word of a side that sleeps, or is about to.
const ASLEEP: u32 = 1;

/// The word of a host one of whose callers sleeps on the word itself, with no thread
/// between it and the worker.
const NAPPING: u32 = 2;

/// The longest look before a sleep.
pub const LOOK: Duration = Duration::from_micros(50);

/// The longest wait, being woken included, after which the next wait begins with a look.
const SHORT_WAIT: Duration = Duration::from_micros(100);

/// The number of looks between two offers of the core to others.
const TURNS: u32 = 16;

/// A side that was away for this time after it offered its core shares the core.
const CROWDED: Duration = Duration::from_micros(10);

/// The highest number of looks that are left out after a crowded one.
const MAX_LEFT_OUT: u32 = 256;

/// Decides for one waiting thread whether to look for a moment before it sleeps.
///
/// The thread looks only if its last wait was short, so a thread that is idle for long does
/// not look at all. It keeps offering its core to others: if another thread takes it, this
/// one sleeps, and leaves out the next looks, the more the more often that happens.
#[derive(Debug)]
pub struct Spin {
    allowed: bool,
    pays: bool,
    /// The number of looks that are still to be left out.
    left_out: u32,
    /// The number of looks that are skipped the next time that the core is crowded.
    shyness: u32,
}

impl Spin {
    /// Makes a spin that is `allowed` or not, by the choice of the user and the host: one
    /// core leaves none to look with.
    pub fn new(allowed: bool) -> Self {
        Spin {
            allowed,
            pays: true,
            left_out: 0,
            shyness: 1,
        }
    }

    /// Returns whether there is any sense in a look now.
    pub fn pays(&self) -> bool {
        self.allowed && self.pays
    }

    /// Looks until it is `ready`, for [`LOOK`] or `at_most` so long. Says
    /// whether it is.
    pub fn look(&mut self, at_most: Option<Duration>, mut ready: impl FnMut() -> bool) -> bool {
        if !self.pays() {
            return false;
        }
        if self.left_out > 0 {
            self.left_out -= 1;
            return false;
        }
        let until = Instant::now() + at_most.map_or(LOOK, |most| most.min(LOOK));
        loop {
            for _ in 0..TURNS {
                if ready() {
                    self.shyness = 1;
                    return true;
                }
                std::hint::spin_loop();
            }
            let offered = Instant::now();
            if offered >= until {
                return false;
            }
            thread::yield_now();
            if offered.elapsed() > CROWDED {
                self.left_out = self.shyness;
                self.shyness = (self.shyness * 2).min(MAX_LEFT_OUT);
                return ready();
            }
        }
    }

    /// Learns how long the wait was, from its first look to its end.
    pub fn learn(&mut self, waited: Duration) {
        self.pays = waited < SHORT_WAIT;
    }
}

/// Says that this side is about to sleep; it must look once more afterwards.
pub fn announce(word: &AtomicU32) {
    word.store(ASLEEP, Ordering::Relaxed);
    fence(Ordering::SeqCst);
}

/// As [`announce`], for a [`nap`].
pub fn announce_nap(word: &AtomicU32) {
    word.store(NAPPING, Ordering::Relaxed);
    fence(Ordering::SeqCst);
}

/// Sleeps on the word itself, for `at_most` so long, unless that was announced
/// and is over already.
pub fn nap(word: &AtomicU32, at_most: Duration) {
    futex_wait(word, NAPPING, Some(at_most));
}

/// Says that this side is awake and needs no waking.
pub fn announce_awake(word: &AtomicU32) {
    word.store(0, Ordering::Relaxed);
}

/// Sleeps until woken, for `timeout` at most, unless it is `ready`. May return
/// for no reason.
pub fn sleep(word: &AtomicU32, timeout: Option<Duration>, ready: impl FnOnce() -> bool) {
    announce(word);
    if !ready() {
        futex_wait(word, ASLEEP, timeout);
    }
    announce_awake(word);
}

/// As [`sleep`], after a look if that pays.
pub fn look_then_sleep(
    word: &AtomicU32,
    spin: &mut Spin,
    timeout: Option<Duration>,
    ready: impl Fn() -> bool,
) {
    let since = Instant::now();
    if !spin.look(timeout, &ready) {
        sleep(word, timeout, &ready);
    }
    spin.learn(since.elapsed());
}

/// Returns whether the other side has to be woken, which the caller then does. To be
/// asked after something was published.
pub fn has_to_be_woken(word: &AtomicU32) -> bool {
    has_to_be_woken_if(word, || true)
}

/// As [`has_to_be_woken`], for a sleeper that wants to be woken only if
/// something holds, which it said before it announced its sleep. One that naps
/// is woken here.
pub fn has_to_be_woken_if(word: &AtomicU32, wanted: impl FnOnce() -> bool) -> bool {
    fence(Ordering::SeqCst);
    if word.load(Ordering::Relaxed) == 0 || !wanted() {
        return false;
    }
    match word.swap(0, Ordering::Relaxed) {
        ASLEEP => true,
        NAPPING => {
            futex_wake(word);
            false
        }
        _ => false,
    }
}

/// Wakes the other side if it sleeps on this word.
pub fn wake(word: &AtomicU32) {
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
