//! Drives a future on the current thread.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Polls the future until it is ready, or until it is cancelled, which is `None`.
fn block_on<F: Future>(future: F, cancellation: &impl Cancellation) -> Option<F::Output> {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    cancellation.wake_when_cancelled(waker.clone());
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    while !cancellation.is_cancelled() {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return Some(output),
            Poll::Pending => thread::park(),
        }
    }
    None
}

/// The cancellation of a future, of which nobody waits for the output any more.
pub(super) trait Cancellation {
    /// Keeps the waker in place of an earlier one, and wakes it when the future is cancelled.
    fn wake_when_cancelled(&self, waker: Waker);

    fn is_cancelled(&self) -> bool;
}

/// The runtime that was current when a function was registered; its timers and sockets work in
/// the function's futures.
#[derive(Clone, Default)]
pub(super) struct Runtime {
    #[cfg(any(feature = "http", feature = "in-process"))]
    handle: Option<tokio::runtime::Handle>,
}

impl Runtime {
    pub(super) fn current() -> Self {
        Runtime {
            #[cfg(any(feature = "http", feature = "in-process"))]
            handle: tokio::runtime::Handle::try_current().ok(),
        }
    }

    /// Drives the future that `make` returns within the runtime. Drops it when it is cancelled,
    /// and returns `None`.
    pub(super) fn block_on<F: Future>(
        &self,
        cancellation: &impl Cancellation,
        make: impl FnOnce() -> F,
    ) -> Option<F::Output> {
        #[cfg(any(feature = "http", feature = "in-process"))]
        let _entered = self.handle.as_ref().map(tokio::runtime::Handle::enter);
        block_on(make(), cancellation)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[derive(Default)]
    struct Flag {
        is_cancelled: AtomicBool,
        waker: Mutex<Option<Waker>>,
    }

    impl Flag {
        fn cancel(&self) {
            self.is_cancelled.store(true, Ordering::SeqCst);
            let waker = self.waker.lock().expect("not poisoned").take();
            waker.expect("somebody waits").wake();
        }
    }

    impl Cancellation for Flag {
        fn wake_when_cancelled(&self, waker: Waker) {
            *self.waker.lock().expect("not poisoned") = Some(waker);
        }

        fn is_cancelled(&self) -> bool {
            self.is_cancelled.load(Ordering::SeqCst)
        }
    }

    #[test]
    fn a_future_that_is_woken_by_another_thread_is_driven_to_its_end() {
        let (sender, receiver) = std::sync::mpsc::channel::<Waker>();
        let waking = thread::spawn(move || receiver.recv().map(Waker::wake));
        let mut asked = false;
        let polled = std::future::poll_fn(move |context| {
            if std::mem::replace(&mut asked, true) {
                return Poll::Ready(7);
            }
            let _ = sender.send(context.waker().clone());
            Poll::Pending
        });
        assert_eq!(block_on(polled, &Flag::default()), Some(7));
        assert!(waking.join().is_ok_and(|woke| woke.is_ok()));
    }

    #[test]
    fn a_future_that_is_cancelled_is_driven_no_further() {
        let flag = Arc::new(Flag::default());
        let (sender, polled) = std::sync::mpsc::channel();
        let cancelling = Arc::clone(&flag);
        let cancelled = thread::spawn(move || {
            let begun = polled.recv();
            cancelling.cancel();
            begun
        });
        let future = std::future::poll_fn(move |_| {
            let _ = sender.send(());
            Poll::<()>::Pending
        });
        assert_eq!(block_on(future, &*flag), None);
        assert_eq!(cancelled.join().expect("no panic"), Ok(()));
    }
}
