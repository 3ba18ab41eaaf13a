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

/// Polls the future until it is ready.
pub(super) fn block_on<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
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

    /// Drives the future that `make` returns within the runtime.
    pub(super) fn block_on<F: Future>(&self, make: impl FnOnce() -> F) -> F::Output {
        #[cfg(any(feature = "http", feature = "in-process"))]
        let _entered = self.handle.as_ref().map(tokio::runtime::Handle::enter);
        block_on(make())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(block_on(polled), 7);
        assert!(waking.join().is_ok_and(|woke| woke.is_ok()));
    }
}
