//! Standard input of a guest: from bytes, from the host's, or empty.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::AsyncRead;
use tokio::net::unix::pipe;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::cli::{IsTerminal, StdinStream};
use wasmtime_wasi::p2::pipe::MemoryInputPipe;
use wasmtime_wasi::p2::{InputStream, Pollable, StreamError, StreamResult};

use super::link::HostLink;

/// Bytes that are read from the host's pipe at once: a pipe holds no more.
const MAX_READ: usize = 64 * 1024;

/// A guest's standard input.
#[derive(Clone)]
pub(super) enum GuestInput {
    /// These bytes, then the end.
    Bytes(MemoryInputPipe),
    /// The host's standard input, asked for at the first read.
    Inherit(Arc<InheritedInput>),
}

impl GuestInput {
    pub(super) fn bytes(bytes: Vec<u8>) -> Self {
        GuestInput::Bytes(MemoryInputPipe::new(bytes))
    }

    pub(super) fn inherit(link: Arc<HostLink>) -> Self {
        GuestInput::Inherit(Arc::new(InheritedInput {
            link,
            pipe: Mutex::default(),
            has_failed: AtomicBool::new(false),
        }))
    }
}

impl IsTerminal for GuestInput {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdinStream for GuestInput {
    fn async_stream(&self) -> Box<dyn AsyncRead + Send + Sync> {
        match self {
            GuestInput::Bytes(pipe) => Box::new(pipe.clone()),
            // Only WASI preview 3 reads this way, which is not given.
            GuestInput::Inherit(_) => Box::new(tokio::io::empty()),
        }
    }

    fn p2_stream(&self) -> Box<dyn InputStream> {
        match self {
            GuestInput::Bytes(pipe) => Box::new(pipe.clone()),
            GuestInput::Inherit(input) => Box::new(InheritedStream(Arc::clone(input))),
        }
    }
}

/// The host's standard input, through a socket that the host fills on demand; it is read
/// as a pipe is.
pub(super) struct InheritedInput {
    link: Arc<HostLink>,
    pipe: Mutex<Option<Arc<pipe::Receiver>>>,
    /// The host could not read it. A socket says so once, and then that it has ended.
    has_failed: AtomicBool,
}

impl InheritedInput {
    fn pipe(&self) -> io::Result<Arc<pipe::Receiver>> {
        let mut pipe = self.pipe.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pipe) = &*pipe {
            return Ok(Arc::clone(pipe));
        }
        let fd = self.link.stdin()?;
        let _inside = self.link.runtime().enter();
        let opened = Arc::new(pipe::Receiver::from_owned_fd_unchecked(fd)?);
        *pipe = Some(Arc::clone(&opened));
        Ok(opened)
    }
}

struct InheritedStream(Arc<InheritedInput>);

#[async_trait]
impl Pollable for InheritedStream {
    async fn ready(&mut self) {
        if let Ok(pipe) = self.0.pipe() {
            let _ = pipe.readable().await;
        }
    }
}

#[async_trait]
impl InputStream for InheritedStream {
    fn read(&mut self, size: usize) -> StreamResult<bytes::Bytes> {
        let failed = |error: io::Error| StreamError::LastOperationFailed(error.into());
        let pipe = self.0.pipe().map_err(failed)?;
        let mut buffer = vec![0; size.clamp(1, MAX_READ)];
        match pipe.try_read(&mut buffer) {
            Ok(0) if self.0.has_failed.load(Ordering::Relaxed) => {
                Err(failed(io::ErrorKind::ConnectionReset.into()))
            }
            Ok(0) => Err(StreamError::Closed),
            Ok(len) => {
                buffer.truncate(len);
                Ok(buffer.into())
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(bytes::Bytes::new()),
            Err(error) => {
                self.0.has_failed.store(true, Ordering::Relaxed);
                Err(failed(error))
            }
        }
    }
}
