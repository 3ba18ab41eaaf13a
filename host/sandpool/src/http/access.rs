//! What a task may ask for: the rules that were granted to it.

use std::sync::Arc;

use super::message::RequestHead;
use super::rule::HttpRule;

/// The rules of a task, and whose connections it may use.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    rules: Arc<[HttpRule]>,
    tenant: Option<String>,
}

impl Access {
    pub(crate) fn new(rules: Arc<[HttpRule]>, tenant: Option<String>) -> Self {
        Access { rules, tenant }
    }

    /// Compares a request with the rules, without any I/O.
    pub(crate) fn check(&self, head: &RequestHead) -> Result<CheckedRequest, Refused> {
        let _ = (&self.rules, &self.tenant);
        Err(Refused {
            method: head.method.clone(),
            origin: format!("{}://{}", head.scheme, head.authority),
            why: "no rule allows it".to_owned(),
        })
    }
}

/// A request that a rule allows.
#[derive(Debug)]
pub(crate) struct CheckedRequest {
    method: String,
    origin: String,
}

impl CheckedRequest {
    pub(crate) fn method(&self) -> &str {
        &self.method
    }

    /// Scheme, host and port, normalised, as `https://api.example.com`.
    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }
}

/// A request that no rule allows, for the list of refusals. The texts hold no control
/// characters and at most some hundred bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) method: String,
    pub(crate) origin: String,
    /// The reason, as the end of a sentence: "no rule allows it".
    pub(crate) why: String,
}
