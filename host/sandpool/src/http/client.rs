//! The client, one for the process.

use std::io;
use std::sync::{Mutex, OnceLock, PoisonError};

use sandpool_sys::thread_error;
use tokio::runtime::{Builder, Handle};
use tokio::sync::mpsc::{Receiver, channel};

use super::access::CheckedRequest;
use super::message::{BodyPart, HttpFailure, ResponsePart};

/// The client: a thread that sends the requests of all pools.
#[derive(Debug)]
pub(crate) struct HttpClient {
    runtime: Handle,
}

impl HttpClient {
    /// Returns the client of this process, started if it was not yet.
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
        let client = Self::start_thread()?;
        Ok(CLIENT.get_or_init(|| client))
    }

    fn start_thread() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let thread = std::thread::Builder::new().name("sandpool-http".to_owned());
        let spawned = thread.spawn(move || runtime.block_on(std::future::pending::<()>()));
        spawned.map_err(thread_error)?;
        Ok(HttpClient { runtime: handle })
    }

    /// Sends a request, and returns its response as it comes.
    pub(crate) fn start(
        &self,
        request: CheckedRequest,
        body: Receiver<BodyPart>,
    ) -> Running {
        let _ = (request, body);
        let (sender, parts) = channel(2);
        let failed = ResponsePart::Failed(HttpFailure::InternalError("not yet".to_owned()));
        let _ = sender.try_send(failed);
        Running { parts }
    }

    /// Returns the runtime of the client's thread. Tasks on it must not block.
    pub(crate) fn handle(&self) -> &Handle {
        &self.runtime
    }
}

/// A request under way. Dropping it closes its connection at once.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) parts: Receiver<ResponsePart>,
}
