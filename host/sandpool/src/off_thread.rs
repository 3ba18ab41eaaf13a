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
    let pending = Arc::new(Mutex::new(PendingResult {
        result: None,
        ended: false,
        waker: None,
    }));
    let sender = ResultSender(pending.clone());
    let thread = thread::Builder::new().name(format!("sandpool-{name}"));
    // A result that nobody awaits any more is dropped.
    let spawned = thread.spawn(move || sender.send(work()));
    spawned.map_err(thread_error)?;
    Ok(poll_fn(move |context| {
        let mut pending = lock(&pending);
        if pending.ended {
            return Poll::Ready(pending.result.take());
        }
        pending.waker = Some(context.waker().clone());
        Poll::Pending
    }))
}

/// The result that the thread leaves for the future.
struct PendingResult<T> {
    result: Option<T>,
    /// `true` once the work has returned or panicked.
    ended: bool,
    waker: Option<Waker>,
}

fn lock<T>(pending: &Mutex<PendingResult<T>>) -> MutexGuard<'_, PendingResult<T>> {
    pending.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The thread's hold on it: dropped when the work has returned, and when it panics.
struct ResultSender<T>(Arc<Mutex<PendingResult<T>>>);

impl<T> ResultSender<T> {
    fn send(self, result: T) {
        lock(&self.0).result = Some(result);
    }
}

impl<T> Drop for ResultSender<T> {
    fn drop(&mut self) {
        let mut pending = lock(&self.0);
        pending.ended = true;
        let waker = pending.waker.take();
        drop(pending);
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
