//! The answers of servers, honest and hostile ones.

use std::io::Write;

use super::server::read_request;
use super::*;

/// The response to a request that a server answers with these bytes, after which it closes
/// the connection.
fn response_to(bytes: impl Into<Vec<u8>>) -> Result<Whole, HttpFailure> {
    let bytes = bytes.into();
    let server = Server::scripted(1, move |mut stream| {
        read_request(&mut stream).expect("a request");
        // The client may have seen enough.
        let _ = stream.write_all(&bytes);
    });
    client().fetch(&server)
}

#[test]
fn what_is_no_response_fails_by_name() {
    let many = |count: usize| "x: y\r\n".repeat(count);
    let long = "y".repeat(70 * 1024);
    let longer = "y".repeat(33 * 1024);
    for (answer, expected) in [
        ("", HttpFailure::ConnectionTerminated),
        ("HTTP/1.1 200 OK\r\n", HttpFailure::ConnectionTerminated),
        ("garbage\r\n\r\n", HttpFailure::HttpProtocolError),
        ("<html>hello</html>", HttpFailure::HttpProtocolError),
        ("\0\0\0\x12\x04\0\0\0\0\0", HttpFailure::HttpProtocolError),
        ("HTTP/2 200 OK\r\n\r\n", HttpFailure::HttpProtocolError),
        ("HTTP/1.1 20 OK\r\n\r\n", HttpFailure::HttpProtocolError),
        (
            "HTTP/1.1 200 OK\r\nx\r\n\r\n",
            HttpFailure::HttpProtocolError,
        ),
        (
            "HTTP/1.1 200 OK\r\nx : y\r\n\r\n",
            HttpFailure::HttpProtocolError,
        ),
        (
            "HTTP/1.1 200 OK\r\nx: a\r\n b\r\n\r\n",
            HttpFailure::HttpProtocolError,
        ),
        (
            "HTTP/1.1 200 OK\r\nx: a\0b\r\n\r\n",
            HttpFailure::HttpProtocolError,
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n",
            HttpFailure::HttpProtocolError,
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
            HttpFailure::HttpProtocolError,
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
            HttpFailure::HttpProtocolError,
        ),
        (
            "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n",
            HttpFailure::HttpUpgradeFailed,
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nshort",
            HttpFailure::HttpResponseIncomplete,
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n",
            HttpFailure::HttpResponseIncomplete,
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n",
            HttpFailure::HttpProtocolError,
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
            HttpFailure::HttpProtocolError,
        ),
        (
            &format!("HTTP/1.1 200 OK\r\n{}\r\n", many(101)),
            HttpFailure::HttpResponseHeaderSectionSize,
        ),
        (
            &format!("HTTP/1.1 200 OK\r\nx: {long}\r\n\r\n"),
            HttpFailure::HttpResponseHeaderSectionSize,
        ),
        (
            &format!("HTTP/1.1 200 OK\r\nx: {longer}\r\n\r\n"),
            HttpFailure::HttpResponseHeaderSectionSize,
        ),
    ] {
        let start: String = answer.chars().take(80).collect();
        assert_eq!(response_to(answer), Err(expected), "{start:?}");
    }
}

#[test]
fn floods_behind_the_body_fail_too() {
    let trailers = "x: y\r\n".repeat(2000);
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n";
    let failed = response_to(format!("{chunked}{trailers}\r\n"));
    assert!(failed.is_err(), "{failed:?}");
    let long = format!("1;{}\r\na\r\n0\r\n\r\n", "x".repeat(1 << 20));
    let failed = response_to(format!(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{long}"
    ));
    assert!(failed.is_err(), "an extension of a chunk");
}

#[test]
fn a_response_is_passed_on_as_it_is() {
    let whole = response_to(
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n\
         HTTP/1.1 404 Not Found\r\nX-A: b\r\nset-cookie: c\r\nset-cookie: d\r\n\
         connection: close, x-hop\r\nx-hop: e\r\nkeep-alive: f\r\n\
         transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx-sum: g\r\n\r\n",
    );
    let whole = whole.expect("a response");
    assert_eq!((whole.status, whole.body.as_slice()), (404, &b"abc"[..]));
    let field = |name: &str, value: &str| (name.to_owned(), value.as_bytes().to_vec());
    let expected = [
        field("x-a", "b"),
        field("set-cookie", "c"),
        field("set-cookie", "d"),
    ];
    assert_eq!(whole.headers, expected);
    assert_eq!(whole.trailers, [field("x-sum", "g")]);
}

#[test]
fn a_redirect_is_not_followed_and_nothing_is_decompressed() {
    let server = Server::answering(2, |_| {
        b"HTTP/1.1 302 Found\r\nlocation: http://evil.example/\r\ncontent-encoding: gzip\r\n\
          content-length: 4\r\n\r\n\x1f\x8b\x08\0"
            .to_vec()
    });
    let whole = client().fetch(&server).expect("a response");
    assert_eq!(
        (whole.status, whole.header("location")),
        (302, Some("http://evil.example/"))
    );
    assert_eq!(whole.header("content-encoding"), Some("gzip"));
    assert_eq!(whole.body, b"\x1f\x8b\x08\0");
    server.next();
    assert!(server.is_untouched(), "it got one request");
}

#[test]
fn a_body_without_a_length_ends_with_its_connection() {
    let body = "x".repeat(100_000);
    let whole = response_to(format!("HTTP/1.1 200 OK\r\n\r\n{body}")).expect("a response");
    assert_eq!(whole.body, body.as_bytes());
}

#[test]
fn a_second_response_behind_the_first_reaches_nobody() {
    let server = Server::answering(2, |head| {
        let mut bytes = server::ok("first");
        if head.connection == 0 {
            bytes.extend(server::ok("smuggled"));
        }
        bytes
    });
    let client = client();
    assert_eq!(client.fetch(&server).expect("a response").body, b"first");
    assert_eq!(client.fetch(&server).expect("a response").body, b"first");
    assert_eq!((server.next().connection, server.next().connection), (0, 1));
}
