//! The body of a request, as it comes from a task.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use http_body::{Body, Frame, SizeHint};
use hyper::body::Bytes;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::watch;

use super::message::{BodyPart, HttpFailure};

/// The way in which the body of a request ended, which the client knows better than the
/// library that sends it.
#[derive(Debug, Default)]
pub(super) struct BodyEnd {
    finished: AtomicBool,
    failure: OnceLock<HttpFailure>,
}

impl BodyEnd {
    /// Returns true if the whole body was sent.
    pub(super) fn is_finished(&self) -> bool {
        self.finished.load(Ordering::Relaxed)
    }

    /// Returns the failure of the body, if it failed.
    pub(super) fn failure(&self) -> Option<HttpFailure> {
        self.failure.get().cloned()
    }

    fn fail(&self, failure: HttpFailure) -> HttpFailure {
        // The first counts.
        let _ = self.failure.set(failure.clone());
        failure
    }
}

/// The body of a request. It is an error if it is shorter or longer than was announced, or
/// if the task drops it.
#[derive(Debug)]
pub(super) struct RequestBody {
    /// The part that was received before the head was sent.
    first: Option<BodyPart>,
    parts: UnboundedReceiver<BodyPart>,
    /// The number of bytes that are still to come; `None` if it was not announced.
    left: Option<u64>,
    /// The number of bytes that were taken from the task.
    taken: watch::Sender<u64>,
    end: Arc<BodyEnd>,
}

impl RequestBody {
    pub(super) fn new(
        first: Option<BodyPart>,
        parts: UnboundedReceiver<BodyPart>,
        length: Option<u64>,
        taken: watch::Sender<u64>,
    ) -> Self {
        let end = Arc::new(BodyEnd::default());
        end.finished.store(length == Some(0), Ordering::Relaxed);
        RequestBody {
            first,
            parts,
            left: length,
            taken,
            end,
        }
    }

    pub(super) fn end(&self) -> Arc<BodyEnd> {
        self.end.clone()
    }

    /// Takes a part of the body; returns `None` for its end.
    fn accept(&mut self, part: Option<BodyPart>) -> Option<Result<Frame<Bytes>, HttpFailure>> {
        let failure = match part {
            Some(BodyPart::Data(data)) => {
                let length = data.len() as u64;
                self.taken.send_modify(|taken| *taken += length);
                match self.left.map(|left| left.checked_sub(length)) {
                    Some(None) => HttpFailure::HttpRequestBodySize,
                    left => {
                        self.left = left.flatten();
                        let is_whole = self.left == Some(0);
                        self.end.finished.store(is_whole, Ordering::Relaxed);
                        return Some(Ok(Frame::data(data.into())));
                    }
                }
            }
            Some(BodyPart::Trailers(fields)) if !fields.is_empty() => {
                HttpFailure::HttpRequestTrailerSectionSize
            }
            Some(BodyPart::Trailers(_) | BodyPart::Finished) => match self.left {
                None | Some(0) => {
                    self.end.finished.store(true, Ordering::Relaxed);
                    return None;
                }
                Some(_) => HttpFailure::HttpRequestBodySize,
            },
            None => HttpFailure::HttpRequestAborted,
        };
        Some(Err(self.end.fail(failure)))
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = HttpFailure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HttpFailure>>> {
        if let Some(failure) = self.end.failure() {
            return Poll::Ready(Some(Err(failure)));
        }
        if self.end.is_finished() {
            return Poll::Ready(None);
        }
        let part = match self.first.take() {
            Some(part) => Some(part),
            None => match self.parts.poll_recv(context) {
                Poll::Ready(part) => part,
                Poll::Pending => return Poll::Pending,
            },
        };
        Poll::Ready(self.accept(part))
    }

    fn is_end_stream(&self) -> bool {
        self.end.is_finished()
    }

    fn size_hint(&self) -> SizeHint {
        self.left
            .map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
