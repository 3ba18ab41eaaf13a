//! The requests that a task may send: those that a rule of its allows, spelled in one way.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ::http::uri::PathAndQuery;
use ::http::{HeaderMap, Method};

use super::headers;
use super::message::RequestHead;
use super::rule::{HttpRule, Mismatch};
use super::url::{Origin, check_path_with_query};

/// The rules of a task, and the tenant whose connections it may use.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    rules: Arc<[HttpRule]>,
    tenant: Option<String>,
}

impl Access {
    /// Returns the access by these rules, of which the first that allows a request counts.
    pub(crate) fn new(rules: Arc<[HttpRule]>, tenant: Option<String>) -> Self {
        Access { rules, tenant }
    }

    /// Compares a request with the rules, without any I/O.
    ///
    /// # Errors
    ///
    /// Returns the line for the list of refusals if no rule allows the request, or if it is
    /// spelled in a way that two servers may read differently.
    pub(crate) fn check(&self, head: &RequestHead) -> Result<CheckedRequest, Refused> {
        let origin = Origin::parse(&head.scheme, &head.authority)
            .map_err(|problem| Refused::new(head, problem))?;
        let refused = |why: &dyn fmt::Display| Refused::at(head, &origin, why);
        if !headers::is_allowed_method(&head.method) {
            return Err(refused(&"its method is never sent"));
        }
        let method = Method::from_bytes(head.method.as_bytes())
            .map_err(|_| refused(&"its method is never sent"))?;
        let text = &head.path_with_query;
        let path = check_path_with_query(text).map_err(|problem| refused(&problem))?;
        let rule = self.rule_for(method.as_str(), &origin, path);
        let rule = rule.map_err(|mismatch| refused(&mismatch))?;
        let names = rule.secrets().map(|(name, _)| name);
        let headers = headers::check(&head.headers, names).map_err(|why| refused(&why))?;
        let text = match text.strip_prefix('/') {
            Some(_) => text.clone(),
            None => format!("/{text}"),
        };
        let path_and_query = PathAndQuery::try_from(text)
            .map_err(|_| refused(&"its path has a character that no path has"))?;
        Ok(CheckedRequest {
            method,
            shown_origin: origin.to_string(),
            path_and_query,
            headers: headers.map,
            content_length: headers.content_length,
            connect_timeout: head.connect_timeout,
            first_byte_timeout: head.first_byte_timeout,
            between_bytes_timeout: head.between_bytes_timeout,
            peer: Peer {
                tenant: self.tenant.clone(),
                rule: rule.clone(),
                origin,
            },
        })
    }

    /// Returns the first rule that allows a request, or the nearest miss of all.
    fn rule_for(&self, method: &str, origin: &Origin, path: &str) -> Result<&HttpRule, Mismatch> {
        let mut nearest = Mismatch::Origin;
        for rule in self.rules.iter() {
            match rule.mismatch(method, origin, path) {
                None => return Ok(rule),
                Some(mismatch) => nearest = nearest.max(mismatch),
            }
        }
        Err(nearest)
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Mismatch::Origin => "no rule allows its host",
            Mismatch::Method => "no rule allows its method",
            Mismatch::Path => "no rule allows its path",
        })
    }
}

/// A request that a rule allows. Nothing else is sent.
#[derive(Debug)]
pub(crate) struct CheckedRequest {
    pub(super) method: Method,
    pub(super) path_and_query: PathAndQuery,
    /// The guest's headers, without the length of the body.
    pub(super) headers: HeaderMap,
    pub(super) content_length: Option<u64>,
    pub(super) connect_timeout: Option<Duration>,
    pub(super) first_byte_timeout: Option<Duration>,
    pub(super) between_bytes_timeout: Option<Duration>,
    pub(super) peer: Peer,
    shown_origin: String,
}

/// The server of a request, the rule that allows it, and the tenant that asks. A
/// connection serves requests of one peer, and no others.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Peer {
    pub(super) tenant: Option<String>,
    pub(super) rule: HttpRule,
    pub(super) origin: Origin,
}

impl CheckedRequest {
    /// Returns the method, for the list of a task's requests.
    pub(crate) fn method(&self) -> &str {
        self.method.as_str()
    }

    /// Returns scheme, host and port, normalised, such as `https://api.example.com`.
    pub(crate) fn origin(&self) -> &str {
        &self.shown_origin
    }
}

/// A request that no rule allows, for the list of refusals. The texts hold no control
/// characters, and a few hundred bytes at most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) method: String,
    /// Scheme, host and port: normalised if they can be, else as the guest spelled them.
    pub(crate) origin: String,
    /// The reason, such as "no rule allows its host".
    pub(crate) why: String,
}

impl Refused {
    /// Returns the refusal of a request whose origin cannot be read.
    fn new(head: &RequestHead, why: impl fmt::Display) -> Self {
        // The name and password of a user are left out.
        let host = head.authority.rsplit('@').next().unwrap_or_default();
        Refused {
            method: shown(&head.method, 32),
            origin: format!("{}://{}", shown(&head.scheme, 16), shown(host, 256)),
            why: why.to_string(),
        }
    }

    fn at(head: &RequestHead, origin: &Origin, why: &dyn fmt::Display) -> Self {
        Refused {
            method: shown(&head.method, 32),
            origin: origin.to_string(),
            why: why.to_string(),
        }
    }
}

/// The beginning of a guest's text, with control characters written out.
fn shown(text: &str, most: usize) -> String {
    text.escape_debug().take(most).collect()
}

#[cfg(test)]
mod tests;
