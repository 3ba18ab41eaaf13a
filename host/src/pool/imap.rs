//! Many calls as a stream: inputs are pulled as they are needed, outcomes come
//! as they are ready.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use super::error::Error;
use super::lot::Lot;
use super::settle;
use super::settled::Settled;
use super::state::Shared;
use super::steering::{Steering, Steers};
use super::task::{Sink, Task, Template};
use crate::limits::MIB;
use crate::outcome::{Outcome, Verdict};
use crate::value::{Args, FromValue, ToArgs, Value};

/// Inputs that may be on their way, and outcomes that may wait to be taken.
const MAX_AHEAD: u64 = 16 * 1024;

/// Tasks in the pool at once, for each worker: enough to keep it busy.
const IN_FLIGHT: u64 = 256;

/// Bytes of inputs and outcomes that may be held at once. Outcomes of tasks
/// that are in the pool already are counted as heavy as the heaviest so far.
const MAX_BYTES: u64 = 64 * MIB;

/// One input of a stream of calls.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// Arguments for the function.
    Args(Args),
    /// Words for the command, after its own name, and standard input.
    Command {
        /// The words.
        argv: Vec<String>,
        /// Standard input.
        stdin: Vec<u8>,
    },
    /// An input that is no good, and why: its outcome is `invalid_arguments`,
    /// and it is never sent.
    Invalid(String),
}

/// What can be an input of a stream of calls: all that can be the arguments of
/// a function, and [`Input`] itself.
pub trait ToInput {
    /// The input.
    fn into_input(self) -> Input;
}

impl ToInput for Input {
    fn into_input(self) -> Input {
        self
    }
}

impl<A: ToArgs> ToInput for A {
    fn into_input(self) -> Input {
        Input::Args(self.into_args())
    }
}

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
    value: std::marker::PhantomData<fn() -> T>,
}

/// What the feeder, the pool and the iterator share.
pub(super) struct Flow {
    state: Mutex<FlowState>,
    /// An outcome came, or the last input was pulled.
    arrived: Condvar,
    /// There is room for a further input.
    room: Condvar,
    ordered: bool,
    most_in_flight: u64,
    pool: Weak<Shared>,
    /// Tasks that are not handed over yet. They are few, and here for the sake
    /// of `stop`: the feeder itself may wait for its next input for ever.
    chunk: Mutex<Vec<Task>>,
    /// What its tasks have in common.
    template: Arc<Template>,
    /// Cancels all tasks of the flow at once.
    cancelled: Arc<AtomicBool>,
    steers: Arc<Steers>,
}

#[derive(Default)]
struct FlowState {
    /// Inputs pulled.
    pulled: u64,
    /// Tasks that have ended.
    ended: u64,
    /// Outcomes taken by the iterator.
    taken: u64,
    /// Outcomes that wait for one before them.
    early: BTreeMap<u64, Settled>,
    ready: VecDeque<Settled>,
    /// Index of the next outcome, when they come in order.
    next: u64,
    /// Bytes of inputs on their way and of outcomes not taken.
    bytes: u64,
    /// Bytes of the heaviest outcome so far: what a further one may weigh.
    heaviest: u64,
    no_more_inputs: bool,
    /// The feeder waits for room.
    feeder_waits: bool,
    /// Nobody will read before all is done: there is no bound any more.
    lifted: bool,
    /// The pool has ended, or the stream ends early: what is still read of the
    /// inputs comes to nothing.
    stopped: bool,
    /// The iterator is gone.
    abandoned: bool,
}

impl FlowState {
    /// Counts a further input in, and gives its number.
    fn admit(&mut self, bytes: u64) -> u64 {
        let index = self.pulled;
        self.pulled += 1;
        self.bytes += bytes;
        index
    }

    /// Whether there is room for a further input of so many bytes, in a
    /// `share` of all the room.
    fn has_room(&self, bytes: u64, most_in_flight: u64, share: u64) -> bool {
        let held = self.pulled - self.taken;
        let in_flight = self.pulled - self.ended;
        let expected = in_flight.saturating_mul(self.heaviest);
        // One input always fits, however large it is.
        held == 0
            || self.lifted
            || in_flight < most_in_flight / share
                && held < MAX_AHEAD / share
                && self.bytes + bytes + expected <= MAX_BYTES / share
    }
}

/// Each lot of a flow is one input.
impl Sink for Flow {
    fn deliver(&self, ended: Settled, lot: &Lot) {
        self.take_in(ended, lot.inputs.bytes());
    }
}

impl Flow {
    pub(super) fn new(
        shared: &Arc<Shared>,
        template: Arc<Template>,
        steers: Arc<Steers>,
        ordered: bool,
    ) -> Arc<Self> {
        Arc::new(Flow {
            state: Mutex::default(),
            arrived: Condvar::new(),
            room: Condvar::new(),
            ordered,
            most_in_flight: IN_FLIGHT * shared.config.processes as u64,
            pool: Arc::downgrade(shared),
            chunk: Mutex::default(),
            template,
            cancelled: Arc::default(),
            steers,
        })
    }

    fn lock(&self) -> MutexGuard<'_, FlowState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_in(&self, ended: Settled, input_bytes: u64) {
        let weight = ended.weight();
        let mut state = self.lock();
        state.ended += 1;
        state.heaviest = state.heaviest.max(weight);
        state.bytes = state.bytes.saturating_sub(input_bytes) + weight;
        if !self.ordered {
            state.ready.push_back(ended);
        } else {
            state.early.insert(ended.index(), ended);
            loop {
                let next = state.next;
                let Some(ended) = state.early.remove(&next) else {
                    break;
                };
                state.ready.push_back(ended);
                state.next += 1;
            }
        }
        let any = !state.ready.is_empty();
        self.wake_feeder(&mut state);
        drop(state);
        if any {
            self.arrived.notify_one();
        }
    }

    /// Wakes the feeder once there is room for many inputs: waking it for each
    /// would cost more than the task does.
    fn wake_feeder(&self, state: &mut FlowState) {
        if state.feeder_waits && state.has_room(0, self.most_in_flight, 2) {
            state.feeder_waits = false;
            self.room.notify_one();
        }
    }

    /// Ends the stream with the outcomes of what is on its way.
    pub(super) fn stop(&self) {
        // In this order: see `holds_back`.
        self.lock().stopped = true;
        for task in self.take_chunk() {
            let reason = "cancelled before it ran".into();
            settle::never_ran(task, Verdict::Cancelled, reason).deliver();
        }
        self.arrived.notify_all();
        self.room.notify_all();
    }

    fn chunk(&self) -> MutexGuard<'_, Vec<Task>> {
        self.chunk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a task until there are so many; says whether it has to wait for
    /// more. A flow that is stopped has taken it out again, or is seen here.
    pub(super) fn holds_back(&self, task: Task, chunksize: usize) -> bool {
        let mut chunk = self.chunk();
        chunk.push(task);
        let waits = chunk.len() < chunksize;
        drop(chunk);
        waits && !self.lock().stopped
    }

    /// The tasks of the chunk, which is empty then.
    pub(super) fn take_chunk(&self) -> Vec<Task> {
        std::mem::take(&mut *self.chunk())
    }

    pub(super) fn pool(&self) -> Option<Arc<Shared>> {
        self.pool.upgrade()
    }

    pub(super) fn cancelled(&self) -> &Arc<AtomicBool> {
        &self.cancelled
    }

    pub(super) fn steers(&self) -> &Arc<Steers> {
        &self.steers
    }

    pub(super) fn is_abandoned(&self) -> bool {
        self.lock().abandoned
    }

    /// No more inputs come.
    pub(super) fn end(&self) {
        self.lock().no_more_inputs = true;
        self.arrived.notify_all();
    }

    /// Lets the feeder run on without anybody reading.
    pub(super) fn lift(&self) {
        self.lock().lifted = true;
        self.room.notify_one();
    }

    /// The number of a further input of so many bytes, if there is room for it
    /// now.
    pub(super) fn try_admit(&self, bytes: u64) -> Option<u64> {
        let mut state = self.lock();
        let wanted =
            !state.abandoned && !state.stopped && state.has_room(bytes, self.most_in_flight, 1);
        wanted.then(|| state.admit(bytes))
    }

    /// Waits for room for an input of so many bytes; `None` if nobody wants
    /// the outcomes any more.
    pub(super) fn admit(&self, bytes: u64) -> Option<u64> {
        let mut state = self.lock();
        while !state.abandoned && !state.stopped {
            if state.has_room(bytes, self.most_in_flight, 1) {
                return Some(state.admit(bytes));
            }
            state.feeder_waits = true;
            state = self
                .room
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        None
    }
}

impl<T: FromValue> IMap<T> {
    pub(super) fn new(flow: Arc<Flow>) -> Self {
        IMap {
            flow,
            value: std::marker::PhantomData,
        }
    }

    fn typed(&self, ended: Settled) -> Outcome<T> {
        ended.typed(&self.flow.template)
    }

    /// What steers the stream while another thread waits for its outcomes.
    pub fn steering(&self) -> Steering {
        Steering::new(Arc::clone(&self.flow))
    }

    /// The next outcome if it is there already.
    pub fn try_next_ready(&mut self) -> Option<Outcome<T>> {
        let ended = self.flow.take(&mut self.flow.lock())?;
        Some(self.typed(ended))
    }

    /// The next outcome if it comes within `timeout`; `None` at the end.
    ///
    /// # Errors
    /// [`Error::Timeout`] if it does not come in time: nothing is lost, and can
    /// be asked again.
    pub fn next_timeout(&mut self, timeout: Duration) -> Result<Option<Outcome<T>>, Error> {
        let ended = self.flow.next(Some(timeout))?;
        Ok(ended.map(|ended| self.typed(ended)))
    }
}

impl Flow {
    fn next(&self, timeout: Option<Duration>) -> Result<Option<Settled>, Error> {
        // A time so long that it has no end is none.
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let mut state = self.lock();
        loop {
            if let Some(ended) = self.take(&mut state) {
                return Ok(Some(ended));
            }
            // A feeder that waits for input is not waited for once its pool has
            // ended.
            let no_more = state.no_more_inputs || state.stopped;
            if no_more && state.pulled == state.taken {
                return Ok(None);
            }
            state = match deadline {
                None => self
                    .arrived
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(deadline) => {
                    let left = deadline
                        .checked_duration_since(Instant::now())
                        .ok_or(Error::Timeout)?;
                    self.arrived
                        .wait_timeout(state, left)
                        .unwrap_or_else(PoisonError::into_inner)
                        .0
                }
            };
        }
    }

    fn take(&self, state: &mut FlowState) -> Option<Settled> {
        let ended = state.ready.pop_front()?;
        state.taken += 1;
        state.bytes = state.bytes.saturating_sub(ended.weight());
        self.wake_feeder(state);
        Some(ended)
    }
}

impl<T: FromValue> Iterator for IMap<T> {
    type Item = Outcome<T>;

    fn next(&mut self) -> Option<Outcome<T>> {
        // Without a time, it never comes to an error.
        let ended = self.flow.next(None).ok().flatten()?;
        Some(self.typed(ended))
    }
}

impl<T> Drop for IMap<T> {
    fn drop(&mut self) {
        self.flow.lock().abandoned = true;
        self.flow.room.notify_all();
        self.flow.cancelled.store(true, Ordering::Relaxed);
        if let Some(pool) = self.flow.pool.upgrade() {
            pool.sweep_cancelled();
        }
    }
}
