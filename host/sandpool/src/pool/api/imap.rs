//! Many calls as a stream: inputs are pulled as they are needed, outcomes come
//! as they are ready.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::steering::Steering;
use crate::outcome::Outcome;
use crate::pool::error::Error;
use crate::pool::stream::Flow;
use crate::pool::tasks::Settled;
use sandpool_value::{FromValue, Value};

/// An iterator over the outcomes of many calls: multiprocessing's `imap` and
/// `imap_unordered`.
///
/// A thread of its own pulls the inputs, so that an outcome is there as soon
/// as its task has ended, even while the next input is being waited for. It
/// stays ahead by a bounded number of inputs and bytes. Dropping the iterator
/// cancels what has not ended.
#[must_use = "dropping the stream cancels what has not ended"]
pub struct IMap<T = Value> {
    flow: Arc<Flow>,
    /// The next outcomes.
    taken: VecDeque<Settled>,
    value: std::marker::PhantomData<fn() -> T>,
}

impl<T: FromValue> IMap<T> {
    pub(crate) fn new(flow: Arc<Flow>) -> Self {
        IMap {
            flow,
            taken: VecDeque::new(),
            value: std::marker::PhantomData,
        }
    }

    fn typed(&self, ended: Settled) -> Outcome<T> {
        ended.typed(self.flow.template())
    }

    /// What steers the stream while another thread waits for its outcomes.
    pub fn steering(&self) -> Steering {
        Steering::new(Arc::clone(&self.flow))
    }

    /// The next outcome if it is there already.
    pub fn try_next_ready(&mut self) -> Option<Outcome<T>> {
        if self.taken.is_empty() {
            self.flow.next_ready(&mut self.taken);
        }
        let settled = self.taken.pop_front()?;
        Some(self.typed(settled))
    }

    /// The next outcome if it comes within `timeout`; `None` at the end.
    ///
    /// # Errors
    /// [`Error::Timeout`] if it does not come in time: nothing is lost, and can
    /// be asked again.
    pub fn next_timeout(&mut self, timeout: Duration) -> Result<Option<Outcome<T>>, Error> {
        if self.taken.is_empty() {
            self.flow.next(&mut self.taken, Some(timeout))?;
        }
        let settled = self.taken.pop_front();
        Ok(settled.map(|settled| self.typed(settled)))
    }

    /// Awaits the next outcome; `None` at the end. A future that is dropped has
    /// taken none.
    ///
    /// ```no_run
    /// # async fn fibs(pool: sandpool::Pool, math: sandpool::Module) -> Result<(), sandpool::Error> {
    /// let mut outcomes = pool.imap::<u64>(&math, "fib", 0..20u32)?;
    /// while let Some(outcome) = outcomes.next_async().await {
    ///     println!("{outcome}");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn next_async(&mut self) -> Option<Outcome<T>> {
        poll_fn(|context| self.poll_next(context)).await
    }

    /// What [`IMap::next_async`] is made of, and what a `Stream` of any library has
    /// to be told: `stream::poll_fn(move |context| outcomes.poll_next(context))`.
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Outcome<T>>> {
        if self.taken.is_empty() {
            ready!(self.flow.poll_next(&mut self.taken, context));
        }
        let settled = self.taken.pop_front();
        Poll::Ready(settled.map(|settled| self.typed(settled)))
    }
}

impl<T: FromValue> Iterator for IMap<T> {
    type Item = Outcome<T>;

    fn next(&mut self) -> Option<Outcome<T>> {
        // Without a time, it never comes to an error.
        if self.taken.is_empty() {
            self.flow.next(&mut self.taken, None).ok()?;
        }
        let settled = self.taken.pop_front()?;
        Some(self.typed(settled))
    }
}

impl<T> Drop for IMap<T> {
    fn drop(&mut self) {
        self.flow.abandon();
    }
}
