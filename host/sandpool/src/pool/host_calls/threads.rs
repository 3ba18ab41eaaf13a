//! The threads on which functions of the host run: one more when none is free, up to a highest
//! number, and each ends when it has had nothing to do for a while.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use super::call::HostCall;
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

struct Inner {
    most: usize,
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
    pub(crate) fn new(most: usize, on_violation: impl Fn() + Send + Sync + 'static) -> Self {
        CallThreads {
            inner: Arc::new(Inner {
                most,
                on_violation: Box::new(on_violation),
                state: Mutex::default(),
                come: Condvar::new(),
            }),
        }
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

    /// Runs calls until none has come for a while.
    fn work(&self) {
        while let Some(call) = self.next() {
            if call.run() {
                (self.on_violation)();
            }
        }
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
