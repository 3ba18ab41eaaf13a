//! Modules that are loaded for those who await them.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::error::Problem;
use super::{LoadError, Module};
use crate::off_thread::off_thread;
use sandpool_sys::EventFd;

/// The future of a module that is being loaded: see
/// [`Pool::load_async`](crate::Pool::load_async).
///
/// Nothing is done before it is polled. The blocking work (reading and hashing the file,
/// waiting for the compiler's process) is done on a thread of its own, so the future needs
/// no particular runtime and blocks none. It borrows nothing, so a spawned task may await
/// it.
///
/// Dropping it before it is ready ends its compilation; nothing comes into the cache then.
/// To compile even if a client goes away, let a spawned task await it. It keeps no pool
/// alive: when the pool ends, it ends with an error.
#[must_use = "nothing is loaded before it is polled"]
pub struct AsyncLoad {
    loads: Pin<Box<dyn Future<Output = Result<Module, LoadError>> + Send>>,
}

impl AsyncLoad {
    /// Returns the future of `load`, which ends early when the bell that it is given is
    /// rung.
    pub(crate) fn new(
        shown: String,
        load: impl FnOnce(&EventFd) -> Result<Module, LoadError> + Send + 'static,
    ) -> Self {
        let loads = Box::pin(async move {
            let failed = |problem| LoadError::new(shown.clone(), problem);
            let refused = |source: io::Error| failed(Problem::NoWaiter { source });
            let given_up = GivenUp(Arc::new(EventFd::new().map_err(refused)?));
            let bell = Arc::clone(&given_up.0);
            let loads = off_thread("load", move || load(&bell)).map_err(refused)?;
            let loaded = loads.await;
            loaded.unwrap_or_else(|| Err(failed(Problem::WaiterPanicked)))
        });
        AsyncLoad { loads }
    }
}

/// Rings when nobody waits any more.
struct GivenUp(Arc<EventFd>);

impl Drop for GivenUp {
    fn drop(&mut self) {
        self.0.ring();
    }
}

impl Future for AsyncLoad {
    type Output = Result<Module, LoadError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.loads.as_mut().poll(context)
    }
}

impl fmt::Debug for AsyncLoad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncLoad").finish_non_exhaustive()
    }
}
