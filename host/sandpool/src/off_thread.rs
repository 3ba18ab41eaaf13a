//! Blocking work for async callers: it runs on a thread of its own, and no executor's
//! thread waits for it.

use std::future::{Future, poll_fn};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::thread;

use crate::guard::wake;
use sandpool_sys::thread_error;

/// Runs `work` on a new thread of this name, and returns a future of its result: `None` if
/// it panicked. The thread goes on if the future is dropped.
///
/// # Errors
///
/// Returns an error if the operating system gives no thread.
pub(crate) fn off_thread<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<impl Future<Output = Option<T>> + Send + 'static> {
    let left = Arc::new(Mutex::new(Left {
        result: None,
        ended: false,
        waker: None,
    }));
    let end = End(left.clone());
    let thread = thread::Builder::new().name(format!("sandpool-{name}"));
    // A result that nobody awaits any more is dropped.
    let spawned = thread.spawn(move || end.leave(work()));
    spawned.map_err(thread_error)?;
    Ok(poll_fn(move |context| {
        let mut left = lock(&left);
        if left.ended {
            return Poll::Ready(left.result.take());
        }
        left.waker = Some(context.waker().clone());
        Poll::Pending
    }))
}

/// The result that the thread leaves for the future.
struct Left<T> {
    result: Option<T>,
    /// `true` once the work has returned or panicked.
    ended: bool,
    waker: Option<Waker>,
}

fn lock<T>(left: &Mutex<Left<T>>) -> MutexGuard<'_, Left<T>> {
    left.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The thread's hold on it: dropped when the work has returned, and when it panics.
struct End<T>(Arc<Mutex<Left<T>>>);

impl<T> End<T> {
    fn leave(self, result: T) {
        lock(&self.0).result = Some(result);
    }
}

impl<T> Drop for End<T> {
    fn drop(&mut self) {
        let mut left = lock(&self.0);
        left.ended = true;
        let waker = left.waker.take();
        drop(left);
        wake(waker);
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    /// Waits for a future as an executor would that does nothing else.
    fn block_on<T>(future: impl Future<Output = T>) -> T {
        let mut future = pin!(future);
        loop {
            let mut context = Context::from_waker(Waker::noop());
            match future.as_mut().poll(&mut context) {
                Poll::Ready(done) => return done,
                Poll::Pending => thread::yield_now(),
            }
        }
    }

    #[test]
    fn it_runs_elsewhere_and_its_panic_ends_nothing() {
        let here = thread::current().id();
        let there = off_thread("test", || thread::current().id()).expect("a thread");
        assert!(block_on(there).is_some_and(|there| there != here));
        let panics = off_thread("test", || panic!("on purpose")).expect("a thread");
        assert_eq!(block_on::<Option<()>>(panics), None);
    }
}
