//! The body of a response, on its way to a guest.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame};
use tokio::sync::mpsc;
use wasmtime_wasi::runtime::AbortOnDropJoinHandle;
use wasmtime_wasi_http::Error;

use super::http::{LiveRequest, Part, map, to_wasi};

/// The number of bytes that the guest takes before the host is told.
const TOLD_AFTER: u32 = 16 * 1024;

/// The body of a response. Dropping it cancels the request.
pub(super) struct ResponseBody {
    live: LiveRequest,
    parts: mpsc::UnboundedReceiver<Part>,
    /// Sends the rest of the request's body meanwhile.
    _upload: AbortOnDropJoinHandle<()>,
    /// The number of bytes that the guest took and the host was not told of.
    taken: u32,
    is_over: bool,
}

impl ResponseBody {
    pub(super) fn new(
        live: LiveRequest,
        parts: mpsc::UnboundedReceiver<Part>,
        upload: AbortOnDropJoinHandle<()>,
    ) -> Self {
        ResponseBody {
            live,
            parts,
            _upload: upload,
            taken: 0,
            is_over: false,
        }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        let part = ready!(self.parts.poll_recv(context));
        if let Some(Part::Data(bytes)) = part {
            // A frame holds no more than that.
            self.taken += bytes.len() as u32;
            if self.taken >= TOLD_AFTER {
                let taken = std::mem::take(&mut self.taken);
                self.live.link.give_credit(self.live.id, taken);
            }
            return Poll::Ready(Some(Ok(Frame::data(bytes.into()))));
        }
        self.is_over = true;
        Poll::Ready(match part {
            Some(Part::End(trailers)) if trailers.is_empty() => None,
            Some(Part::End(trailers)) => Some(Ok(Frame::trailers(map(trailers)))),
            Some(Part::Failed(error)) => Some(Err(to_wasi(error))),
            Some(Part::Head { .. } | Part::Data(_)) => Some(Err(Error::HttpProtocolError)),
            None => Some(Err(Error::ConnectionTerminated)),
        })
    }
}
