//! TLS: certificates that are valid, and those that are not; secrets.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::server::answer_all;
use super::*;

/// An authority that signs certificates for tests.
pub(super) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(super) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        Authority(CertifiedIssuer::self_signed(params, key).expect("a certificate"))
    }

    pub(super) fn root(&self) -> CertificateDer<'static> {
        self.0.as_ref().der().clone()
    }

    /// A server with a certificate for a name, signed by this authority.
    fn serve(&self, certified: &str, name: &'static str) -> Server {
        let params = CertificateParams::new(vec![certified.to_owned()]).expect("parameters");
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.0).expect("a certificate");
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .expect("a configuration");
        let config = Arc::new(config);
        let server = Server::new(2, move |stream, connection, heads| {
            let tls = ServerConnection::new(config.clone()).expect("a connection");
            let stream = StreamOwned::new(tls, stream);
            answer_all(stream, connection, &heads, &|head| server::ok(&head.text));
        });
        server.with_tls(name)
    }
}

#[test]
fn a_secret_is_added_by_the_host_over_tls_with_a_valid_certificate() {
    let authority = Authority::new();
    let server = authority.serve("api.test", "api.test");
    let client = client_with(Tls::trusting(vec![authority.root()]));
    let rule = rule(&server).header("Authorization", "Bearer hunter2");
    let checked = check(&rule, &get(&server, "/")).expect("allowed");
    assert!(!format!("{checked:?}").contains("hunter2"));
    for _ in 0..2 {
        let access = access(std::slice::from_ref(&rule));
        let whole = client.send(&access, &get(&server, "/"), &[BodyPart::Finished]);
        whole.expect("a response");
        let head = server.next();
        assert_eq!(head.connection, 0, "the connection is kept");
        let added = "\r\nauthorization: Bearer hunter2\r\n";
        assert!(head.text.contains(added), "{}", head.text);
    }
}

#[test]
fn a_certificate_that_is_not_valid_for_the_host_ends_the_request() {
    let (trusted, other) = (Authority::new(), Authority::new());
    for (authority, certified) in [(&trusted, "other.test"), (&other, "api.test")] {
        let server = authority.serve(certified, "api.test");
        let client = client_with(Tls::trusting(vec![trusted.root()]));
        assert_eq!(client.fetch(&server), Err(HttpFailure::TlsCertificateError));
        assert!(server.is_untouched());
    }
}

#[test]
fn a_server_without_tls_is_not_spoken_to_in_clear() {
    let authority = Authority::new();
    let server = Server::scripted(1, |mut stream| {
        use std::io::Write;
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
        until_end(&mut stream);
    });
    let server = server.with_tls("api.test");
    let client = client_with(Tls::trusting(vec![authority.root()]));
    assert_eq!(client.fetch(&server), Err(HttpFailure::TlsProtocolError));
}
