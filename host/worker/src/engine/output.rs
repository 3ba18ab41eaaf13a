//! Standard output and error of a guest: captured, passed on to the host's, or
//! thrown away.

use std::io;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError, StreamResult};
use wasmtime_wasi::{I32Exit, async_trait};

use super::bounds::{LEAST_SHARE, OutputLimitReached, share_of_a_call};
use sandpool_protocol::limits::{LimitName, MIB};

/// The smallest number of bytes that a guest may hand over at once. It holds even where the
/// limit leaves less, so that the guest runs past the limit instead of losing the rest:
/// many guests assume that one call writes everything.
const LEAST_PERMIT: u64 = MIB;

/// The zeros that are written at once.
static ZEROS: [u8; LEAST_SHARE as usize] = [0; LEAST_SHARE as usize];

/// Writes `count` zeros without having all of them in memory.
pub(super) fn write_zeros(stream: &mut dyn OutputStream, count: usize) -> StreamResult<()> {
    if count > stream.check_write()? {
        let text = "more zeros than `check-write` allows";
        return Err(StreamError::Trap(wasmtime::Error::msg(text)));
    }
    let mut left = count;
    while left > 0 {
        let now = left.min(ZEROS.len());
        stream.write(bytes::Bytes::from_static(&ZEROS[..now]))?;
        left -= now;
    }
    Ok(())
}

/// The destination of one of a guest's output streams. It is kept for the worker's whole
/// life, and reset for each task.
pub struct Output {
    sink: Sink,
    state: Mutex<Written>,
    /// `true` if there is anything to reset: most tasks write nothing.
    is_touched: AtomicBool,
    /// The output limit of the last task; `u64::MAX` is no limit.
    limit: AtomicU64,
    /// The highest number of bytes that one call may write.
    at_once: AtomicU64,
}

enum Sink {
    Capture,
    Pipe(OwnedFd),
    Nowhere,
}

#[derive(Default)]
struct Written {
    captured: Vec<u8>,
    /// The number of bytes that are still allowed.
    left: Option<u64>,
}

impl Output {
    fn new(sink: Sink) -> Self {
        Output {
            sink,
            state: Mutex::default(),
            is_touched: AtomicBool::new(false),
            limit: AtomicU64::new(u64::MAX),
            at_once: AtomicU64::new(LEAST_PERMIT),
        }
    }

    pub fn captured() -> Self {
        Output::new(Sink::Capture)
    }

    pub fn passed_to(pipe: OwnedFd) -> Self {
        Output::new(Sink::Pipe(pipe))
    }

    pub fn thrown_away() -> Self {
        Output::new(Sink::Nowhere)
    }

    /// Begins a task that may write `limit` bytes, and make this process
    /// allocate `host_calls` bytes with one call.
    pub fn begin(&self, limit: Option<u64>, host_calls: u64) {
        self.at_once
            .store(share_of_a_call(host_calls), Ordering::Relaxed);
        let word = limit.unwrap_or(u64::MAX);
        let is_same = self.limit.load(Ordering::Relaxed) == word;
        if is_same && !self.is_touched.load(Ordering::Relaxed) {
            return;
        }
        self.limit.store(word, Ordering::Relaxed);
        self.is_touched.store(false, Ordering::Relaxed);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.captured.clear();
        state.left = limit;
    }

    /// Returns the output of the task, if it is captured.
    pub fn take(&self) -> Vec<u8> {
        if !self.is_touched.load(Ordering::Relaxed) {
            return Vec::new();
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut state.captured)
    }

    /// Returns the number of bytes that a guest may hand over at once: a byte more than its
    /// limit leaves, so that a guest that ignores the number of bytes written still meets
    /// the limit.
    fn permit(&self) -> usize {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let left = state.left.map_or(u64::MAX, |left| left.saturating_add(1));
        let permit = left
            .max(LEAST_PERMIT)
            .min(self.at_once.load(Ordering::Relaxed));
        usize::try_from(permit).unwrap_or(usize::MAX)
    }

    /// Takes the bytes that fit; returns `true` if all of them did.
    fn write(&self, bytes: &[u8]) -> io::Result<bool> {
        self.is_touched.store(true, Ordering::Relaxed);
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
pub struct GuestOutput {
    pub output: Arc<Output>,
    /// The limit to name when it is reached.
    pub limit: LimitName,
}

impl GuestOutput {
    fn write_bytes(&self, bytes: &[u8]) -> StreamResult<()> {
        match self.output.write(bytes) {
            Ok(true) => Ok(()),
            Ok(false) => Err(StreamError::Trap(
                OutputLimitReached { limit: self.limit }.into(),
            )),
            // Nobody reads any more. WASI has no signals, so a guest that ignores its errors
            // would write for ever: it ends here, as SIGPIPE ends a program.
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
        Ok(self.output.permit())
    }

    fn write_zeroes(&mut self, count: usize) -> StreamResult<()> {
        write_zeros(self, count)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(limit: Option<u64>, host_calls: u64) -> GuestOutput {
        let output = Arc::new(Output::captured());
        output.begin(limit, host_calls);
        GuestOutput {
            output,
            limit: LimitName::Stdout,
        }
    }

    fn permit(limit: Option<u64>, host_calls: u64) -> usize {
        stream(limit, host_calls).check_write().expect("open")
    }

    #[test]
    fn a_guest_may_write_at_once_what_its_limit_leaves_and_runs_past_it_with_more() {
        const HOST_CALLS: u64 = 256 * MIB;
        assert_eq!(permit(Some(3 * MIB), HOST_CALLS), 3 * 1024 * 1024 + 1);
        assert_eq!(permit(Some(10), HOST_CALLS), 1024 * 1024, "at least a MiB");
        assert_eq!(permit(None, HOST_CALLS), 128 * 1024 * 1024);
        assert_eq!(permit(None, 64 * 1024), 32 * 1024, "one call holds no more");
        let mut stream = stream(Some(2 * MIB), HOST_CALLS);
        let all = vec![b'x'; 2 * 1024 * 1024];
        stream.write(all.into()).expect("it fits");
        assert_eq!(stream.check_write().expect("open"), 1024 * 1024);
        let over = stream.write(bytes::Bytes::from_static(b"x"));
        assert!(matches!(over, Err(StreamError::Trap(_))));
    }

    #[test]
    fn zeros_are_written_as_other_bytes_are() {
        let mut stream = stream(Some(10_000), u64::MAX);
        stream.write_zeroes(9_999).expect("they fit");
        assert_eq!(stream.output.take(), vec![0; 9_999]);
        let over = stream.write_zeroes(2);
        assert!(matches!(over, Err(StreamError::Trap(_))));
        let more = stream.write_zeroes(usize::MAX);
        assert!(matches!(more, Err(StreamError::Trap(_))));
    }
}
