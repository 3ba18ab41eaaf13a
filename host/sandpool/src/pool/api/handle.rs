//! Handles to results that may not be there yet.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use crate::notify::{Notify, deadline};
use crate::outcome::Outcome;
use crate::pool::error::Error;
use crate::pool::keys::{KeyId, is_session};
use crate::pool::state::Shared;
use crate::pool::tasks::{Completion, Sink, value_of};
use crate::wakers::{WakerId, Wakers};
use sandpool_value::{FromValue, Value};

/// The handle to one task that was sent: multiprocessing's `AsyncResult`. It is also a
/// future of the task's value; [`AsyncResult::outcome_async`] is a future of its outcome.
///
/// Dropping the handle changes nothing for the task, unless it was told to [cancel on
/// drop](AsyncResult::cancel_on_drop).
#[derive(Debug)]
#[must_use = "the result of the task is lost without its handle"]
pub struct AsyncResult<T = Value> {
    cell: Arc<Cell>,
    task: TaskRef,
    /// `true` if dropping this handle cancels the task.
    cancels: bool,
    /// The place of its waker, when it is awaited.
    waker_id: WakerId,
    value: std::marker::PhantomData<fn() -> T>,
}

/// The numbers by which a task can be found, to cancel it.
#[derive(Clone)]
pub(super) struct TaskRef {
    pub(super) pool: Weak<Shared>,
    pub(super) key: KeyId,
    pub(super) id: u64,
    pub(super) cancelled: Arc<AtomicBool>,
    /// `true` if the outcome comes by way of the callback thread.
    pub(super) by_callback: bool,
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

    /// Returns `true` if this thread would wait for itself.
    fn waits_for_itself(&self) -> bool {
        let Some(pool) = self.pool.upgrade() else {
            return false;
        };
        // Calls of a session run one after the other.
        let of_own_session = is_session(self.key) && pool.serves(self.key);
        self.by_callback && pool.is_own_thread() || of_own_session
    }
}

/// The place for one outcome.
#[derive(Debug, Default)]
pub(super) struct Cell {
    state: Mutex<CellState>,
    arrived: Notify,
}

#[derive(Debug, Default)]
struct CellState {
    outcome: Option<Outcome<Value>>,
    wakers: Wakers,
}

impl Cell {
    fn lock(&self) -> MutexGuard<'_, CellState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the outcome, until the deadline at most.
    fn wait(&self, deadline: Option<Instant>) -> Option<MutexGuard<'_, CellState>> {
        let lacks = |state: &CellState| state.outcome.is_none();
        self.arrived.wait_while(self.lock(), deadline, lacks).ok()
    }
}

impl Cell {
    /// Returns a copy of the outcome, which can be asked for again.
    fn poll(&self, waker_id: &mut WakerId, context: &Context<'_>) -> Poll<Outcome<Value>> {
        let mut state = self.lock();
        if let Some(outcome) = &state.outcome {
            return Poll::Ready(outcome.clone());
        }
        state.wakers.set(waker_id, context.waker());
        Poll::Pending
    }
}

impl Sink for Cell {
    fn deliver(&self, ended: &mut dyn Iterator<Item = Completion>) {
        let outcome = ended
            .next()
            .map(|end| end.ended.outcome(&end.batch.template));
        let mut state = self.lock();
        state.outcome = outcome;
        let wakers = state.wakers.take();
        drop(state);
        self.arrived.notify();
        wakers.wake();
    }
}

impl<T: FromValue> AsyncResult<T> {
    pub(super) fn new(cell: Arc<Cell>, task: TaskRef) -> Self {
        AsyncResult {
            cell,
            task,
            cancels: false,
            waker_id: None,
            value: std::marker::PhantomData,
        }
    }

    /// Waits for the task's value, for `timeout` at most; `None` waits for ever.
    ///
    /// # Errors
    ///
    /// Returns [`Error::Timeout`] if the value does not come in time (the task goes on, and
    /// the handle can be asked again), [`Error::Failed`] if the task did not end `ok`,
    /// [`Error::Convert`] if its value is no `T`, and [`Error::WouldDeadlock`] from a
    /// callback, if the task has one of its own that is still to come.
    pub fn get(&self, timeout: Option<Duration>) -> Result<T, Error> {
        self.await_outcome(timeout).and_then(value_of)
    }

    /// Waits until the task has ended, for `timeout` at most; returns `true` if it has.
    /// Where [`AsyncResult::get`] would return [`Error::WouldDeadlock`], it does not wait.
    pub fn wait(&self, timeout: Option<Duration>) -> bool {
        let blocked = !self.ready() && self.task.waits_for_itself();
        !blocked && self.wait_for_cell(timeout).is_some()
    }

    fn await_outcome(&self, timeout: Option<Duration>) -> Result<Outcome<Value>, Error> {
        if !self.ready() && self.task.waits_for_itself() {
            return Err(Error::WouldDeadlock);
        }
        let state = self.wait_for_cell(timeout).ok_or(Error::Timeout)?;
        state.outcome.clone().ok_or(Error::Timeout)
    }

    /// Waits for the outcome as [`AsyncResult::outcome`] does, and takes it without a copy.
    pub(super) fn into_outcome(mut self) -> Result<Outcome<Value>, Error> {
        if !self.ready() && self.task.waits_for_itself() {
            return Err(Error::WouldDeadlock);
        }
        // When the wait is over, the task has ended.
        self.cancels = false;
        let state = self.wait_for_cell(None);
        let outcome = state.and_then(|mut state| state.outcome.take());
        outcome.ok_or(Error::Timeout)
    }

    fn wait_for_cell(&self, timeout: Option<Duration>) -> Option<MutexGuard<'_, CellState>> {
        let there = || self.cell.lock().outcome.is_some();
        // Looking and napping are part of the time.
        let end = deadline(timeout);
        let sleep = || self.cell.wait(end);
        match self.task.pool.upgrade().filter(|_| !there()) {
            Some(pool) => pool.look_then(self.task.id, timeout, there, sleep),
            None => sleep(),
        }
    }

    /// Returns `true` if the task has ended.
    pub fn ready(&self) -> bool {
        self.cell.lock().outcome.is_some()
    }

    /// Returns `true` if the task has ended `ok`.
    ///
    /// # Errors
    ///
    /// Returns [`Error::NotReady`] if it has not ended.
    pub fn successful(&self) -> Result<bool, Error> {
        self.cell
            .lock()
            .outcome
            .as_ref()
            .map(Outcome::is_ok)
            .ok_or(Error::NotReady)
    }

    /// Calls `look` with the outcome, if it is there, without a copy of it.
    pub(crate) fn peek<R>(&self, look: impl FnOnce(&Outcome<Value>) -> R) -> Option<R> {
        self.cell.lock().outcome.as_ref().map(look)
    }

    /// Waits for the outcome, for `timeout` at most; `None` waits for ever.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`AsyncResult::get`], except [`Error::Failed`]: a task that
    /// failed is an outcome.
    pub fn outcome(&self, timeout: Option<Duration>) -> Result<Outcome<T>, Error> {
        self.await_outcome(timeout).map(Outcome::typed)
    }

    /// Awaits the outcome, as [`AsyncResult::outcome`] waits for it. A task that failed is
    /// no error here: its [`verdict`](Outcome::verdict) says so.
    ///
    /// Any number of futures may await one task, and dropping a future leaves the task
    /// alone: it is this handle that may be told to [cancel on
    /// drop](AsyncResult::cancel_on_drop).
    ///
    /// ```no_run
    /// # async fn fib(pool: sandpool::Pool, math: sandpool::Module) -> Result<(), sandpool::Error> {
    /// let later = pool.apply_async::<u64>(&math, "fib", (30u32,))?.cancel_on_drop();
    /// let outcome = later.outcome_async().await;
    /// println!("{} in {:?}: {:?}", outcome.verdict, outcome.run_time, outcome.value);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn outcome_async(&self) -> Outcome<T> {
        let cell = &*self.cell;
        OutcomeFuture {
            cell,
            waker_id: None,
        }
        .await
        .typed()
    }

    /// Makes dropping this handle cancel the task, as [`AsyncResult::cancel`] does, if the
    /// task has not ended: by a `tokio::select!`, a timeout, or a handler whose client has
    /// gone away. [`AsyncResult::detach`] lets the task go on.
    pub fn cancel_on_drop(mut self) -> Self {
        self.cancels = true;
        self
    }

    /// Drops the handle and leaves the task alone.
    pub fn detach(mut self) {
        self.cancels = false;
    }

    /// Cancels the task. A waiting task is never run, a running task is ended at once, and
    /// a task that has ended keeps its outcome. No other task is harmed.
    pub fn cancel(&self) {
        self.task.cancel();
    }
}

impl<T> Drop for AsyncResult<T> {
    fn drop(&mut self) {
        if self.cancels && self.cell.lock().outcome.is_none() {
            self.task.cancel();
        }
    }
}

impl<T: FromValue> Future for AsyncResult<T> {
    type Output = Result<T, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        this.cell.poll(&mut this.waker_id, context).map(value_of)
    }
}

/// A future of a task's outcome that has no handle of its own.
struct OutcomeFuture<'a> {
    cell: &'a Cell,
    waker_id: WakerId,
}

impl Future for OutcomeFuture<'_> {
    type Output = Outcome<Value>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.cell.poll(&mut self.waker_id, context)
    }
}

impl Drop for OutcomeFuture<'_> {
    fn drop(&mut self) {
        self.cell.lock().wakers.remove(self.waker_id);
    }
}
