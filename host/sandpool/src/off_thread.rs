//! Blocking work for async callers: it runs on a thread of its own, and no executor's
//! thread waits for it.

use std::future::Future;
use std::io;
use std::thread;

use tokio::sync::oneshot;

use sandpool_sys::thread_error;

/// Runs `work` on a new thread of this name, and gives a future of what it returns; of
/// `None` if it panicked. The thread goes on if that future is dropped.
///
/// # Errors
/// If the operating system gives no thread.
pub(crate) fn off_thread<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<impl Future<Output = Option<T>> + Send + 'static> {
    let (tell, told) = oneshot::channel();
    let thread = thread::Builder::new().name(format!("sandpool-{name}"));
    // A result that nobody wants any more is dropped.
    let spawned = thread.spawn(move || drop(tell.send(work())));
    spawned.map_err(thread_error)?;
    Ok(async { told.await.ok() })
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    /// Waits for it as an executor would, which does nothing else.
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
