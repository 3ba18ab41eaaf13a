//! One request under way: feeds its body to the client, and writes the response to the
//! worker as far as there is room. Runs on the client's thread.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, mpsc};

use super::http_books::{Entry, TaskBooks};
use super::http_channel::HttpChannel;
use super::http_requests::fields_of_wire;
use crate::http::{
    BodyPart, CheckedRequest, HttpClient, HttpFailure, MAX_DATA, ResponsePart, Running,
};
use sandpool_protocol::http::{Fields, HttpError};
use sandpool_protocol::limits::show_bytes;

/// The part of a request's body that has come and was not passed on: the worker's credit
/// bounds it.
#[derive(Default)]
pub(super) struct Upload {
    come: Mutex<Come>,
    changed: Notify,
}

#[derive(Default)]
struct Come {
    bytes: Vec<u8>,
    /// The trailers, once the body has ended.
    end: Option<Fields>,
}

impl Upload {
    fn lock(&self) -> MutexGuard<'_, Come> {
        self.come.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn push(&self, bytes: Vec<u8>) {
        self.lock().bytes.extend(bytes);
        self.changed.notify_one();
    }

    pub(super) fn end(&self, trailers: Fields) {
        self.lock().end = Some(trailers);
        self.changed.notify_one();
    }

    /// Passes the body on, and gives credit for what the client took.
    async fn feed(&self, id: u32, channel: &HttpChannel, body: &mpsc::Sender<BodyPart>) {
        loop {
            let Come { bytes, end } = std::mem::take(&mut *self.lock());
            for part in bytes.chunks(MAX_DATA) {
                if body.send(BodyPart::Data(part.to_vec())).await.is_err() {
                    return;
                }
                // `MAX_DATA` fits.
                channel.give_credit(id, part.len() as u32);
            }
            if let Some(trailers) = end {
                let last = match trailers.is_empty() {
                    true => BodyPart::Finished,
                    false => BodyPart::Trailers(fields_of_wire(trailers)),
                };
                let _ = body.send(last).await;
                return;
            }
            self.changed.notified().await;
        }
    }
}

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
        upload: Arc<Upload>,
    ) {
        let (sender, body) = mpsc::channel(1);
        let running = client.start(request, body);
        let feed = async {
            upload.feed(self.id, &self.channel, &sender).await;
            // The sender stays: what was sent may not be read yet.
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = feed => {}
            () = self.pass_on(running) => {}
        }
    }

    async fn pass_on(&self, mut running: Running) {
        let mut trailers = Fields::new();
        loop {
            match running.parts.recv().await {
                Some(ResponsePart::Head { status, headers }) => {
                    self.entry.has_status(status);
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
        if !self.books.receive(&self.entry, bytes.len(), self.most_bytes) {
            let most = self.most_bytes.unwrap_or_default();
            let why = format!("responses of more than {}", show_bytes(most));
            self.books.refuse(&self.entry.line(), &why);
            self.channel.fail(self.id, HttpError::ResponseBodySize(most));
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
        if let HttpFailure::DestinationIpProhibited(_) | HttpFailure::HttpRequestDenied = failure {
            self.books.refuse(&self.entry.line(), &failure.to_string());
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
        HttpFailure::HttpRequestDenied => HttpError::RequestDenied,
        // The guest broke its own promise, or the body off.
        HttpFailure::HttpRequestBodySize | HttpFailure::HttpRequestAborted => {
            HttpError::ProtocolError
        }
        HttpFailure::HttpResponseTimeout => HttpError::ResponseTimeout,
        HttpFailure::HttpResponseHeaderSectionSize => HttpError::ResponseHeaderSectionSize,
        HttpFailure::HttpResponseTrailerSectionSize => HttpError::ResponseTrailerSectionSize,
        HttpFailure::HttpResponseIncomplete => HttpError::ResponseIncomplete,
        HttpFailure::HttpUpgradeFailed => HttpError::UpgradeFailed,
        HttpFailure::HttpProtocolError => HttpError::ProtocolError,
        HttpFailure::InternalError(text) => HttpError::InternalError(text.clone()),
    }
}
