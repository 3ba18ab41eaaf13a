//! Maps: one call for each of many items, and one result for all of them.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use super::call::Call;
use crate::outcome::Outcome;
use crate::pool::error::{Error, SettingError};
use crate::pool::stream::{MapCallback, MapCollector};
use crate::pool::tasks::{Inputs, TaskResult, Template};
use sandpool_value::{FromValue, ToArgs, Value};

/// The number of tasks whose outcomes come together, if the number of items is unknown.
const PART: usize = 4096;

/// The handle to the tasks of a `map_async`; its outcomes are in the order of the items.
///
/// Where multiprocessing's raises the first error and loses the rest, this one has an
/// outcome for every item. Dropping the handle changes nothing for the tasks, unless it was
/// told to [cancel on drop](MapResult::cancel_on_drop).
#[must_use = "the results are lost without their handle"]
pub struct MapResult<T = Value> {
    collector: Arc<MapCollector>,
    /// `true` if dropping this handle cancels the tasks.
    cancels: bool,
    value: std::marker::PhantomData<fn() -> T>,
}

impl<T: FromValue> MapResult<T> {
    /// Waits for all outcomes, for `timeout` at most, in the order of the items; `None`
    /// waits for ever.
    ///
    /// # Errors
    ///
    /// Returns [`Error::Timeout`] if they do not all come in time (the tasks go on, and the
    /// handle can be asked again), and [`Error::WouldDeadlock`] from a callback, if the map
    /// has a callback itself.
    pub fn get(&self, timeout: Option<Duration>) -> Result<Vec<Outcome<T>>, Error> {
        self.collector.wait(timeout)?;
        Ok(self.collector.outcomes())
    }

    /// Waits until all tasks have ended, for `timeout` at most; returns `true` if they
    /// have. Where [`MapResult::get`] would return [`Error::WouldDeadlock`], it does not
    /// wait.
    pub fn wait(&self, timeout: Option<Duration>) -> bool {
        self.collector.wait(timeout).is_ok()
    }

    /// Returns `true` if all tasks have ended.
    pub fn ready(&self) -> bool {
        self.collector.lock().is_done()
    }

    /// Returns `true` if all tasks have ended `ok`.
    ///
    /// # Errors
    ///
    /// Returns [`Error::NotReady`] if some have not ended.
    pub fn successful(&self) -> Result<bool, Error> {
        let state = self.collector.lock();
        match state.is_done() {
            true => Ok(state.results().all(TaskResult::is_ok)),
            false => Err(Error::NotReady),
        }
    }

    /// Makes dropping this handle cancel the tasks that have not ended, as
    /// [`MapResult::cancel`] does. [`MapResult::detach`] lets them go on.
    pub fn cancel_on_drop(mut self) -> Self {
        self.cancels = true;
        self
    }

    /// Drops the handle and leaves the tasks alone.
    pub fn detach(mut self) {
        self.cancels = false;
    }

    /// Cancels the tasks that have not ended.
    pub fn cancel(&self) {
        self.collector.cancel();
    }
}

impl<T> Drop for MapResult<T> {
    fn drop(&mut self) {
        if self.cancels && !self.collector.lock().is_done() {
            self.collector.cancel();
        }
    }
}

impl<T> std::fmt::Debug for MapResult<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MapResult")
            .field("missing", &self.collector.lock().missing())
            .finish_non_exhaustive()
    }
}

impl<T: FromValue> Future for MapResult<T> {
    type Output = Vec<Outcome<T>>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.collector.lock();
        if !state.is_done() {
            state.set_waker(context.waker().clone());
            return Poll::Pending;
        }
        drop(state);
        Poll::Ready(self.collector.outcomes())
    }
}

/// A map whose chunks are begun one after the other. If an error or a panic of the items
/// stops it, its tasks are cancelled, since nobody will want the outcomes.
struct Begun<'a>(&'a MapCollector);

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        if !self.0.lock().is_all() {
            self.0.cancel();
        }
    }
}

/// The settings of a call that only maps use.
#[derive(Default)]
pub(super) struct MapOptions {
    pub(super) chunksize: Option<usize>,
    pub(super) callback: Option<MapCallback>,
    pub(super) error_callback: Option<MapCallback>,
}

impl MapOptions {
    pub(super) fn has_callback(&self) -> bool {
        self.callback.is_some() || self.error_callback.is_some()
    }

    /// Returns the number of items to hand over at once.
    ///
    /// # Errors
    ///
    /// Returns an error if that is 0.
    pub(super) fn chunksize(&self) -> Result<usize, Error> {
        match self.chunksize {
            Some(0) => Err(SettingError::Chunksize.into()),
            size => Ok(size.unwrap_or(1)),
        }
    }

    fn merged_callback(self) -> Option<MapCallback> {
        match (self.callback, self.error_callback) {
            (callback, None) => callback,
            (callback, Some(on_error)) => Some(Box::new(move |outcomes: &[Outcome<Value>]| {
                if !outcomes.iter().all(Outcome::is_ok) {
                    on_error(outcomes);
                } else if let Some(callback) = callback {
                    callback(outcomes);
                }
            })),
        }
    }
}

impl Call {
    /// Calls the function for each item and waits for all outcomes, in the order of the
    /// items; see [`Pool::map`](crate::Pool::map).
    ///
    /// Arguments that this call has already are given to every task. Positional arguments
    /// come before those of each item. Keyword arguments are left out of the parameters
    /// that an item gives, in their order.
    ///
    /// # Errors
    ///
    /// Returns an error if the tasks cannot be sent, or an item does not fit the function.
    /// A task that fails is an outcome, not an error.
    pub fn map<T: FromValue>(
        self,
        items: impl IntoIterator<Item: ToArgs>,
    ) -> Result<Vec<Outcome<T>>, Error> {
        let mut outcomes = Vec::new();
        self.collected(items, |result, template| {
            outcomes.push(result.typed(template));
        })?;
        Ok(outcomes)
    }

    /// Calls the function for each item, as [`Call::map`] does, and returns the values
    /// alone, as multiprocessing's `map` does. A little faster than [`Call::map`].
    ///
    /// # Errors
    ///
    /// Returns an error as [`Call::map`] does; and, once all tasks have ended,
    /// [`Error::Failed`] with the first of them, in the order of the items, that did not
    /// end `ok`. The values of the others are lost then.
    pub fn map_values<T: FromValue>(
        self,
        items: impl IntoIterator<Item: ToArgs>,
    ) -> Result<Vec<T>, Error> {
        let mut values = Vec::new();
        let mut failed = None;
        self.collected(items, |result, template| match result.value(template) {
            Ok(value) => values.push(value),
            Err(error) => failed = failed.take().or(Some(error)),
        })?;
        failed.map_or(Ok(values), Err)
    }

    /// Calls the function for each item and hands the results to `take`, in the order of
    /// the items. Nobody else has a handle, so nothing need be copied, and the first
    /// results can be used while the rest is on its way.
    fn collected(
        self,
        items: impl IntoIterator<Item: ToArgs>,
        mut take: impl FnMut(TaskResult, &Template),
    ) -> Result<(), Error> {
        let mut take_whole_parts = |collector: &MapCollector| {
            while collector.take_part(|result| take(result, collector.template())) {}
        };
        let collector = self.begin_map(items, &mut take_whole_parts)?;
        collector.refuse_deadlock()?;
        while !collector.lock().is_done() {
            collector.wait_for_part();
            take_whole_parts(&collector);
        }
        collector.take_all(|result| take(result, collector.template()));
        Ok(())
    }

    /// Calls the function for each item, as [`Call::map`] does, without waiting.
    ///
    /// # Errors
    ///
    /// Returns an error as [`Call::map`] does.
    pub fn map_async<T: FromValue>(
        self,
        items: impl IntoIterator<Item: ToArgs>,
    ) -> Result<MapResult<T>, Error> {
        Ok(MapResult {
            collector: self.begin_map(items, |_| ())?,
            cancels: false,
            value: std::marker::PhantomData,
        })
    }

    /// Submits the tasks of a map: all at once, or chunk by chunk, with a call of `between`
    /// after each chunk.
    fn begin_map(
        mut self,
        items: impl IntoIterator<Item: ToArgs>,
        mut between: impl FnMut(&MapCollector),
    ) -> Result<Arc<MapCollector>, Error> {
        self.refuse_single_callbacks()?;
        let options = std::mem::take(&mut self.map_options);
        options.chunksize()?;
        let chunk = options.chunksize;
        let shared = Arc::clone(&self.shared);
        let (template, before) = self.template_of_many()?;
        let template = Arc::new(template);
        let callback = options.merged_callback();
        let collector = MapCollector::new(&shared, &template, chunk.unwrap_or(PART), callback);
        let begun = Begun(&collector);
        let mut items = items.into_iter();
        let mut submitted = 0;
        let mut begin_chunk = || -> Result<bool, Error> {
            let mut inputs = Inputs::of_function(&template)?;
            for item in items.by_ref().take(chunk.unwrap_or(usize::MAX)) {
                inputs.push(&template, before.clone().then(item.into_args()))?;
            }
            let tasks = inputs.len();
            collector.submit(&shared, inputs, submitted)?;
            submitted += tasks;
            Ok(Some(tasks) == chunk)
        };
        while begin_chunk()? {
            between(&collector);
        }
        collector.seal();
        drop(begun);
        Ok(collector)
    }

    /// Calls the function for each item, as [`Call::map`] does; see
    /// [`Pool::starmap`](crate::Pool::starmap).
    ///
    /// # Errors
    ///
    /// Returns an error as [`Call::map`] does.
    pub fn starmap<T: FromValue>(
        self,
        items: impl IntoIterator<Item: ToArgs>,
    ) -> Result<Vec<Outcome<T>>, Error> {
        self.map(items)
    }

    /// Calls the function for each item, as [`Call::map_async`] does; see
    /// [`Pool::starmap`](crate::Pool::starmap).
    ///
    /// # Errors
    ///
    /// Returns an error as [`Call::map`] does.
    pub fn starmap_async<T: FromValue>(
        self,
        items: impl IntoIterator<Item: ToArgs>,
    ) -> Result<MapResult<T>, Error> {
        self.map_async(items)
    }
}
