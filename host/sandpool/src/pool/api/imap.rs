//! Many calls as a stream: inputs are pulled as they are needed, outcomes come as they are
//! ready.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::call::Call;
use super::steering::Steering;
use crate::outcome::Outcome;
use crate::pool::error::Error;
use crate::pool::stream::{Input, StreamState, ToInput, start_feeder};
use crate::pool::tasks::{Steers, TaskResult, Template};
use sandpool_value::{FromValue, Value};

/// An iterator over the outcomes of many calls: multiprocessing's `imap` and
/// `imap_unordered`.
///
/// A thread of its own pulls the inputs, so that an outcome is there as soon as its task
/// has ended, even while the next input is being waited for. The thread stays ahead by a
/// bounded number of inputs and bytes. Dropping the iterator cancels the tasks that have
/// not ended.
#[must_use = "dropping the stream cancels what has not ended"]
pub struct IMap<T = Value> {
    stream: Arc<StreamState>,
    /// The next outcomes.
    taken: VecDeque<TaskResult>,
    value: std::marker::PhantomData<fn() -> T>,
}

impl<T: FromValue> IMap<T> {
    pub(super) fn new(stream: Arc<StreamState>) -> Self {
        IMap {
            stream,
            taken: VecDeque::new(),
            value: std::marker::PhantomData,
        }
    }

    fn typed(&self, ended: TaskResult) -> Outcome<T> {
        ended.typed(self.stream.template())
    }

    /// Returns a handle that steers the stream while another thread waits for its outcomes.
    pub fn steering(&self) -> Steering {
        Steering::new(Arc::clone(&self.stream))
    }

    /// Returns the next outcome if it is there already, and `None` otherwise, also at the
    /// end.
    pub fn try_next_ready(&mut self) -> Option<Outcome<T>> {
        if self.taken.is_empty() {
            self.stream.next_ready(&mut self.taken);
        }
        let result = self.taken.pop_front()?;
        Some(self.typed(result))
    }

    /// Waits for the next outcome, for `timeout` at most; returns `None` at the end.
    ///
    /// # Errors
    ///
    /// Returns [`Error::Timeout`] if the outcome does not come in time: nothing is lost,
    /// and the iterator can be asked again.
    pub fn next_timeout(&mut self, timeout: Duration) -> Result<Option<Outcome<T>>, Error> {
        if self.taken.is_empty() {
            self.stream.next(&mut self.taken, Some(timeout))?;
        }
        let result = self.taken.pop_front();
        Ok(result.map(|result| self.typed(result)))
    }

    /// Awaits the next outcome; `None` at the end. Dropping the future loses no outcome.
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

    /// Polls for the next outcome; [`IMap::next_async`] is made of it. It makes a `Stream`
    /// of any library: `stream::poll_fn(move |context| outcomes.poll_next(context))`.
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Outcome<T>>> {
        if self.taken.is_empty() {
            ready!(self.stream.poll_next(&mut self.taken, context));
        }
        let result = self.taken.pop_front();
        Poll::Ready(result.map(|result| self.typed(result)))
    }
}

impl<T: FromValue> Iterator for IMap<T> {
    type Item = Outcome<T>;

    fn next(&mut self) -> Option<Outcome<T>> {
        // Without a timeout it never returns an error.
        if self.taken.is_empty() {
            self.stream.next(&mut self.taken, None).ok()?;
        }
        let result = self.taken.pop_front()?;
        Some(self.typed(result))
    }
}

impl<T> Drop for IMap<T> {
    fn drop(&mut self) {
        self.stream.abandon();
    }
}

impl Call {
    /// Runs a task for each input and yields the outcomes in the order of the inputs.
    /// Inputs are pulled as they are needed; see [`Pool::imap`](crate::Pool::imap).
    ///
    /// Arguments that this call has already are given to every task. Positional arguments
    /// come before those of each input. Keyword arguments are left out of the parameters
    /// that an input gives, in their order, and are held once, however large they are.
    /// Words and standard input of this call are not used.
    ///
    /// # Errors
    ///
    /// Returns an error if the pool takes no tasks, or the function cannot be called.
    pub fn imap<T: FromValue>(
        self,
        inputs: impl IntoIterator<Item: ToInput, IntoIter: Send + 'static>,
    ) -> Result<IMap<T>, Error> {
        start(
            self,
            inputs.into_iter().map(|input| input.into_input()),
            true,
        )
    }

    /// Runs a task for each input, as [`Call::imap`] does, and yields the outcomes in the
    /// order in which the tasks end.
    ///
    /// # Errors
    ///
    /// Returns an error as [`Call::imap`] does.
    pub fn imap_unordered<T: FromValue>(
        self,
        inputs: impl IntoIterator<Item: ToInput, IntoIter: Send + 'static>,
    ) -> Result<IMap<T>, Error> {
        start(
            self,
            inputs.into_iter().map(|input| input.into_input()),
            false,
        )
    }
}

fn start<T: FromValue>(
    call: Call,
    inputs: impl Iterator<Item = Input> + Send + 'static,
    ordered: bool,
) -> Result<IMap<T>, Error> {
    call.refuse_single_callbacks()?;
    call.refuse_map_callbacks()?;
    let chunksize = call.map_options.chunksize()?;
    let shared = Arc::clone(&call.shared);
    let steers = Arc::new(Steers::default());
    let (template, before) = call.template_of_many()?;
    let template = Arc::new(Template {
        steers: Some(Arc::clone(&steers)),
        ..template
    });
    let stream = StreamState::new(&shared, &template, steers, ordered, chunksize);
    start_feeder(&shared, &stream, before, inputs)?;
    Ok(IMap::new(stream))
}
