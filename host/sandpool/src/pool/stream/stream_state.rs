//! The state that the feeder, the pool and the reader of a stream of calls share: the
//! inputs that wait for the pool, the number of those under way, and the outcomes that the
//! reader has not taken yet.
//!
//! An input may be the last for a long time, so it never waits for the next: it is handed
//! over at once, unless there are tasks for all workers. Then it waits, together with those
//! that come meanwhile, for the next event in the pool: whoever hands out tasks draws the
//! inputs that have gathered. Without an event the dispatcher wakes for them, whatever the
//! feeder is waiting for.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use super::pending::{InputChunk, Pending};
use crate::guard::wake;
use crate::notify::{Notify, deadline};
use crate::outcome::Verdict;
use crate::pool::error::Error;
use crate::pool::keys::KeyId;
use crate::pool::scheduler::{Entry, TaskSource};
use crate::pool::state::Shared;
use crate::pool::tasks::{Completion, Inputs, Rest, Sink, Steers, TaskResult, Template, outcome};
use sandpool_protocol::limits::MIB;

/// The highest number of inputs under way and of outcomes that wait to be taken.
const MAX_INPUTS_AHEAD: u64 = 16 * 1024;

/// The highest number of outcomes that the iterator takes at once, and of their bytes.
const MAX_TAKEN: usize = 64;
const MAX_BYTES_TAKEN: u64 = 64 * 1024;

/// The number of tasks in the pool at once, for each worker: enough to keep it busy.
const IN_FLIGHT: u64 = 2048;

/// The part of that number that is allowed before any task has ended, since nobody knows
/// yet how heavy the outcomes are. Each task that has ended allows one more.
const FIRST_PART: u64 = 32;

/// The highest number of bytes of inputs and outcomes that may be held at once. The outcome
/// of a task in the pool is counted as heavy as the heaviest so far.
const MAX_BYTES: u64 = 64 * MIB;

/// The number of tasks in the pool, for each worker, below which one may lack work.
const FEW: u64 = 2;

/// The longest time that gathered inputs wait for an event.
const MAX_INPUT_WAIT: Duration = Duration::from_millis(1);

/// The number of bytes of waiting inputs at which they are handed over: a batch is held
/// until the last of its tasks has ended.
const MAX_BYTES_WAITING: u64 = 256 * 1024;

/// The state of a stream that the feeder, the pool and the iterator share.
pub(crate) struct StreamState {
    state: Mutex<StreamInner>,
    /// Notified when an outcome came, or the last input was pulled.
    arrived: Notify,
    /// Notified when there is room for a further input.
    room: Notify,
    ordered: bool,
    most_in_flight: u64,
    /// The number of tasks in the pool below which inputs do not wait.
    few: u64,
    /// The number of inputs that wait for one another in any case.
    chunksize: usize,
    /// `true` if inputs may wait for one another beyond that. Where the queue is bounded,
    /// only the feeder can wait for room there.
    lets_wait: bool,
    pool: Weak<Shared>,
    /// The part that the stream's tasks have in common.
    template: Arc<Template>,
    /// Cancels all tasks of the stream at once.
    cancelled: Arc<AtomicBool>,
    steers: Arc<Steers>,
}

#[derive(Default)]
pub(super) struct StreamInner {
    /// The inputs that the pool has not taken over yet.
    pending: Pending,
    /// The latest time at which the dispatcher will look at the pool, if it has announced
    /// one.
    looked_at: Option<Instant>,
    /// The number of inputs pulled.
    pulled: u64,
    /// The number of tasks that have ended.
    ended: u64,
    /// The number of outcomes that the iterator has taken.
    taken: u64,
    /// The outcomes that wait for an earlier one, each in its position behind the next one
    /// that is missing.
    early: VecDeque<Option<TaskResult>>,
    ready: VecDeque<TaskResult>,
    /// The index of the next outcome, when outcomes come in order.
    next: u64,
    /// The number of bytes of inputs under way and of outcomes not taken.
    bytes: u64,
    /// The number of bytes of the heaviest outcome so far, which a further one may reach.
    heaviest: u64,
    no_more_inputs: bool,
    /// `true` while the feeder waits for room.
    feeder_waits: bool,
    /// `true` if nobody will read before all is done: there is no bound any more.
    lifted: bool,
    /// `true` if the pool has ended or the stream ends early: further inputs come to
    /// nothing.
    stopped: bool,
    /// `true` if the iterator is gone.
    abandoned: bool,
    /// The waker of the future that awaits the next outcome.
    waker: Option<Waker>,
}

impl StreamInner {
    /// Counts a further input in, and returns its number.
    fn admit(&mut self, bytes: u64) -> u64 {
        let index = self.pulled;
        self.pulled += 1;
        self.bytes += bytes;
        index
    }

    /// Returns `true` if there is room for a further input of `bytes` bytes, within a
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
                && held < MAX_INPUTS_AHEAD / share
                && self.bytes + bytes + expected <= MAX_BYTES / share
    }
}

impl Sink for StreamState {
    fn deliver(&self, ended: &mut dyn Iterator<Item = Completion>) {
        let mut state = self.lock();
        for completion in ended {
            let bytes = completion.input_bytes();
            self.take_in(&mut state, completion.ended, bytes);
        }
        let any = !state.ready.is_empty();
        self.wake_feeder(&mut state);
        match any {
            true => self.notify(state),
            false => drop(state),
        }
    }
}

impl StreamState {
    pub(crate) fn new(
        shared: &Arc<Shared>,
        template: &Arc<Template>,
        steers: Arc<Steers>,
        ordered: bool,
        chunksize: usize,
    ) -> Arc<Self> {
        let processes = shared.config.processes as u64;
        Arc::new(StreamState {
            state: Mutex::default(),
            arrived: Notify::default(),
            room: Notify::default(),
            ordered,
            most_in_flight: IN_FLIGHT * processes,
            few: FEW * processes,
            chunksize,
            lets_wait: shared.config.limits.queue_length.value.is_none(),
            pool: Arc::downgrade(shared),
            template: Arc::clone(template),
            cancelled: Arc::default(),
            steers,
        })
    }

    fn lock(&self) -> MutexGuard<'_, StreamInner> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_in(&self, state: &mut StreamInner, ended: TaskResult, input_bytes: u64) {
        let weight = ended.weight();
        state.ended += 1;
        state.heaviest = state.heaviest.max(weight);
        state.bytes = state.bytes.saturating_sub(input_bytes) + weight;
        if !self.ordered {
            return state.ready.push_back(ended);
        }
        let ahead = usize::try_from(ended.index() - state.next).unwrap_or(usize::MAX);
        if ahead == 0 && state.early.is_empty() {
            state.next += 1;
            return state.ready.push_back(ended);
        }
        if ahead >= state.early.len() {
            state.early.resize_with(ahead + 1, || None);
        }
        state.early[ahead] = Some(ended);
        while let Some(next) = state.early.front_mut().and_then(Option::take) {
            state.early.pop_front();
            state.ready.push_back(next);
            state.next += 1;
        }
    }

    /// Wakes the reader of the outcomes.
    fn notify(&self, mut state: MutexGuard<'_, StreamInner>) {
        let waker = state.waker.take();
        drop(state);
        self.arrived.notify();
        wake(waker);
    }

    /// Wakes the feeder once there is room for many inputs: waking it for each would cost
    /// more than the task does.
    fn wake_feeder(&self, state: &mut StreamInner) {
        if state.feeder_waits && state.has_room(0, self.most_in_flight, 2) {
            state.feeder_waits = false;
            self.room.notify();
        }
    }

    /// Ends the stream: inputs that the pool has not taken over end with this verdict and
    /// reason, and tasks under way still deliver their outcomes.
    pub(crate) fn stop(self: &Arc<Self>, verdict: Verdict, reason: &str) {
        self.lock().stopped = true;
        self.refuse(verdict, reason);
        self.notify(self.lock());
        self.room.notify();
    }

    /// Delivers an outcome with this verdict and reason for each input that the pool has
    /// not taken over.
    pub(super) fn refuse(self: &Arc<Self>, verdict: Verdict, reason: &str) {
        let chunks = self.lock().pending.take(usize::MAX);
        for task in chunks.into_iter().flat_map(|chunk| self.tasks(chunk)) {
            outcome::never_ran(task, verdict, reason.to_owned()).deliver();
        }
    }

    fn tasks(self: &Arc<Self>, chunk: InputChunk) -> Rest {
        let sink = Arc::clone(self) as _;
        chunk.tasks(&self.template, sink, &self.cancelled)
    }

    pub(crate) fn pool(&self) -> Option<Arc<Shared>> {
        self.pool.upgrade()
    }

    pub(super) fn cancelled(&self) -> &Arc<AtomicBool> {
        &self.cancelled
    }

    pub(crate) fn steers(&self) -> &Arc<Steers> {
        &self.steers
    }

    /// Notes that no more inputs come.
    pub(super) fn end(&self) {
        let mut state = self.lock();
        state.no_more_inputs = true;
        self.notify(state);
    }

    /// Gives a further input of `bytes` bytes its number, and calls `put` for it, as soon
    /// as there is room. Calls `before_waiting` if it has to wait for room. Returns `None`
    /// if nobody wants the outcomes any more.
    pub(super) fn admit<T>(
        &self,
        bytes: u64,
        put: impl FnOnce(&mut StreamInner, u64) -> T,
        before_waiting: impl FnOnce(),
    ) -> Option<T> {
        let has_room = |state: &StreamInner| state.has_room(bytes, self.most_in_flight, 1);
        let mut state = self.lock();
        if state.is_wanted() && !has_room(&state) {
            drop(state);
            before_waiting();
            state = self.lock();
            while state.is_wanted() && !has_room(&state) {
                state.feeder_waits = true;
                state = self.room.wait(state, None);
            }
        }
        if !state.is_wanted() {
            return None;
        }
        let index = state.admit(bytes);
        Some(put(&mut state, index))
    }

    /// Puts an input with those that wait for the pool; returns the step to be taken for
    /// them.
    pub(super) fn put(&self, state: &mut StreamInner, input: &mut Inputs, index: u64) -> Put {
        let pending = &mut state.pending;
        // The inputs of a chunk may come long after one another, and those that are
        // submitted together count their waiting time from the first.
        pending.push(input, index, self.lets_wait && self.chunksize == 1);
        if pending.len() < self.chunksize {
            return Put::Waits;
        }
        let in_pool = state.pulled - state.ended - pending.len() as u64;
        if !self.lets_wait || in_pool < self.few || pending.bytes() >= MAX_BYTES_WAITING {
            return Put::Due;
        }
        // Those behind the first wait with it.
        let is_first = pending.len() == self.chunksize;
        match self.due(state) {
            Some(due) if is_first && state.looked_at.is_none_or(|then| then > due) => Put::Unseen,
            _ => Put::Waits,
        }
    }

    /// Returns the latest time at which the gathered inputs are drawn.
    fn due(&self, state: &StreamInner) -> Option<Instant> {
        let since = state.pending.since().filter(|_| self.is_chunk_full(state));
        Some(since? + MAX_INPUT_WAIT)
    }

    fn is_chunk_full(&self, state: &StreamInner) -> bool {
        self.lets_wait && state.pending.len() >= self.chunksize
    }
}

/// The step to be taken for the inputs that wait for the pool.
pub(super) enum Put {
    /// None: the pool will take them over.
    Waits,
    /// They are to be handed over now.
    Due,
    /// The dispatcher must be rung, or it might look for them too late.
    Unseen,
}

/// The side that the pool draws from. The stream's lock is held while tasks are drawn, so
/// that they are in the queue before anybody looks for them there.
impl TaskSource for StreamState {
    fn draw(self: Arc<Self>) -> Vec<Entry> {
        let state = self.lock();
        match self.is_chunk_full(&state) {
            true => self.take_over(state, usize::MAX),
            false => Vec::new(),
        }
    }

    fn plan_to_draw(&self, until: Instant) -> Instant {
        let mut state = self.lock();
        let until = self.due(&state).map_or(until, |due| due.min(until));
        state.looked_at = Some(until);
        until
    }

    fn lift(&self) {
        self.lock().lifted = true;
        self.room.notify();
    }

    fn stop(&self) {
        self.lock().stopped = true;
    }

    fn refuse_rest(self: Arc<Self>, verdict: Verdict, reason: &str) {
        StreamState::stop(&self, verdict, reason);
    }

    fn is_stopped(&self) -> bool {
        self.lock().stopped
    }

    fn key(&self) -> KeyId {
        self.template.worker_key.id
    }
}

impl StreamState {
    /// Returns `true` if inputs wait for the pool.
    pub(super) fn has_pending(&self) -> bool {
        self.lock().pending.len() > 0
    }

    /// Takes out up to `most` of the waiting tasks.
    pub(super) fn take_pending(self: &Arc<Self>, most: usize) -> Vec<Entry> {
        self.take_over(self.lock(), most)
    }

    fn take_over(
        self: &Arc<Self>,
        mut state: MutexGuard<'_, StreamInner>,
        most: usize,
    ) -> Vec<Entry> {
        let chunks = state.pending.take(most);
        drop(state);
        let tasks = chunks.into_iter().map(|chunk| self.tasks(chunk));
        tasks.map(Entry::Rest).collect()
    }
}

impl StreamState {
    /// Puts the next outcomes into `taken`, a few at once, if some come in time; none at
    /// the end of the stream.
    pub(crate) fn next(
        &self,
        taken: &mut VecDeque<TaskResult>,
        timeout: Option<Duration>,
    ) -> Result<(), Error> {
        let lacks = |state: &StreamInner| state.ready.is_empty() && !state.is_at_end();
        let waited = self
            .arrived
            .wait_while(self.lock(), deadline(timeout), lacks);
        let mut state = waited.map_err(|_| Error::Timeout)?;
        self.take(&mut state, taken);
        Ok(())
    }

    /// Puts the next outcomes into `taken` as [`StreamState::next`] does, for a future.
    pub(crate) fn poll_next(
        &self,
        taken: &mut VecDeque<TaskResult>,
        context: &Context<'_>,
    ) -> Poll<()> {
        let mut state = self.lock();
        if state.ready.is_empty() && !state.is_at_end() {
            state.waker = Some(context.waker().clone());
            return Poll::Pending;
        }
        self.take(&mut state, taken);
        Poll::Ready(())
    }

    /// Takes a few of the outcomes that are there: taking each by itself would cost more
    /// than a small task does.
    fn take(&self, state: &mut StreamInner, taken: &mut VecDeque<TaskResult>) {
        let mut weight = 0;
        let mut count = 0;
        for result in state.ready.iter().take(MAX_TAKEN) {
            weight += result.weight();
            count += 1;
            if weight > MAX_BYTES_TAKEN {
                break;
            }
        }
        state.taken += count as u64;
        state.bytes = state.bytes.saturating_sub(weight);
        self.wake_feeder(state);
        taken.extend(state.ready.drain(..count));
    }
}

impl StreamInner {
    fn is_wanted(&self) -> bool {
        !self.abandoned && !self.stopped
    }

    /// Returns `true` if no further outcome comes. A feeder that waits for input is not
    /// waited for once its pool has ended.
    fn is_at_end(&self) -> bool {
        (self.no_more_inputs || self.stopped) && self.pulled == self.taken
    }
}

impl StreamState {
    pub(crate) fn template(&self) -> &Arc<Template> {
        &self.template
    }

    /// Puts the outcomes that are there now into `taken`, as [`StreamState::next`] does.
    pub(crate) fn next_ready(&self, taken: &mut VecDeque<TaskResult>) {
        self.take(&mut self.lock(), taken);
    }

    /// Notes that nobody wants the outcomes any more.
    pub(crate) fn abandon(&self) {
        let mut state = self.lock();
        state.abandoned = true;
        let pending = std::mem::take(&mut state.pending);
        drop(state);
        drop(pending);
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

    /// Admits as many inputs as there is room for.
    fn fill(state: &mut StreamInner) -> u64 {
        let before = state.pulled;
        while state.has_room(0, IN_FLIGHT, 1) {
            state.admit(0);
        }
        state.pulled - before
    }

    #[test]
    fn few_are_begun_before_it_is_known_how_heavy_their_outcomes_are() {
        let mut state = StreamInner::default();
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
