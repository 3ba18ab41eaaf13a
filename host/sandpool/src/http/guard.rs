//! The address guard: resolves a name once, looks at every address, and connects to one of
//! those that it looked at.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sandpool_sys::own_addresses;
use tokio::net::TcpStream;
use tokio::time::{timeout, timeout_at};

use super::address::{Special, special, translated};
use super::url::Host;

/// The most addresses of one name that are tried.
const MAX_TRIED: usize = 8;

/// The longest time that a connection may take.
const MAX_LIMIT: Duration = Duration::from_secs(24 * 60 * 60);

/// Looks up the addresses of a name. Programs implement it to resolve names in a way of
/// their own; the default asks the operating system.
pub trait Resolve: Send + Sync + 'static {
    /// Returns the addresses of a name, best first. It may block: it runs on a thread for
    /// that, and is not waited for when the guard's time is over.
    ///
    /// # Errors
    ///
    /// Returns an error if the name has no address or nobody can tell.
    fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>>;
}

impl<F> Resolve for F
where
    F: Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync + 'static,
{
    fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        self(name)
    }
}

/// The operating system's resolver.
pub(super) struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        let found = (name, 0).to_socket_addrs()?;
        Ok(found.map(|address| address.ip()).collect())
    }
}

/// Connects to servers on the Internet, and to nothing else.
///
/// A name is resolved once. If *any* of its addresses is not global unicast, or is one of
/// this machine's own, the connection is refused. Otherwise the guard connects to one of
/// these very addresses; nobody resolves the name again. So a name that stands for a
/// public address now and for `127.0.0.1` a moment later gains nothing.
///
/// Refused are addresses that are loopback, private, link-local, of a carrier's network
/// (`100.64.0.0/10`), multicast, broadcast, unspecified, reserved, for documentation or
/// benchmarks; those of metadata services (`169.254.169.254` and its like); the
/// IPv4-mapped, IPv4-compatible, 6to4 and Teredo forms of any address; and NAT64 forms,
/// unless they have the prefix `64:ff9b::/96` and hold an address that is allowed itself.
///
/// Defaults: no private addresses, the operating system's resolver, 30 s.
///
/// ```
/// use sandpool::http::AddressGuard;
///
/// let guard = AddressGuard::new();
/// assert_eq!(guard.refuses([127, 0, 0, 1].into()), Some("a loopback address"));
/// assert_eq!(guard.refuses([1, 1, 1, 1].into()), None);
/// ```
///
/// # What it does not cover
///
/// A public address may be that of another machine of the same owner, and a router may
/// lead it anywhere.
#[derive(Clone)]
#[must_use = "a guard does nothing until it connects"]
pub struct AddressGuard {
    private: bool,
    resolver: Arc<dyn Resolve>,
    limit: Duration,
}

impl Default for AddressGuard {
    fn default() -> Self {
        AddressGuard {
            private: false,
            resolver: Arc::new(SystemResolver),
            limit: Duration::from_secs(30),
        }
    }
}

impl AddressGuard {
    /// Returns a guard with the defaults.
    pub fn new() -> Self {
        AddressGuard::default()
    }

    /// Allows addresses that are loopback, private, link-local, of a carrier's network or
    /// for benchmarks, and the machine's own. Those of metadata services and all others of
    /// the list above stay refused.
    pub fn allow_private(mut self) -> Self {
        self.private = true;
        self
    }

    /// Sets who resolves names \[the operating system\].
    pub fn resolver(mut self, resolver: impl Resolve) -> Self {
        self.resolver = Arc::new(resolver);
        self
    }

    pub(super) fn shared_resolver(mut self, resolver: Arc<dyn Resolve>) -> Self {
        self.resolver = resolver;
        self
    }

    /// Sets the time for the name and the connection together \[30 s\], a day at most.
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.limit = limit.min(MAX_LIMIT);
        self
    }

    /// Returns the kind of an address that this guard refuses, such as "a loopback
    /// address"; `None` if it would connect to it. If the operating system does not list
    /// the machine's own addresses, all are refused.
    pub fn refuses(&self, address: IpAddr) -> Option<&'static str> {
        let Ok(own) = own_addresses() else {
            return Some("an address that may be this machine's own");
        };
        self.refuses_with(address, &own)
    }

    fn refuses_with(&self, address: IpAddr, own: &[IpAddr]) -> Option<&'static str> {
        match special(address) {
            Some(Special::Never(kind)) => Some(kind),
            Some(Special::Private(kind)) => (!self.private).then_some(kind),
            None if self.private => None,
            None => {
                let is_own = own.contains(&address) || own.contains(&translated(address));
                is_own.then_some("an address of this machine")
            }
        }
    }

    /// Connects to a host: a name, or an address in any spelling that browsers know.
    /// Returns the connection, which no bytes have been sent on.
    ///
    /// It runs in a tokio runtime with time and I/O. Dropping the future gives up.
    ///
    /// # Errors
    ///
    /// Returns an error if the host is none, if it has no address, if one of its addresses
    /// is refused, if no address accepts the connection, or if the time is over.
    pub async fn connect(&self, host: &str, port: u16) -> Result<TcpStream, ConnectError> {
        let Ok(host) = Host::parse(host) else {
            return Err(ConnectError::Host);
        };
        self.connect_to(&host, port).await
    }

    pub(super) async fn connect_to(
        &self,
        host: &Host,
        port: u16,
    ) -> Result<TcpStream, ConnectError> {
        let end = Instant::now() + self.limit;
        let addresses = self.look_up(host, end).await?;
        let addresses: Vec<_> = addresses.into_iter().take(MAX_TRIED).collect();
        let mut last = ConnectError::NoAddress;
        for (index, address) in addresses.iter().enumerate() {
            let left = end.saturating_duration_since(Instant::now());
            // An address that swallows everything leaves time for those behind it.
            let share = left / u32::try_from(addresses.len() - index).unwrap_or(1);
            let connecting = TcpStream::connect(SocketAddr::new(*address, port));
            match timeout(share, connecting).await {
                Ok(Ok(stream)) => {
                    // Requests are written in few large pieces.
                    let _ = stream.set_nodelay(true);
                    return Ok(stream);
                }
                Ok(Err(source)) => last = ConnectError::Connect { source },
                Err(_) => last = ConnectError::TimedOut,
            }
        }
        Err(last)
    }

    /// Returns the addresses of a host, all of which the guard allows.
    async fn look_up(&self, host: &Host, end: Instant) -> Result<Vec<IpAddr>, ConnectError> {
        let addresses = match host {
            Host::V4(address) => vec![IpAddr::from(*address)],
            Host::V6(address) => vec![IpAddr::from(*address)],
            Host::Name(name) => timeout_at(end.into(), self.resolve(name))
                .await
                .map_err(|_| ConnectError::ResolveTimedOut)??,
        };
        if addresses.is_empty() {
            return Err(ConnectError::NoAddress);
        }
        let own = own_addresses().map_err(|source| ConnectError::OwnAddresses { source })?;
        let mut refused = addresses.iter();
        match refused.find_map(|address| self.refuses_with(*address, &own)) {
            Some(kind) => Err(ConnectError::Refused { kind }),
            None => Ok(addresses),
        }
    }

    fn resolve(&self, name: &str) -> impl Future<Output = Result<Vec<IpAddr>, ConnectError>> {
        let (resolver, name) = (self.resolver.clone(), name.to_owned());
        let resolving = tokio::task::spawn_blocking(move || resolver.resolve(&name));
        async {
            match resolving.await {
                Ok(Ok(addresses)) => Ok(addresses),
                Ok(Err(source)) => Err(ConnectError::Resolve { source }),
                // It panicked.
                Err(_) => Err(ConnectError::NoAddress),
            }
        }
    }
}

impl fmt::Debug for AddressGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AddressGuard")
            .field("private", &self.private)
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

/// The error of a connection that an [`AddressGuard`] did not make.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// A text that is neither a name nor an address.
    #[error("the host is not spelled as a name or an address")]
    Host,
    /// A name that nobody can resolve.
    #[error("the host's name cannot be resolved")]
    Resolve {
        /// The resolver's error.
        source: io::Error,
    },
    /// A name that was not resolved in time.
    #[error("the host's name was not resolved in time")]
    ResolveTimedOut,
    /// A name without an address.
    #[error("the host's name stands for no address")]
    NoAddress,
    /// An address that the guard refuses.
    #[error("the host has {kind}")]
    Refused {
        /// The kind of the address, such as "a loopback address".
        kind: &'static str,
    },
    /// The machine's own addresses are unknown, so any address may be one of them.
    #[error("this machine's own addresses cannot be listed")]
    OwnAddresses {
        /// The operating system's error.
        source: io::Error,
    },
    /// An address that does not accept connections.
    #[error("the host cannot be connected to")]
    Connect {
        /// The operating system's error.
        source: io::Error,
    },
    /// No connection in time.
    #[error("the host did not answer in time")]
    TimedOut,
}

#[cfg(test)]
mod tests;
