//! The end of a pool, for those who await it. However many do, and however often,
//! there is one thread that waits for it.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::thread;

use super::api::Pool;
use super::error::Error;
use super::state::{PoolPhase, Shared};
use crate::wakers::{Place, Wakers};
use sandpool_sys::thread_error;

/// The futures that wait for the end of a pool.
#[derive(Default)]
pub(crate) struct Ending(Mutex<EndingState>);

#[derive(Default)]
struct EndingState {
    /// Whether a thread waits for it.
    is_watched: bool,
    wakers: Wakers,
}

impl Pool {
    /// Awaits what [`Pool::join`] waits for. A future that is dropped changes
    /// nothing: the pool goes on to its end.
    ///
    /// # Errors
    /// As [`Pool::join`].
    pub async fn join_async(&self) -> Result<(), Error> {
        let shared = self.shared();
        shared.prepare_to_join()?;
        ended(shared).await?;
        shared.joined()
    }

    /// Ends the pool as [`Pool::terminate`] does, and awaits that no process is
    /// left. Tasks are cancelled as soon as this is polled, also if it is dropped
    /// then.
    ///
    /// To drop the last handle of a pool waits for its end; after this there is
    /// nothing left to wait for.
    pub async fn terminate_async(&self) {
        let shared = self.shared();
        shared.set_phase(PoolPhase::Terminated);
        // On a thread that the pool waits for, or where there is no thread, nobody
        // waits, as `terminate` does not.
        if !shared.is_own_thread() {
            let _ = ended(shared).await;
        }
    }
}

/// Waits until the pool has ended.
///
/// # Errors
/// If there is no thread to wait for it.
async fn ended(shared: &Arc<Shared>) -> Result<(), Error> {
    let mut waits = Waits {
        shared,
        place: None,
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
            let what = "start a thread that waits for the pool's end";
            return Poll::Ready(Err(Error::System { what, source }));
        }
        state.is_watched = true;
        state.wakers.set(&mut waits.place, context.waker());
        Poll::Pending
    })
    .await
}

/// A future that waits, and does not any more when it is dropped.
struct Waits<'a> {
    shared: &'a Shared,
    place: Place,
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.shared.ending.lock().wakers.remove(self.place);
    }
}

/// Waits for the end on a thread of its own, which keeps no pool alive: it holds
/// none of the handles.
fn watch(shared: &Arc<Shared>) -> std::io::Result<()> {
    let shared = Arc::clone(shared);
    let thread = thread::Builder::new().name("sandpool-ending".into());
    let spawned = thread.spawn(move || {
        shared.wait_for_end();
        let mut state = shared.ending.lock();
        // A pool that broke may yet be told to end.
        state.is_watched = false;
        let wakers = state.wakers.take();
        drop(state);
        wakers.wake();
    });
    spawned.map(drop).map_err(thread_error)
}

impl Ending {
    fn lock(&self) -> std::sync::MutexGuard<'_, EndingState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
