//! The threads on which functions of the host run: one more when none is free, up to a highest
//! number, and each ends when it has had nothing to do for a while.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use super::call::HostCall;
use super::context::TaskFacts;
use super::running::{run_for, running_for};
use sandpool_protocol::sleep::Spin;
use sandpool_sys::thread_error;

/// The time after which a thread without a call ends.
const IDLE: Duration = Duration::from_secs(10);

/// The highest number of threads of a pool, unless it is set.
pub(crate) const MAX_CALL_THREADS: usize = 256;

/// The threads of a pool. When this is dropped they end as soon as their calls return; nobody
/// waits for them.
pub(crate) struct CallThreads {
    inner: Arc<Inner>,
}

/// The pool, for a thread that looks for the next call itself.
pub(crate) trait CallPoller: Send + Sync {
    /// Takes the turn to look, if it is free and looking makes sense; returns whether it did.
    fn begin(&self) -> bool;

    /// Looks for a moment for a call, and gives the turn back.
    fn look(&self, spin: &mut Spin) -> Option<HostCall>;
}

struct Inner {
    most: usize,
    spin: bool,
    /// The pool, once it is there.
    poller: OnceLock<Weak<dyn CallPoller>>,
    /// Called when a worker broke a rule in a question.
    on_violation: Box<dyn Fn() + Send + Sync>,
    state: Mutex<State>,
    come: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<HostCall>,
    /// The number of threads, and of those among them that wait for a call.
    threads: usize,
    idle: usize,
    is_over: bool,
}

impl CallThreads {
    /// `most` is the highest number of threads. With `spin` they look for a moment for the next
    /// call before they sleep.
    pub(crate) fn new(
        most: usize,
        spin: bool,
        on_violation: impl Fn() + Send + Sync + 'static,
    ) -> Self {
        CallThreads {
            inner: Arc::new(Inner {
                most,
                spin,
                poller: OnceLock::new(),
                on_violation: Box::new(on_violation),
                state: Mutex::default(),
                come: Condvar::new(),
            }),
        }
    }

    /// Lets threads look for calls themselves.
    pub(crate) fn poll(&self, poller: Weak<dyn CallPoller>) {
        // A pool says this once.
        let _ = self.inner.poller.set(poller);
    }

    /// Returns the facts of the task whose call this very thread runs, if it is one of these.
    pub(crate) fn running_here(&self) -> Option<Arc<TaskFacts>> {
        running_for(self.inner.number())
    }

    /// Runs a call on a thread that is free, or on a new one. Without either the call fails.
    pub(crate) fn run(&self, call: HostCall) {
        let mut state = self.inner.lock();
        if state.waiting.len() < state.idle {
            state.waiting.push_back(call);
            drop(state);
            return self.inner.come.notify_one();
        }
        if state.threads >= self.inner.most {
            drop(state);
            let most = self.inner.most;
            return call.fail(format!(
                "{most} calls of the host are under way, the most that this pool may have; the \
                 setting `host_call_threads` raises it"
            ));
        }
        state.threads += 1;
        state.waiting.push_back(call);
        drop(state);
        let inner = Arc::clone(&self.inner);
        let builder = thread::Builder::new().name("sandpool-host-call".into());
        if let Err(error) = builder.spawn(move || inner.work()) {
            let mut state = self.inner.lock();
            state.threads -= 1;
            // Another thread may have taken it meanwhile, and left its own.
            let call = state.waiting.pop_back();
            drop(state);
            if let Some(call) = call {
                call.fail(format!(
                    "there is no thread for a call of the host: {}",
                    thread_error(error)
                ));
            }
        }
    }
}

impl Drop for CallThreads {
    fn drop(&mut self) {
        let mut state = self.inner.lock();
        state.is_over = true;
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        // The closures that these hold are others' code.
        drop(waiting);
        self.inner.come.notify_all();
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the number by which these threads are told from those of other pools.
    fn number(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    /// Runs calls until none has come for a while.
    fn work(&self) {
        let mut spin = Spin::new(self.spin);
        let mut next = self.next();
        while let Some(call) = next.take() {
            let facts = Arc::clone(&call.facts);
            let returned = run_for(self.number(), facts, || call.run());
            // Before the reply, after which the guest may be back at once.
            let poller = self.poller(&spin);
            let since = Instant::now();
            let broke_a_rule = returned.send();
            if let Some(poller) = poller {
                next = poller.look(&mut spin);
            }
            if broke_a_rule {
                (self.on_violation)();
            }
            if next.is_none() {
                next = self.next();
            }
            spin.learn(since.elapsed());
        }
    }

    /// Returns the pool, if this thread polls for it from now on.
    fn poller(&self, spin: &Spin) -> Option<Arc<dyn CallPoller>> {
        if !spin.pays() {
            return None;
        }
        let poller = self.poller.get()?.upgrade()?;
        poller.begin().then_some(poller)
    }

    fn next(&self) -> Option<HostCall> {
        let mut state = self.lock();
        state.idle += 1;
        let lacks = |state: &mut State| state.waiting.is_empty() && !state.is_over;
        let waited = self.come.wait_timeout_while(state, IDLE, lacks);
        (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.idle -= 1;
        let call = state.waiting.pop_front();
        if call.is_none() {
            state.threads -= 1;
        }
        call
    }
}
