//! Connections: made through the address guard, and kept for the next request of their
//! peer.

use std::collections::HashMap;
use std::io;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::{AbortHandle, JoinHandle};
use tokio::time::timeout_at;

use super::access::Peer;
use super::body::RequestBody;
use super::guard::{AddressGuard, ConnectError, Resolve, SystemResolver};
use super::headers::MAX_COUNT;
use super::message::HttpFailure;
use super::tls::Tls;
use super::url::Scheme;

/// The longest time for a name, a connection and TLS.
const CONNECT_LIMIT: Duration = Duration::from_secs(30);

/// The time for which a connection is kept that nobody uses.
const IDLE: Duration = Duration::from_secs(30);

/// The time between two looks for old connections.
const SWEEP: Duration = Duration::from_secs(5);

/// The highest number of connections that are kept for one peer, and for all.
const MAX_IDLE_OF_PEER: usize = 8;
const MAX_IDLE: usize = 256;

/// The size of the buffer for what a server sends. The head of a response fits in.
const BUFFER: usize = 64 * 1024;

/// Ends a task of the runtime when it is dropped.
#[derive(Debug)]
pub(super) struct AbortOnDrop(AbortHandle);

impl AbortOnDrop {
    pub(super) fn new<T>(task: &JoinHandle<T>) -> Self {
        AbortOnDrop(task.abort_handle())
    }
}

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A connection, which is closed when this is dropped.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) sender: SendRequest<RequestBody>,
    /// Owns the socket.
    _driver: AbortOnDrop,
}

/// The way to make connections, and those that are kept.
pub(super) struct Connections {
    resolver: Arc<dyn Resolve>,
    tls: Tls,
    idle: Mutex<Idle>,
}

/// The connections that are kept.
#[derive(Default)]
struct Idle {
    by_peer: HashMap<Peer, Vec<IdleConnection>>,
    /// True while a task of the runtime closes old ones, which it does until none is left.
    is_swept: bool,
}

struct IdleConnection {
    connection: Connection,
    since: Instant,
}

impl Default for Connections {
    fn default() -> Self {
        Self::new(Arc::new(SystemResolver), Tls::default())
    }
}

impl Connections {
    pub(super) fn new(resolver: Arc<dyn Resolve>, tls: Tls) -> Self {
        Connections {
            resolver,
            tls,
            idle: Mutex::default(),
        }
    }

    /// Connects to the host of a peer.
    pub(super) async fn open(
        &self,
        peer: &Peer,
        limit: Option<Duration>,
    ) -> Result<Connection, HttpFailure> {
        let limit = limit.map_or(CONNECT_LIMIT, |limit| limit.min(CONNECT_LIMIT));
        let end = Instant::now() + limit;
        let mut guard = AddressGuard::new()
            .shared_resolver(self.resolver.clone())
            .time_limit(limit);
        if peer.rule.allows_private() {
            guard = guard.allow_private();
        }
        let origin = &peer.origin;
        let stream = guard.connect_to(&origin.host, origin.port).await?;
        let made = async {
            match origin.scheme {
                Scheme::Http => handshake(stream).await,
                Scheme::Https => handshake(self.tls.connect(&origin.host, stream).await?).await,
            }
        };
        let made = timeout_at(end.into(), made).await;
        made.unwrap_or(Err(HttpFailure::ConnectionTimeout))
    }

    /// Takes a connection to a peer that was kept and is open, as far as is known.
    pub(super) fn take(&self, peer: &Peer) -> Option<Connection> {
        let mut idle = self.lock();
        let kept = idle.by_peer.get_mut(peer)?;
        let found = std::iter::from_fn(|| kept.pop())
            .find(|kept| kept.since.elapsed() < IDLE && kept.connection.sender.is_ready());
        if kept.is_empty() {
            idle.by_peer.remove(peer);
        }
        found.map(|kept| kept.connection)
    }

    /// Keeps a connection for the next request of its peer, for a while.
    pub(super) fn keep(self: &Arc<Self>, peer: Peer, connection: Connection) {
        let mut idle = self.lock();
        if idle.by_peer.values().map(Vec::len).sum::<usize>() >= MAX_IDLE {
            return;
        }
        let kept = idle.by_peer.entry(peer).or_default();
        if kept.len() >= MAX_IDLE_OF_PEER {
            kept.remove(0);
        }
        kept.push(IdleConnection {
            connection,
            since: Instant::now(),
        });
        if !mem::replace(&mut idle.is_swept, true) {
            tokio::spawn(sweep(Arc::downgrade(self)));
        }
    }

    /// Closes old connections, and returns true if some are left.
    fn close_old(&self) -> bool {
        let mut idle = self.lock();
        idle.by_peer.retain(|_, kept| {
            kept.retain(|kept| kept.since.elapsed() < IDLE && !kept.connection.sender.is_closed());
            !kept.is_empty()
        });
        idle.is_swept = !idle.by_peer.is_empty();
        idle.is_swept
    }

    fn lock(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Closes old connections now and then, until none is left.
async fn sweep(connections: Weak<Connections>) {
    loop {
        tokio::time::sleep(SWEEP).await;
        let is_over = connections.upgrade().is_none_or(|it| !it.close_old());
        if is_over {
            return;
        }
    }
}

async fn handshake<S>(stream: S) -> Result<Connection, HttpFailure>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut builder = http1::Builder::new();
    builder.max_buf_size(BUFFER).max_headers(MAX_COUNT);
    let made = builder.handshake(TokioIo::new(stream)).await;
    let (sender, driver) = made.map_err(|_| HttpFailure::ConnectionTerminated)?;
    // Its errors come to the request that is under way.
    let driver = tokio::spawn(async move { drop(driver.await) });
    Ok(Connection {
        sender,
        _driver: AbortOnDrop::new(&driver),
    })
}

impl From<ConnectError> for HttpFailure {
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::Host | ConnectError::Resolve { .. } | ConnectError::NoAddress => {
                HttpFailure::DnsError
            }
            ConnectError::ResolveTimedOut => HttpFailure::DnsTimeout,
            ConnectError::Refused { kind } => HttpFailure::DestinationIpProhibited(kind),
            ConnectError::OwnAddresses { .. } => HttpFailure::InternalError(error.to_string()),
            ConnectError::Connect { source } if source.kind() == io::ErrorKind::TimedOut => {
                HttpFailure::ConnectionTimeout
            }
            ConnectError::Connect { .. } => HttpFailure::ConnectionRefused,
            ConnectError::TimedOut => HttpFailure::ConnectionTimeout,
        }
    }
}
