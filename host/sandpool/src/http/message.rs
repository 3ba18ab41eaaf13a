//! The parts of a request and of its response, as they travel between a task and the
//! client. Those of a request are hostile until `Access::check` has seen them.

use std::time::Duration;

/// The fields of a message, each with its value.
pub(crate) type Fields = Vec<(String, Vec<u8>)>;

/// A request without its body, as a task asks for it.
#[derive(Clone, Debug)]
pub(crate) struct RequestHead {
    pub(crate) method: String,
    pub(crate) scheme: String,
    /// The host and, if it is not the scheme's own, the port.
    pub(crate) authority: String,
    pub(crate) path_with_query: String,
    pub(crate) headers: Fields,
    /// The time for the name, the connection and TLS; `None` for the client's own limit.
    pub(crate) connect_timeout: Option<Duration>,
    /// The time from the connection to the head of the response.
    pub(crate) first_byte_timeout: Option<Duration>,
    /// The time between two parts of the response's body.
    pub(crate) between_bytes_timeout: Option<Duration>,
}

/// A part of a request's body. `Trailers` or `Finished` ends the body; a sender that is
/// dropped before it has sent one of them aborts the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum BodyPart {
    Data(Vec<u8>),
    /// The fields behind the body. The client sends none: a request with any fails.
    Trailers(Fields),
    Finished,
}

/// A part of a response, in this order: a head, data, trailers if there are any, the end;
/// or a failure, at any place, after which nothing comes. A receiver that gets neither an
/// end nor a failure tells of an error of the client itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ResponsePart {
    Head {
        status: u16,
        headers: Fields,
    },
    /// At most [`MAX_DATA`] bytes.
    Data(Vec<u8>),
    Trailers(Fields),
    End,
    Failed(HttpFailure),
}

/// The highest number of bytes of one part of a response's body.
pub(crate) const MAX_DATA: usize = 16 * 1024;

/// The reason why a request got no response, or no whole one. The variants have the names
/// of `wasi:http`'s `error-code`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HttpFailure {
    #[error("the host's name stands for no address")]
    DnsError,
    #[error("the name service did not answer in time")]
    DnsTimeout,
    /// The address guard refuses an address of the host: its kind.
    #[error("the host has {0}")]
    DestinationIpProhibited(&'static str),
    #[error("the host refused the connection")]
    ConnectionRefused,
    #[error("no connection in time")]
    ConnectionTimeout,
    #[error("the connection ended")]
    ConnectionTerminated,
    #[error("TLS failed")]
    TlsProtocolError,
    #[error("the host's certificate is not valid")]
    TlsCertificateError,
    /// A body that is not as long as its `content-length` says.
    #[error("the body is not as long as its `content-length`")]
    HttpRequestBodySize,
    #[error("the client sends no trailers")]
    HttpRequestTrailerSectionSize,
    /// The task ended the body before its end.
    #[error("the body of the request was not finished")]
    HttpRequestAborted,
    #[error("no response in time")]
    HttpResponseTimeout,
    #[error("the response has too many headers, or too long ones")]
    HttpResponseHeaderSectionSize,
    #[error("the response has too many trailers, or too long ones")]
    HttpResponseTrailerSectionSize,
    #[error("the response ended before its end")]
    HttpResponseIncomplete,
    /// The server answered with another protocol (status 101).
    #[error("the server changed the protocol")]
    HttpUpgradeFailed,
    #[error("the response is not HTTP")]
    HttpProtocolError,
    #[error("{0}")]
    InternalError(String),
}
