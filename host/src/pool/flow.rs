//! What the feeder, the pool and the reader of a stream of calls share: how many
//! inputs are on their way, and the outcomes that nobody has taken yet.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use super::error::Error;
use super::settle;
use super::settled::Settled;
use super::state::Shared;
use super::steering::Steers;
use super::task::{Completion, Sink, Task, Template};
use crate::arrival::{Arrival, deadline};
use crate::limits::MIB;
use crate::outcome::Verdict;

/// Inputs that may be on their way, and outcomes that may wait to be taken.
const MAX_AHEAD: u64 = 16 * 1024;

/// Outcomes that the iterator takes at once, and bytes of them.
const MAX_TAKEN: usize = 64;
const MAX_BYTES_TAKEN: u64 = 64 * 1024;

/// Tasks in the pool at once, for each worker: enough to keep it busy.
const IN_FLIGHT: u64 = 2048;

/// This part of them before any has ended, since nobody knows yet how heavy
/// their outcomes are; then one more with each that has.
const FIRST_PART: u64 = 32;

/// Bytes of inputs and outcomes that may be held at once. Outcomes of tasks
/// that are in the pool already are counted as heavy as the heaviest so far.
const MAX_BYTES: u64 = 64 * MIB;

/// What the feeder, the pool and the iterator share.
pub(super) struct Flow {
    state: Mutex<FlowState>,
    /// An outcome came, or the last input was pulled.
    arrived: Arrival,
    /// There is room for a further input.
    room: Arrival,
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
        let most_in_flight = most_in_flight.min(most_in_flight / FIRST_PART + self.ended);
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
    fn deliver(&self, ended: &mut dyn Iterator<Item = Completion>) {
        let mut state = self.lock();
        for Completion { ended, lot, .. } in ended {
            self.take_in(&mut state, ended, lot.inputs.bytes());
        }
        let any = !state.ready.is_empty();
        self.wake_feeder(&mut state);
        drop(state);
        if any {
            self.arrived.notify();
        }
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
            arrived: Arrival::default(),
            room: Arrival::default(),
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

    fn take_in(&self, state: &mut FlowState, ended: Settled, input_bytes: u64) {
        let weight = ended.weight();
        state.ended += 1;
        state.heaviest = state.heaviest.max(weight);
        state.bytes = state.bytes.saturating_sub(input_bytes) + weight;
        if !self.ordered {
            return state.ready.push_back(ended);
        }
        if ended.index() != state.next {
            state.early.insert(ended.index(), ended);
            return;
        }
        let mut next = Some(ended);
        while let Some(ended) = next {
            state.ready.push_back(ended);
            state.next += 1;
            next = state.early.remove(&state.next);
        }
    }

    /// Wakes the feeder once there is room for many inputs: waking it for each
    /// would cost more than the task does.
    fn wake_feeder(&self, state: &mut FlowState) {
        if state.feeder_waits && state.has_room(0, self.most_in_flight, 2) {
            state.feeder_waits = false;
            self.room.notify();
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
        self.arrived.notify();
        self.room.notify();
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
        self.arrived.notify();
    }

    /// Lets the feeder run on without anybody reading.
    pub(super) fn lift(&self) {
        self.lock().lifted = true;
        self.room.notify();
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
            state = self.room.wait(state, None);
        }
        None
    }
}

impl Flow {
    /// The next outcomes, a few at once, if some come in time; none at the end.
    pub(super) fn next(&self, timeout: Option<Duration>) -> Result<VecDeque<Settled>, Error> {
        let lacks = |state: &FlowState| state.ready.is_empty() && !state.is_at_end();
        let waited = self
            .arrived
            .wait_while(self.lock(), deadline(timeout), lacks);
        let mut state = waited.map_err(|_| Error::Timeout)?;
        Ok(self.take(&mut state))
    }

    /// A few of the outcomes that are there: to take each by itself would cost
    /// more than a small task does.
    fn take(&self, state: &mut FlowState) -> VecDeque<Settled> {
        let mut weight = 0;
        let mut count = 0;
        for settled in state.ready.iter().take(MAX_TAKEN) {
            weight += settled.weight();
            count += 1;
            if weight > MAX_BYTES_TAKEN {
                break;
            }
        }
        state.taken += count as u64;
        state.bytes = state.bytes.saturating_sub(weight);
        self.wake_feeder(state);
        state.ready.drain(..count).collect()
    }
}

impl FlowState {
    /// Whether nothing comes any more. A feeder that waits for input is not
    /// waited for once its pool has ended.
    fn is_at_end(&self) -> bool {
        (self.no_more_inputs || self.stopped) && self.pulled == self.taken
    }
}

impl Flow {
    pub(super) fn template(&self) -> &Template {
        &self.template
    }

    /// As [`Flow::next`], of those that are there now.
    pub(super) fn next_ready(&self) -> VecDeque<Settled> {
        self.take(&mut self.lock())
    }

    /// Nobody wants the outcomes any more.
    pub(super) fn abandon(&self) {
        self.lock().abandoned = true;
        self.room.notify();
        self.cancelled.store(true, Ordering::Relaxed);
        if let Some(pool) = self.pool() {
            pool.sweep_cancelled();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lets in as many inputs as there is room for.
    fn fill(state: &mut FlowState) -> u64 {
        let before = state.pulled;
        while state.has_room(0, IN_FLIGHT, 1) {
            state.admit(0);
        }
        state.pulled - before
    }

    #[test]
    fn few_are_begun_before_it_is_known_how_heavy_their_outcomes_are() {
        let mut state = FlowState::default();
        assert_eq!(fill(&mut state), 64);
        state.ended = 64;
        assert_eq!(
            fill(&mut state),
            128,
            "as many, and one for each that ended"
        );
        (state.ended, state.heaviest) = (192, MIB);
        assert_eq!(fill(&mut state), 65, "as many as may be held");
    }
}
