//! HTTPS from end to end: the certificate of an authority that this machine is told of, and a
//! header that only the host knows.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;

use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::{Finished, Folder, sandpool};
use crate::support::test;

/// A server for 127.0.0.1, whose certificate is its own authority. It answers a request for
/// `/headers` with its head, and any other with `hello`.
struct HttpsServer {
    port: u16,
    certificate: String,
    heads: Arc<Mutex<Vec<String>>>,
}

impl HttpsServer {
    fn start() -> Self {
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]);
        let made = made.expect("a certificate");
        let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key);
        let config = Arc::new(config.expect("a configuration"));
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let heads: Arc<Mutex<Vec<String>>> = Arc::default();
        let seen = Arc::clone(&heads);
        // Ends with the tests: nobody connects to it any more.
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (config, seen) = (Arc::clone(&config), Arc::clone(&seen));
                thread::spawn(move || answer(config, stream, &seen));
            }
        });
        HttpsServer {
            port,
            certificate: made.cert.pem(),
            heads,
        }
    }

    fn url(&self, path: &str) -> String {
        format!("https://127.0.0.1:{}{path}", self.port)
    }

    fn heads(&self) -> Vec<String> {
        self.heads.lock().expect("no panic").clone()
    }
}

/// Answers the one request of a connection, if TLS comes about.
fn answer(config: Arc<ServerConfig>, stream: TcpStream, seen: &Mutex<Vec<String>>) -> Option<()> {
    let tls = ServerConnection::new(config).ok()?;
    let mut stream = StreamOwned::new(tls, stream);
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).ok()?;
    let body = match head.contains(" /headers ") {
        true => head.as_str(),
        false => "hello",
    };
    let length = body.len();
    let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}");
    seen.lock().expect("no panic").push(head);
    stream.write_all(answer.as_bytes()).ok()
}

/// Gets this path, with a rule that adds a secret.
fn get(server: &HttpsServer, path: &str, authorities: Option<&Path>) -> Finished {
    let (all, url) = (server.url("/*"), server.url(path));
    let rule = format!("GET {all} private");
    let header = format!("{all}: authorization=env:TOKEN");
    let mut command = sandpool(&[
        "apply",
        "fetch.wasm",
        "get",
        &url,
        "--http",
        &rule,
        "--http-header",
        &header,
    ])
    .env("TOKEN", "Bearer s3cr3t");
    if let Some(authorities) = authorities {
        command = command.env("SSL_CERT_FILE", authorities);
    }
    command.run()
}

#[test]
fn a_secret_reaches_its_server_alone_and_the_guest_if_the_server_repeats_it() {
    let _test = test();
    let server = HttpsServer::start();
    let folder = Folder::new();
    folder.file("authority.pem", &server.certificate);
    let authority = folder.path().join("authority.pem");
    let stranger = get(&server, "/headers", None);
    assert_eq!(stranger.code(), 1, "an authority that nobody trusts");
    let said = &stranger.stderr;
    assert!(said.contains("TlsCertificateError"), "{said}");
    assert!(server.heads().is_empty(), "nothing was sent");

    let plain = get(&server, "/hello", Some(&authority));
    assert_eq!((plain.code(), plain.stderr.as_str()), (0, ""));
    assert!(!plain.text().contains("s3cr3t"), "{}", plain.text());
    let heads = server.heads();
    assert_eq!(heads.len(), 1);
    assert!(
        heads[0].contains("authorization: Bearer s3cr3t\r\n"),
        "{}",
        heads[0]
    );

    let repeated = get(&server, "/headers", Some(&authority));
    assert_eq!(repeated.code(), 0);
    assert!(
        repeated.text().contains("Bearer s3cr3t"),
        "as docs/http.md says"
    );
}
