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

/// Tasks whose outcomes come together, where nobody says how many.
const PART: usize = 4096;

/// The results of a `map_async` that are on their way, in the order of the
/// items.
///
/// Where multiprocessing's raises the first error and loses the rest, this one
/// has an outcome for every item. Dropping the handle changes nothing for the
/// tasks, unless it was told to [cancel on drop](MapResult::cancel_on_drop).
#[must_use = "the results are lost without their handle"]
pub struct MapResult<T = Value> {
    collector: Arc<MapCollector>,
    /// Whether nobody wants the tasks to go on without this handle.
    cancels: bool,
    value: std::marker::PhantomData<fn() -> T>,
}

impl<T: FromValue> MapResult<T> {
    /// Waits for all outcomes, for `timeout` at most, in the order of the
    /// items.
    ///
    /// # Errors
    /// [`Error::Timeout`] if they do not all come in time: the tasks go on, and
    /// can be asked again. [`Error::WouldDeadlock`] from a callback, if they
    /// are to have a callback themselves.
    pub fn get(&self, timeout: Option<Duration>) -> Result<Vec<Outcome<T>>, Error> {
        self.collector.wait(timeout)?;
        Ok(self.collector.outcomes())
    }

    /// Waits until all have ended, for `timeout` at most, and says whether they
    /// have. Where [`MapResult::get`] would be [`Error::WouldDeadlock`], it does
    /// not wait.
    pub fn wait(&self, timeout: Option<Duration>) -> bool {
        self.collector.wait(timeout).is_ok()
    }

    /// Whether all have ended.
    pub fn ready(&self) -> bool {
        self.collector.lock().is_done()
    }

    /// Whether all have ended `ok`.
    ///
    /// # Errors
    /// [`Error::NotReady`] if some have not ended.
    pub fn successful(&self) -> Result<bool, Error> {
        let state = self.collector.lock();
        match state.is_done() {
            true => Ok(state.results().all(TaskResult::is_ok)),
            false => Err(Error::NotReady),
        }
    }

    /// Has those that have not ended cancelled, as by [`MapResult::cancel`], when
    /// this handle is dropped. [`MapResult::detach`] lets them go on.
    pub fn cancel_on_drop(mut self) -> Self {
        self.cancels = true;
        self
    }

    /// Drops the handle and leaves the tasks alone.
    pub fn detach(mut self) {
        self.cancels = false;
    }

    /// Cancels those that have not ended.
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

/// A map whose chunks are begun one after the other. If it does not come to an
/// end, by an error or a panic of the items, nobody will want the outcomes.
struct Begun<'a>(&'a MapCollector);

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        if !self.0.lock().is_all() {
            self.0.cancel();
        }
    }
}

/// What only maps are told.
#[derive(Default)]
pub(crate) struct MapOptions {
    pub(crate) chunksize: Option<usize>,
    pub(crate) callback: Option<MapCallback>,
    pub(crate) error_callback: Option<MapCallback>,
}

impl MapOptions {
    pub(crate) fn has_callback(&self) -> bool {
        self.callback.is_some() || self.error_callback.is_some()
    }

    /// Items to hand over at once.
    ///
    /// # Errors
    /// If that is none.
    pub(crate) fn chunksize(&self) -> Result<usize, Error> {
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
    /// Calls the function for each item and waits for all outcomes, in the
    /// order of the items; see [`Pool::map`](crate::Pool::map). Arguments that
    /// this call has already are those of every task: by position they come before
    /// those of each item; by keyword they are left out of the parameters that an
    /// item gives, in their order.
    ///
    /// # Errors
    /// If the tasks cannot be sent, or an item does not fit the function.
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

    /// As [`Call::map`], for the values alone, which is what multiprocessing's
    /// `map` returns, and a little faster.
    ///
    /// # Errors
    /// As [`Call::map`]; and, once all have ended, [`Error::Failed`] with the first
    /// of them, in the order of the items, that did not end `ok`. The others'
    /// values are lost then.
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

    /// Calls the function for each item and takes what became of the tasks, in the
    /// order of the items. Nobody else has a handle, so nothing need be copied, and
    /// what has come can be made use of while the rest is on its way.
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

    /// As [`Call::map`], without waiting.
    ///
    /// # Errors
    /// As [`Call::map`].
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

    /// Submits the tasks of a map: all at once, or chunk by chunk, with
    /// something done between two.
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

    /// As [`Call::map`]; see [`Pool::starmap`](crate::Pool::starmap).
    ///
    /// # Errors
    /// As [`Call::map`].
    pub fn starmap<T: FromValue>(
        self,
        items: impl IntoIterator<Item: ToArgs>,
    ) -> Result<Vec<Outcome<T>>, Error> {
        self.map(items)
    }

    /// As [`Call::map_async`]; see [`Pool::starmap`](crate::Pool::starmap).
    ///
    /// # Errors
    /// As [`Call::map`].
    pub fn starmap_async<T: FromValue>(
        self,
        items: impl IntoIterator<Item: ToArgs>,
    ) -> Result<MapResult<T>, Error> {
        self.map_async(items)
    }
}
