//! Tasks that send headers which are not theirs, and tasks that speak with a server which
//! answers as no decent one would.

use sandpool::{LimitName, Module, Outcome, Pool, Verdict};

use crate::case::{Case, PATIENT, guest};
use crate::server::Server;

/// Methods that are never sent.
const METHODS: [(&str, &str); 5] = [
    ("a tunnel", "CONNECT"),
    ("a method that shows headers", "TRACE"),
    ("a method that no rule allows", "DELETE"),
    ("a method in small letters", "get"),
    ("a request in a method", "GET /secret HTTP/1.1\r\n\r\nGET"),
];

/// Headers that are not the guest's to send, or are none.
const HEADERS: [(&str, &str, &str); 12] = [
    ("the end of a line in a header", "x-a", "1\r\nx-smuggled: 1"),
    (
        "the end of a line in a header's name",
        "x-a\r\nx-smuggled",
        "1",
    ),
    ("a zero in a header", "x-a", "a\0b"),
    (
        "a header whose name ends with a space",
        "content-length ",
        "0",
    ),
    ("a header whose name has a colon", "x-a: b\r\nx-c", "1"),
    ("a host of the guest's own", "Host", "a.example"),
    (
        "chunks that the guest announces",
        "Transfer-Encoding",
        "chunked",
    ),
    ("a connection of the guest's own", "Connection", "x-a, host"),
    ("an upgrade to something else", "Upgrade", "h2c"),
    ("a word to a proxy", "Proxy-Authorization", "Basic eA=="),
    ("a length that is negative", "Content-Length", "-5"),
    ("a length in words of two readers", "Content_Length", "5"),
];

/// The guest was told this error.
fn told(outcome: &Outcome, error: &str) {
    let told = format!("{:?}", outcome.error_value);
    assert!(told.contains(error), "{outcome}");
}

/// The request was refused before anything was sent: by the host, or by the worker.
fn refused(outcome: &Outcome) {
    let told = format!("{:?}", outcome.error_value);
    let refused = ["HttpRequestDenied", "HeaderError", "not a URL"];
    let refused = refused.iter().any(|refused| told.contains(refused));
    assert!(refused, "{outcome}");
    assert_eq!(outcome.http, [], "nothing was sent");
}

/// The body ran into its limit, which is a refusal.
fn too_long(outcome: &Outcome, error: &str) {
    told(outcome, error);
    let refused = outcome.refused().unwrap_or_default();
    assert!(refused.starts_with("HTTP limit "), "{outcome}");
}

pub fn cases(server: &Server) -> Vec<Case> {
    let mut cases = requests(server);
    cases.extend(answers(server));
    cases
}

/// Requests that are not sent.
fn requests(server: &Server) -> Vec<Case> {
    let send = |name, method: &str, url: String, headers: &[(&str, &str)]| {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let headers: Vec<(String, String)> = headers.iter().map(own).collect();
        guest(name, "fetch")
            .calls("send", (method.to_owned(), url, headers, 5u64))
            .ends(Verdict::Error)
            .and(refused)
    };
    let echo = || server.url("/open/echo");
    let methods = METHODS.map(|(name, method)| send(name, method, echo(), &[]));
    let headers = HEADERS
        .map(|(name, header, value)| send(name, "POST", echo(), &[("x-b", "1"), (header, value)]));
    let lengths = [("content-length", "5"), ("Content-Length", "500")];
    let long = "b".repeat(4000);
    let secret = [("Authorization", "s3cr3t")];
    let mut cases = Vec::from(methods);
    cases.extend(headers);
    cases.extend([
        send("two lengths of one body", "POST", echo(), &lengths),
        send("a thousand headers", "POST", echo(), &[("x-a", "b"); 1000]),
        send(
            "headers of many kilobytes",
            "POST",
            echo(),
            &[("x-a", long.as_str()); 12],
        ),
        send(
            "a header that the host adds, guessed",
            "GET",
            "https://127.0.0.1:9/".to_owned(),
            &secret,
        ),
    ]);
    cases
}

/// Leaves requests behind in one task after the other, each time while the next task is on
/// its way to the worker.
fn leave_requests_behind(pool: &Pool, module: &Module, url: &str) {
    let items = (0..40).map(|_| (url.to_owned(), 12u32));
    let call = pool.call(module, "begin").timeout(PATIENT);
    let outcomes = call.map_async::<u32>(items).expect("sent");
    for outcome in outcomes.get(Some(PATIENT)).expect("they end") {
        assert_eq!(outcome.value, Some(12), "{outcome}");
    }
}

/// Requests that are sent, to a server that is no better than the guest.
fn answers(server: &Server) -> Vec<Case> {
    let get = |name, path: &str| guest(name, "fetch").calls("get", (server.url(path),));
    let fails =
        |name, path: &str, check: fn(&Outcome)| get(name, path).ends(Verdict::Error).and(check);
    let body = (
        "POST",
        server.url("/open/swallow"),
        Vec::<(String, String)>::new(),
        1u64 << 40,
    );
    let silent = server.url("/open/swallow");
    let many = vec![server.url("/open/hello"); 130];
    vec![
        fails(
            "an answer whose head has no end",
            "/open/endless-head",
            |outcome| {
                told(outcome, "HttpResponseHeaderSectionSize");
            },
        ),
        fails("an answer that is no HTTP", "/open/garbage", |outcome| {
            told(outcome, "HttpProtocolError");
        }),
        fails("an answer that ends too early", "/open/short", |outcome| {
            told(outcome, "HttpResponseIncomplete");
        }),
        fails("an answer of two lengths", "/open/two-lengths", |outcome| {
            told(outcome, "HttpProtocolError");
        }),
        get("an answer without end", "/open/endless")
            .with(|call| call.http_bytes(100_000))
            .ends(Verdict::Error)
            .and(|outcome| too_long(outcome, "HttpResponseBodySize")),
        guest("a body without end", "fetch")
            .calls("send", body)
            .with(|call| call.http_bytes(100_000))
            .ends(Verdict::Error)
            .and(|outcome| too_long(outcome, "HttpRequestBodySize")),
        get("a server that never answers", "/open/swallow").never_ends(),
        get(
            "an answer that leads to where nobody may go",
            "/open/redirect",
        )
        .and(|outcome| assert_eq!(outcome.http[0].status, Some(302))),
        get("an answer that says it is compressed", "/open/bomb")
            .and(|outcome| assert_eq!(outcome.http[0].received, 5)),
        // Its chunks count, and what stands behind them is nobody's answer.
        get(
            "an answer of a length and in chunks",
            "/open/length-and-chunks",
        )
        .and(|outcome| assert_eq!(outcome.http[0].received, 0)),
        guest("more requests than a task may send", "fetch")
            .calls("get-all", (many,))
            .and(|outcome| {
                let told = format!("{:?}", outcome.value);
                assert_eq!(told.matches("ConnectionLimitReached").count(), 30, "{told}");
                assert_eq!(outcome.http.len(), 100);
            }),
        guest("lists of headers without end", "fetch")
            .calls("make-fields", (20_000u32, 40_000u32))
            .hits(Verdict::MemoryLimit, LimitName::Handles),
        guest("a list of headers that is too long", "fetch")
            .calls("make-fields", (1u32, 100_000u32))
            .traps("total size of fields exceeds limit"),
        guest("requests left behind by one task after the other", "fetch")
            .plays(move |pool, module| leave_requests_behind(pool, module, &silent)),
        guest("requests that nobody waits for", "fetch")
            .calls("begin", (server.url("/open/swallow"), 20u32)),
    ]
}
