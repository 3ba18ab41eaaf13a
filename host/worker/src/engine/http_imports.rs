//! The interfaces of `wasi:http` that a component may import: its types, and the handler of
//! outgoing requests.

use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource};
use wasmtime_wasi::WasiView;
use wasmtime_wasi_http::p2::bindings::http::outgoing_handler::Host as _;
use wasmtime_wasi_http::p2::bindings::http::types::{ErrorCode, IoError, Method, Scheme};
use wasmtime_wasi_http::p2::bindings::{LinkOptions, sync};
use wasmtime_wasi_http::p2::types::{HostFutureIncomingResponse, HostOutgoingRequest};
use wasmtime_wasi_http::{Error, RequestOptions, WasiHttp, WasiHttpView};

use super::guest::Guest;

/// The kind of refused requests in outcomes.
const REFUSED: &str = "HTTP request";

/// Gives a component `wasi:http/types`.
pub(super) fn add_types(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    let options = LinkOptions::default();
    sync::http::types::add_to_linker::<_, WasiHttp>(linker, &options.into(), Guest::http)?;
    // wasmtime-wasi-http's own knows the errors of requests, and not those of bodies.
    linker.instance("wasi:http/types@0.2.12")?.func_wrap(
        "http-error-code",
        |mut store: StoreContextMut<'_, Guest>, (error,): (Resource<IoError>,)| {
            let error = store.data_mut().ctx().table.get(&error)?;
            let of_request = error.downcast_ref::<ErrorCode>().cloned();
            let code = of_request.or_else(|| error.downcast_ref().map(code_of));
            Ok((code,))
        },
    )
}

/// Returns the code for the error of a response's body.
fn code_of(error: &Error) -> ErrorCode {
    match error {
        Error::HttpResponseBodySize(most) => ErrorCode::HttpResponseBodySize(*most),
        Error::HttpRequestBodySize(most) => ErrorCode::HttpRequestBodySize(*most),
        Error::HttpResponseTrailerSectionSize(most) => {
            ErrorCode::HttpResponseTrailerSectionSize(*most)
        }
        Error::HttpResponseIncomplete => ErrorCode::HttpResponseIncomplete,
        Error::HttpResponseTimeout => ErrorCode::HttpResponseTimeout,
        Error::HttpProtocolError => ErrorCode::HttpProtocolError,
        Error::ConnectionTerminated => ErrorCode::ConnectionTerminated,
        other => ErrorCode::InternalError(Some(other.to_string())),
    }
}

/// Gives a component `wasi:http/outgoing-handler`. A request without a grant is refused at
/// once, and noted.
pub(super) fn add_handler(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    let mut handler = linker.instance("wasi:http/outgoing-handler@0.2.12")?;
    handler.func_wrap(
        "handle",
        |mut store: StoreContextMut<'_, Guest>,
         (request, options): (
            Resource<HostOutgoingRequest>,
            Option<Resource<RequestOptions>>,
        )|
         -> wasmtime::Result<(Result<Resource<HostFutureIncomingResponse>, ErrorCode>,)> {
            let guest = store.data_mut();
            if !guest.http.is_granted() {
                let request = guest.ctx().table.delete(request)?;
                guest.bounds.deny(REFUSED, line(&request));
                return Ok((Err(ErrorCode::HttpRequestDenied),));
            }
            Ok((match guest.http().handle(request, options) {
                Ok(response) => Ok(response),
                Err(error) => Err(error.downcast()?),
            },))
        },
    )
}

/// Returns the method and the origin of a request, in one line.
fn line(request: &HostOutgoingRequest) -> String {
    let method = match &request.method {
        Method::Other(method) => method.clone(),
        known => format!("{known:?}").to_uppercase().replace("METHOD::", ""),
    };
    let scheme = match &request.scheme {
        Some(Scheme::Http) => "http",
        Some(Scheme::Https) | None => "https",
        Some(Scheme::Other(scheme)) => scheme,
    };
    let authority = request.authority.as_deref().unwrap_or_default();
    format!("{method} {scheme}://{authority}")
}
