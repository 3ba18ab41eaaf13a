//! Tasks that speak HTTP: with whom they may not, with headers that are not theirs, and
//! with a server that answers as no decent one would.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use sandpool::http::{AddressGuard, ConnectError};
use sandpool::{Module, Outcome, Pool, Value, Verdict};

use crate::case::{Case, guest};
use crate::server::{SMUGGLED, Server};

/// The part of the server that is granted.
pub const INSIDE: &str = "/open/*";

/// Hosts that nobody may reach, each spelled in a way of its own.
pub const SPELLINGS: [&str; 48] = [
    // The machine itself: as it is, shortened, as one number, octal, hexadecimal, mixed.
    "127.0.0.1",
    "127.0.0.1.",
    "127.1",
    "127.0.1",
    "127.127.127.127",
    "2130706433",
    "017700000001",
    "0x7f000001",
    "0x7F.0.0.1",
    "0177.0.0.1",
    "0x7f.0.1",
    "0x7f.1",
    "0177.0x0.1",
    "0",
    "0.0.0.0",
    "0x0",
    "[::]",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[0000::0001]",
    "localhost",
    "LOCALHOST.",
    // The machine itself within an address of another kind.
    "[::127.0.0.1]",
    "[::ffff:127.0.0.1]",
    "[::FFFF:7F00:1]",
    "[::ffff:0:127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[64:ff9b:1::7f00:1]",
    "[2002:7f00:1::]",
    "[2001:0:7f00:1::]",
    // Its neighbours.
    "[fe80::1]",
    "[fc00::1]",
    "[fec0::1]",
    "10.0.0.1",
    "0xa000001",
    "172.16.0.1",
    "192.168.0.1",
    "3232235521",
    "100.64.0.1",
    "198.18.0.1",
    // Services that give out a machine's credentials.
    "169.254.169.254",
    "2852039166",
    "0xa9fea9fe",
    "0251.0376.0251.0376",
    "[::ffff:a9fe:a9fe]",
    "[fd00:ec2::254]",
    // Everybody.
    "224.0.0.1",
    "255.255.255.255",
];

/// Paths that begin inside of what is granted and may lead out of it, or only look as if
/// they were inside.
const WAYS_OUT: [&str; 20] = [
    "/open",
    "/OPEN/hello",
    "/opened/hello",
    "//open/hello",
    "/./open/hello",
    "/open/../secret",
    "/open/..",
    "/open/./../secret",
    "/open/..;/secret",
    "/open/%2e%2e/secret",
    "/open/.%2E/secret",
    "/open/..%2fsecret",
    "/open/..%5csecret",
    "/open/%252e%252e/secret",
    "/open/%25252e%25252e/secret",
    "/open/%c0%ae%c0%ae/secret",
    "/open/%00",
    "/%6fpen/hello",
    "/secret?/open/hello",
    "/secret?x=/../open/hello",
];

/// Makes a name resolve to a public address and to a private one, by turns, and asserts
/// that it is asked once, and refused for whatever it says.
fn two_faces(_: &Pool, _: &Module) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    for host in SPELLINGS {
        let host = host.trim_matches(['[', ']']);
        let Ok(private) = host.parse::<IpAddr>() else {
            continue;
        };
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let resolver = move |_: &str| {
            let public = IpAddr::from([1, 1, 1, 1]);
            Ok(match count.fetch_add(1, Ordering::Relaxed) {
                0 => vec![public, private],
                _ => vec![public],
            })
        };
        let guard = AddressGuard::new().resolver(resolver);
        let connected = runtime.block_on(guard.connect("two-faces.example", 9));
        let refused = matches!(connected, Err(ConnectError::Refused { .. }));
        assert!(refused, "{host}: {connected:?}");
        assert_eq!(asked.load(Ordering::Relaxed), 1, "{host}");
    }
}

/// The texts of the errors of `get-all`, all of whose requests failed.
fn errors(outcome: &Outcome) -> Vec<String> {
    let Some(Value::List(results)) = &outcome.value else {
        panic!("{outcome}");
    };
    let error = |result: &Value| match result {
        Value::Result(Err(Some(error))) => format!("{error:?}"),
        other => panic!("a request went well: {other:?}"),
    };
    results.iter().map(error).collect()
}

/// Every address was refused for what it is.
fn prohibited(outcome: &Outcome) {
    let errors = errors(outcome);
    assert_eq!(errors.len(), SPELLINGS.len());
    for (spelling, error) in SPELLINGS.iter().zip(errors) {
        assert!(
            error.contains("DestinationIpProhibited"),
            "{spelling}: {error}"
        );
    }
    let unanswered = outcome.http.iter().all(|sent| sent.status.is_none());
    assert!(unanswered, "{:?}", outcome.http);
}

/// Every request was refused before anything was sent.
fn denied(outcome: &Outcome) {
    for error in errors(outcome) {
        let refused = error.contains("HttpRequestDenied") || error.contains("not a URL");
        assert!(refused, "{error} in {outcome}");
    }
    assert_eq!(outcome.http, [], "no rule allowed it");
}

/// The one request failed with this error, and the guest was told.
fn told(outcome: &Outcome, error: &str) {
    let told = format!("{:?}", outcome.error_value);
    assert!(told.contains(error), "{outcome}");
}

/// Hosts that are not the server, and look like it to whoever reads carelessly.
fn look_alikes(server: &Server) -> Vec<String> {
    let port = server.port();
    let hosts = [
        format!("127.0.0.1:{port}@169.254.169.254"),
        format!("169.254.169.254@127.0.0.1:{port}"),
        format!("127.0.0.1:{port}#@169.254.169.254"),
        format!("127.0.0.1:{port}\\@169.254.169.254"),
        format!("169.254.169.254\\@127.0.0.1:{port}"),
        format!("127.0.0.1:{port}:80"),
        format!("127.0.0.1.:{port}.example"),
        format!("127.0.0.1.example:{port}"),
        format!("127.0.0.1%00.example:{port}"),
        format!("127.0.0.1%2f.example:{port}"),
        format!("127.0.0.1\u{0}.example:{port}"),
        format!("127.0.0.1\r\nhost: a.example:{port}"),
        format!("127.0.0.1 :{port}"),
        format!("127.0.0.2:{port}"),
        format!("127.0.0.1:{}", port ^ 1),
        format!("127.0.0.1:0{port}0"),
        format!("127.0.0.1:+{port}"),
        "127.0.0.1:".to_owned(),
        "127.0.0.1".to_owned(),
        String::new(),
    ];
    let urls = hosts.iter().map(|host| format!("http://{host}/open/hello"));
    let mut urls: Vec<String> = urls.collect();
    for scheme in ["https", "ftp", "file", "gopher", "http+unix", "HTTP\r\nx"] {
        urls.push(format!("{scheme}://127.0.0.1:{port}/open/hello"));
    }
    urls
}

pub fn cases(server: &Server) -> Vec<Case> {
    let get = |name, path: &str| guest(name, "fetch").calls("get", (server.url(path),));
    let all = |name, urls: Vec<String>| guest(name, "fetch").calls("get-all", (urls,));
    let fails = |name, path: &str| get(name, path).ends(Verdict::Error);
    let send = |name, method: &str, path: &str, headers: Vec<(String, String)>, size: u64| {
        let args = (method.to_owned(), server.url(path), headers, size);
        guest(name, "fetch")
            .calls("send", args)
            .ends(Verdict::Error)
    };
    let header = |name, header: &str, value: &str| {
        let headers = vec![(header.to_owned(), value.to_owned())];
        send(name, "POST", "/open/echo", headers, 5)
            .and(|outcome| assert_eq!(outcome.http, [], "nothing was sent"))
    };
    let spelled = SPELLINGS.map(|host| format!("http://{host}:9/"));
    let smuggled = format!("1\r\n{SMUGGLED}: 1");
    vec![
        all(
            "every spelling of an address that nobody may reach",
            spelled.into(),
        )
        .and(prohibited),
        guest("a name with two faces", "fetch").plays(two_faces),
        all("hosts that look like the granted one", look_alikes(server)).and(denied),
        all(
            "paths that lead out of the granted one",
            WAYS_OUT.map(|path| server.url(path)).into(),
        )
        .and(denied),
        header("the end of a line in a header", "x-a", &smuggled),
        header(
            "the end of a line in a header's name",
            "x-a\r\nx-smuggled",
            "1",
        ),
        header("a zero in a header", "x-a", "a\0b"),
        header(
            "a header whose name ends with a space",
            "content-length ",
            "0",
        ),
        header("a header whose name has a colon", "x-a: b\r\nx-c", "1"),
        header("a host of the guest's own", "Host", "a.example"),
        header(
            "chunks that the guest announces",
            "Transfer-Encoding",
            "chunked",
        ),
        header("a connection of the guest's own", "Connection", "x-a, host"),
        header("an upgrade to something else", "Upgrade", "h2c"),
        header("a word to a proxy", "Proxy-Authorization", "Basic eA=="),
        header("a length that is negative", "Content-Length", "-5"),
        header("a length in words of two readers", "Content_Length", "5"),
        send(
            "two lengths of one body",
            "POST",
            "/open/echo",
            vec![
                ("content-length".into(), "5".into()),
                ("Content-Length".into(), "500".into()),
            ],
            5,
        ),
        send(
            "a thousand headers",
            "POST",
            "/open/echo",
            vec![("x-a".into(), "b".into()); 1000],
            0,
        ),
        send(
            "headers of many kilobytes",
            "POST",
            "/open/echo",
            vec![("x-a".into(), "b".repeat(4000)); 12],
            0,
        ),
        send("a tunnel", "CONNECT", "/open/hello", Vec::new(), 0),
        send(
            "a method that shows headers",
            "TRACE",
            "/open/hello",
            Vec::new(),
            0,
        ),
        send(
            "a method that no rule allows",
            "DELETE",
            "/open/hello",
            Vec::new(),
            0,
        ),
        send(
            "a method in small letters",
            "get",
            "/open/hello",
            Vec::new(),
            0,
        ),
        send(
            "a request in a method",
            "GET /secret HTTP/1.1\r\n\r\nGET",
            "/open/hello",
            Vec::new(),
            0,
        ),
        guest("a header that the host adds, guessed", "fetch")
            .calls(
                "send",
                (
                    "GET".to_owned(),
                    "https://127.0.0.1:9/".to_owned(),
                    vec![("Authorization".to_owned(), "s3cr3t".to_owned())],
                    0u64,
                ),
            )
            .ends(Verdict::Error)
            .and(|outcome| told(outcome, "HttpRequestDenied")),
        fails("an answer without end", "/open/endless")
            .with(|call| call.http_bytes(100_000))
            .and(|outcome| {
                told(outcome, "HttpResponseBodySize");
                assert!(outcome.refused().is_some(), "{outcome}");
            }),
        send(
            "a body without end",
            "POST",
            "/open/swallow",
            Vec::new(),
            1 << 40,
        )
        .with(|call| call.http_bytes(100_000))
        .and(|outcome| {
            told(outcome, "HttpRequestBodySize");
            assert!(outcome.refused().is_some(), "{outcome}");
        }),
        get("a server that never answers", "/open/swallow").never_ends(),
        fails("an answer whose head has no end", "/open/endless-head"),
        fails("an answer that is no HTTP", "/open/garbage"),
        fails("an answer that ends too early", "/open/short"),
        get(
            "an answer that leads to where nobody may go",
            "/open/redirect",
        )
        .and(|outcome| {
            let [sent] = &outcome.http[..] else {
                panic!("one request: {:?}", outcome.http);
            };
            assert_eq!(sent.status, Some(302), "{outcome}");
        }),
        get("an answer that says it is compressed", "/open/bomb")
            .and(|outcome| assert_eq!(outcome.http[0].received, 5)),
        fails("an answer of two lengths", "/open/two-lengths"),
        all(
            "more requests than a task may send",
            vec![server.url("/open/hello"); 130],
        )
        .and(|outcome| {
            let told = format!("{:?}", outcome.value);
            assert_eq!(told.matches("ConnectionLimitReached").count(), 30, "{told}");
            assert_eq!(outcome.http.len(), 100);
        }),
        guest("requests that nobody waits for", "fetch")
            .calls("begin", (server.url("/open/swallow"), 20u32)),
    ]
}
