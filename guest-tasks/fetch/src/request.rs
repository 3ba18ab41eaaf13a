//! One request by `wasi:http`.

use wasip2::http::outgoing_handler::handle;
use wasip2::http::types::{
    Fields, FutureIncomingResponse, IncomingBody, IncomingResponse, Method, OutgoingBody,
    OutgoingRequest, Scheme,
};
use wasip2::io::streams::StreamError;

use crate::Response;

/// The number of bytes that are read of a body at once.
const READ_AT_ONCE: u64 = 64 * 1024;

/// The highest number of bytes that one blocking write takes.
const WRITE_AT_ONCE: usize = 4096;

/// The number of bytes of a body that are kept.
const KEPT: usize = 64 * 1024;

/// A request that was sent.
pub struct Pending(FutureIncomingResponse);

/// Begins a request, and sends its whole body.
pub fn begin(
    method: &str,
    url: &str,
    headers: &[(String, String)],
    size: u64,
) -> Result<Pending, String> {
    let (scheme, rest) = url.split_once("://").ok_or("not a URL")?;
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let scheme = match scheme {
        "https" => Scheme::Https,
        "http" => Scheme::Http,
        other => Scheme::Other(other.to_owned()),
    };
    let request = OutgoingRequest::new(fields(headers)?);
    let bad = |()| "not a URL".to_owned();
    let method = match method {
        "GET" => Method::Get,
        "POST" => Method::Post,
        other => Method::Other(other.to_owned()),
    };
    request.set_method(&method).map_err(bad)?;
    request.set_scheme(Some(&scheme)).map_err(bad)?;
    request.set_authority(Some(authority)).map_err(bad)?;
    request.set_path_with_query(Some(path)).map_err(bad)?;
    let body = match size {
        0 => None,
        _ => Some(request.body().map_err(|()| "no body")?),
    };
    let pending = handle(request, None).map_err(|error| format!("{error:?}"))?;
    if let Some(body) = body {
        // A server may answer before it has read all.
        let _ = write(body, size);
    }
    Ok(Pending(pending))
}

/// Makes a list of headers.
pub fn fields(headers: &[(String, String)]) -> Result<Fields, String> {
    let fields = Fields::new();
    for (name, value) in headers {
        let appended = fields.append(name, value.as_bytes());
        appended.map_err(|error| format!("{name}: {error:?}"))?;
    }
    Ok(fields)
}

fn write(body: OutgoingBody, size: u64) -> Result<(), String> {
    let stream = body.write().map_err(|()| "the body was taken")?;
    let zeros = [b'0'; WRITE_AT_ONCE];
    let mut left = size;
    while left > 0 {
        let now = left.min(WRITE_AT_ONCE as u64);
        let written = stream.blocking_write_and_flush(&zeros[..now as usize]);
        written.map_err(|error| error.to_string())?;
        left -= now;
    }
    drop(stream);
    OutgoingBody::finish(body, None).map_err(|error| format!("{error:?}"))
}

impl Pending {
    /// Waits for the head of the response.
    pub fn head(&self) -> Result<IncomingResponse, String> {
        self.0.subscribe().block();
        let response = self.0.get().ok_or("no answer")?;
        let response = response.map_err(|()| "taken twice")?;
        response.map_err(|error| format!("{error:?}"))
    }

    /// Waits for the response, and reads its body.
    pub fn response(self) -> Result<Response, String> {
        let head = self.head()?;
        let headers = head.headers().entries().into_iter();
        let headers = headers
            .map(|(name, value)| (name, String::from_utf8_lossy(&value).into_owned()))
            .collect();
        let (body, size) = read(&head)?;
        Ok(Response {
            status: head.status(),
            headers,
            body,
            size,
        })
    }
}

fn read(response: &IncomingResponse) -> Result<(String, u64), String> {
    let body = response.consume().map_err(|()| "the body was taken")?;
    let stream = body.stream().map_err(|()| "the body was taken")?;
    let mut kept = Vec::new();
    let mut size = 0;
    loop {
        match stream.blocking_read(READ_AT_ONCE) {
            Ok(read) => {
                size += read.len() as u64;
                let room = KEPT - kept.len();
                kept.extend(read.into_iter().take(room));
            }
            Err(StreamError::Closed) => break,
            Err(StreamError::LastOperationFailed(error)) => {
                let code = wasip2::http::types::http_error_code(&error);
                return Err(
                    code.map_or_else(|| error.to_debug_string(), |code| format!("{code:?}"))
                );
            }
        }
    }
    drop(stream);
    IncomingBody::finish(body);
    Ok((String::from_utf8_lossy(&kept).into_owned(), size))
}
