//! Ends a call in this process that runs past its wall time: a thread sleeps until then,
//! and advances the engine's epoch.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use wasmtime::Engine;

use sandpool_sys::thread_error;

/// The thread, for as long as this lives.
pub(super) struct Watchdog {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    watched: Mutex<Watched>,
    changed: Condvar,
}

#[derive(Default)]
struct Watched {
    /// The time by which the running call has to have ended.
    deadline: Option<Instant>,
    ended: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Watched> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The watch over a call, until this is dropped.
pub(super) struct WatchGuard<'a>(&'a Shared);

impl Watchdog {
    pub(super) fn start(engine: Engine) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let watched = Arc::clone(&shared);
        thread::Builder::new()
            .name("sandpool-deadline".into())
            .spawn(move || keep(&watched, &engine))
            .map_err(thread_error)?;
        Ok(Watchdog { shared })
    }

    /// Watches a call. A call without a deadline wakes no thread.
    pub(super) fn watch(&self, deadline: Option<Instant>) -> WatchGuard<'_> {
        if deadline.is_some() {
            self.shared.lock().deadline = deadline;
            self.shared.changed.notify_one();
        }
        WatchGuard(&self.shared)
    }
}

impl Drop for WatchGuard<'_> {
    fn drop(&mut self) {
        self.0.lock().deadline = None;
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.shared.lock().ended = true;
        self.shared.changed.notify_one();
    }
}

fn keep(shared: &Shared, engine: &Engine) {
    let mut watched = shared.lock();
    while !watched.ended {
        let Some(deadline) = watched.deadline else {
            watched = shared
                .changed
                .wait(watched)
                .unwrap_or_else(PoisonError::into_inner);
            continue;
        };
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            // Under the lock: the call that ends now is the one that is late.
            engine.increment_epoch();
            watched.deadline = None;
            continue;
        }
        (watched, _) = shared
            .changed
            .wait_timeout(watched, left)
            .unwrap_or_else(PoisonError::into_inner);
    }
}
