//! The worker's end of outgoing HTTP: takes the requests of guests to the host, and the
//! responses back.
//!
//! Each request is a future on the runtime of the link thread. Any thread may write to the
//! host; only the link thread reads, when the host rings ([`HttpLink::look`]).

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body_util::BodyExt;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc};
use wasmtime_wasi::runtime::{AbortOnDropJoinHandle, spawn};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};

use super::http_body::ResponseBody;
use crate::engine::http::{HttpSender, Sent};
use sandpool_protocol::exchange::{Exchange, StreamReader, StreamWriter, Way, framed};
use sandpool_protocol::http::{
    CREDIT, Fields, HttpError, MAX_DATA, MAX_FRAME, MAX_HEAD, MAX_LIVE, RequestHead, ToHost,
    ToWorker, size_of_fields,
};
use sandpool_protocol::sleep::{announce, announce_awake, has_to_be_woken};
use sandpool_sys::EventFd;

/// The link for outgoing HTTP, one for each worker whose guests were granted it.
pub(super) struct HttpLink {
    exchange: Exchange,
    bell: Arc<EventFd>,
    /// The number of requests that may begin; others wait.
    free: Arc<Semaphore>,
    state: Mutex<State>,
}

struct State {
    writer: StreamWriter,
    reader: StreamReader,
    /// Bytes that found no room in the exchange yet: what the credit of all requests
    /// allows, and their heads.
    backlog: VecDeque<u8>,
    live: HashMap<u32, Live>,
    /// The id of the last request.
    last: u32,
    /// The number of tasks that were answered.
    answered: u64,
    /// `true` while a task runs.
    runs: bool,
}

/// A request that is under way.
struct Live {
    parts: mpsc::UnboundedSender<Part>,
    /// The number of bytes of its body that may be sent.
    credit: u32,
    /// Notified when there is credit again, or the request has ended.
    room: Arc<Notify>,
    /// Lets another request begin.
    _permit: OwnedSemaphorePermit,
}

/// A part of a response.
pub(super) enum Part {
    Head { status: u16, fields: Fields },
    Data(Vec<u8>),
    End(Fields),
    Failed(HttpError),
}

impl HttpLink {
    pub(super) fn new(exchange: Exchange, bell: Arc<EventFd>) -> Self {
        announce(exchange.worker_sleeps());
        HttpLink {
            exchange,
            bell,
            free: Arc::new(Semaphore::new(MAX_LIVE)),
            state: Mutex::new(State {
                writer: StreamWriter::new(Way::ToHost),
                reader: StreamReader::bounded(Way::ToWorker, MAX_FRAME),
                backlog: VecDeque::new(),
                live: HashMap::new(),
                last: 0,
                answered: 0,
                runs: false,
            }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a task begins.
    pub(super) fn begin_task(&self) {
        self.lock().runs = true;
    }

    /// Notes that the running task ends, and ends its requests here: the host ends them when
    /// it takes the answer, which is not published yet.
    pub(super) fn end_task(&self) {
        let mut state = self.lock();
        state.runs = false;
        state.answered += 1;
        for (_, live) in state.live.drain() {
            live.end(Part::Failed(HttpError::ConnectionTerminated));
        }
    }

    /// Reads what the host has written, and writes what waits for room. The link thread
    /// calls this after each message on the control socket.
    pub(super) fn look(&self) {
        let mut state = self.lock();
        self.write_on(&mut state);
        loop {
            self.read(&mut state);
            // From here on the host rings; it does not ring somebody who looks.
            announce(self.exchange.worker_sleeps());
            if !state.reader.has_more(&self.exchange) {
                return;
            }
            announce_awake(self.exchange.worker_sleeps());
        }
    }

    fn read(&self, state: &mut State) {
        let read = state
            .reader
            .fill(&self.exchange)
            .unwrap_or_else(|_| leave());
        if read > 0 && has_to_be_woken(self.exchange.host_waits()) {
            self.bell.ring();
        }
        let State { reader, live, .. } = state;
        while let Some(message) = reader.message().unwrap_or_else(|_| leave()) {
            let frame = postcard::from_bytes(message).unwrap_or_else(|_| leave());
            take(live, frame);
        }
    }

    fn send(&self, state: &mut State, frame: &ToHost) {
        state.backlog.extend(framed(frame));
        self.write_on(state);
    }

    fn write_on(&self, state: &mut State) {
        loop {
            self.write_what_fits(state);
            if state.backlog.is_empty() {
                return;
            }
            // The host rings when it has made room.
            announce(self.exchange.worker_waits());
            if !state.writer.may_write_on(&self.exchange) {
                return;
            }
        }
    }

    fn write_what_fits(&self, state: &mut State) {
        let mut wrote = false;
        while !state.backlog.is_empty() {
            let (next, _) = state.backlog.as_slices();
            let written = state.writer.write(&self.exchange, next);
            match written.unwrap_or_else(|_| leave()) {
                0 => break,
                written => drop(state.backlog.drain(..written)),
            }
            wrote = true;
        }
        if wrote && has_to_be_woken(self.exchange.host_sleeps()) {
            self.bell.ring();
        }
    }

    /// Begins a request of a task, unless that has ended. `task` is the number of tasks that
    /// had been answered when it began.
    fn begin(
        self: &Arc<Self>,
        task: u64,
        head: RequestHead,
        permit: OwnedSemaphorePermit,
    ) -> Option<(LiveRequest, mpsc::UnboundedReceiver<Part>, Arc<Notify>)> {
        let mut state = self.lock();
        if !state.runs || state.answered != task {
            return None;
        }
        state.last += 1;
        let id = state.last;
        let (parts, received) = mpsc::unbounded_channel();
        let room = Arc::new(Notify::new());
        state.live.insert(
            id,
            Live {
                parts,
                credit: CREDIT,
                room: Arc::clone(&room),
                _permit: permit,
            },
        );
        self.send(&mut state, &ToHost::Begin { task, id, head });
        let live = LiveRequest {
            link: Arc::clone(self),
            id,
        };
        Some((live, received, room))
    }

    /// Sends parts of a request's body until all are sent or the request has ended.
    async fn upload(self: Arc<Self>, id: u32, room: Arc<Notify>, mut body: WasiBody) {
        loop {
            let frame = match body.frame().await {
                Some(Ok(frame)) => frame,
                Some(Err(_)) => return self.fail(id, HttpError::ProtocolError),
                None => return self.end_upload(id, Fields::new()),
            };
            match frame.into_data() {
                Ok(mut bytes) => {
                    while !bytes.is_empty() {
                        match self.send_some(id, &mut bytes) {
                            Some(true) => {}
                            Some(false) => room.notified().await,
                            None => return,
                        }
                    }
                }
                Err(frame) => {
                    let trailers = frame.into_trailers().unwrap_or_default();
                    return self.end_upload(id, fields(&trailers));
                }
            }
        }
    }

    /// Sends as many bytes as one frame and the credit allow. Returns `Some(false)` if there is
    /// no credit, `None` if the request has ended.
    fn send_some(&self, id: u32, bytes: &mut Bytes) -> Option<bool> {
        let mut state = self.lock();
        let live = state.live.get_mut(&id)?;
        let count = bytes.len().min(MAX_DATA).min(live.credit as usize);
        if count == 0 {
            return Some(false);
        }
        // `MAX_DATA` fits.
        live.credit -= count as u32;
        let bytes = bytes.split_to(count).to_vec().into();
        self.send(&mut state, &ToHost::Data { id, bytes });
        Some(true)
    }

    fn end_upload(&self, id: u32, trailers: Fields) {
        if size_of_fields(&trailers) > MAX_HEAD {
            return self.fail(id, HttpError::RequestTrailerSectionSize);
        }
        let mut state = self.lock();
        if state.live.contains_key(&id) {
            self.send(&mut state, &ToHost::End { id, trailers });
        }
    }

    /// Ends a request from this side.
    fn fail(&self, id: u32, error: HttpError) {
        let mut state = self.lock();
        if let Some(live) = state.live.remove(&id) {
            live.end(Part::Failed(error));
            self.send(&mut state, &ToHost::Cancel { id });
        }
    }

    /// Tells the host that this many bytes of a response were passed on.
    pub(super) fn give_credit(&self, id: u32, bytes: u32) {
        let mut state = self.lock();
        if state.live.contains_key(&id) {
            self.send(&mut state, &ToHost::Credit { id, bytes });
        }
    }
}

/// Hands a frame of the host to its request, if that has not ended.
fn take(live: &mut HashMap<u32, Live>, frame: ToWorker) {
    let (id, part) = match frame {
        ToWorker::Head { id, status, fields } => (id, Part::Head { status, fields }),
        ToWorker::Data { id, bytes } => (id, Part::Data(bytes.into_vec())),
        ToWorker::End { id, trailers } => (id, Part::End(trailers)),
        ToWorker::Failed { id, error } => (id, Part::Failed(error)),
        ToWorker::Credit { id, bytes } => {
            if let Some(live) = live.get_mut(&id) {
                live.credit = live.credit.saturating_add(bytes);
                live.room.notify_one();
            }
            return;
        }
    };
    if matches!(part, Part::End(_) | Part::Failed(_)) {
        if let Some(live) = live.remove(&id) {
            live.end(part);
        }
    } else if let Some(live) = live.get(&id) {
        // The receiver's end may be gone already; the host is told in a moment.
        let _ = live.parts.send(part);
    }
}

impl Live {
    fn end(self, part: Part) {
        let _ = self.parts.send(part);
        self.room.notify_one();
    }
}

/// Ends this process: the host's own bytes make no sense, so there is no host to work for.
fn leave() -> ! {
    std::process::exit(1)
}

/// A request that is under way; dropping it cancels it, unless it has ended.
pub(super) struct LiveRequest {
    pub(super) link: Arc<HttpLink>,
    pub(super) id: u32,
}

impl Drop for LiveRequest {
    fn drop(&mut self) {
        self.link.fail(self.id, HttpError::ConnectionTerminated);
    }
}

/// The way of guests' requests through this worker's link.
pub(super) struct LinkSender(pub(super) Arc<HttpLink>);

impl HttpSender for LinkSender {
    fn send(
        &self,
        request: http::Request<WasiBody>,
        options: RequestOptions,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        let link = Arc::clone(&self.0);
        // Requests that begin later, when others have ended, are this task's all the same.
        let task = link.lock().answered;
        Box::new(respond(link, task, request, options))
    }
}

async fn respond(
    link: Arc<HttpLink>,
    task: u64,
    request: http::Request<WasiBody>,
    options: RequestOptions,
) -> Sent {
    let (parts, body) = request.into_parts();
    let head = head(&parts, options)?;
    let permit = Arc::clone(&link.free).acquire_owned().await;
    let permit = permit.map_err(|_| Error::ConnectionTerminated)?;
    let begun = link.begin(task, head, permit);
    let (live, mut received, room) = begun.ok_or(Error::ConnectionTerminated)?;
    let upload: AbortOnDropJoinHandle<()> = spawn(Arc::clone(&link).upload(live.id, room, body));
    let (status, fields) = match received.recv().await {
        Some(Part::Head { status, fields }) => (status, fields),
        Some(Part::Failed(error)) => return Err(to_wasi(error)),
        Some(Part::Data(_) | Part::End(_)) | None => return Err(Error::HttpProtocolError),
    };
    let body = ResponseBody::new(live, received, upload);
    let mut response = http::Response::new(body.boxed_unsync());
    *response.status_mut() =
        http::StatusCode::from_u16(status).map_err(|_| Error::HttpProtocolError)?;
    *response.headers_mut() = map(fields);
    Ok((response, Box::new(std::future::ready(Ok(())))))
}

fn head(parts: &http::request::Parts, options: RequestOptions) -> Result<RequestHead, Error> {
    let uri = &parts.uri;
    let text = |part: Option<&str>| part.unwrap_or_default().to_owned();
    let head = RequestHead {
        method: parts.method.as_str().to_owned(),
        scheme: text(uri.scheme_str()),
        authority: text(uri.authority().map(http::uri::Authority::as_str)),
        path_with_query: text(uri.path_and_query().map(http::uri::PathAndQuery::as_str)),
        fields: fields(&parts.headers),
        connect_timeout: options.connect_timeout,
        first_byte_timeout: options.first_byte_timeout,
        between_bytes_timeout: options.between_bytes_timeout,
    };
    match head.size() {
        ..=MAX_HEAD => Ok(head),
        size => Err(Error::HttpRequestHeaderSectionSize(
            u32::try_from(size).ok(),
        )),
    }
}

fn fields(map: &HeaderMap) -> Fields {
    let each = map.iter();
    each.map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec().into()))
        .collect()
}

/// Returns the headers that fields make. Fields that make none are left out: the host has
/// checked them.
pub(super) fn map(fields: Fields) -> HeaderMap {
    let each = fields.into_iter().filter_map(|(name, value)| {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        Some((name, HeaderValue::from_bytes(&value).ok()?))
    });
    let mut map = HeaderMap::new();
    for (name, value) in each {
        map.append(name, value);
    }
    map
}

pub(super) fn to_wasi(error: HttpError) -> Error {
    match error {
        HttpError::RequestDenied => Error::HttpRequestDenied,
        HttpError::RequestTrailerSectionSize => Error::HttpRequestTrailerSectionSize(None),
        HttpError::RequestBodySize(most) => Error::HttpRequestBodySize(Some(most)),
        HttpError::DnsError => Error::DnsError {
            rcode: None,
            info_code: None,
        },
        HttpError::DnsTimeout => Error::DnsTimeout,
        HttpError::DestinationProhibited => Error::DestinationIpProhibited,
        HttpError::ConnectionRefused => Error::ConnectionRefused,
        HttpError::ConnectionTimeout => Error::ConnectionTimeout,
        HttpError::ConnectionTerminated => Error::ConnectionTerminated,
        HttpError::ConnectionLimitReached => Error::ConnectionLimitReached,
        HttpError::TlsProtocolError => Error::TlsProtocolError,
        HttpError::TlsCertificateError => Error::TlsCertificateError,
        HttpError::ProtocolError => Error::HttpProtocolError,
        HttpError::UpgradeFailed => Error::HttpUpgradeFailed,
        HttpError::ResponseTimeout => Error::HttpResponseTimeout,
        HttpError::ResponseHeaderSectionSize => Error::HttpResponseHeaderSectionSize(None),
        HttpError::ResponseTrailerSectionSize => Error::HttpResponseTrailerSectionSize(None),
        HttpError::ResponseIncomplete => Error::HttpResponseIncomplete,
        HttpError::ResponseBodySize(most) => Error::HttpResponseBodySize(Some(most)),
        HttpError::InternalError(text) => Error::InternalError(Some(text)),
    }
}
