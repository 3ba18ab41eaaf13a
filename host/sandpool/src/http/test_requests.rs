//! Requests for tests, as guests make them.

use super::access::{Access, CheckedRequest, Refused};
use super::message::RequestHead;
use super::rule::HttpRule;

/// A request for a URL, which is split as a guest splits it: nothing is normalised.
pub(super) fn request(method: &str, url: &str) -> RequestHead {
    let (scheme, rest) = url.split_once("://").expect("a scheme");
    let start = rest.find('/').unwrap_or(rest.len());
    RequestHead {
        method: method.to_owned(),
        scheme: scheme.to_owned(),
        authority: rest[..start].to_owned(),
        path_with_query: rest[start..].to_owned(),
        headers: Vec::new(),
        connect_timeout: None,
        first_byte_timeout: None,
        between_bytes_timeout: None,
    }
}

pub(super) fn with_header(mut head: RequestHead, name: &str, value: &str) -> RequestHead {
    head.headers.push((name.to_owned(), value.into()));
    head
}

pub(super) fn access(rules: &[HttpRule]) -> Access {
    for rule in rules {
        rule.check().expect("a rule");
    }
    Access::new(rules.into(), None)
}

pub(super) fn check(rule: &HttpRule, head: &RequestHead) -> Result<CheckedRequest, Refused> {
    access(std::slice::from_ref(rule)).check(head)
}
