//! Waits for a change by another thread, behind a lock.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Condvar, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A condition variable that costs next to nothing to notify while nobody waits: the
/// standard one asks the operating system each time, which takes longer than a small task
/// does.
///
/// It belongs to one mutex, under which the awaited state must be changed before the
/// notification.
#[derive(Debug, Default)]
pub(crate) struct Notify {
    condvar: Condvar,
    /// The number of waiting threads, counted up under the mutex. So a thread that changes
    /// something afterwards sees the waiter, and a thread that comes to wait afterwards
    /// sees the change.
    waiting: AtomicU32,
}

/// Returns the end of a time to wait; `None` if it is too long to have one.
pub(crate) fn deadline(timeout: Option<Duration>) -> Option<Instant> {
    timeout.and_then(|timeout| Instant::now().checked_add(timeout))
}

impl Notify {
    /// Waits as long as `lacks` is true of the state, until the deadline at most. Returns
    /// the guard as an error if it still is then.
    pub(crate) fn wait_while<'a, T>(
        &self,
        mut guard: MutexGuard<'a, T>,
        deadline: Option<Instant>,
        lacks: impl Fn(&T) -> bool,
    ) -> Result<MutexGuard<'a, T>, MutexGuard<'a, T>> {
        while lacks(&guard) {
            let left = match deadline.map(|end| end.checked_duration_since(Instant::now())) {
                None => None,
                Some(Some(left)) => Some(left),
                Some(None) => return Err(guard),
            };
            guard = self.wait(guard, left);
        }
        Ok(guard)
    }

    /// Waits to be notified, for `at_most` this long. May return for no reason.
    pub(crate) fn wait<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        at_most: Option<Duration>,
    ) -> MutexGuard<'a, T> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let guard = match at_most {
            None => self
                .condvar
                .wait(guard)
                .unwrap_or_else(PoisonError::into_inner),
            Some(left) => {
                self.condvar
                    .wait_timeout(guard, left)
                    .unwrap_or_else(PoisonError::into_inner)
                    .0
            }
        };
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        guard
    }

    /// Wakes all waiting threads.
    pub(crate) fn notify(&self) {
        if self.waiting.load(Ordering::Relaxed) > 0 {
            self.condvar.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};
    use std::thread;

    use super::*;

    #[test]
    fn no_notification_is_lost() {
        const ROUNDS: u32 = 100_000;
        let shared = Arc::new((Mutex::new(0), Notify::default(), Notify::default()));
        let other = Arc::clone(&shared);
        let lock = |n: &'_ Mutex<u32>| -> u32 { *n.lock().expect("sound") };
        let thread = thread::spawn(move || {
            let (count, even, odd) = &*other;
            for n in (1..ROUNDS).step_by(2) {
                let guard = count.lock().expect("sound");
                let mut guard = odd
                    .wait_while(guard, None, |count| *count != n)
                    .expect("no time");
                *guard += 1;
                drop(guard);
                even.notify();
            }
        });
        let (count, even, odd) = &*shared;
        for n in (0..ROUNDS).step_by(2) {
            let guard = count.lock().expect("sound");
            let end = deadline(Some(Duration::from_secs(20)));
            let guard = even.wait_while(guard, end, |count| *count != n);
            let Ok(mut guard) = guard else { panic!("lost") };
            *guard += 1;
            drop(guard);
            odd.notify();
        }
        thread.join().expect("no panic");
        assert_eq!(lock(count), ROUNDS);
    }

    #[test]
    fn a_deadline_ends_the_wait() {
        let mutex = Mutex::new(());
        let end = deadline(Some(Duration::from_millis(5)));
        let guard = mutex.lock().expect("sound");
        assert!(Notify::default().wait_while(guard, end, |()| true).is_err());
        assert_eq!(deadline(Some(Duration::MAX)), None);
    }
}
