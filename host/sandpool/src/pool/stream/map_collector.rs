//! Collects the results of a map.
//!
//! Results are kept in parts, so that a caller that waits for all of them can make
//! outcomes of the first part while the last is on its way, in memory that is still
//! warm.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::Waker;
use std::time::Duration;

use crate::guard::{guard, wake};
use crate::notify::{Notify, deadline};
use crate::outcome::Outcome;
use crate::pool::error::Error;
use crate::pool::scheduler::Entry;
use crate::pool::state::Shared;
use crate::pool::tasks::{Batch, Completion, Inputs, Rest, Sink, TaskResult, Template};
use sandpool_value::{FromValue, Value};

/// A function that runs in the parent when all tasks of a map have ended.
pub(crate) type MapCallback = Box<dyn FnOnce(&[Outcome<Value>]) + Send>;

/// Collects the results of one map.
pub(crate) struct MapCollector {
    state: Mutex<MapParts>,
    /// Notified when a part is whole, or when all tasks have ended and the callback has
    /// run.
    done: Notify,
    /// The number of tasks in each part but the last.
    chunk: usize,
    has_callback: bool,
    /// This collector, which its callback has to keep alive.
    own: Weak<MapCollector>,
    pool: Weak<Shared>,
    template: Arc<Template>,
    /// Cancels all tasks of the map at once.
    cancelled: Arc<AtomicBool>,
}

/// The results of a map so far.
#[derive(Default)]
pub(crate) struct MapParts {
    /// The parts that were not taken yet, in the order of the items.
    chunks: VecDeque<ResultChunk>,
    /// The number of parts that were taken.
    taken: usize,
    /// The number of tasks that have no outcome yet.
    missing: usize,
    /// `true` if all tasks are submitted.
    is_all: bool,
    callback: Option<MapCallback>,
    /// `true` if the outcomes may be handed over.
    is_done: bool,
    waker: Option<Waker>,
}

/// The results of some tasks that follow one another.
struct ResultChunk {
    /// A place for each result; empty before the first has come.
    places: Vec<Option<TaskResult>>,
    tasks: usize,
    missing: usize,
}

/// A task's index is the position of its result.
impl Sink for MapCollector {
    fn deliver(&self, ended: &mut dyn Iterator<Item = Completion>) {
        let mut state = self.lock();
        let mut any_whole = false;
        for Completion { ended: result, .. } in ended {
            let index = usize::try_from(result.index()).unwrap_or(usize::MAX);
            let chunk = (index / self.chunk).wrapping_sub(state.taken);
            if let Some(chunk) = state.chunks.get_mut(chunk) {
                any_whole |= chunk.put(index % self.chunk, result);
                state.missing -= 1;
            }
        }
        if state.missing == 0 && state.is_all {
            self.complete(state);
        } else if any_whole {
            drop(state);
            self.done.notify();
        }
    }
}

impl ResultChunk {
    fn of(tasks: usize) -> Self {
        ResultChunk {
            places: Vec::new(),
            tasks,
            missing: tasks,
        }
    }

    /// Puts a task's result into its place; returns `true` if it was the last one missing.
    fn put(&mut self, place: usize, result: TaskResult) -> bool {
        if self.places.is_empty() {
            self.places.resize_with(self.tasks, || None);
        }
        self.places[place] = Some(result);
        self.missing -= 1;
        self.missing == 0
    }
}

impl MapCollector {
    /// Returns a collector for tasks of this template, in parts of `chunk` tasks.
    pub(crate) fn new(
        pool: &Arc<Shared>,
        template: &Arc<Template>,
        chunk: usize,
        callback: Option<MapCallback>,
    ) -> Arc<Self> {
        Arc::new_cyclic(|own| MapCollector {
            has_callback: callback.is_some(),
            state: Mutex::new(MapParts {
                callback,
                ..MapParts::default()
            }),
            done: Notify::default(),
            chunk,
            own: Weak::clone(own),
            pool: Arc::downgrade(pool),
            template: Arc::clone(template),
            cancelled: Arc::default(),
        })
    }

    pub(crate) fn template(&self) -> &Template {
        &self.template
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, MapParts> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Submits tasks that follow those that were submitted.
    ///
    /// # Errors
    ///
    /// Returns an error if the pool does not take them.
    pub(crate) fn submit(
        self: &Arc<Self>,
        pool: &Shared,
        inputs: Inputs,
        first_index: usize,
    ) -> Result<(), Error> {
        let mut left = inputs.len();
        let mut state = self.lock();
        state.missing += left;
        while left > 0 {
            let tasks = left.min(self.chunk);
            state.chunks.push_back(ResultChunk::of(tasks));
            left -= tasks;
        }
        drop(state);
        let sink = Arc::clone(self) as _;
        let batch = Batch::new(&self.template, inputs, sink, &self.cancelled);
        pool.submit(Entry::Rest(Rest::all(batch, first_index as u64)))?;
        Ok(())
    }

    /// Notes that no more tasks come.
    pub(crate) fn seal(&self) {
        let mut state = self.lock();
        state.is_all = true;
        if state.missing == 0 {
            self.complete(state);
        }
    }

    /// Cancels the tasks that have not ended.
    pub(crate) fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
        if let Some(pool) = self.pool.upgrade() {
            pool.sweep_cancelled();
        }
    }

    /// Completes the map, whose tasks have all ended: the callback comes first, then the
    /// results.
    fn complete(&self, mut state: MutexGuard<'_, MapParts>) {
        let callback = state.callback.take();
        let (Some(callback), Some(pool), Some(collector)) =
            (callback, self.pool.upgrade(), self.own.upgrade())
        else {
            return self.hand_over(state);
        };
        drop(state);
        // If there is no callback thread any more, its queue is dropped, which still hands
        // the outcomes over.
        let for_callback = OutcomesForCallback(collector);
        pool.callback_sender.run(move || {
            let mut outcomes: Vec<Outcome<Value>> = Vec::new();
            let collector = &for_callback.0;
            collector.take_all(|result| outcomes.push(result.outcome(&collector.template)));
            guard("callback", || callback(&outcomes));
            for_callback.0.put_back(outcomes);
            drop(for_callback);
        });
    }

    fn hand_over(&self, mut state: MutexGuard<'_, MapParts>) {
        state.is_done = true;
        let waker = state.waker.take();
        drop(state);
        self.done.notify();
        wake(waker);
    }

    /// Takes the results of the next part, if that is whole.
    pub(crate) fn take_part(&self, take: impl FnMut(TaskResult)) -> bool {
        let mut state = self.lock();
        if self.has_callback || state.chunks.front().is_none_or(|chunk| chunk.missing > 0) {
            return false;
        }
        state.taken += 1;
        let chunk = state.chunks.pop_front();
        drop(state);
        let results = chunk.into_iter().flat_map(|chunk| chunk.places).flatten();
        results.for_each(take);
        true
    }

    /// Takes the remaining results.
    pub(crate) fn take_all(&self, take: impl FnMut(TaskResult)) {
        let chunks = std::mem::take(&mut self.lock().chunks);
        let results = chunks.into_iter().flat_map(|chunk| chunk.places).flatten();
        results.for_each(take);
    }

    fn put_back(&self, outcomes: Vec<Outcome<Value>>) {
        let places: Vec<_> = outcomes
            .into_iter()
            .map(TaskResult::full)
            .map(Some)
            .collect();
        self.lock().chunks = VecDeque::from([ResultChunk {
            tasks: places.len(),
            missing: 0,
            places,
        }]);
    }

    /// Returns copies of the outcomes, which can be asked for again.
    pub(crate) fn outcomes<T: FromValue>(&self) -> Vec<Outcome<T>> {
        let state = self.lock();
        let results: Vec<TaskResult> = state.results().cloned().collect();
        drop(state);
        let results = results.into_iter();
        results.map(|result| result.typed(&self.template)).collect()
    }

    /// Waits until a further part is whole, or all tasks have ended.
    pub(crate) fn wait_for_part(&self) {
        let more = |state: &MapParts| state.chunks.front().is_some_and(|chunk| chunk.missing == 0);
        let lacks = |state: &MapParts| !state.is_done && (self.has_callback || !more(state));
        drop(self.done.wait_while(self.lock(), None, lacks));
    }

    /// Waits for all outcomes, for `timeout` at most.
    ///
    /// # Errors
    ///
    /// Returns [`Error::Timeout`] if they do not come in time, and [`Error::WouldDeadlock`]
    /// where the map's callback would have to run on this very thread.
    pub(crate) fn wait(&self, timeout: Option<Duration>) -> Result<(), Error> {
        self.refuse_deadlock()?;
        let lacks = |state: &MapParts| !state.is_done;
        let waited = self.done.wait_while(self.lock(), deadline(timeout), lacks);
        waited.map(drop).map_err(|_| Error::Timeout)
    }

    /// Refuses to wait on the thread that the map's callback is to run on.
    ///
    /// # Errors
    ///
    /// Returns [`Error::WouldDeadlock`] on that thread.
    pub(crate) fn refuse_deadlock(&self) -> Result<(), Error> {
        if !self.has_callback || self.lock().is_done {
            return Ok(());
        }
        match self.pool.upgrade() {
            Some(pool) if pool.is_own_thread() => Err(Error::WouldDeadlock),
            _ => Ok(()),
        }
    }
}

impl MapParts {
    pub(crate) fn missing(&self) -> usize {
        self.missing
    }

    pub(crate) fn is_all(&self) -> bool {
        self.is_all
    }

    pub(crate) fn is_done(&self) -> bool {
        self.is_done
    }

    /// Sets the waker of the future that waits until all tasks have ended.
    pub(crate) fn set_waker(&mut self, waker: Waker) {
        self.waker = Some(waker);
    }

    /// Returns the results of the tasks that have ended.
    pub(crate) fn results(&self) -> impl Iterator<Item = &TaskResult> {
        self.chunks.iter().flat_map(|chunk| &chunk.places).flatten()
    }
}

/// The outcomes on their way through the callback thread. They are handed over wherever
/// this is dropped, so nobody waits for ever.
struct OutcomesForCallback(Arc<MapCollector>);

impl Drop for OutcomesForCallback {
    fn drop(&mut self) {
        self.0.hand_over(self.0.lock());
    }
}
