//! The lives of requests and connections.

use std::io::Write;
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Instant;

use super::server::{read_body, read_head, read_request};
use super::*;

/// A server that begins an answer, and reports when it has begun, and when the client has
/// closed the connection.
fn unfinished(begin: &'static str) -> (Server, std::sync::mpsc::Receiver<()>) {
    let (closed, is_closed) = channel();
    let server = Server::scripted(1, move |mut stream: TcpStream| {
        read_request(&mut stream).expect("a request");
        stream.write_all(begin.as_bytes()).expect("it is read");
        let _ = closed.send(());
        until_end(&mut stream);
        // The test may have ended.
        let _ = closed.send(());
    });
    (server, is_closed)
}

#[test]
fn a_request_that_is_dropped_closes_its_connection() {
    for (begin, parts) in [
        ("", 0),
        ("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc", 2),
    ] {
        let (server, is_closed) = unfinished(begin);
        let client = client();
        let (body, mut running) = client.begin(&access(&[rule(&server)]), &get(&server, "/"));
        body.send(BodyPart::Finished).expect("it is received");
        for _ in 0..parts {
            client.run(running.parts.recv()).expect("a part");
        }
        is_closed.recv_timeout(SOON).expect("the server has begun");
        assert!(is_closed.try_recv().is_err());
        drop(running);
        is_closed.recv_timeout(SOON).expect("it is closed");
    }
}

#[test]
fn a_server_that_stops_in_the_middle_is_given_up() {
    let soon = Some(Duration::from_millis(50));
    for (begin, first_byte, between_bytes) in [
        ("", soon, None),
        ("HTTP/1.1 200 OK\r\ncontent-len", soon, None),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc",
            None,
            soon,
        ),
    ] {
        let (server, is_closed) = unfinished(begin);
        let mut head = get(&server, "/");
        head.first_byte_timeout = first_byte;
        head.between_bytes_timeout = between_bytes;
        let client = client();
        let failed = client.send(&access(&[rule(&server)]), &head, &[BodyPart::Finished]);
        assert_eq!(failed, Err(HttpFailure::HttpResponseTimeout), "{begin}");
        is_closed.recv_timeout(SOON).expect("the server has begun");
        is_closed.recv_timeout(SOON).expect("it is closed");
    }
}

#[test]
fn a_server_that_never_greets_is_given_up() {
    // The port takes connections, and nobody answers on them.
    let server =
        Server::scripted(1, |mut stream| drop(until_end(&mut stream))).with_tls("api.test");
    let mut head = get(&server, "/");
    head.connect_timeout = Some(Duration::from_millis(50));
    let made = certificates::Authority::new();
    let client = client_with(Tls::trusting(vec![made.root()]));
    let failed = client.send(&access(&[rule(&server)]), &head, &[BodyPart::Finished]);
    assert_eq!(failed, Err(HttpFailure::ConnectionTimeout));
}

#[test]
fn a_body_that_never_ends_takes_bounded_memory() {
    let written = Arc::new(AtomicU64::new(0));
    let count = written.clone();
    let (closed, is_closed) = channel();
    let server = Server::scripted(1, move |mut stream| {
        read_request(&mut stream).expect("a request");
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        while let Ok(length) = stream.write(&[b'x'; 16 * 1024]) {
            count.fetch_add(length as u64, Ordering::Relaxed);
        }
        let _ = closed.send(());
    });
    let client = client();
    let (body, mut running) = client.begin(&access(&[rule(&server)]), &get(&server, "/"));
    body.send(BodyPart::Finished).expect("it is received");
    client.run(running.parts.recv()).expect("a head");
    // Nobody reads the body, so the server must stop; what it has written is in buffers of
    // the kernel.
    let end = Instant::now() + SOON;
    let mut before = u64::MAX;
    while before == 0 || before != written.load(Ordering::Relaxed) {
        assert!(Instant::now() < end, "it goes on writing");
        before = written.load(Ordering::Relaxed);
        // The quiet time after which the server counts as stopped.
        thread::sleep(Duration::from_millis(100));
    }
    assert!(before < 32 << 20, "{before} bytes");
    drop(running);
    is_closed.recv_timeout(SOON).expect("it is closed");
}

#[test]
fn a_large_body_is_taken_as_the_server_reads_it() {
    const SIZE: u64 = 5 << 20;
    let server = Server::answering(1, |head| server::ok(&head.body.len().to_string()));
    let client = client();
    let (body, mut running) = client.begin(&access(&[rule(&server)]), &post(&server));
    let mut sent = 0;
    while sent < SIZE {
        body.send(BodyPart::Data(vec![b'x'; 16 * 1024]))
            .expect("it is received");
        sent += 16 * 1024;
        // No more than this is ever on its way, as a task has it.
        client
            .run(running.taken.wait_for(|taken| sent - taken <= 64 * 1024))
            .expect("it goes on");
    }
    body.send(BodyPart::Finished).expect("it is received");
    let whole = client.whole(running).expect("a response");
    assert_eq!(whole.body, SIZE.to_string().as_bytes());
}

#[test]
fn a_connection_serves_its_own_tenant_and_rule_alone() {
    let server = Server::answering(9, |_| server::ok("x"));
    let client = client();
    let rule = rule(&server);
    let other_rule = rule.clone().methods(["GET"]);
    let connection = |rule: &HttpRule, tenant: Option<&str>| {
        let access = Access::new([rule.clone()].into(), tenant.map(str::to_owned));
        let whole = client.send(&access, &get(&server, "/"), &[BodyPart::Finished]);
        whole.expect("a response");
        server.next().connection
    };
    let first = connection(&rule, None);
    assert_eq!(connection(&rule, None), first, "it is kept");
    let tenant = connection(&rule, Some("a"));
    assert_ne!(tenant, first);
    assert_eq!(connection(&rule, Some("a")), tenant);
    let other = connection(&rule, Some("b"));
    assert!(other != first && other != tenant);
    let of_rule = connection(&other_rule, None);
    assert!(![first, tenant, other].contains(&of_rule));
    assert_eq!(connection(&rule, None), first, "it is still kept");
}

#[test]
fn a_kept_connection_that_the_server_closes_is_replaced() {
    let (let_go, held) = channel::<()>();
    let held = std::sync::Mutex::new(held);
    let server = Server::new(2, move |mut stream, connection, heads| {
        let mut head = read_request(&mut stream)
            .expect("it reads")
            .expect("a request");
        head.connection = connection;
        stream.write_all(&server::ok("x")).expect("it is read");
        heads.send(head).expect("the test goes on");
        if connection == 0 {
            let _ = held.lock().expect("no panic").recv();
            // It closes the connection after its answer, without a word.
            drop(stream);
        } else {
            until_end(&mut stream);
        }
    });
    let client = client();
    client.fetch(&server).expect("a response");
    assert_eq!(server.next().connection, 0);
    drop(let_go);
    // The client may see the end of the connection a moment later than this test.
    let end = Instant::now() + SOON;
    while client.fetch(&server).is_err() {
        assert!(Instant::now() < end, "it gets no other connection");
    }
    assert_eq!(server.next().connection, 1);
}

#[test]
fn a_body_may_come_when_its_head_has_been_sent() {
    let (sender, heads) = channel();
    let server = Server::scripted(1, move |mut stream| {
        let head = read_head(&mut stream).expect("it reads").expect("a head");
        sender.send(head.clone()).expect("the test goes on");
        let body = read_body(&mut stream, &head).expect("a body");
        let answer = server::ok(&String::from_utf8(body).expect("text"));
        stream.write_all(&answer).expect("it is read");
    });
    let client = client();
    let (body, running) = client.begin(&access(&[rule(&server)]), &post(&server));
    let head = heads.recv_timeout(SOON).expect("a head");
    assert!(head.contains("transfer-encoding: chunked"));
    body.send(data("late")).expect("it is received");
    body.send(BodyPart::Finished).expect("it is received");
    assert_eq!(client.whole(running).expect("a response").body, b"late");
}
