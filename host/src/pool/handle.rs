//! Handles to results that are not there yet.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use super::error::Error;
use super::state::Shared;
use super::task::{KeyId, Sink};
use crate::outcome::Outcome;
use crate::value::{FromValue, Value};

/// The result of one call that is on its way: multiprocessing's `AsyncResult`,
/// and a future too.
///
/// Dropping the handle changes nothing for the task.
#[derive(Debug)]
#[must_use = "the result of the task is lost without its handle"]
pub struct AsyncResult<T = Value> {
    cell: Arc<Cell>,
    task: TaskRef,
    value: std::marker::PhantomData<fn() -> T>,
}

/// Where a task is, for whoever wants to cancel it.
#[derive(Clone)]
pub(super) struct TaskRef {
    pub(super) pool: Weak<Shared>,
    pub(super) key: KeyId,
    pub(super) id: u64,
    pub(super) cancelled: Arc<AtomicBool>,
}

impl std::fmt::Debug for TaskRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TaskRef")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl TaskRef {
    fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
        if let Some(pool) = self.pool.upgrade() {
            pool.cancel(self.key, self.id);
        }
    }
}

/// The place for one outcome.
#[derive(Debug, Default)]
pub(super) struct Cell {
    state: Mutex<CellState>,
    arrived: Condvar,
}

#[derive(Debug, Default)]
struct CellState {
    outcome: Option<Outcome<Value>>,
    waker: Option<Waker>,
}

impl Cell {
    fn lock(&self) -> MutexGuard<'_, CellState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the outcome, for `timeout` at most.
    fn wait(&self, timeout: Option<Duration>) -> Option<MutexGuard<'_, CellState>> {
        // A time so long that it has no end is none.
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let mut state = self.lock();
        while state.outcome.is_none() {
            state = match deadline {
                None => self
                    .arrived
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(deadline) => {
                    let left = deadline.checked_duration_since(Instant::now())?;
                    self.arrived
                        .wait_timeout(state, left)
                        .unwrap_or_else(PoisonError::into_inner)
                        .0
                }
            };
        }
        Some(state)
    }
}

impl Sink for Cell {
    fn deliver(&self, outcome: Outcome<Value>) {
        let mut state = self.lock();
        state.outcome = Some(outcome);
        let waker = state.waker.take();
        drop(state);
        self.arrived.notify_all();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<T: FromValue> AsyncResult<T> {
    pub(super) fn new(cell: Arc<Cell>, task: TaskRef) -> Self {
        AsyncResult {
            cell,
            task,
            value: std::marker::PhantomData,
        }
    }

    /// Waits for the task's value, for `timeout` at most.
    ///
    /// # Errors
    /// [`Error::Timeout`] if it does not come in time: the task goes on, and
    /// can be asked again. [`Error::Failed`] if the task did not end `ok`.
    pub fn get(&self, timeout: Option<Duration>) -> Result<T, Error> {
        let state = self.cell.wait(timeout).ok_or(Error::Timeout)?;
        let outcome = state.outcome.clone().ok_or(Error::Timeout)?;
        drop(state);
        value_of(outcome)
    }

    /// Waits until the task has ended, for `timeout` at most, and says whether
    /// it has.
    pub fn wait(&self, timeout: Option<Duration>) -> bool {
        self.cell.wait(timeout).is_some()
    }

    /// Whether the task has ended.
    pub fn ready(&self) -> bool {
        self.cell.lock().outcome.is_some()
    }

    /// Whether the task has ended `ok`.
    ///
    /// # Errors
    /// [`Error::NotReady`] if it has not ended.
    pub fn successful(&self) -> Result<bool, Error> {
        self.cell
            .lock()
            .outcome
            .as_ref()
            .map(Outcome::is_ok)
            .ok_or(Error::NotReady)
    }

    /// Looks at the outcome, if it is there, without a copy of it.
    pub(crate) fn peek<R>(&self, look: impl FnOnce(&Outcome<Value>) -> R) -> Option<R> {
        self.cell.lock().outcome.as_ref().map(look)
    }

    /// Waits for everything that is known about the task, for `timeout` at
    /// most.
    ///
    /// # Errors
    /// [`Error::Timeout`] if it does not end in time; the task goes on.
    pub fn outcome(&self, timeout: Option<Duration>) -> Result<Outcome<T>, Error> {
        let state = self.cell.wait(timeout).ok_or(Error::Timeout)?;
        let outcome = state.outcome.clone().ok_or(Error::Timeout)?;
        drop(state);
        Ok(outcome.typed())
    }

    /// Cancels the task. One that waits is never run, one that runs is ended
    /// at once, and one that has ended keeps its outcome. No other task is
    /// harmed.
    pub fn cancel(&self) {
        self.task.cancel();
    }
}

/// A task's value, or why there is none.
pub(super) fn value_of<T: FromValue>(mut outcome: Outcome<Value>) -> Result<T, Error> {
    match outcome.value.take() {
        Some(value) if outcome.is_ok() => T::from_value(value).map_err(Error::Convert),
        value => {
            outcome.value = value;
            Err(Error::Failed(Box::new(outcome)))
        }
    }
}

impl<T: FromValue> Future for AsyncResult<T> {
    type Output = Result<T, Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.cell.lock();
        match &state.outcome {
            Some(outcome) => Poll::Ready(value_of(outcome.clone())),
            None => {
                state.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

/// The results of a `map_async` that are on their way, in order.
///
/// Where multiprocessing's raises the first error and loses the rest, this one
/// has an outcome for every item.
#[derive(Debug)]
#[must_use = "the results are lost without their handle"]
pub struct MapResult<T = Value> {
    results: Vec<AsyncResult<T>>,
}

impl<T: FromValue> MapResult<T> {
    pub(super) fn new(results: Vec<AsyncResult<T>>) -> Self {
        MapResult { results }
    }

    /// Waits for all outcomes, for `timeout` at most, in the order of the
    /// items.
    ///
    /// # Errors
    /// [`Error::Timeout`] if they do not all come in time; the tasks go on.
    pub fn get(&self, timeout: Option<Duration>) -> Result<Vec<Outcome<T>>, Error> {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let left = || deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        self.results
            .iter()
            .map(|result| result.outcome(left()))
            .collect()
    }

    /// Waits until all have ended, for `timeout` at most, and says whether they
    /// have.
    pub fn wait(&self, timeout: Option<Duration>) -> bool {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let left = || deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        self.results.iter().all(|result| result.wait(left()))
    }

    /// Whether all have ended.
    pub fn ready(&self) -> bool {
        self.results.iter().all(AsyncResult::ready)
    }

    /// Whether all have ended `ok`.
    ///
    /// # Errors
    /// [`Error::NotReady`] if some have not ended.
    pub fn successful(&self) -> Result<bool, Error> {
        let each: Result<Vec<bool>, Error> =
            self.results.iter().map(AsyncResult::successful).collect();
        Ok(each?.into_iter().all(|ok| ok))
    }

    /// Cancels those that have not ended.
    pub fn cancel(&self) {
        self.results.iter().for_each(AsyncResult::cancel);
    }
}

impl<T: FromValue> Future for MapResult<T> {
    type Output = Vec<Outcome<T>>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        for result in &self.results {
            let mut state = result.cell.lock();
            if state.outcome.is_none() {
                state.waker = Some(context.waker().clone());
                return Poll::Pending;
            }
        }
        let outcomes = self
            .results
            .iter()
            .filter_map(|result| result.cell.lock().outcome.clone());
        Poll::Ready(outcomes.map(Outcome::typed).collect())
    }
}
