//! One request under way: has the client send it, and writes the response to the worker as
//! far as there is room. Runs on the client's thread.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};

use super::http_books::{Entry, LIMIT, REQUEST, TaskBooks};
use super::http_channel::HttpChannel;
use crate::http::{BodyPart, CheckedRequest, HttpClient, HttpFailure, ResponsePart};
use sandpool_protocol::http::{Fields, HttpError};
use sandpool_protocol::limits::show_bytes;

// A part of a body is sent as one frame.
const _: () = assert!(crate::http::MAX_DATA <= sandpool_protocol::http::MAX_DATA);

/// The response to one request, on its way to the worker.
pub(super) struct Response {
    pub(super) id: u32,
    pub(super) channel: Arc<HttpChannel>,
    pub(super) books: Arc<TaskBooks>,
    pub(super) entry: Arc<Entry>,
    /// The highest number of bytes of all responses to the task.
    pub(super) most_bytes: Option<u64>,
}

impl Response {
    /// Sends a request and passes its response on, until that is whole, the request failed,
    /// or the worker's task does not want it any more.
    pub(super) async fn run(
        self,
        client: &'static HttpClient,
        request: CheckedRequest,
        body: mpsc::UnboundedReceiver<BodyPart>,
    ) {
        // Dropping it closes the connection.
        let mut running = client.start(request, body);
        tokio::select! {
            () = self.give_credit(&mut running.taken) => {}
            () = self.pass_on(&mut running.parts) => {}
        }
    }

    /// Gives credit for the bytes of the request's body that the client took; never ends.
    async fn give_credit(&self, taken: &mut watch::Receiver<u64>) {
        let mut given = 0;
        while taken.changed().await.is_ok() {
            let taken = *taken.borrow_and_update();
            // No more can be on its way than the credit was.
            let bytes = u32::try_from(taken - given).unwrap_or(u32::MAX);
            self.channel.give_credit(self.id, bytes);
            given = taken;
        }
        std::future::pending().await
    }

    async fn pass_on(&self, parts: &mut mpsc::Receiver<ResponsePart>) {
        let mut trailers = Fields::new();
        loop {
            match parts.recv().await {
                Some(ResponsePart::Head { status, headers }) => {
                    self.entry.set_status(status);
                    self.channel.send_head(self.id, status, to_wire(headers));
                }
                Some(ResponsePart::Data(bytes)) => {
                    if !self.pass_on_data(&bytes).await {
                        return;
                    }
                }
                Some(ResponsePart::Trailers(fields)) => trailers = to_wire(fields),
                Some(ResponsePart::End) => return self.channel.finish(self.id, trailers),
                Some(ResponsePart::Failed(failure)) => return self.fail(&failure),
                None => return self.fail(&HttpFailure::ConnectionTerminated),
            }
        }
    }

    /// Returns `false` if the request has ended.
    async fn pass_on_data(&self, bytes: &[u8]) -> bool {
        if !self
            .books
            .count_received(&self.entry, bytes.len(), self.most_bytes)
        {
            let most = self.most_bytes.unwrap_or_default();
            let why = format!("responses of more than {}", show_bytes(most));
            self.books.refuse(LIMIT, &self.entry.line(), &why);
            self.channel
                .fail(self.id, HttpError::ResponseBodySize(most));
            return false;
        }
        let mut rest = bytes;
        while !rest.is_empty() {
            let Some(room) = self.channel.room(self.id).await else {
                return false;
            };
            let (now, later) = rest.split_at(room.min(rest.len()));
            self.channel.send_data(self.id, now.to_vec());
            rest = later;
        }
        true
    }

    fn fail(&self, failure: &HttpFailure) {
        if let HttpFailure::DestinationIpProhibited(_) = failure {
            let why = failure.to_string();
            self.books.refuse(REQUEST, &self.entry.line(), &why);
        }
        self.channel.fail(self.id, error_of(failure));
    }
}

fn to_wire(fields: Vec<(String, Vec<u8>)>) -> Fields {
    let fields = fields.into_iter();
    fields.map(|(name, value)| (name, value.into())).collect()
}

fn error_of(failure: &HttpFailure) -> HttpError {
    match failure {
        HttpFailure::DnsError => HttpError::DnsError,
        HttpFailure::DnsTimeout => HttpError::DnsTimeout,
        HttpFailure::DestinationIpProhibited(_) => HttpError::DestinationProhibited,
        HttpFailure::ConnectionRefused => HttpError::ConnectionRefused,
        HttpFailure::ConnectionTimeout => HttpError::ConnectionTimeout,
        HttpFailure::ConnectionTerminated => HttpError::ConnectionTerminated,
        HttpFailure::TlsProtocolError => HttpError::TlsProtocolError,
        HttpFailure::TlsCertificateError => HttpError::TlsCertificateError,
        // The guest broke its own promise, or the body off.
        HttpFailure::HttpRequestBodySize | HttpFailure::HttpRequestAborted => {
            HttpError::ProtocolError
        }
        HttpFailure::HttpRequestTrailerSectionSize => HttpError::RequestTrailerSectionSize,
        HttpFailure::HttpResponseTimeout => HttpError::ResponseTimeout,
        HttpFailure::HttpResponseHeaderSectionSize => HttpError::ResponseHeaderSectionSize,
        HttpFailure::HttpResponseTrailerSectionSize => HttpError::ResponseTrailerSectionSize,
        HttpFailure::HttpResponseIncomplete => HttpError::ResponseIncomplete,
        HttpFailure::HttpUpgradeFailed => HttpError::UpgradeFailed,
        HttpFailure::HttpProtocolError => HttpError::ProtocolError,
        HttpFailure::InternalError(text) => HttpError::InternalError(text.clone()),
    }
}
