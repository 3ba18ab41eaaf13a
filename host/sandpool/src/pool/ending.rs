//! The end of a pool, for futures that await it. However many futures there are, and
//! however often they are made, one thread waits for the end.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::thread;

use super::error::Error;
use super::state::Shared;
use crate::wakers::{WakerId, Wakers};
use sandpool_sys::thread_error;

/// The futures that wait for the end of a pool.
#[derive(Default)]
pub(super) struct EndWaiters(Mutex<WaitersState>);

#[derive(Default)]
struct WaitersState {
    /// `true` if a thread waits for the end.
    is_watched: bool,
    wakers: Wakers,
}

impl Shared {
    /// Returns `true` if this is a thread that the pool itself waits for.
    pub(super) fn is_own_thread(&self) -> bool {
        self.lock().life.is_own_thread()
    }

    /// Lets the pool come to its end even if nobody reads the outcomes of its streams.
    ///
    /// # Errors
    ///
    /// Returns an error if the pool still takes tasks, or waits for this very thread.
    pub(super) fn prepare_to_join(&self) -> Result<(), Error> {
        let state = self.lock();
        if state.life.is_open() {
            return Err(Error::NotClosed);
        }
        if state.life.is_own_thread() || self.call_threads.running_here().is_some() {
            return Err(Error::WouldDeadlock);
        }
        // Joining before reading must not dead-lock: streams no longer wait for their
        // readers.
        let streams: Vec<_> = state.sources.iter().collect();
        drop(state);
        streams.iter().for_each(|stream| stream.lift());
        Ok(())
    }

    /// Returns the result of a pool that was joined.
    pub(super) fn joined(&self) -> Result<(), Error> {
        match self.lock().life.broken() {
            Some(reason) => Err(Error::Broken {
                reason: reason.to_owned(),
            }),
            None => Ok(()),
        }
    }

    /// Waits until the dispatcher has ended, unless this is one of the threads that it
    /// waits for.
    pub(super) fn wait_for_end(&self) {
        let mut state = self.lock();
        while !state.life.is_at_end() && !state.life.is_own_thread() {
            state = self.wait(state);
        }
    }

    /// Returns `true` if there is nothing to wait for.
    pub(super) fn is_at_end(&self) -> bool {
        self.lock().life.is_at_end()
    }
}

/// Waits until the pool has ended.
///
/// # Errors
///
/// Returns an error if the thread that waits cannot be started.
pub(super) async fn ended(shared: &Arc<Shared>) -> Result<(), Error> {
    let mut waits = Waits {
        shared,
        waker_id: None,
    };
    poll_fn(|context| {
        let ending = &shared.ending;
        let mut state = ending.lock();
        if shared.is_at_end() {
            return Poll::Ready(Ok(()));
        }
        if !state.is_watched
            && let Err(source) = watch(shared)
        {
            let refused = Error::system("start a thread that waits for the pool's end");
            return Poll::Ready(Err(refused(source)));
        }
        state.is_watched = true;
        state.wakers.set(&mut waits.waker_id, context.waker());
        Poll::Pending
    })
    .await
}

/// A future that waits, and takes its waker back when it is dropped.
struct Waits<'a> {
    shared: &'a Shared,
    waker_id: WakerId,
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.shared.ending.lock().wakers.remove(self.waker_id);
    }
}

/// Waits for the end on a thread of its own, which keeps no pool alive: it holds none of
/// the handles.
fn watch(shared: &Arc<Shared>) -> std::io::Result<()> {
    let shared = Arc::clone(shared);
    let thread = thread::Builder::new().name("sandpool-ending".into());
    let spawned = thread.spawn(move || {
        shared.wait_for_end();
        let mut state = shared.ending.lock();
        // A pool that broke may still be told to end.
        state.is_watched = false;
        let wakers = state.wakers.take();
        drop(state);
        wakers.wake();
    });
    spawned.map(drop).map_err(thread_error)
}

impl EndWaiters {
    fn lock(&self) -> std::sync::MutexGuard<'_, WaitersState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
