//! The circumstances of a call of a function of the host.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::Waker;
use std::time::Duration;

use super::block_on::Cancellation;
use crate::module::Module;

/// The task that calls a function of the host, as the host knows it. Cheap to clone.
///
/// The arguments of the function come from the guest, and so may anything; this comes from the
/// host's own books.
#[derive(Clone, Debug)]
pub struct CallContext {
    facts: Arc<TaskFacts>,
}

/// The facts about one run of a task that its calls of the host share.
#[derive(Debug)]
pub(crate) struct TaskFacts {
    pub(crate) task: u64,
    pub(crate) index: u64,
    pub(crate) name: String,
    pub(crate) tenant: Option<String>,
    pub(crate) module: Module,
    pub(crate) worker_pid: u32,
    /// The number of the task's worker key.
    pub(crate) worker_key: u64,
    pub(crate) run: RunState,
}

/// The part of the facts that changes while the task runs.
#[derive(Debug, Default)]
pub(crate) struct RunState {
    state: Mutex<State>,
    changed: Condvar,
    /// `true` once the call under way has made a task of its own pool.
    waits_for_pool: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    has_ended: bool,
    /// The text of the call that failed, which ends the task.
    failure: Option<String>,
    /// Wakes the thread that drives the future of the call under way.
    waker: Option<Waker>,
}

impl TaskFacts {
    /// Notes that the task has ended, however that came, and tells the calls under way.
    pub(crate) fn end(&self) {
        let mut state = self.lock();
        state.has_ended = true;
        let waker = state.waker.take();
        drop(state);
        self.run.changed.notify_all();
        waker.into_iter().for_each(Waker::wake);
    }

    /// Notes that a call begins.
    pub(crate) fn begin_call(&self) {
        self.run.waits_for_pool.store(false, Ordering::Relaxed);
    }

    /// Notes that the call under way makes a task of its own pool, for which it may wait.
    pub(crate) fn wait_for_pool(&self) {
        self.run.waits_for_pool.store(true, Ordering::Relaxed);
    }

    pub(crate) fn waits_for_pool(&self) -> bool {
        self.run.waits_for_pool.load(Ordering::Relaxed)
    }

    pub(super) fn has_ended(&self) -> bool {
        self.lock().has_ended
    }

    /// Notes the text of a call that failed.
    pub(super) fn fail(&self, text: String) {
        self.lock().failure = Some(text);
    }

    /// Takes the text of the call that failed, if one did.
    pub(crate) fn take_failure(&self) -> Option<String> {
        self.lock().failure.take()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        let state = self.run.state.lock();
        state.unwrap_or_else(PoisonError::into_inner)
    }
}

impl Cancellation for CallContext {
    fn wake_when_cancelled(&self, waker: Waker) {
        self.facts.lock().waker = Some(waker);
    }

    fn is_cancelled(&self) -> bool {
        self.facts.has_ended()
    }
}

impl CallContext {
    pub(super) fn new(facts: Arc<TaskFacts>) -> Self {
        CallContext { facts }
    }

    /// Returns the number of the task, unique in its pool.
    #[must_use]
    pub fn task(&self) -> u64 {
        self.facts.task
    }

    /// Returns the index of the task within its map; 0 for a single call.
    #[must_use]
    pub fn index(&self) -> u64 {
        self.facts.index
    }

    /// Returns the name of the task: that of [`Call::name`](crate::Call::name), else of its
    /// function.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.facts.name
    }

    /// Returns the tenant of the task, if it has one.
    #[must_use]
    pub fn tenant(&self) -> Option<&str> {
        self.facts.tenant.as_deref()
    }

    /// Returns the task's module.
    #[must_use]
    pub fn module(&self) -> &Module {
        &self.facts.module
    }

    /// Returns the id of the process that runs the task.
    #[must_use]
    pub fn worker_pid(&self) -> u32 {
        self.facts.worker_pid
    }

    /// Returns `true` once nobody waits for this call any more: the task was cancelled, ran
    /// past its time, or lost its worker. A function that takes long looks now and then, and
    /// returns.
    #[must_use]
    pub fn cancelled(&self) -> bool {
        self.facts.has_ended()
    }

    /// Waits until nobody waits for this call any more, for `at_most` this long. Returns
    /// `true` if that is so: a sleep that ends early with its task.
    #[must_use]
    pub fn wait_cancelled(&self, at_most: Duration) -> bool {
        let state = &self.facts.run;
        let waited = state
            .changed
            .wait_timeout_while(self.facts.lock(), at_most, |state| !state.has_ended);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.has_ended
    }
}
