//! The client and servers of every kind, on this machine.

mod answers;
mod certificates;
mod lives;
mod server;

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::time::timeout;

use self::server::{Head, Server, until_end};
use super::*;
use crate::http::message::{Fields, HttpFailure, RequestHead};
use crate::http::test_requests::{access, check, request, with_header};
use crate::http::tls::Tls;
use crate::http::{Access, HttpRule};

/// The longest time that anything takes here.
const SOON: Duration = Duration::from_secs(20);

/// A client for which all names stand for this machine.
fn client() -> HttpClient {
    client_with(Tls::trusting(Vec::new()))
}

fn client_with(tls: Tls) -> HttpClient {
    let resolver = |_: &str| Ok(vec![IpAddr::from(Ipv4Addr::LOCALHOST)]);
    HttpClient::with(Connections::new(Arc::new(resolver), tls)).expect("a client")
}

/// A rule that allows everything of a server.
fn rule(server: &Server) -> HttpRule {
    HttpRule::new(format!("{}/*", server.origin()))
        .methods(["GET", "HEAD", "POST"])
        .allow_private()
}

fn get(server: &Server, path: &str) -> RequestHead {
    request("GET", &format!("{}{path}", server.origin()))
}

fn post(server: &Server) -> RequestHead {
    request("POST", &format!("{}/", server.origin()))
}

impl HttpClient {
    fn run<T>(&self, future: impl Future<Output = T>) -> T {
        let ended = self
            .handle()
            .block_on(async { timeout(SOON, future).await });
        ended.expect("it ends in time")
    }

    /// Starts a request whose body is sent by the caller.
    fn begin(&self, access: &Access, head: &RequestHead) -> (UnboundedSender<BodyPart>, Running) {
        let request = access.check(head).expect("it is allowed");
        let (sender, body) = unbounded_channel();
        (sender, self.start(request, body))
    }

    /// Sends a request with a body, and returns the whole response.
    fn send(
        &self,
        access: &Access,
        head: &RequestHead,
        body: &[BodyPart],
    ) -> Result<Whole, HttpFailure> {
        let (sender, running) = self.begin(access, head);
        for part in body {
            // The request may have failed.
            let _ = sender.send(part.clone());
        }
        drop(sender);
        self.whole(running)
    }

    fn fetch(&self, server: &Server) -> Result<Whole, HttpFailure> {
        let head = get(server, "/");
        self.send(&access(&[rule(server)]), &head, &[BodyPart::Finished])
    }

    fn whole(&self, mut running: Running) -> Result<Whole, HttpFailure> {
        let mut whole = Whole::default();
        loop {
            match self.run(running.parts.recv()).expect("an end") {
                ResponsePart::Head { status, headers } => {
                    (whole.status, whole.headers) = (status, headers);
                }
                ResponsePart::Data(data) => {
                    assert!((1..=16 * 1024).contains(&data.len()));
                    whole.body.extend(data);
                }
                ResponsePart::Trailers(trailers) => whole.trailers = trailers,
                ResponsePart::End => return Ok(whole),
                ResponsePart::Failed(failure) => return Err(failure),
            }
        }
    }
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Whole {
    status: u16,
    headers: Fields,
    body: Vec<u8>,
    trailers: Fields,
}

impl Whole {
    fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name)?;
        std::str::from_utf8(&found.1).ok()
    }
}

fn data(text: &str) -> BodyPart {
    BodyPart::Data(text.into())
}

#[test]
fn a_request_is_written_from_what_was_checked() {
    let server = Server::answering(1, |_| server::ok("hello"));
    let head = with_header(get(&server, "/a/b?c=d&e"), "Accept", "text/plain");
    let whole = client().send(&access(&[rule(&server)]), &head, &[BodyPart::Finished]);
    let whole = whole.expect("a response");
    assert_eq!((whole.status, whole.body.as_slice()), (200, &b"hello"[..]));
    let expected = format!(
        "GET /a/b?c=d&e HTTP/1.1\r\nhost: {}\r\naccept: text/plain\r\n\r\n",
        server.authority(),
    );
    assert_eq!(server.next().text, expected);
}

#[test]
fn bodies_are_framed_by_the_host() {
    let server = Server::answering(8, |_| server::ok(""));
    let (client, access) = (client(), access(&[rule(&server)]));
    let sent = |head: &RequestHead, body: &[BodyPart]| -> Head {
        client.send(&access, head, body).expect("a response");
        server.next()
    };
    let chunked = sent(&post(&server), &[data("ab"), data("c"), BodyPart::Finished]);
    assert!(chunked.text.contains("\r\ntransfer-encoding: chunked\r\n"));
    assert!(!chunked.text.contains("content-length"));
    assert_eq!(chunked.body, b"abc");

    let head = with_header(post(&server), "content-length", "3");
    let counted = sent(&head, &[data("ab"), data("c"), BodyPart::Finished]);
    assert!(counted.text.contains("\r\ncontent-length: 3\r\n"));
    assert!(!counted.text.contains("transfer-encoding"));
    assert_eq!(counted.body, b"abc");

    let empty = sent(&post(&server), &[BodyPart::Trailers(Vec::new())]);
    assert!(empty.text.contains("\r\ncontent-length: 0\r\n"));

    let search = sent(&get(&server, "/"), &[data("x"), BodyPart::Finished]);
    assert!(search.text.contains("\r\ntransfer-encoding: chunked\r\n"));
    assert_eq!(search.body, b"x");
}

#[test]
fn a_body_that_is_not_what_was_announced_fails_its_request() {
    for (length, body, expected) in [
        (
            Some("3"),
            vec![data("ab"), BodyPart::Finished],
            HttpFailure::HttpRequestBodySize,
        ),
        (
            Some("3"),
            vec![data("abcd")],
            HttpFailure::HttpRequestBodySize,
        ),
        (Some("3"), vec![data("ab")], HttpFailure::HttpRequestAborted),
        (
            Some("3"),
            vec![BodyPart::Finished],
            HttpFailure::HttpRequestBodySize,
        ),
        (
            Some("0"),
            vec![data("GET /evil HTTP/1.1\r\n\r\n")],
            HttpFailure::HttpRequestBodySize,
        ),
        (None, vec![data("ab")], HttpFailure::HttpRequestAborted),
        (None, vec![], HttpFailure::HttpRequestAborted),
        (
            None,
            vec![
                data("a"),
                BodyPart::Trailers(vec![("x".into(), "y".into())]),
            ],
            HttpFailure::HttpRequestTrailerSectionSize,
        ),
    ] {
        let server = Server::scripted(1, |mut stream| drop(until_end(&mut stream)));
        let mut head = post(&server);
        if let Some(length) = length {
            head = with_header(head, "content-length", length);
        }
        let failed = client().send(&access(&[rule(&server)]), &head, &body);
        assert_eq!(failed, Err(expected), "{length:?} {body:?}");
    }
}

#[test]
fn an_address_that_the_guard_refuses_is_not_connected_to() {
    let server = Server::answering(1, |_| server::ok(""));
    let public = HttpRule::new(format!("{}/*", server.origin()));
    let failed = client().send(
        &access(&[public]),
        &get(&server, "/"),
        &[BodyPart::Finished],
    );
    let expected = HttpFailure::DestinationIpProhibited("a loopback address");
    assert_eq!(failed, Err(expected));
    assert!(server.is_untouched());
}

#[test]
fn a_name_that_nobody_knows_and_a_port_that_nobody_serves_fail_by_name() {
    let unknown = |_: &str| Err(std::io::Error::other("no such name"));
    let connections = Connections::new(Arc::new(unknown), Tls::trusting(Vec::new()));
    let client_without_names = HttpClient::with(connections).expect("a client");
    let rule = HttpRule::new("http://a.example/*");
    let (_body, running) =
        client_without_names.begin(&access(&[rule]), &request("GET", "http://a.example/"));
    assert_eq!(
        client_without_names.whole(running),
        Err(HttpFailure::DnsError)
    );

    let port = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let origin = format!("http://{}", port.local_addr().expect("an address"));
    drop(port);
    let rule = HttpRule::new(format!("{origin}/*")).allow_private();
    let client = client();
    let (_body, running) = client.begin(&access(&[rule]), &request("GET", &format!("{origin}/")));
    assert_eq!(client.whole(running), Err(HttpFailure::ConnectionRefused));
}

#[test]
fn the_process_has_one_client() {
    let one = HttpClient::shared().expect("a client");
    let two = HttpClient::shared().expect("a client");
    assert!(std::ptr::eq(one, two));
}
