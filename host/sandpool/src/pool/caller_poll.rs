//! Lets a caller that waits for an answer poll the workers itself, with no thread between
//! it and the worker.
//!
//! The dispatcher would have to be woken, and would have to wake the caller: two wake-ups,
//! which take ten times as long as a small task does. So one caller at a time may poll: for
//! a moment it takes the answers of all workers as the dispatcher would, and nobody rings
//! the dispatcher meanwhile. It leaves to the dispatcher the work that only that thread can
//! do.

use std::time::{Duration, Instant};

use super::host_calls::HostCall;
use super::output::CallbackJob;
use super::state::{PoolState, Shared};
use super::worker::{PollEvents, WorkerHandle};
use sandpool_protocol::settings::Stdio;
use sandpool_protocol::sleep::Spin;

/// The longest nap.
const NAP: Duration = Duration::from_millis(2);

/// The turn to poll, which one caller, or one thread for calls of the host, may take at a time.
pub(super) struct PollTurn {
    /// The callers' experience; `None` while one of them polls.
    spin: Option<Spin>,
    /// `true` while a thread for calls of the host polls.
    is_lent: bool,
}

impl PollTurn {
    pub(super) fn new(may_spin: bool) -> Self {
        PollTurn {
            spin: Some(Spin::new(may_spin)),
            is_lent: false,
        }
    }

    /// Returns `true` if nobody polls.
    #[inline]
    pub(super) fn is_free(&self) -> bool {
        self.spin.is_some() && !self.is_lent
    }

    /// Returns `true` if nobody polls, and it would pay a caller to.
    fn pays(&self) -> bool {
        self.is_free() && self.spin.as_ref().is_some_and(Spin::pays)
    }

    fn take(&mut self) -> Option<Spin> {
        self.spin.take()
    }

    fn give_back(&mut self, spin: Spin) {
        self.spin = Some(spin);
    }

    /// Lends the turn to a thread for calls of the host; returns whether it was free.
    pub(super) fn lend(&mut self) -> bool {
        let is_free = self.is_free();
        self.is_lent |= is_free;
        is_free
    }

    /// Takes back the turn that was lent.
    pub(super) fn end_loan(&mut self) {
        self.is_lent = false;
    }

    /// Takes into account how long a caller has waited, unless another one polls.
    fn learn(&mut self, waited: Duration) {
        if let Some(spin) = &mut self.spin {
            spin.learn(waited);
        }
    }
}

impl Shared {
    /// Waits until the answer to a task is `there`: by polling, if that pays, then by a
    /// nap, and then by `sleep`.
    pub(super) fn look_then<T>(
        &self,
        task: u64,
        at_most: Option<Duration>,
        there: impl Fn() -> bool,
        sleep: impl FnOnce() -> T,
    ) -> T {
        let since = Instant::now();
        self.poll_as_caller(at_most, &there);
        if !there() {
            self.nap(task, at_most);
        }
        let slept = sleep();
        self.lock().poll_turn.learn(since.elapsed());
        slept
    }

    fn poll_as_caller(&self, at_most: Option<Duration>, there: &impl Fn() -> bool) {
        let mut state = self.lock();
        let Some(mut spin) = self
            .caller_may_poll(&state)
            .then(|| state.poll_turn.take())
            .flatten()
        else {
            return;
        };
        state.workers().for_each(WorkerHandle::announce_awake);
        drop(state);
        spin.look(at_most, || {
            self.take_answers();
            there()
        });
        let mut state = self.lock();
        state.poll_turn.give_back(spin);
        state.workers().for_each(WorkerHandle::announce_sleep);
        drop(state);
        // An answer that came before the announcement has rung no bell.
        self.take_answers();
    }

    /// Sleeps until the worker that runs the task has answered, which wakes this thread
    /// itself, and takes the answer; only if no other worker works. The nap is short: a
    /// task that takes longer does not miss the two switches of threads that a nap saves.
    fn nap(&self, task: u64, at_most: Option<Duration>) {
        let mut state = self.lock();
        if !state.life.is_open() || self.config.stdio == Stdio::Inherit {
            return;
        }
        let Some(worker) = napped_on(&mut state, task) else {
            return;
        };
        let serial = worker.serial();
        let nap = worker.begin_nap();
        // Looked at after the announcement: a worker that answers from now on wakes us.
        let answered = worker.has_news();
        drop(state);
        if !answered {
            nap.sleep(at_most.map_or(NAP, |most| most.min(NAP)));
        }
        let mut state = self.lock();
        if let Some(worker) = state.slots.find_mut(|worker| worker.serial() == serial) {
            worker.end_nap();
        }
        drop(state);
        // An answer that came before the announcement has rung no bell.
        self.take_answers();
    }

    /// Returns `true` if polling pays, and there is a core for it.
    fn caller_may_poll(&self, state: &PoolState) -> bool {
        state.poll_turn.pays()
            && state.life.is_open()
            // A guest's output comes before its outcome, by another thread.
            && self.config.stdio != Stdio::Inherit
            && state.leaves_a_core(&self.config)
    }

    /// Takes the answers that are there, and runs the calls of the host that are asked for.
    fn take_answers(&self) {
        for call in self.take_answers_and_calls() {
            self.call_threads.run(call);
        }
    }

    /// Takes the answers that are there; returns the calls of the host that are asked for.
    pub(super) fn take_answers_and_calls(&self) -> Vec<HostCall> {
        let mut state = self.lock();
        if !state.has_news() {
            return Vec::new();
        }
        let now = Instant::now();
        for slot in 0..state.slots.len() {
            let worker = state.slots.worker_mut(slot);
            if worker.is_some_and(WorkerHandle::has_news) {
                state.process_events(&self.config, slot, PollEvents::default(), now);
            }
        }
        let mut ring = state.give_out(now);
        // It may have been the last task of a pool or of a session that was closed meanwhile,
        // and the dispatcher ends both.
        ring |= !state.life.is_open() || state.sessions.any_closing();
        let mut ended = Vec::new();
        // Delivered here in the order in which tasks ended, or else by the dispatcher.
        let simple =
            |job: &CallbackJob| matches!(job, CallbackJob::Finish(end) if end.callback.is_none());
        if state.out.holds_only(simple) {
            ended = std::mem::take(&mut state.out.jobs);
        } else {
            ring = true;
        }
        let calls = std::mem::take(&mut state.out.host_calls);
        drop(state);
        if ring {
            self.wake.ring();
        }
        for (_, job) in ended {
            if let CallbackJob::Finish(completion) = job {
                self.callback_sender.finish(completion);
            }
        }
        self.changed.notify();
        calls
    }
}

/// Returns the worker that runs the task, if it is the only busy one and may be napped on.
fn napped_on(state: &mut PoolState, task: u64) -> Option<&mut WorkerHandle> {
    let mut busy = state.slots.workers_mut().filter(|worker| worker.is_busy());
    match (busy.next(), busy.next()) {
        (Some(worker), None) if worker.may_be_napped_on(task) => Some(worker),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_caller_at_a_time_takes_the_turn() {
        let mut turn = PollTurn::new(true);
        let spin = turn.take().unwrap();
        assert!(turn.take().is_none());
        assert!(!turn.is_free() && !turn.pays());
        turn.give_back(spin);
        assert!(turn.is_free());
        assert!(turn.lend() && !turn.lend());
        assert!(!turn.is_free() && !turn.pays());
        turn.end_loan();
        assert!(turn.is_free());
    }
}
