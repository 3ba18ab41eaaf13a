//! Outgoing HTTP of guests: requests that were granted are sent by the host, within their
//! limits, and listed in the outcome; all others are refused, and end with their task.
//!
//! The rules and the addresses themselves are tried beside the code, in `http/` of the
//! library.

use std::time::Duration;

use sandpool::value::ToArgs;
use sandpool::{
    Error, FromValue, Grants, HttpRule, Interrupt, Isolation, MIB, Outcome, PoolBuilder, Verdict,
};

use crate::support::http_server::HttpServer;
use crate::support::process::kill;
use crate::support::{SOON, TestPool, eventually, open, pool, test};

/// The guest's report of a response.
#[derive(Debug, FromValue)]
struct Response {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
    size: u64,
}

/// A rule that allows everything of a server.
fn all_of(server: &HttpServer) -> HttpRule {
    let rule = HttpRule::new(server.url("/*")).methods(["GET", "POST"]);
    rule.allow_private()
}

/// A pool of one worker that may do everything with a server.
fn granted(server: &HttpServer) -> PoolBuilder {
    pool().processes(1).http(all_of(server))
}

/// Runs a function of the guest `fetch`.
fn fetch(pool: &TestPool, function: &str, args: impl ToArgs) -> Outcome {
    let module = pool.guest("fetch");
    let call = pool.call(&module, function).args(args);
    call.outcome().expect("sent")
}

fn response(outcome: &Outcome) -> Response {
    let value = outcome.value.clone();
    let value = value.unwrap_or_else(|| panic!("no response: {outcome}"));
    Response::from_value(value).expect("a response")
}

/// Returns the error that the guest got.
fn error(outcome: &Outcome) -> String {
    assert_eq!(outcome.verdict, Verdict::Error, "{outcome}");
    outcome.error.clone().unwrap_or_default()
}

fn refusals(outcome: &Outcome) -> Vec<String> {
    outcome.refusals.iter().map(ToString::to_string).collect()
}

/// A request with a body of so many bytes.
fn post(
    server: &HttpServer,
    path: &str,
    size: u64,
) -> (String, String, Vec<(String, String)>, u64) {
    ("POST".into(), server.url(path), Vec::new(), size)
}

#[test]
fn a_granted_request_is_sent_and_the_outcome_lists_it() {
    let _test = test();
    let server = HttpServer::start();
    let pool = open(granted(&server));
    for _ in 0..3 {
        let outcome = fetch(&pool, "get", (server.url("/hello"),));
        let got = response(&outcome);
        assert_eq!((got.status, got.body.as_str(), got.size), (200, "hello", 5));
        assert!(got.headers.iter().any(|(name, _)| name == "content-length"));
        assert_eq!(outcome.refusals, []);
        let [listed] = &outcome.http[..] else {
            panic!("one request: {:?}", outcome.http);
        };
        assert_eq!((listed.method.as_str(), listed.status), ("GET", Some(200)));
        assert_eq!((listed.sent, listed.received), (0, 5));
        assert_eq!(listed.origin, server.origin());
    }
    assert_eq!(server.requests(), 3);
    assert_eq!(pool.worker_pids().len(), 1, "one worker has done all");
}

#[test]
fn without_a_grant_a_request_is_refused_and_the_task_goes_on() {
    let _test = test();
    let server = HttpServer::start();
    let pool = open(pool().processes(1));
    let outcome = fetch(&pool, "get", (server.url("/hello"),));
    assert!(error(&outcome).contains("HttpRequestDenied"), "{outcome}");
    let line = format!("HTTP request GET {}", server.origin());
    assert_eq!(refusals(&outcome), [line]);
    assert_eq!(outcome.http, []);
    assert_eq!(server.requests(), 0);
}

#[test]
fn a_request_that_no_rule_allows_is_refused_by_the_host() {
    let _test = test();
    let server = HttpServer::start();
    let rule = HttpRule::new(server.url("/hello")).allow_private();
    let pool = open(pool().processes(1).http(rule));
    assert_eq!(
        response(&fetch(&pool, "get", (server.url("/hello"),))).status,
        200
    );
    let other_path = server.url("/redirect");
    let other_port = "http://127.0.0.1:1/hello";
    for url in [other_path.as_str(), other_port, "https://example.com/hello"] {
        let outcome = fetch(&pool, "get", (url,));
        assert!(
            error(&outcome).contains("HttpRequestDenied"),
            "{url}: {outcome}"
        );
        let refused = refusals(&outcome);
        assert_eq!(refused.len(), 1, "{url}");
        assert!(
            refused[0].starts_with("HTTP request GET http"),
            "{refused:?}"
        );
        assert_eq!(outcome.http, [], "{url}");
    }
    let outcome = fetch(&pool, "send", post(&server, "/hello", 0));
    assert!(error(&outcome).contains("HttpRequestDenied"), "{outcome}");
    assert!(refusals(&outcome)[0].contains("POST"), "{outcome}");
    assert_eq!(server.requests(), 1);
}

#[test]
fn a_private_address_is_refused_unless_its_rule_allows_it() {
    let _test = test();
    let server = HttpServer::start();
    let rule = HttpRule::new(server.url("/*"));
    let pool = open(pool().processes(1).http(rule));
    let outcome = fetch(&pool, "get", (server.url("/hello"),));
    assert!(
        error(&outcome).contains("DestinationIpProhibited"),
        "{outcome}"
    );
    assert_eq!(refusals(&outcome).len(), 1, "{outcome}");
    assert_eq!(outcome.http.len(), 1, "a rule allowed it");
    assert_eq!(server.requests(), 0);
}

#[test]
fn long_bodies_stream_both_ways_through_a_small_worker() {
    let _test = test();
    let server = HttpServer::start();
    let pool = open(granted(&server).memory(3 * MIB));
    let size = 5 * MIB;
    let outcome = fetch(&pool, "send", post(&server, "/echo", size));
    let got = response(&outcome);
    assert_eq!((got.status, got.size), (200, size));
    assert_eq!(outcome.http[0].sent, size);
    assert_eq!(outcome.http[0].received, size);
}

#[test]
fn eight_requests_are_under_way_at_once_and_others_wait() {
    let _test = test();
    let server = HttpServer::start();
    let pool = open(granted(&server));
    let urls = vec![server.url("/meet/8"); 20];
    let outcome = fetch(&pool, "get-all", (urls,));
    assert_eq!(outcome.verdict, Verdict::Ok, "{outcome}");
    assert_eq!(outcome.http.len(), 20);
    assert!(outcome.http.iter().all(|listed| listed.status == Some(200)));
    assert_eq!(server.most_at_once(), 8);
}

#[test]
fn short_responses_that_nobody_reads_keep_no_other_request_waiting() {
    let _test = test();
    let server = HttpServer::start();
    let pool = open(granted(&server));
    let outcome = fetch(&pool, "get-heads", (server.url("/size/1000"), 20u32));
    assert_eq!(outcome.value, Some(sandpool::Value::U32(20)), "{outcome}");
}

#[test]
fn a_task_has_so_many_requests_and_further_ones_fail() {
    let _test = test();
    let server = HttpServer::start();
    let pool = open(granted(&server).http_requests(3));
    for _ in 0..2 {
        let outcome = fetch(&pool, "get-all", (vec![server.url("/hello"); 5],));
        assert_eq!(outcome.verdict, Verdict::Ok, "{outcome}");
        let told = format!("{:?}", outcome.value);
        assert_eq!(told.matches("ConnectionLimitReached").count(), 2, "{told}");
        assert_eq!(outcome.http.len(), 3);
        let refused = refusals(&outcome);
        assert!(refused[0].starts_with("HTTP limit GET http"), "{refused:?}");
        assert!(refused[0].ends_with("more than 3 requests"), "{refused:?}");
    }
    assert_eq!(server.requests(), 6);
}

#[test]
fn bodies_beyond_their_limit_fail_and_are_refusals() {
    let _test = test();
    let server = HttpServer::start();
    let pool = open(granted(&server).http_bytes(100_000));
    let outcome = fetch(&pool, "get", (server.url("/size/100000"),));
    assert_eq!(response(&outcome).size, 100_000);
    let outcome = fetch(&pool, "get", (server.url("/endless"),));
    assert!(
        error(&outcome).contains("HttpResponseBodySize"),
        "{outcome}"
    );
    assert!(
        refusals(&outcome)[0].contains("responses of more than"),
        "{outcome}"
    );
    let outcome = fetch(&pool, "send", post(&server, "/echo", 200_000));
    assert!(error(&outcome).contains("HttpRequestBodySize"), "{outcome}");
    assert!(
        refusals(&outcome)[0].contains("bodies of more than"),
        "{outcome}"
    );
    // The limit is that of all requests of a task together.
    let outcome = fetch(&pool, "get-all", (vec![server.url("/size/60000"); 2],));
    let told = format!("{:?}", outcome.value);
    assert!(told.contains("HttpResponseBodySize"), "{told}");
}

#[test]
fn the_end_of_a_task_closes_its_connections_at_once() {
    let _test = test();
    let server = HttpServer::start();
    for interrupt in [Interrupt::Kill, Interrupt::Epoch] {
        let pool = open(granted(&server).interrupt(interrupt));
        let module = pool.guest("fetch");
        let get = || pool.call(&module, "get").args((server.url("/never"),));
        let before = server.closed();
        let outcome = get().timeout(Duration::from_millis(200)).outcome();
        let outcome = outcome.expect("sent");
        assert_eq!(outcome.verdict, Verdict::Timeout, "{outcome}");
        assert_eq!(outcome.http.len(), 1, "the host knows what was asked");
        assert_eq!(outcome.http[0].status, None);
        eventually("the connection is closed", || server.closed() == before + 1);
        let asked = server.requests();
        let task = get().apply_async::<sandpool::Value>().expect("sent");
        eventually("it has asked", || server.requests() > asked);
        task.cancel();
        let outcome = task.outcome(Some(SOON)).expect("it ends");
        assert_eq!(outcome.verdict, Verdict::Cancelled, "{outcome}");
        eventually("the connection is closed", || server.closed() == before + 2);
        pool.assert_whole();
    }
}

#[test]
fn requests_that_nobody_waits_for_end_with_their_task() {
    let _test = test();
    let server = HttpServer::start();
    let reuse = Isolation::ProcessReuse(10.try_into().expect("not 0"));
    for isolation in [Isolation::Process, reuse] {
        let pool = open(granted(&server).isolation(isolation));
        let mut workers = Vec::new();
        for _ in 0..5 {
            let outcome = fetch(&pool, "begin", (server.url("/never"), 12u32));
            assert_eq!(outcome.verdict, Verdict::Ok, "{outcome}");
            let outcome = fetch(&pool, "get", (server.url("/hello"),));
            assert_eq!(response(&outcome).status, 200);
            assert_eq!(
                outcome.http.len(),
                1,
                "none of the task before: {:?}",
                outcome.http
            );
            workers.push(outcome.worker_pid);
        }
        workers.dedup();
        assert_eq!(workers.len(), 1, "no worker was lost");
    }
}

#[test]
fn a_killed_worker_loses_its_requests_and_its_successor_makes_new_ones() {
    let _test = test();
    let server = HttpServer::start();
    let pool = open(granted(&server));
    let module = pool.guest("fetch");
    let call = pool.call(&module, "get").args((server.url("/never"),));
    let task = call.apply_async::<sandpool::Value>().expect("sent");
    eventually("it has asked", || server.requests() == 1);
    kill(pool.worker_pids()[0]);
    let outcome = task.outcome(Some(SOON)).expect("it ends");
    assert_eq!(outcome.verdict, Verdict::WorkerLost, "{outcome}");
    assert_eq!(outcome.http.len(), 1);
    eventually("the connection is closed", || server.closed() == 1);
    assert_eq!(
        response(&fetch(&pool, "get", (server.url("/hello"),))).status,
        200
    );
}

#[test]
fn a_redirect_is_the_guests_to_follow() {
    let _test = test();
    let server = HttpServer::start();
    let pool = open(granted(&server));
    let got = response(&fetch(&pool, "get", (server.url("/redirect"),)));
    assert_eq!(got.status, 302);
    let location = ("location".to_owned(), "/hello".to_owned());
    assert!(got.headers.contains(&location), "{got:?}");
    assert_eq!(server.requests(), 1);
}

#[test]
fn a_header_that_the_host_adds_is_refused_from_the_guest_and_not_in_the_outcome() {
    let _test = test();
    let rule = HttpRule::new("https://127.0.0.1:1/*").allow_private();
    let pool = open(
        pool()
            .processes(1)
            .http(rule.header("authorization", "Bearer s3cr3t")),
    );
    let url = "https://127.0.0.1:1/";
    let with = |name: &str| {
        let headers = vec![(name.to_owned(), "guessed".to_owned())];
        fetch(
            &pool,
            "send",
            ("GET".to_owned(), url.to_owned(), headers, 0u64),
        )
    };
    let outcome = with("authorization");
    assert!(error(&outcome).contains("HttpRequestDenied"), "{outcome}");
    assert!(!format!("{outcome:?}").contains("s3cr3t"), "{outcome:?}");
    let outcome = with("accept");
    assert!(error(&outcome).contains("ConnectionRefused"), "{outcome}");
}

#[test]
fn the_host_header_is_that_of_the_compared_url() {
    let _test = test();
    let server = HttpServer::start();
    let pool = open(granted(&server));
    let got = response(&fetch(&pool, "get", (server.url("/headers"),)));
    let host = server.origin().replace("http://", "host: ");
    assert!(
        got.body.to_ascii_lowercase().contains(&host),
        "{}",
        got.body
    );
    let headers = vec![("host".to_owned(), "example.com".to_owned())];
    let url = server.url("/headers");
    let outcome = fetch(&pool, "send", ("GET".to_owned(), url, headers, 0u64));
    assert!(error(&outcome).contains("Forbidden"), "{outcome}");
}

#[test]
fn a_call_has_a_part_of_the_pools_rules_in_a_worker_of_its_own() {
    let _test = test();
    let server = HttpServer::start();
    let hello = HttpRule::new(server.url("/hello")).allow_private();
    let pool = open(granted(&server).http(hello).processes(2));
    let module = pool.guest("fetch");
    let get = |path: &str, grants: Grants| {
        let call = pool.call(&module, "get").args((server.url(path),));
        call.grants(grants).outcome()
    };
    let part = || Grants::none().http(server.url("/hello"));
    let outcome = get("/hello", part()).expect("sent");
    let narrow = outcome.worker_pid;
    assert_eq!(response(&outcome).status, 200);
    let outcome = get("/size/3", part()).expect("sent");
    assert!(error(&outcome).contains("HttpRequestDenied"), "{outcome}");
    let outcome = get("/hello", Grants::none()).expect("sent");
    assert!(error(&outcome).contains("HttpRequestDenied"), "{outcome}");
    let outcome = fetch(&pool, "get", (server.url("/size/3"),));
    assert_eq!(response(&outcome).size, 3);
    assert_ne!(outcome.worker_pid, narrow);
    let unknown = get("/hello", Grants::none().http("https://example.com/"));
    let error = unknown.expect_err("not granted");
    assert!(matches!(error, Error::Grant(_)), "{error}");
    assert!(
        error.to_string().contains("https://example.com/"),
        "{error}"
    );
}

#[test]
fn a_rule_that_makes_no_sense_is_an_error_of_the_pool() {
    let _test = test();
    for pattern in [
        "example.com",
        "https://example.com",
        "https://*/x",
        "ftp://a.b/",
    ] {
        let built = pool().http(HttpRule::new(pattern)).build();
        let error = built.expect_err(pattern);
        assert!(matches!(error, Error::Grant(_)), "{pattern}: {error}");
    }
}

#[test]
fn a_map_makes_its_requests_from_all_workers() {
    let _test = test();
    let server = HttpServer::start();
    let pool = open(granted(&server).processes(4));
    let module = pool.guest("fetch");
    let urls = (0..100).map(|_| (server.url("/hello"),));
    let outcomes = pool.map::<Response>(&module, "get", urls).expect("sent");
    for outcome in outcomes {
        assert_eq!(outcome.http.len(), 1, "{outcome}");
        let got = outcome.value.expect("a response");
        assert_eq!((got.status, got.size), (200, 5));
    }
    assert_eq!(server.requests(), 100);
}

#[test]
fn endless_lists_of_headers_cost_the_task_and_nothing_else() {
    let _test = test();
    let pool = open(pool().processes(1).timeout(SOON));
    let outcome = fetch(&pool, "make-fields", (20_000u32, 40_000u32));
    assert!(!outcome.is_ok(), "{outcome}");
    let outcome = fetch(&pool, "make-fields", (1u32, 100_000u32));
    assert_eq!(outcome.verdict, Verdict::Trap, "{outcome}");
    pool.assert_whole();
}
