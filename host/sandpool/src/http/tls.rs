//! TLS: who is trusted, and the errors by their names.

use std::io;
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::sync::OnceCell;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::message::HttpFailure;
use super::url::Host;

/// The certificates that the client trusts, and what follows from them: those of the
/// operating system, read when the first request needs them.
#[derive(Default)]
pub(super) struct Tls {
    config: OnceCell<Arc<ClientConfig>>,
}

impl Tls {
    /// Returns TLS that trusts these certificates alone.
    #[cfg(test)]
    pub(super) fn trusting(certificates: Vec<CertificateDer<'static>>) -> Self {
        Tls {
            config: OnceCell::new_with(config(certificates).ok()),
        }
    }

    /// Makes a connection one of TLS with a host whose certificate is valid.
    pub(super) async fn connect(
        &self,
        host: &Host,
        stream: TcpStream,
    ) -> Result<TlsStream<TcpStream>, HttpFailure> {
        let config = self.config.get_or_try_init(load).await?;
        let name = match host.address() {
            Some(address) => ServerName::from(address),
            None => ServerName::try_from(host.to_string())
                .map_err(|_| HttpFailure::TlsCertificateError)?,
        };
        let connector = TlsConnector::from(config.clone());
        let connected = connector.connect(name, stream).await;
        connected.map_err(|error| failure(&error).unwrap_or(HttpFailure::ConnectionTerminated))
    }
}

async fn load() -> Result<Arc<ClientConfig>, HttpFailure> {
    // It reads hundreds of files, or one large one.
    let loaded = tokio::task::spawn_blocking(|| {
        let found = rustls_native_certs::load_native_certs();
        config(found.certs)
    });
    match loaded.await {
        Ok(loaded) => loaded,
        Err(_) => Err(internal("the certificates of this machine cannot be read")),
    }
}

fn config(certificates: Vec<CertificateDer<'static>>) -> Result<Arc<ClientConfig>, HttpFailure> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates);
    if roots.is_empty() {
        return Err(internal("this machine has no certificates to trust"));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|_| internal("there is no version of TLS"))?;
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    // A session that is resumed would tell a server that two tenants are one machine.
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

fn internal(text: &str) -> HttpFailure {
    HttpFailure::InternalError(text.to_owned())
}

/// Returns the failure for an error of TLS; `None` if the error is another one.
pub(super) fn failure(error: &io::Error) -> Option<HttpFailure> {
    use rustls::Error::{InvalidCertificate, NoCertificatesPresented};
    let error = error.get_ref()?.downcast_ref::<rustls::Error>()?;
    Some(match error {
        InvalidCertificate(_) | NoCertificatesPresented => HttpFailure::TlsCertificateError,
        _ => HttpFailure::TlsProtocolError,
    })
}
