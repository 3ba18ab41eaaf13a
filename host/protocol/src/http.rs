//! Frames of outgoing HTTP requests, between a worker and its host. They travel through an
//! [`exchange`](super::exchange) of their own.
//!
//! A request has an id, and a byte stream each way: its body, and the body of the response.
//! Each stream begins with [`CREDIT`] bytes of credit; its receiver gives back what it has
//! passed on. [`http_end`](super::http_end) is the host's end, which checks every frame.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The highest number of requests of one worker that are under way.
pub const MAX_LIVE: usize = 8;

/// The number of bytes of one stream that may be on their way.
pub const CREDIT: u32 = 64 * 1024;

/// The largest number of bytes in one frame of a stream.
pub const MAX_DATA: usize = 16 * 1024;

/// The largest size in bytes of a head: names and values of its fields, and all else.
pub const MAX_HEAD: usize = 64 * 1024;

/// The largest size in bytes of one frame.
pub const MAX_FRAME: usize = MAX_HEAD + 4096;

/// The names and values of header or trailer fields.
pub type Fields = Vec<(String, serde_bytes::ByteBuf)>;

/// A frame from the worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ToHost {
    /// Begins a request. Ids grow through the life of a worker. `task` is the number of
    /// tasks that the worker had answered before this one, so that a frame of a task that
    /// has ended is not taken for one of the next.
    Begin {
        task: u64,
        id: u32,
        head: RequestHead,
    },
    /// A part of the request's body.
    Data {
        id: u32,
        bytes: serde_bytes::ByteBuf,
    },
    /// The end of the request's body.
    End { id: u32, trailers: Fields },
    /// So many bytes of the response were passed on to the guest.
    Credit { id: u32, bytes: u32 },
    /// Nobody wants the response any more.
    Cancel { id: u32 },
}

/// The head of a request, as the guest made it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RequestHead {
    pub method: String,
    pub scheme: String,
    pub authority: String,
    pub path_with_query: String,
    pub fields: Fields,
    pub connect_timeout: Option<Duration>,
    pub first_byte_timeout: Option<Duration>,
    pub between_bytes_timeout: Option<Duration>,
}

impl RequestHead {
    /// Returns the size in bytes, which is at most [`MAX_HEAD`].
    pub fn size(&self) -> usize {
        let texts = [
            &self.method,
            &self.scheme,
            &self.authority,
            &self.path_with_query,
        ];
        texts.iter().map(|text| text.len()).sum::<usize>() + size_of_fields(&self.fields)
    }
}

/// Returns the size of fields in bytes, with a little for each.
pub fn size_of_fields(fields: &Fields) -> usize {
    let sizes = fields
        .iter()
        .map(|(name, value)| name.len() + value.len() + 8);
    sizes.sum()
}

/// A frame to the worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ToWorker {
    /// The head of the response.
    Head {
        id: u32,
        status: u16,
        fields: Fields,
    },
    /// A part of the response's body.
    Data {
        id: u32,
        bytes: serde_bytes::ByteBuf,
    },
    /// The end of the response, and of the request.
    End { id: u32, trailers: Fields },
    /// The end of a request that failed, before or after the head of its response.
    Failed { id: u32, error: HttpError },
    /// So many bytes of the request's body were passed on.
    Credit { id: u32, bytes: u32 },
}

/// The reason why a request failed: those `error-code`s of `wasi:http` that can come about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum HttpError {
    RequestDenied,
    RequestTrailerSectionSize,
    /// The bodies of the task's requests are longer than this many bytes.
    RequestBodySize(u64),
    DnsError,
    DnsTimeout,
    DestinationProhibited,
    ConnectionRefused,
    ConnectionTimeout,
    ConnectionTerminated,
    /// The task made more requests than it may.
    ConnectionLimitReached,
    TlsProtocolError,
    TlsCertificateError,
    ProtocolError,
    UpgradeFailed,
    ResponseTimeout,
    ResponseHeaderSectionSize,
    ResponseTrailerSectionSize,
    ResponseIncomplete,
    /// The bodies of the responses to the task are longer than this many bytes.
    ResponseBodySize(u64),
    InternalError(String),
}
