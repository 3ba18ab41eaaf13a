//! Requests of hostile guests.

use proptest::prelude::*;

use super::*;
use crate::http::test_requests::{access, check, request, with_header};

fn rule() -> HttpRule {
    HttpRule::new("https://api.example.com/v1/*").header("X-Api-Key", "hunter2")
}

fn why(head: &RequestHead) -> String {
    check(&rule(), head).expect_err("refused").why
}

#[test]
fn no_spelling_of_a_url_leaves_what_a_rule_allows() {
    for url in [
        // Another host, dressed as the one that is allowed.
        "https://api.example.com@evil.example/v1/x",
        "https://api.example.com:443@evil.example/v1/x",
        "https://evil.example#@api.example.com/v1/x",
        "https://evil.example?@api.example.com/v1/x",
        "https://evil.example\\@api.example.com/v1/x",
        "https://evil.example\\.api.example.com/v1/x",
        "https://evil.example%23.api.example.com/v1/x",
        "https://evil.example%2f.api.example.com/v1/x",
        "https://api.example.com.evil.example/v1/x",
        "https://api.example.com%00.evil.example/v1/x",
        "https://api.example.com\0.evil.example/v1/x",
        "https://api.example.com\r\nhost: evil.example/v1/x",
        "https://api.example.com evil.example/v1/x",
        "https://api.example.com\tevil.example/v1/x",
        "https://api.example.com,evil.example/v1/x",
        "https://api.example.com;evil.example/v1/x",
        "https://[api.example.com]/v1/x",
        "https://api.example.com]/v1/x",
        "https://api.example.com::443/v1/x",
        "https://api.example.com:443:443/v1/x",
        "https://api.example.com:4430/v1/x",
        "https://api.example.com:65979/v1/x",
        "https://api.example.com..//v1/x",
        "https://.api.example.com/v1/x",
        "https://аpi.example.com/v1/x",
        "https://api.examp1e.com/v1/x",
        "https://api.exɑmple.com/v1/x",
        "https://api-example.com/v1/x",
        "https:///v1/x",
        "http://api.example.com/v1/x",
        "ftp://api.example.com/v1/x",
        "file:///v1/x",
        "unix://api.example.com/v1/x",
        // This machine, in all its spellings.
        "https://localhost/v1/x",
        "https://127.0.0.1/v1/x",
        "https://127.1/v1/x",
        "https://2130706433/v1/x",
        "https://0x7f000001/v1/x",
        "https://0177.0.0.1/v1/x",
        "https://017700000001/v1/x",
        "https://0/v1/x",
        "https://[::1]/v1/x",
        "https://[::ffff:7f00:1]/v1/x",
        "https://169.254.169.254/v1/x",
        // Another path, dressed as one that is allowed.
        "https://api.example.com/v1/../admin",
        "https://api.example.com/v1/./../admin",
        "https://api.example.com/v1/..;x/admin",
        "https://api.example.com/v1/%2e%2e/admin",
        "https://api.example.com/v1/%2E./admin",
        "https://api.example.com/v1/..%2fadmin",
        "https://api.example.com/v1/..%5cadmin",
        "https://api.example.com/v1/..\\admin",
        "https://api.example.com/v1/%252e%252e/admin",
        "https://api.example.com/v1/%c0%ae%c0%ae/admin",
        "https://api.example.com/v1/x%00/admin",
        "https://api.example.com/v1/x HTTP/1.1\r\nx: y",
        "https://api.example.com/v1/x\u{ff0f}\u{2025}/admin",
        "https://api.example.com/v1/x#/../admin",
        "https://api.example.com/admin?/v1/x",
        "https://api.example.com//v1/x",
        "https://api.example.com/%2fv1/x",
        "https://api.example.com/http://api.example.com/v1/x",
    ] {
        let head = request("GET", url);
        let Err(refused) = check(&rule(), &head) else {
            panic!("allowed: {url:?}");
        };
        let shown = format!("{} {} {}", refused.method, refused.origin, refused.why);
        assert!(
            !shown.contains(char::is_control) && shown.len() < 500,
            "{shown:?}"
        );
    }
    let mut absolute = request("GET", "https://api.example.com/");
    absolute.path_with_query = "https://evil.example/v1/x".to_owned();
    assert_eq!(why(&absolute), "its path does not begin with `/`");
}

#[test]
fn a_refusal_names_the_nearest_miss() {
    let rules = access(&[
        HttpRule::new("https://a.example/v1/*"),
        HttpRule::new("https://b.example/*"),
    ]);
    for (method, url, expected) in [
        ("GET", "https://c.example/", "no rule allows its host"),
        ("POST", "https://a.example/v1/", "no rule allows its method"),
        ("GET", "https://a.example/v2/", "no rule allows its path"),
        ("TRACE", "https://a.example/v1/", "its method is never sent"),
        (
            "CONNECT",
            "https://a.example/v1/",
            "its method is never sent",
        ),
        (
            "GET\r\nx: y",
            "https://a.example/v1/",
            "its method is never sent",
        ),
        ("", "https://a.example/v1/", "its method is never sent"),
    ] {
        let refused = rules.check(&request(method, url)).expect_err(expected);
        assert_eq!(refused.why, expected);
    }
    let refused = rules.check(&request("GET", "https://u:p@a.example\n/"));
    let refused = refused.expect_err("a user's name");
    assert_eq!(refused.origin, "https://a.example\\n");
    assert_eq!(
        access(&[])
            .check(&request("GET", "https://a.example/"))
            .expect_err("none")
            .why,
        "no rule allows its host"
    );
}

#[test]
fn the_first_rule_that_allows_a_request_gives_its_headers() {
    let rules = access(&[
        HttpRule::new("https://a.example/v1/*").header("x-key", "one"),
        HttpRule::new("https://a.example/*").header("x-key", "two"),
    ]);
    let secret = |url: &str| {
        let request = rules.check(&request("GET", url)).expect("allowed");
        let secrets = request.peer.rule.secrets();
        secrets
            .map(|(_, value)| value.to_owned())
            .collect::<String>()
    };
    assert_eq!(secret("https://a.example/v1/x"), "one");
    assert_eq!(secret("https://a.example/x"), "two");
}

#[test]
fn headers_that_the_host_writes_are_refused_and_so_are_injections() {
    let url = "https://api.example.com/v1/x";
    let with = |name: &str, value: &str| with_header(request("GET", url), name, value);
    for (name, value) in [
        ("host", "evil.example"),
        ("Host", "evil.example"),
        ("connection", "close"),
        ("connection", "x-api-key"),
        ("keep-alive", "timeout=5"),
        ("proxy-connection", "close"),
        ("proxy-authorization", "x"),
        ("te", "trailers"),
        ("trailer", "x"),
        ("Transfer-Encoding", "chunked"),
        ("transfer_encoding", "chunked"),
        ("upgrade", "h2c"),
        ("http2-settings", "x"),
        ("x-api-key", "mine"),
        ("X-API-Key", "mine"),
        ("x_api_key", "mine"),
        ("content_length", "0"),
        ("content-length", ""),
        ("content-length", "+1"),
        ("content-length", "-1"),
        ("content-length", "1,1"),
        ("content-length", "0x1"),
        ("content-length", "99999999999999999999"),
        ("x", "a\r\nhost: evil.example"),
        ("x", "a\nb"),
        ("x", "a\rb"),
        ("x", "a\0b"),
        ("x\r\ny", "z"),
        ("x y", "z"),
        ("x:", "z"),
        ("", "z"),
        ("\u{e9}", "z"),
        (" host", "evil.example"),
        ("host ", "evil.example"),
    ] {
        assert!(
            check(&rule(), &with(name, value)).is_err(),
            "{name:?}: {value:?}"
        );
    }
    for (name, value) in [
        ("accept", "*/*"),
        ("Content-Type", "text/plain; charset=utf-8"),
        ("x", "\u{fc}\ttab"),
        ("x", ""),
        ("content-length", "0"),
    ] {
        assert!(
            check(&rule(), &with(name, value)).is_ok(),
            "{name:?}: {value:?}"
        );
    }
    let twice = with_header(with("content-length", "1"), "Content-Length", "1");
    assert_eq!(why(&twice), "it has two lengths");
}

#[test]
fn floods_of_headers_are_refused() {
    let mut head = request("GET", "https://api.example.com/v1/x");
    for _ in 0..100 {
        head = with_header(head, "x", "y");
    }
    assert!(check(&rule(), &head).is_ok());
    assert_eq!(
        why(&with_header(head.clone(), "x", "y")),
        "it has more than 100 headers"
    );
    head.headers[0].1 = vec![b'y'; 32 * 1024];
    assert_eq!(why(&head), "its headers are longer than 32768 bytes");
}

/// Texts made of what URLs are made of, and of what they should not be made of.
fn any_url() -> impl Strategy<Value = (String, String, String)> {
    let piece = prop::sample::select(vec![
        "api",
        "example",
        "com",
        "evil",
        ".",
        "..",
        "/",
        "//",
        "\\",
        "@",
        ":",
        "443",
        "80",
        "#",
        "?",
        "%2e",
        "%2f",
        "%5c",
        "%25",
        "%",
        "*",
        "v1",
        "/v1/",
        "[",
        "]",
        "::1",
        "127.1",
        "0x7f",
        "\u{ff0e}",
        "\u{ad}",
        "\u{200d}",
        "\u{3002}",
        "а",
        "\r\n",
        " ",
        "\t",
        "\0",
        ";",
        "API",
        "api.example.com",
        "example.com",
        "xn--",
        "-",
        "_",
    ]);
    let text = move |most| prop::collection::vec(piece.clone(), 0..most).prop_map(|it| it.concat());
    let scheme = prop::sample::select(vec!["https", "HTTPS", "http", "ftp", "https:", ""]);
    let authority = prop_oneof![text(6), Just("api.example.com".to_owned())];
    (scheme.prop_map(str::to_owned), authority, text(8))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    /// Whatever is allowed goes where a rule says, by the reading of another parser.
    #[test]
    fn what_is_allowed_goes_to_an_origin_that_a_rule_names((scheme, authority, path) in any_url()) {
        let rules = access(&[
            HttpRule::new("https://api.example.com/v1/*"),
            HttpRule::new("http://*.example.com:80/*"),
        ]);
        let head = RequestHead { scheme, authority, path_with_query: path, ..request("GET", "x://y") };
        if let Ok(request) = rules.check(&head) {
            let written = format!("{}{}", request.origin(), request.path_and_query);
            let read = ::url::Url::parse(&written).expect("a URL");
            prop_assert_eq!(read.as_str(), &written, "it is normalised");
            let host = read.host_str().expect("a host");
            match read.scheme() {
                "https" => {
                    prop_assert_eq!(host, "api.example.com");
                    prop_assert!(read.path().starts_with("/v1/"), "{}", written);
                }
                _ => {
                    let label = host.strip_suffix(".example.com").expect("below it");
                    prop_assert!(!label.is_empty() && !label.contains('.'), "{}", written);
                }
            }
            prop_assert_eq!(read.port(), None);
            prop_assert_eq!(read.username(), "");
        }
    }
}
