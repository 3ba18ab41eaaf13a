//! One request and its response, from the connection to the last byte.

use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use ::http::header::{CONTENT_LENGTH, HOST, HeaderValue, TRANSFER_ENCODING};
use ::http::{HeaderMap, Method, Request, Response, StatusCode, Uri};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::sync::mpsc::{Sender, UnboundedReceiver};
use tokio::sync::watch;
use tokio::time::timeout;

use super::access::{CheckedRequest, Peer};
use super::body::{BodyEnd, RequestBody};
use super::connection::{Connection, Connections};
use super::headers;
use super::message::{BodyPart, HttpFailure, MAX_DATA, ResponsePart};
use super::tls;

/// The time for the head of a response, and for each further part of it, if the task asks
/// for no other.
const RESPONSE_LIMIT: Duration = Duration::from_secs(600);

/// The time that a task has for the first part of a body whose length it did not tell. If
/// the body turns out to be empty, the request is sent without one, as most servers expect.
const FIRST_PART: Duration = Duration::from_millis(100);

/// The time in which a connection becomes free for another request.
const BECOMES_FREE: Duration = Duration::from_millis(100);

/// A request that is sent, and the ways to the task that asked for it.
pub(super) struct Exchange {
    pub(super) request: CheckedRequest,
    pub(super) body: UnboundedReceiver<BodyPart>,
    pub(super) taken: watch::Sender<u64>,
    pub(super) parts: Sender<ResponsePart>,
}

impl Exchange {
    /// Sends the request and passes its response on. The connection is closed unless all
    /// went well.
    pub(super) async fn run(self, connections: Arc<Connections>) {
        let parts = self.parts.clone();
        let last = match self.exchange(&connections).await {
            Ok(()) => ResponsePart::End,
            Err(failure) => ResponsePart::Failed(failure),
        };
        // Nobody may be left to be told.
        let _ = parts.send(last).await;
    }

    async fn exchange(self, connections: &Arc<Connections>) -> Result<(), HttpFailure> {
        let Exchange {
            request,
            mut body,
            taken,
            parts,
        } = self;
        let limit = request.connect_timeout;
        let first_byte = request.first_byte_timeout.unwrap_or(RESPONSE_LIMIT);
        let between_bytes = request.between_bytes_timeout.unwrap_or(RESPONSE_LIMIT);
        let peer = request.peer.clone();
        let kept = connections.take(&peer);
        let mut is_kept = kept.is_some();
        let mut connection = match kept {
            Some(connection) => connection,
            None => connections.open(&peer, limit).await?,
        };
        let first = match request.content_length {
            Some(1..) => None,
            None | Some(0) => first_part(&mut body).await?,
        };
        let length = match (&first, request.content_length) {
            (Some(BodyPart::Finished), _) => Some(0),
            (Some(_), Some(0)) => return Err(HttpFailure::HttpRequestBodySize),
            (_, length) => length,
        };
        let body = RequestBody::new(first, body, length, taken);
        let end = body.end();
        let mut message = message(request, length, body)?;
        let (response, connection) = loop {
            let sent = connection.sender.try_send_request(message);
            match timeout(first_byte, sent).await {
                Ok(Ok(response)) => break (response, connection),
                Ok(Err(mut error)) => match error.take_message() {
                    // The server closed the connection before it saw any of the request.
                    Some(unsent) if is_kept => {
                        message = unsent;
                        is_kept = false;
                        connection = connections.open(&peer, limit).await?;
                    }
                    _ => {
                        let failure = failure(&error.into_error());
                        return Err(end.failure().unwrap_or(failure));
                    }
                },
                Err(_) => return Err(HttpFailure::HttpResponseTimeout),
            }
        };
        pass_on(response, between_bytes, &parts, &end).await?;
        if end.is_finished() {
            keep(connections, peer, connection).await;
        }
        Ok(())
    }
}

/// Waits a moment for the first part of a body. An empty body is `Finished`.
async fn first_part(
    body: &mut UnboundedReceiver<BodyPart>,
) -> Result<Option<BodyPart>, HttpFailure> {
    match timeout(FIRST_PART, body.recv()).await {
        Ok(Some(BodyPart::Trailers(fields))) if fields.is_empty() => Ok(Some(BodyPart::Finished)),
        Ok(Some(part)) => Ok(Some(part)),
        Ok(None) => Err(HttpFailure::HttpRequestAborted),
        Err(_) => Ok(None),
    }
}

/// Writes a request from its checked parts. `length` is that of its body, if it is known.
fn message(
    request: CheckedRequest,
    length: Option<u64>,
    body: RequestBody,
) -> Result<Request<RequestBody>, HttpFailure> {
    let Peer { rule, origin, .. } = &request.peer;
    let internal = |text: &str| HttpFailure::InternalError(text.to_owned());
    let mut headers = HeaderMap::new();
    let host = HeaderValue::try_from(origin.authority());
    headers.insert(HOST, host.map_err(|_| internal("the host has no name"))?);
    match length {
        Some(0) if has_no_body(&request.method) => {}
        Some(length) => drop(headers.insert(CONTENT_LENGTH, length.into())),
        None => drop(headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"))),
    }
    headers.extend(request.headers);
    for (name, value) in rule.secrets() {
        // The error of a rule tells its reader more; here it would be a guest.
        let (name, value) =
            headers::secret(name, value).map_err(|_| internal("a header cannot be added"))?;
        headers.insert(name, value);
    }
    let mut message = Request::new(body);
    *message.method_mut() = request.method;
    *message.uri_mut() = Uri::from(request.path_and_query);
    *message.headers_mut() = headers;
    Ok(message)
}

/// Returns true for methods whose requests have no body, as a rule, so that an empty one
/// needs no length.
fn has_no_body(method: &Method) -> bool {
    [Method::GET, Method::HEAD, Method::OPTIONS, Method::DELETE].contains(method)
}

/// Passes a response on to the task, part by part.
async fn pass_on(
    response: Response<Incoming>,
    between_bytes: Duration,
    parts: &Sender<ResponsePart>,
    end: &BodyEnd,
) -> Result<(), HttpFailure> {
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        return Err(HttpFailure::HttpUpgradeFailed);
    }
    let headers = headers::for_guest(response.headers());
    let head = ResponsePart::Head {
        status: response.status().as_u16(),
        headers: headers.ok_or(HttpFailure::HttpResponseHeaderSectionSize)?,
    };
    pass(parts, head).await?;
    let mut body = response.into_body();
    loop {
        let frame = match timeout(between_bytes, body.frame()).await {
            Ok(Some(Ok(frame))) => frame,
            Ok(Some(Err(error))) => {
                let failure = match failure(&error) {
                    HttpFailure::ConnectionTerminated => HttpFailure::HttpResponseIncomplete,
                    failure => failure,
                };
                return Err(end.failure().unwrap_or(failure));
            }
            Ok(None) => return Ok(()),
            Err(_) => return Err(HttpFailure::HttpResponseTimeout),
        };
        match frame.into_data() {
            Ok(data) => {
                for data in data.chunks(MAX_DATA) {
                    pass(parts, ResponsePart::Data(data.to_vec())).await?;
                }
            }
            Err(frame) => {
                let Ok(trailers) = frame.into_trailers() else {
                    continue;
                };
                let fields = headers::for_guest(&trailers);
                let fields = fields.ok_or(HttpFailure::HttpResponseTrailerSectionSize)?;
                pass(parts, ResponsePart::Trailers(fields)).await?;
            }
        }
    }
}

async fn pass(parts: &Sender<ResponsePart>, part: ResponsePart) -> Result<(), HttpFailure> {
    // Nobody is left to be told of this failure; it closes the connection.
    let sent = parts.send(part).await;
    sent.map_err(|_| HttpFailure::HttpRequestAborted)
}

/// Keeps a connection whose response is complete, unless the server closes it.
async fn keep(connections: &Arc<Connections>, peer: Peer, mut connection: Connection) {
    if let Ok(Ok(())) = timeout(BECOMES_FREE, connection.sender.ready()).await {
        connections.keep(peer, connection);
    }
}

/// Returns the failure for an error of a connection.
fn failure(error: &hyper::Error) -> HttpFailure {
    if error.is_parse_too_large() {
        return HttpFailure::HttpResponseHeaderSectionSize;
    }
    if error.is_parse() {
        return HttpFailure::HttpProtocolError;
    }
    if error.is_incomplete_message() || error.is_canceled() || error.is_closed() {
        return HttpFailure::ConnectionTerminated;
    }
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return tls::failure(error).unwrap_or_else(|| failure_of_io(error));
        }
        cause = error.source();
    }
    HttpFailure::HttpProtocolError
}

fn failure_of_io(error: &io::Error) -> HttpFailure {
    match error.kind() {
        // The body has no form that can be read.
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => HttpFailure::HttpProtocolError,
        _ => HttpFailure::ConnectionTerminated,
    }
}
