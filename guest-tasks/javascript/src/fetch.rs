//! HTTP requests for `js/fetch.js`, by `wasi:http`. Several are under way at once: `begin`
//! starts one, and `wait` tells what came of any of them. Headers travel as one text here,
//! a line for each name and a line for each value.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use rquickjs::{Ctx, IntoJs, Result, TypedArray, Value};
use url::Url;
use wasip2::clocks::monotonic_clock::subscribe_duration;
use wasip2::http::outgoing_handler::handle;
use wasip2::http::types::{
    ErrorCode, Fields, FutureIncomingResponse, IncomingBody, Method, OutgoingBody, OutgoingRequest,
    Scheme, http_error_code,
};
use wasip2::io::poll::{Pollable, poll};
use wasip2::io::streams::{InputStream, OutputStream, StreamError};

use crate::text::Text;

/// The number of bytes that are read of a body at once.
const READ_AT_ONCE: u64 = 64 * 1024;

thread_local! {
    static EXCHANGES: RefCell<Vec<Exchange>> = const { RefCell::new(Vec::new()) };
    static LAST_ID: Cell<u32> = const { Cell::new(0) };
}

/// A request that was sent, until all of its response is there. Fields are dropped from the
/// first to the last: a child of a resource before the resource.
struct Exchange {
    id: u32,
    /// Method and URL, for errors.
    method: String,
    url: Url,
    upload: Option<Upload>,
    state: State,
}

/// The body of a request, as far as it is not sent yet.
struct Upload {
    ready: Pollable,
    stream: OutputStream,
    body: OutgoingBody,
    content: Vec<u8>,
    sent: usize,
}

enum State {
    Asked {
        ready: Pollable,
        future: FutureIncomingResponse,
    },
    Answered(Download),
}

/// The body of a response, as far as it is there.
struct Download {
    ready: Pollable,
    stream: InputStream,
    _body: IncomingBody,
    content: Vec<u8>,
}

/// The result of a request.
pub enum Event {
    /// The head of the response: status and headers. The body follows.
    Head(u16, String),
    /// The whole body; the request has ended.
    Body(Vec<u8>),
    /// The reason why the request has ended.
    Failed(String),
}

impl Event {
    /// Returns the arguments for `onEvent` of `js/fetch.js`.
    pub fn into_arguments<'js>(self, ctx: &Ctx<'js>) -> Result<(i32, Value<'js>)> {
        Ok(match self {
            Event::Head(status, headers) => (i32::from(status), headers.into_js(ctx)?),
            Event::Body(content) => (0, TypedArray::new(ctx.clone(), content)?.into_js(ctx)?),
            Event::Failed(reason) => (-1, reason.into_js(ctx)?),
        })
    }
}

/// Begins a request, and returns its number, or the reason why it failed at once.
pub fn begin<'js>(
    ctx: Ctx<'js>,
    method: Text,
    url: Text,
    headers: Text,
    body: TypedArray<'js, u8>,
) -> Result<Value<'js>> {
    // SAFETY: no JavaScript runs before the bytes are copied.
    let body = unsafe { body.as_bytes() }.map(<[u8]>::to_vec);
    match Exchange::begin(method.0, &url.0, &headers.0, body.unwrap_or_default()) {
        Ok(exchange) => {
            let id = exchange.id;
            EXCHANGES.with_borrow_mut(|exchanges| exchanges.push(exchange));
            id.into_js(&ctx)
        }
        Err(reason) => reason.into_js(&ctx),
    }
}

/// Ends a request.
pub fn end(id: u32) {
    EXCHANGES.with_borrow_mut(|exchanges| exchanges.retain(|exchange| exchange.id != id));
}

/// Ends all requests, and returns whether there were any.
pub fn end_all() -> bool {
    !EXCHANGES.take().is_empty()
}

/// Returns whether any request is under way.
pub fn is_any_pending() -> bool {
    EXCHANGES.with_borrow(|exchanges| !exchanges.is_empty())
}

/// Waits until something has come of a request, at most for this time, and returns it with
/// the number of the request. There may be nothing to return sooner.
pub fn wait(longest: Option<Duration>) -> Vec<(u32, Event)> {
    EXCHANGES.with_borrow_mut(|exchanges| {
        let ready = ready_ones(exchanges, longest);
        let mut events = Vec::new();
        let mut at = 0;
        exchanges.retain_mut(|exchange| {
            let (upload, state) = ready[at];
            at += 1;
            if upload {
                exchange.send();
            }
            let Some(event) = state.then(|| exchange.receive()).flatten() else {
                return true;
            };
            let goes_on = matches!(event, Event::Head(..));
            events.push((exchange.id, event));
            goes_on
        });
        events
    })
}

/// Returns of each exchange whether its upload and its state are ready.
fn ready_ones(exchanges: &[Exchange], longest: Option<Duration>) -> Vec<(bool, bool)> {
    let timer =
        longest.map(|time| subscribe_duration(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)));
    let mut asked = Vec::new();
    let mut places = Vec::new();
    for (place, exchange) in exchanges.iter().enumerate() {
        asked.push(match &exchange.state {
            State::Asked { ready, .. } => ready,
            State::Answered(download) => &download.ready,
        });
        places.push((place, false));
        if let Some(upload) = &exchange.upload {
            asked.push(&upload.ready);
            places.push((place, true));
        }
    }
    asked.extend(&timer);
    let mut ready = vec![(false, false); exchanges.len()];
    for index in poll(&asked) {
        match places.get(index as usize) {
            Some(&(place, true)) => ready[place].0 = true,
            Some(&(place, false)) => ready[place].1 = true,
            None => {}
        }
    }
    ready
}

impl Exchange {
    fn begin(
        method: String,
        url: &str,
        headers: &str,
        content: Vec<u8>,
    ) -> std::result::Result<Self, String> {
        let url = Url::parse(url).map_err(|error| error.to_string())?;
        let request = request(&method, &url, headers)?;
        let upload = match content.is_empty() {
            true => None,
            false => Some(Upload::new(&request, content).ok_or("the request has no body")?),
        };
        let future = handle(request, None).map_err(|error| reason(&error, &method, &url))?;
        let id = LAST_ID.get() + 1;
        LAST_ID.set(id);
        let ready = future.subscribe();
        Ok(Exchange {
            id,
            method,
            url,
            upload,
            state: State::Asked { ready, future },
        })
    }

    /// Sends what the host takes of the body now.
    fn send(&mut self) {
        let Some(upload) = &mut self.upload else {
            return;
        };
        match upload.send() {
            Ok(false) => {}
            Ok(true) => {
                if let Some(Upload {
                    ready,
                    stream,
                    body,
                    ..
                }) = self.upload.take()
                {
                    drop(ready);
                    drop(stream);
                    let _ = OutgoingBody::finish(body, None);
                }
            }
            // A server may answer before it has read all; the answer tells any failure.
            Err(_) => self.upload = None,
        }
    }

    /// Takes what has come, and returns it if it is whole.
    fn receive(&mut self) -> Option<Event> {
        let received = match &mut self.state {
            State::Asked { future, .. } => {
                let answer = future.get()?.unwrap_or(Err(ErrorCode::InternalError(None)));
                answer.map_err(|error| reason(&error, &self.method, &self.url))
            }
            State::Answered(download) => {
                return match download.receive() {
                    Ok(false) => None,
                    Ok(true) => Some(Event::Body(std::mem::take(&mut download.content))),
                    Err(Some(error)) => {
                        Some(Event::Failed(reason(&error, &self.method, &self.url)))
                    }
                    Err(None) => Some(self.failed("the response ended early")),
                };
            }
        };
        let response = match received {
            Ok(response) => response,
            Err(reason) => return Some(Event::Failed(reason)),
        };
        let mut headers = String::new();
        for (name, value) in response.headers().entries() {
            let value = value.into_iter().map(char::from);
            headers.extend(name.chars().chain(['\n']).chain(value).chain(['\n']));
        }
        let Some(download) = response.consume().ok().and_then(Download::new) else {
            return Some(self.failed("the response has no body"));
        };
        self.state = State::Answered(download);
        Some(Event::Head(response.status(), headers))
    }

    fn failed(&self, what: &str) -> Event {
        Event::Failed(format!(
            "fetch failed: {} {}: {what}",
            self.method, self.url
        ))
    }
}

impl Upload {
    fn new(request: &OutgoingRequest, content: Vec<u8>) -> Option<Self> {
        let body = request.body().ok()?;
        let stream = body.write().ok()?;
        let ready = stream.subscribe();
        Some(Upload {
            ready,
            stream,
            body,
            content,
            sent: 0,
        })
    }

    /// Sends what the host takes now, and returns whether that was the end.
    fn send(&mut self) -> std::result::Result<bool, StreamError> {
        loop {
            let room = usize::try_from(self.stream.check_write()?).unwrap_or(usize::MAX);
            let left = &self.content[self.sent..];
            if left.is_empty() || room == 0 {
                return Ok(left.is_empty());
            }
            let now = left.len().min(room);
            self.stream.write(&left[..now])?;
            self.sent += now;
        }
    }
}

impl Download {
    fn new(body: IncomingBody) -> Option<Self> {
        let stream = body.stream().ok()?;
        let ready = stream.subscribe();
        Some(Download {
            ready,
            stream,
            _body: body,
            content: Vec::new(),
        })
    }

    /// Reads what is there, and returns whether that was the end.
    fn receive(&mut self) -> std::result::Result<bool, Option<ErrorCode>> {
        match self.stream.read(READ_AT_ONCE) {
            Ok(read) => {
                self.content.extend(read);
                Ok(false)
            }
            Err(StreamError::Closed) => Ok(true),
            Err(StreamError::LastOperationFailed(error)) => Err(http_error_code(&error)),
        }
    }
}

fn request(method: &str, url: &Url, headers: &str) -> std::result::Result<OutgoingRequest, String> {
    let fields = Fields::new();
    let mut lines = headers.lines();
    while let (Some(name), Some(value)) = (lines.next(), lines.next()) {
        let value: Vec<u8> = value
            .chars()
            .map(|c| u8::try_from(c).unwrap_or(b'?'))
            .collect();
        let appended = fields.append(name, &value);
        appended.map_err(|_| format!("the header `{name}` cannot be sent"))?;
    }
    let request = OutgoingRequest::new(fields);
    let method = match method {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "DELETE" => Method::Delete,
        "OPTIONS" => Method::Options,
        "PATCH" => Method::Patch,
        other => Method::Other(other.to_owned()),
    };
    let scheme = match url.scheme() {
        "https" => Scheme::Https,
        _ => Scheme::Http,
    };
    let port = url.port().map_or(String::new(), |port| format!(":{port}"));
    let authority = format!("{}{port}", url.host_str().unwrap_or_default());
    let query = url
        .query()
        .map_or(String::new(), |query| format!("?{query}"));
    let path = format!("{}{query}", url.path());
    let bad = |()| format!("`{url}` cannot be asked for");
    request.set_method(&method).map_err(bad)?;
    request.set_scheme(Some(&scheme)).map_err(bad)?;
    request.set_authority(Some(&authority)).map_err(bad)?;
    request.set_path_with_query(Some(&path)).map_err(bad)?;
    Ok(request)
}

/// Returns the reason of a failure, for whoever wrote the snippet.
fn reason(error: &ErrorCode, method: &str, url: &Url) -> String {
    let mut rule = url.clone();
    rule.set_query(None);
    let grant = format!("--http '{method} {rule}");
    let unavailable = match error {
        ErrorCode::HttpRequestDenied => Some(format!(
            "{method} {url} was not granted (the host can grant it with `{grant}'`)"
        )),
        ErrorCode::DestinationIpProhibited => Some(format!(
            "{method} {url}: the address is not public (the host can grant it with `{grant} private'`)"
        )),
        ErrorCode::ConnectionLimitReached => Some(format!(
            "{method} {url}: more requests than a task may send (the host can allow more with `--http-requests`)"
        )),
        ErrorCode::HttpRequestBodySize(_) | ErrorCode::HttpResponseBodySize(_) => Some(format!(
            "{method} {url}: longer bodies than a task may send or receive (the host can allow more with `--http-bytes`)"
        )),
        _ => None,
    };
    if let Some(unavailable) = unavailable {
        return format!("not available in this sandbox: {unavailable}");
    }
    let said = match error {
        ErrorCode::DnsError(_) => format!(
            "no address of `{}` was found",
            url.host_str().unwrap_or_default()
        ),
        ErrorCode::InternalError(Some(detail)) => detail.clone(),
        other => in_words(&format!("{other:?}")),
    };
    format!("fetch failed: {method} {url}: {said}")
}

/// Returns the words of a variant's name: `connection refused` of
/// `ErrorCode::ConnectionRefused`.
fn in_words(debugged: &str) -> String {
    let name = debugged.split(['(', '{', ' ']).next().unwrap_or(debugged);
    let name = name.rsplit("::").next().unwrap_or(name);
    let mut words = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.extend(letter.to_lowercase());
    }
    words
}
