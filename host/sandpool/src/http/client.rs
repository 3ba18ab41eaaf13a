//! The client, one for the process: a thread whose event loop sends the requests of all
//! pools.

use std::fmt;
use std::future::pending;
use std::io;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use sandpool_sys::thread_error;
use tokio::runtime::{Builder, Handle};
use tokio::sync::mpsc::{Receiver, UnboundedReceiver, channel};
use tokio::sync::watch;

use super::access::CheckedRequest;
use super::connection::{AbortOnDrop, Connections};
use super::exchange::Exchange;
use super::message::{BodyPart, ResponsePart};

/// The highest number of threads that wait for names at once.
const RESOLVING: usize = 32;

/// The number of parts of a response that wait for their task. Beyond it nothing more is
/// read from the server.
const WAITING_PARTS: usize = 2;

/// The client of this process.
pub(crate) struct HttpClient {
    runtime: Handle,
    connections: Arc<Connections>,
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpClient").finish_non_exhaustive()
    }
}

impl HttpClient {
    /// Returns the client of this process. The first call starts its thread.
    ///
    /// # Errors
    ///
    /// Returns an error if the operating system gives no thread or no event loop.
    pub(crate) fn shared() -> io::Result<&'static Self> {
        static CLIENT: OnceLock<HttpClient> = OnceLock::new();
        static STARTING: Mutex<()> = Mutex::new(());
        let _one_at_a_time = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = CLIENT.get() {
            return Ok(client);
        }
        let client = Self::with(Connections::default())?;
        Ok(CLIENT.get_or_init(|| client))
    }

    fn with(connections: Connections) -> io::Result<Self> {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .thread_name("sandpool-resolve")
            .max_blocking_threads(RESOLVING)
            .build()?;
        let handle = runtime.handle().clone();
        let thread = std::thread::Builder::new().name("sandpool-http".to_owned());
        let spawned = thread.spawn(move || runtime.block_on(pending::<()>()));
        spawned.map_err(thread_error)?;
        Ok(HttpClient {
            runtime: handle,
            connections: Arc::new(connections),
        })
    }

    /// Sends a request, and returns its response as it comes.
    pub(crate) fn start(
        &self,
        request: CheckedRequest,
        body: UnboundedReceiver<BodyPart>,
    ) -> Running {
        let (sender, parts) = channel(WAITING_PARTS);
        let (taken_sender, taken) = watch::channel(0);
        let exchange = Exchange {
            request,
            body,
            taken: taken_sender,
            parts: sender,
        };
        let task = self.runtime.spawn(exchange.run(self.connections.clone()));
        Running {
            parts,
            taken,
            _task: AbortOnDrop::new(&task),
        }
    }

    /// Returns the runtime of the client's thread. Tasks on it must not block.
    pub(crate) fn handle(&self) -> &Handle {
        &self.runtime
    }
}

/// A request under way. Dropping it closes its connection at once.
#[derive(Debug)]
pub(crate) struct Running {
    /// The response.
    pub(crate) parts: Receiver<ResponsePart>,
    /// The number of bytes of the request's body that are on their way to the server, so
    /// that the task may send as many more. Closed when the body has ended.
    pub(crate) taken: watch::Receiver<u64>,
    _task: AbortOnDrop,
}

#[cfg(test)]
mod tests;
