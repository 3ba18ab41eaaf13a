//! Many calls as a stream: inputs are pulled as they are needed, outcomes come
//! as they are ready.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::Instant;

use super::call::Prepared;
use super::error::Error;
use super::settle;
use super::state::Shared;
use super::task::{Sink, Task, Template};
use crate::limits::MIB;
use crate::outcome::{Outcome, Verdict};
use crate::protocol::frame::What;
use crate::shared::Shares;
use crate::value::{FromValue, Value};

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
    Args(Vec<Value>),
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
    /// Cancels all tasks of the flow at once.
    cancelled: Arc<AtomicBool>,
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
    early: BTreeMap<u64, Outcome<Value>>,
    ready: VecDeque<Outcome<Value>>,
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
    /// The pool has ended: what is still read of the inputs comes to nothing.
    stopped: bool,
    /// The iterator is gone.
    abandoned: bool,
}

impl FlowState {
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

/// One task of a flow, as the pool sees it.
struct Entry {
    flow: Arc<Flow>,
    bytes: u64,
}

impl Sink for Entry {
    fn deliver(&self, outcome: Outcome<Value>) {
        self.flow.deliver(outcome, self.bytes);
    }
}

impl Flow {
    fn lock(&self) -> MutexGuard<'_, FlowState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn deliver(&self, outcome: Outcome<Value>, input_bytes: u64) {
        let weight = weight(&outcome);
        let mut state = self.lock();
        state.ended += 1;
        state.heaviest = state.heaviest.max(weight);
        state.bytes = state.bytes.saturating_sub(input_bytes) + weight;
        if !self.ordered {
            state.ready.push_back(outcome);
        } else {
            state.early.insert(outcome.index, outcome);
            loop {
                let next = state.next;
                let Some(outcome) = state.early.remove(&next) else {
                    break;
                };
                state.ready.push_back(outcome);
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
        self.lock().stopped = true;
        self.arrived.notify_all();
    }

    /// Lets the feeder run on without anybody reading.
    pub(super) fn lift(&self) {
        self.lock().lifted = true;
        self.room.notify_one();
    }

    /// Waits for room for an input of so many bytes; `None` if nobody wants
    /// the outcomes any more.
    fn admit(&self, bytes: u64) -> Option<u64> {
        let mut state = self.lock();
        while !state.abandoned {
            if state.has_room(bytes, self.most_in_flight, 1) {
                let index = state.pulled;
                state.pulled += 1;
                state.bytes += bytes;
                return Some(index);
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

/// Bytes that an outcome holds, roughly.
fn weight(outcome: &Outcome<Value>) -> u64 {
    fn of_value(value: &Value) -> u64 {
        let own = size_of::<Value>() as u64;
        own + match value {
            Value::String(text) => text.len() as u64,
            Value::Bytes(bytes) => bytes.len() as u64,
            Value::List(values) | Value::Tuple(values) => values.iter().map(of_value).sum(),
            Value::Record(fields) => fields
                .iter()
                .map(|(name, v)| name.len() as u64 + of_value(v))
                .sum(),
            Value::Variant(_, Some(value)) | Value::Option(Some(value)) => of_value(value),
            Value::Result(Ok(Some(value)) | Err(Some(value))) => of_value(value),
            _ => 0,
        }
    }
    let streams = [&outcome.stdout, &outcome.stderr];
    let streams: usize = streams.into_iter().flatten().map(Vec::len).sum();
    let error = outcome.error.as_ref().map_or(0, String::len);
    let refusals = outcome.refusals.iter();
    let refusals: usize = refusals.map(|r| r.what.len() + r.detail.len()).sum();
    let values = [&outcome.value, &outcome.error_value];
    let values: u64 = values.into_iter().flatten().map(of_value).sum();
    (size_of::<Outcome>() + streams + error + refusals) as u64 + values
}

/// Starts a stream of calls.
pub(super) fn start<T: FromValue>(
    shared: &Arc<Shared>,
    template: Arc<Template>,
    inputs: impl Iterator<Item = Input> + Send + 'static,
    ordered: bool,
) -> Result<IMap<T>, Error> {
    let flow = Arc::new(Flow {
        state: Mutex::default(),
        arrived: Condvar::new(),
        room: Condvar::new(),
        ordered,
        most_in_flight: IN_FLIGHT * shared.config.processes as u64,
        pool: Arc::downgrade(shared),
        cancelled: Arc::default(),
    });
    let mut state = shared.lock();
    state.accepts_tasks()?;
    state.feeders += 1;
    state.flows.retain(|flow| flow.strong_count() > 0);
    state.flows.push(Arc::downgrade(&flow));
    drop(state);
    // From here on it is the end's duty to count the feeder out.
    let end = End(Arc::clone(&flow));
    let feeder = Feeder {
        flow: Arc::clone(&flow),
        template,
    };
    thread::Builder::new()
        .name("sandpool-feeder".into())
        .spawn(move || feeder.feed(inputs, end))
        .map_err(|source| Error::System {
            what: "start a thread",
            source,
        })?;
    Ok(IMap {
        flow,
        value: std::marker::PhantomData,
    })
}

struct Feeder {
    flow: Arc<Flow>,
    template: Arc<Template>,
}

impl Feeder {
    fn feed(self, inputs: impl Iterator<Item = Input>, end: End) {
        for input in inputs {
            if !self.submit(input) {
                break;
            }
        }
        // Also when the inputs panic: nobody waits for ever.
        drop(end);
    }

    /// Sends one input on its way; says whether more are wanted.
    fn submit(&self, input: Input) -> bool {
        let prepared = match input {
            Input::Args(values) => Prepared::function(&self.template, values),
            Input::Command { argv, stdin } => Prepared::command(&self.template, argv, stdin),
            Input::Invalid(reason) => Err(reason),
        };
        let bytes = prepared
            .as_ref()
            .map_or(0, |prepared| prepared.raw.len() as u64);
        let Some(index) = self.flow.admit(bytes) else {
            return false;
        };
        let sink = Arc::new(Entry {
            flow: Arc::clone(&self.flow),
            bytes,
        });
        let (what, raw, invalid) = match prepared {
            Ok(Prepared { what, raw }) => (what, raw, None),
            Err(reason) => (What::Function(0), Vec::new(), Some(reason)),
        };
        let task = Task {
            id: 0,
            index,
            attempts: 0,
            template: Arc::clone(&self.template),
            what,
            raw,
            shares: Shares::default(),
            submitted: Instant::now(),
            sink,
            callback: None,
            cancelled: Arc::clone(&self.flow.cancelled),
        };
        let failed = |verdict, text: String| {
            let mut outcome = settle::bare(&task, verdict, settle::Observed::default());
            outcome.error = Some(text);
            outcome
        };
        if let Some(reason) = invalid {
            self.flow
                .deliver(failed(Verdict::InvalidArguments, reason), bytes);
            return true;
        }
        let gone = failed(Verdict::Cancelled, "the pool was terminated".into());
        let Some(pool) = self.flow.pool.upgrade() else {
            self.flow.deliver(gone, bytes);
            return false;
        };
        match pool.submit_waiting(task) {
            Ok(()) => {
                // The iterator may have gone after this one was admitted.
                if self.flow.lock().abandoned {
                    pool.sweep_cancelled();
                }
                true
            }
            Err(error) => {
                let verdict = match &error {
                    Error::Broken { .. } => Verdict::InternalError,
                    _ => Verdict::Cancelled,
                };
                let outcome = Outcome {
                    verdict,
                    error: Some(error.to_string()),
                    ..gone
                };
                self.flow.deliver(outcome, bytes);
                false
            }
        }
    }
}

/// Says that no more inputs come, however the feeder ended.
struct End(Arc<Flow>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.lock().no_more_inputs = true;
        self.0.arrived.notify_all();
        if let Some(pool) = self.0.pool.upgrade() {
            pool.lock().feeders -= 1;
            pool.wake.ring();
        }
    }
}

impl<T: FromValue> IMap<T> {
    /// The next outcome if it is there already.
    pub fn try_next_ready(&mut self) -> Option<Outcome<T>> {
        let mut state = self.flow.lock();
        self.flow.take(&mut state).map(Outcome::typed)
    }
}

impl Flow {
    fn take(&self, state: &mut FlowState) -> Option<Outcome<Value>> {
        let outcome = state.ready.pop_front()?;
        state.taken += 1;
        state.bytes = state.bytes.saturating_sub(weight(&outcome));
        self.wake_feeder(state);
        Some(outcome)
    }
}

impl<T: FromValue> Iterator for IMap<T> {
    type Item = Outcome<T>;

    fn next(&mut self) -> Option<Outcome<T>> {
        let mut state = self.flow.lock();
        loop {
            if let Some(outcome) = self.flow.take(&mut state) {
                return Some(outcome.typed());
            }
            // A feeder that waits for input is not waited for once its pool has
            // ended.
            let no_more = state.no_more_inputs || state.stopped;
            if no_more && state.pulled == state.taken {
                return None;
            }
            state = self
                .flow
                .arrived
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
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
