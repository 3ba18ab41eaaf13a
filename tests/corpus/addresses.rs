//! Tasks that send HTTP requests to where nobody let them: addresses that are not on the
//! Internet, hosts that look like the granted one, and paths that lead out of it.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use sandpool::http::{AddressGuard, ConnectError};
use sandpool::{Module, Outcome, Pool, Value};

use crate::case::{Case, guest};
use crate::server::Server;

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

/// Connects to a name that stands for a public address and for a private one at first, and
/// for the public one alone when it is asked again. Asserts that it is asked once, and
/// refused.
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

/// Every request was refused before anything was sent: by the host, or by the worker, which
/// knows no such URL or scheme.
fn denied(outcome: &Outcome) {
    const REFUSED: [&str; 3] = ["HttpRequestDenied", "HttpProtocolError", "not a URL"];
    for error in errors(outcome) {
        let refused = REFUSED.iter().any(|refused| error.contains(refused));
        assert!(refused, "{error}");
    }
    assert_eq!(outcome.http, [], "no rule allowed it");
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
    let all = |name, urls: Vec<String>| guest(name, "fetch").calls("get-all", (urls,));
    let spelled = SPELLINGS.map(|host| format!("http://{host}:9/"));
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
    ]
}
