//! Maps: one call for each of many items, and one result for all of them.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use super::call::Call;
use super::error::Error;
use super::lot::{Inputs, Lot, Rest};
use super::queue::Entry;
use super::settled::Settled;
use super::state::Shared;
use super::task::{Sink, Template};
use crate::guard::{guard, wake};
use crate::outcome::Outcome;
use crate::value::{FromValue, ToArgs, Value};

/// Runs in the parent when all tasks of a map have ended.
pub(super) type MapCallback = Box<dyn FnOnce(&[Outcome<Value>]) + Send>;

/// The results of a `map_async` that are on their way, in the order of the
/// items.
///
/// Where multiprocessing's raises the first error and loses the rest, this one
/// has an outcome for every item. Dropping the handle changes nothing for the
/// tasks.
#[must_use = "the results are lost without their handle"]
pub struct MapResult<T = Value> {
    gather: Arc<Gather>,
    value: std::marker::PhantomData<fn() -> T>,
}

/// Where the outcomes of a map come together.
struct Gather {
    state: Mutex<GatherState>,
    /// All have ended, and the callback has run.
    done: Condvar,
    /// For the callback, which has to hold on to it.
    own: Weak<Gather>,
    pool: Weak<Shared>,
    template: Arc<Template>,
    /// Cancels all tasks of the map at once.
    cancelled: Arc<AtomicBool>,
    has_callback: bool,
}

struct GatherState {
    /// A place for each item.
    places: Vec<Option<Settled>>,
    /// Items that have no outcome yet.
    missing: usize,
    callback: Option<MapCallback>,
    /// All that became of them, once it may be handed over.
    handed_over: Option<Vec<Settled>>,
    waker: Option<Waker>,
}

/// Each task knows its place.
impl Sink for Gather {
    fn deliver(&self, ended: Settled, _: &Lot) {
        let mut state = self.lock();
        let place = usize::try_from(ended.index())
            .ok()
            .and_then(|index| state.places.get_mut(index));
        if let Some(place) = place {
            *place = Some(ended);
            state.missing -= 1;
        }
        if state.missing == 0 {
            self.complete(state);
        }
    }
}

impl Gather {
    fn lock(&self) -> MutexGuard<'_, GatherState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All have ended: the callback comes first, then the results.
    fn complete(&self, mut state: MutexGuard<'_, GatherState>) {
        let places = std::mem::take(&mut state.places);
        let ended: Vec<Settled> = places.into_iter().flatten().collect();
        let callback = state.callback.take();
        let pool = self.pool.upgrade();
        let (Some(callback), Some(pool), Some(gather)) = (callback, pool, self.own.upgrade())
        else {
            return self.hand_over(state, ended);
        };
        drop(state);
        // If there is no callback thread any more, its queue, dropped, still
        // hands the outcomes over.
        let mut parcel = Parcel {
            gather,
            ended: Some(ended),
        };
        pool.settler.run(move || {
            let ended = parcel.ended.take().unwrap_or_default();
            let outcomes: Vec<_> = parcel.gather.outcomes(ended);
            guard("callback", || callback(&outcomes));
            parcel.ended = Some(outcomes.into_iter().map(Settled::told).collect());
            drop(parcel);
        });
    }

    /// What became of the tasks as outcomes.
    fn outcomes<T: FromValue>(&self, ended: Vec<Settled>) -> Vec<Outcome<T>> {
        let ended = ended.into_iter();
        ended.map(|ended| ended.typed(&self.template)).collect()
    }

    fn hand_over(&self, mut state: MutexGuard<'_, GatherState>, ended: Vec<Settled>) {
        state.handed_over = Some(ended);
        let waker = state.waker.take();
        drop(state);
        self.done.notify_all();
        wake(waker);
    }

    /// Waits for all outcomes, for `timeout` at most.
    fn wait(&self, timeout: Option<Duration>) -> Result<MutexGuard<'_, GatherState>, Error> {
        // A time so long that it has no end is none.
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let mut state = self.lock();
        if state.handed_over.is_none() && self.has_callback {
            drop(state);
            let pool = self.pool.upgrade();
            if pool.is_some_and(|pool| pool.is_own_thread()) {
                return Err(Error::WouldDeadlock);
            }
            state = self.lock();
        }
        while state.handed_over.is_none() {
            state = match deadline {
                None => self
                    .done
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(deadline) => {
                    let left = deadline
                        .checked_duration_since(Instant::now())
                        .ok_or(Error::Timeout)?;
                    self.done
                        .wait_timeout(state, left)
                        .unwrap_or_else(PoisonError::into_inner)
                        .0
                }
            };
        }
        Ok(state)
    }
}

/// Outcomes on their way through the callback thread. Wherever it is dropped,
/// they are handed over: nobody waits for ever.
struct Parcel {
    gather: Arc<Gather>,
    ended: Option<Vec<Settled>>,
}

impl Drop for Parcel {
    fn drop(&mut self) {
        if let Some(ended) = self.ended.take() {
            self.gather.hand_over(self.gather.lock(), ended);
        }
    }
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
        let ended = self.gather.wait(timeout)?.handed_over.clone();
        Ok(self.gather.outcomes(ended.unwrap_or_default()))
    }

    /// Waits until all have ended, for `timeout` at most, and says whether they
    /// have. Where [`MapResult::get`] would be [`Error::WouldDeadlock`], it does
    /// not wait.
    pub fn wait(&self, timeout: Option<Duration>) -> bool {
        self.gather.wait(timeout).is_ok()
    }

    /// Whether all have ended.
    pub fn ready(&self) -> bool {
        self.gather.lock().handed_over.is_some()
    }

    /// Whether all have ended `ok`.
    ///
    /// # Errors
    /// [`Error::NotReady`] if some have not ended.
    pub fn successful(&self) -> Result<bool, Error> {
        let state = self.gather.lock();
        let ended = state.handed_over.as_ref().ok_or(Error::NotReady)?;
        Ok(ended.iter().all(Settled::is_ok))
    }

    /// Cancels those that have not ended.
    pub fn cancel(&self) {
        self.gather.cancelled.store(true, Ordering::Relaxed);
        if let Some(pool) = self.gather.pool.upgrade() {
            pool.sweep_cancelled();
        }
    }
}

impl<T> std::fmt::Debug for MapResult<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MapResult")
            .field("missing", &self.gather.lock().missing)
            .finish_non_exhaustive()
    }
}

impl<T: FromValue> Future for MapResult<T> {
    type Output = Vec<Outcome<T>>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.gather.lock();
        match &state.handed_over {
            Some(ended) => {
                let ended = ended.clone();
                drop(state);
                Poll::Ready(self.gather.outcomes(ended))
            }
            None => {
                state.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

/// What only maps are told.
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

    /// Items to hand over at once.
    ///
    /// # Errors
    /// If that is none.
    pub(super) fn chunksize(&self) -> Result<usize, Error> {
        match self.chunksize {
            Some(0) => Err(Error::Setting {
                what: "a chunk has at least 1 item, not `0`".into(),
            }),
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
    /// this call has already come before those of each item.
    ///
    /// # Errors
    /// If the tasks cannot be sent, or an item does not fit the function.
    pub fn map<T: FromValue>(
        self,
        items: impl IntoIterator<Item: ToArgs>,
    ) -> Result<Vec<Outcome<T>>, Error> {
        let result = self.map_async::<T>(items)?;
        // Nobody else has this handle, so nothing need be copied.
        let ended = result.gather.wait(None)?.handed_over.take();
        Ok(result.gather.outcomes(ended.unwrap_or_default()))
    }

    /// As [`Call::map`], without waiting.
    ///
    /// # Errors
    /// As [`Call::map`].
    pub fn map_async<T: FromValue>(
        mut self,
        items: impl IntoIterator<Item: ToArgs>,
    ) -> Result<MapResult<T>, Error> {
        self.refuse_single_callbacks()?;
        let options = std::mem::take(&mut self.map_options);
        options.chunksize()?;
        let callback = options.merged_callback();
        let has_callback = callback.is_some();
        let before = std::mem::take(&mut self.args);
        let shared = Arc::clone(&self.shared);
        let template = Arc::new(self.template()?);
        let mut inputs = Inputs::of_function(&template)?;
        for item in items {
            inputs.push(&template, before.clone().then(item.into_args()))?;
        }
        let tasks = inputs.len();
        let cancelled = Arc::new(AtomicBool::new(false));
        let gather = Arc::new_cyclic(|own| Gather {
            own: Weak::clone(own),
            state: Mutex::new(GatherState {
                places: vec![None; tasks],
                missing: tasks,
                callback,
                handed_over: None,
                waker: None,
            }),
            done: Condvar::new(),
            has_callback,
            pool: Arc::downgrade(&shared),
            template: Arc::clone(&template),
            cancelled: Arc::clone(&cancelled),
        });
        let lot = Lot::new(&template, inputs, Arc::clone(&gather) as _, &cancelled);
        shared.submit(Entry::Rest(Rest::all(lot)))?;
        // Nobody else will.
        if tasks == 0 {
            gather.complete(gather.lock());
        }
        Ok(MapResult {
            gather,
            value: std::marker::PhantomData,
        })
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
