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
use crate::value::{FromValue, Value};

/// Inputs that may be on their way, and outcomes that may wait to be taken.
const MAX_AHEAD: usize = 16 * 1024;

/// Bytes of inputs and outcomes that may be held at once.
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
pub struct IMap<T = Value> {
    flow: Arc<Flow>,
    value: std::marker::PhantomData<fn() -> T>,
}

/// What the feeder, the pool and the iterator share.
struct Flow {
    state: Mutex<FlowState>,
    /// An outcome came, or the last input was pulled.
    arrived: Condvar,
    /// There is room for a further input.
    room: Condvar,
    ordered: bool,
    pool: Weak<Shared>,
    /// Cancels all tasks of the flow at once.
    cancelled: Arc<AtomicBool>,
}

#[derive(Default)]
struct FlowState {
    /// Inputs pulled.
    pulled: u64,
    /// Outcomes taken by the iterator.
    taken: u64,
    /// Outcomes that wait for one before them.
    early: BTreeMap<u64, Outcome<Value>>,
    ready: VecDeque<Outcome<Value>>,
    /// Index of the next outcome, when they come in order.
    next: u64,
    bytes: u64,
    no_more_inputs: bool,
    /// The iterator is gone.
    abandoned: bool,
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
        let mut state = self.lock();
        state.bytes = state
            .bytes
            .saturating_sub(input_bytes)
            .saturating_add(weight(&outcome));
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
        drop(state);
        if any {
            self.arrived.notify_one();
        }
        // The feeder may be waiting for bytes rather than for a place.
        self.room.notify_one();
    }

    /// Waits for room for an input of so many bytes; `None` if nobody wants
    /// the outcomes any more.
    fn admit(&self, bytes: u64) -> Option<u64> {
        let mut state = self.lock();
        loop {
            if state.abandoned {
                return None;
            }
            let held = state.pulled - state.taken;
            // One input always fits, however large it is.
            let fits = held == 0 || held < MAX_AHEAD as u64 && state.bytes + bytes <= MAX_BYTES;
            if fits {
                let index = state.pulled;
                state.pulled += 1;
                state.bytes += bytes;
                return Some(index);
            }
            state = self
                .room
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
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
    streams as u64 + outcome.value.as_ref().map_or(0, of_value)
}

/// Starts a stream of calls.
pub(super) fn start<T: FromValue>(
    shared: &Arc<Shared>,
    template: Arc<Template>,
    inputs: impl Iterator<Item = Input> + Send + 'static,
    ordered: bool,
) -> Result<IMap<T>, Error> {
    shared.lock().accepts_tasks()?;
    let flow = Arc::new(Flow {
        state: Mutex::default(),
        arrived: Condvar::new(),
        room: Condvar::new(),
        ordered,
        pool: Arc::downgrade(shared),
        cancelled: Arc::default(),
    });
    let feeder = Feeder {
        flow: Arc::clone(&flow),
        template,
    };
    thread::Builder::new()
        .name("sandpool-feeder".into())
        .spawn(move || feeder.feed(inputs))
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
    fn feed(self, inputs: impl Iterator<Item = Input>) {
        let end = End(Arc::clone(&self.flow));
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
            Ok(()) => true,
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
        // Waking the feeder for each place would cost more than the place is
        // worth: it sleeps until there is room for many.
        let held = (state.pulled - state.taken) as usize;
        if held < MAX_AHEAD / 2 || state.bytes < MAX_BYTES / 2 {
            self.room.notify_one();
        }
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
            if state.no_more_inputs && state.pulled == state.taken {
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
