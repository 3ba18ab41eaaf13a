//! `wasi:http` for guests: its types are wasmtime-wasi-http's, and requests are sent by
//! somebody else, since a worker has no socket.

use std::sync::Arc;

use wasmtime::component::ResourceTable;
use wasmtime_wasi_http::{
    Error, RequestOptions, WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks,
};

use sandpool_protocol::http::{MAX_DATA, MAX_HEAD};

/// A response, and the future that drives its body; the body here drives itself.
pub type Sent = Result<
    (
        ::http::Response<WasiBody>,
        Box<dyn Future<Output = Result<(), Error>> + Send>,
    ),
    Error,
>;

/// The way of guests' requests to the network.
pub trait HttpSender: Send + Sync {
    /// Returns the future of the response, which is spawned on the current runtime.
    fn send(
        &self,
        request: ::http::Request<WasiBody>,
        options: RequestOptions,
    ) -> Box<dyn Future<Output = Sent> + Send>;
}

/// The state of `wasi:http` of one guest.
pub struct GuestHttp {
    context: WasiHttpCtx,
    hooks: Hooks,
}

impl GuestHttp {
    /// Makes the state for a guest whose requests go this way; without one they are
    /// refused.
    pub fn new(sender: Option<Arc<dyn HttpSender>>) -> Self {
        let mut context = WasiHttpCtx::new();
        // No larger head is sent.
        context.set_field_size_limit(MAX_HEAD);
        GuestHttp {
            context,
            hooks: Hooks { sender },
        }
    }

    /// Returns `true` if requests go anywhere.
    pub(super) fn is_granted(&self) -> bool {
        self.hooks.sender.is_some()
    }

    /// Returns the view of the functions of `wasi:http`, with the guest's table.
    pub(super) fn view<'a>(&'a mut self, table: &'a mut ResourceTable) -> WasiHttpCtxView<'a> {
        WasiHttpCtxView {
            hooks: &mut self.hooks,
            table,
            ctx: &mut self.context,
        }
    }
}

struct Hooks {
    sender: Option<Arc<dyn HttpSender>>,
}

impl WasiHttpHooks for Hooks {
    fn send_request(
        &mut self,
        request: ::http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        match &self.sender {
            Some(sender) => sender.send(request, options.unwrap_or_default()),
            None => Box::new(std::future::ready(Err(Error::HttpRequestDenied))),
        }
    }

    /// Returns `false`: the host writes that header, from the URL that it compared.
    fn set_host_header(&mut self) -> bool {
        false
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        MAX_DATA
    }
}
