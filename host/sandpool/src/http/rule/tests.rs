//! The texts of rules, and the requests that they allow.

use super::*;
use crate::error_texts;
use crate::http::test_requests::{check, request};

fn allows(rule: &HttpRule, url: &str) -> bool {
    check(rule, &request("GET", url)).is_ok()
}

#[test]
fn a_rule_allows_its_host_port_and_path_and_no_others() {
    let rule = HttpRule::new("https://api.example.com/v1/*");
    for url in [
        "https://api.example.com/v1/",
        "https://api.example.com/v1/a/b?c=d",
        "HTTPS://API.example.com.:443/v1/a",
    ] {
        assert!(allows(&rule, url), "{url}");
    }
    for url in [
        "http://api.example.com/v1/a",
        "https://api.example.com:8443/v1/a",
        "https://example.com/v1/a",
        "https://x.api.example.com/v1/a",
        "https://api.example.com.evil.example/v1/a",
        "https://xapi.example.com/v1/a",
        "https://api.example.com/v1",
        "https://api.example.com/v1a",
        "https://api.example.com/V1/a",
        "https://api.example.com/v2/a",
        "https://api.example.com//v1/a",
        "https://api.example.com/%761/a",
        "https://api.example.com/?/v1/",
        "https://api.example.com",
    ] {
        assert!(!allows(&rule, url), "{url}");
    }
}

#[test]
fn a_path_without_a_star_is_one_path() {
    let rule = HttpRule::new("https://api.example.com/v1/status");
    assert!(allows(&rule, "https://api.example.com/v1/status?verbose"));
    assert!(!allows(&rule, "https://api.example.com/v1/status/"));
    assert!(!allows(&rule, "https://api.example.com/v1/statusx"));
    assert!(allows(
        &HttpRule::new("https://a.example/"),
        "https://a.example"
    ));
}

#[test]
fn a_star_before_a_name_is_one_label() {
    let rule = HttpRule::new("https://*.Example.com/*");
    assert!(allows(&rule, "https://api.example.com/x"));
    assert!(allows(&rule, "https://xn--bcher-kva.example.com/x"));
    for url in [
        "https://example.com/x",
        "https://.example.com/x",
        "https://a.b.example.com/x",
        "https://apiexample.com/x",
        "https://api.example.com.evil.example/x",
        "https://*.example.com/x",
    ] {
        assert!(!allows(&rule, url), "{url}");
    }
}

#[test]
fn only_methods_that_are_named_are_allowed() {
    let url = "https://a.example/x";
    let allowed = |rule: &HttpRule, method: &str| check(rule, &request(method, url)).is_ok();
    let rule = HttpRule::new("https://a.example/*");
    assert!(allowed(&rule, "GET") && allowed(&rule, "HEAD"));
    assert!(!allowed(&rule, "POST") && !allowed(&rule, "get"));
    let rule = rule.methods(["post", "PURGE", "POST"]);
    assert!(allowed(&rule, "POST") && allowed(&rule, "PURGE"));
    assert!(!allowed(&rule, "GET"));
}

#[test]
fn a_rule_that_makes_no_sense_is_one_line_and_allows_nothing() {
    let of = |pattern: &str| HttpRule::new(pattern);
    let good = || of("https://a.example/*");
    let begins = "HTTP cannot be granted by";
    for (rule, text) in [
        (
            of("a.example/*"),
            "it is no URL, such as `https://api.example.com/v1/*`",
        ),
        (
            of("ftp://a.example/*"),
            "its scheme is neither `http` nor `https`",
        ),
        (
            of("https://a.example"),
            "it has no path; for all paths it is `https://a.example/*`",
        ),
        (of("https:///x"), "it names no host"),
        (of("https://u:p@a.example/"), "it has a user's name in it"),
        (
            of("https://a.example:0/"),
            "its port is no number from 1 to 65535",
        ),
        (
            of("https://a.example:*/"),
            "its port is no number from 1 to 65535",
        ),
        (
            of("https://*/"),
            "a `*` stands only for the first label of a name, or at the end behind a `/`",
        ),
        (
            of("https://a.*.example/"),
            "a `*` stands only for the first label of a name, or at the end behind a `/`",
        ),
        (
            of("https://a*.example/"),
            "a `*` stands only for the first label of a name, or at the end behind a `/`",
        ),
        (
            of("https://a.example/v*"),
            "a `*` stands only for the first label of a name, or at the end behind a `/`",
        ),
        (
            of("https://a.example/*/x"),
            "a `*` stands only for the first label of a name, or at the end behind a `/`",
        ),
        (
            of("https://a.example/**"),
            "a `*` stands only for the first label of a name, or at the end behind a `/`",
        ),
        (
            of("https://*.com/"),
            "`*.` needs a name with a dot behind it, such as `*.example.com`",
        ),
        (
            of("https://*.1.2.3.4/"),
            "`*.` needs a name with a dot behind it, such as `*.example.com`",
        ),
        (
            of("https://a.example/x?y"),
            "it has a query; requests may have any",
        ),
        (of("https://a.example/x#y"), "it has a `#` in it"),
        (
            of("https://a.example/../x"),
            "it has a `.` or `..` for a part of its path",
        ),
        (
            of("https://a.example/%2e/x"),
            "it has an encoded `.`, `/`, `\\` or control character in its path",
        ),
        (
            of("https://a.example/x y"),
            "it has a space, a control character or one that is not ASCII in it",
        ),
        (good().methods([""; 0]), "it names no method"),
        (
            good().methods(["GET", "TRACE"]),
            "the method `TRACE` cannot be allowed",
        ),
        (
            good().methods(["CONNECT"]),
            "the method `CONNECT` cannot be allowed",
        ),
        (
            good().methods(["G T"]),
            "the method `G T` cannot be allowed",
        ),
        (
            of("http://a.example/*").header("x", "y"),
            "headers are only added to requests of `https`",
        ),
        (
            good().header("host", "y"),
            "the header `host` cannot be added: the host writes it",
        ),
        (
            good().header("Content_Length", "1"),
            "the header `content_length` cannot be added: the host writes it",
        ),
        (
            good().header("x y", "z"),
            "the header `x y` cannot be added: it has no valid name",
        ),
        (
            good().header("x", ""),
            "the header `x` cannot be added: its value is empty",
        ),
        (
            good().header("x", "y\n"),
            "the header `x` cannot be added: its value has a control character in it, such as the end of a line",
        ),
    ] {
        let error = rule.check().expect_err(text);
        let expected = format!("{begins} `{}`: {text}", rule.pattern());
        assert_eq!(error.to_string(), expected);
        assert!(!expected.contains('\n'));
        let access = crate::http::Access::new([rule].into(), None);
        assert!(
            access
                .check(&request("GET", "https://a.example/x"))
                .is_err()
        );
    }
    error_texts::check([(
        of("x\ny").check().expect_err("no URL"),
        "HTTP cannot be granted by `x\\ny`: it is no URL, such as `https://api.example.com/v1/*`",
    )]);
}

#[test]
fn a_rule_is_read_from_its_text_and_written_as_it() {
    for text in [
        "GET https://a.example/*",
        "GET,POST https://*.a.example:8443/v1/*",
        "PUT http://127.0.0.1:8080/x private",
    ] {
        let rule: HttpRule = text.parse().expect(text);
        assert_eq!(rule.to_string(), text);
    }
    let rule: HttpRule = " post,get \t https://a.example/* ".parse().expect("a rule");
    assert_eq!(rule.to_string(), "GET,POST https://a.example/*");
    for (text, problem) in [
        ("", "it is not of the form"),
        ("GET", "it is not of the form"),
        ("https://a.example/*", "it is not of the form"),
        ("https://a.example/* private", "it is not of the form"),
        (
            "GET https://a.example/* public",
            "`public` is not `private`",
        ),
        (
            "GET, https://a.example/*",
            "the method `` cannot be allowed",
        ),
        ("* https://a.example/*", "the method `*` cannot"),
        ("GET a.example", "it is no URL"),
    ] {
        let error = text.parse::<HttpRule>().expect_err(text).to_string();
        assert!(error.contains(problem), "{text}: {error}");
    }
}

#[test]
fn rules_with_different_secrets_differ_and_none_shows_its_own() {
    let rule = |secret: &str| HttpRule::new("https://a.example/*").header("X-Key", secret);
    assert_eq!(rule("hunter2"), rule("hunter2"));
    assert_ne!(rule("hunter2"), rule("hunter3"));
    assert_eq!(rule("hunter2").header("x-key", "new"), rule("new"));
    let shown = format!("{:?} {0:#?} {0}", rule("hunter2"));
    assert!(
        shown.contains("x-key") && !shown.contains("hunter2"),
        "{shown}"
    );
    let bad = HttpRule::new("https://a.example/*").header("x-key", "hunter2\n");
    let error = bad.check().expect_err("a control character");
    let shown = format!("{error} {error:?} {bad:?}");
    assert!(!shown.contains("hunter2"), "{shown}");
    let request = check(&rule("hunter2"), &request("GET", "https://a.example/")).expect("allowed");
    assert!(!format!("{request:?}").contains("hunter2"));
}
