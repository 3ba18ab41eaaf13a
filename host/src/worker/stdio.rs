//! Standard streams of a guest: captured, passed on to the host's, or thrown
//! away; from bytes, from the host's, or empty.

use std::io;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::unix::pipe;
use wasmtime_wasi::cli::{IsTerminal, StdinStream, StdoutStream};
use wasmtime_wasi::p2::pipe::MemoryInputPipe;
use wasmtime_wasi::p2::{InputStream, OutputStream, Pollable, StreamError, StreamResult};
use wasmtime_wasi::{I32Exit, async_trait};

use super::link::HostLink;
use crate::engine::guest::OutputLimitReached;
use crate::limits::LimitName;

/// Bytes that a guest may hand over at once.
const PERMIT: usize = 64 * 1024;

/// Where one of a guest's output streams goes; kept for the worker's whole
/// life, begun anew for each task.
pub(super) struct Output {
    sink: Sink,
    state: Mutex<Written>,
}

enum Sink {
    Capture,
    Pipe(OwnedFd),
    Nowhere,
}

#[derive(Default)]
struct Written {
    captured: Vec<u8>,
    /// Bytes that are still allowed.
    left: Option<u64>,
}

impl Output {
    fn new(sink: Sink) -> Self {
        Output {
            sink,
            state: Mutex::default(),
        }
    }

    pub(super) fn captured() -> Self {
        Output::new(Sink::Capture)
    }

    pub(super) fn passed_to(pipe: OwnedFd) -> Self {
        Output::new(Sink::Pipe(pipe))
    }

    pub(super) fn thrown_away() -> Self {
        Output::new(Sink::Nowhere)
    }

    /// Begins a task that may write `limit` bytes.
    pub(super) fn begin(&self, limit: Option<u64>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.captured.clear();
        state.left = limit;
    }

    /// What the task wrote, where it is captured.
    pub(super) fn take(&self) -> Vec<u8> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut state.captured)
    }

    /// Takes what fits; says whether all of it did.
    fn write(&self, bytes: &[u8]) -> io::Result<bool> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = match state.left {
            Some(left) => bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX)),
            None => bytes.len(),
        };
        if let Some(left) = &mut state.left {
            *left -= fits as u64;
        }
        match &self.sink {
            Sink::Capture => state.captured.extend_from_slice(&bytes[..fits]),
            Sink::Pipe(pipe) => write_all(pipe, &bytes[..fits])?,
            Sink::Nowhere => {}
        }
        Ok(fits == bytes.len())
    }
}

fn write_all(pipe: &OwnedFd, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        let written = rustix::io::retry_on_intr(|| rustix::io::write(pipe, bytes))?;
        bytes = &bytes[written..];
    }
    Ok(())
}

/// One of a guest's two output streams.
#[derive(Clone)]
pub(super) struct GuestOutput {
    pub(super) output: Arc<Output>,
    /// The limit to name when it is reached.
    pub(super) limit: LimitName,
}

impl GuestOutput {
    fn write_bytes(&self, bytes: &[u8]) -> StreamResult<()> {
        match self.output.write(bytes) {
            Ok(true) => Ok(()),
            Ok(false) => Err(StreamError::Trap(OutputLimitReached(self.limit).into())),
            // Nobody reads any more. WASI has no signals, so a guest that does
            // not look at its errors would write for ever: it ends here, as
            // SIGPIPE ends a program.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                Err(StreamError::Trap(I32Exit(128 + libc::SIGPIPE).into()))
            }
            Err(error) => Err(StreamError::LastOperationFailed(error.into())),
        }
    }
}

impl IsTerminal for GuestOutput {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for GuestOutput {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[async_trait]
impl Pollable for GuestOutput {
    async fn ready(&mut self) {}
}

#[async_trait]
impl OutputStream for GuestOutput {
    fn write(&mut self, bytes: bytes::Bytes) -> StreamResult<()> {
        self.write_bytes(&bytes)
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(PERMIT)
    }
}

impl AsyncWrite for GuestOutput {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = self.write_bytes(bytes).map_err(io::Error::other);
        Poll::Ready(written.map(|()| bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

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

/// The host's standard input, through a pipe that the host fills on demand.
pub(super) struct InheritedInput {
    link: Arc<HostLink>,
    pipe: Mutex<Option<Arc<pipe::Receiver>>>,
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
        let mut buffer = vec![0; size.clamp(1, PERMIT)];
        match pipe.try_read(&mut buffer) {
            Ok(0) => Err(StreamError::Closed),
            Ok(len) => {
                buffer.truncate(len);
                Ok(buffer.into())
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(bytes::Bytes::new()),
            Err(error) => Err(failed(error)),
        }
    }
}
