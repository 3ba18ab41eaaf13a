//! A rule: the requests that are granted to a task, and the headers that the host adds.

use std::fmt;
use std::str::FromStr;

use super::headers::{self, HeaderProblem};
use super::url::{Host, Origin, Scheme, UrlProblem, check_path, parse_port, split_authority};

/// A rule that allows a task to send HTTP requests.
///
/// Nothing is allowed without a rule. A rule names a scheme, a host, a port, methods and a
/// path, all of which are compared exactly, after the spelling of the host has been
/// normalised. There are two patterns:
///
/// - `*.` before a name stands for one label: `https://*.example.com/` allows
///   `https://api.example.com/`, but neither `https://example.com/` nor
///   `https://a.b.example.com/`.
/// - `*` behind the last `/` of a path stands for the rest of it: `/v1/*` allows `/v1/` and
///   `/v1/a/b`, but neither `/v1` nor `/v2/`. Queries are free, whatever the path.
///
/// Defaults: the methods GET and HEAD, no further headers, and no private addresses. A rule
/// that makes no sense allows nothing; [`check`](Self::check) tells why, and a pool is not
/// built with it.
///
/// The text of a rule, as the command's flag has it, is its methods and its pattern, and
/// `private` if it [allows private addresses](Self::allow_private):
///
/// ```
/// use sandpool::http::HttpRule;
///
/// let rule = HttpRule::new("http://127.0.0.1:8080/v1/*")
///     .methods(["GET", "POST"])
///     .allow_private();
/// let text = "GET,POST http://127.0.0.1:8080/v1/* private";
/// assert_eq!(text.parse::<HttpRule>()?, rule);
/// # Ok::<(), sandpool::http::HttpRuleError>(())
/// ```
///
/// # What a rule does not cover
///
/// A server that is granted gets whatever the guest sends it, as text in a path, a query, a
/// header or a body. One that repeats the headers of a request in its response shows the
/// guest the headers that the host added.
#[derive(Clone, PartialEq, Eq, Hash)]
#[must_use = "a rule allows nothing until it is granted"]
pub struct HttpRule {
    pattern: String,
    url: Result<UrlPattern, Problem>,
    /// In upper case and sorted.
    methods: Vec<String>,
    /// Names in lower case.
    headers: Vec<(String, Secret)>,
    private: bool,
}

/// A value that is not shown.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Secret(String);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct UrlPattern {
    scheme: Scheme,
    host: HostPattern,
    port: u16,
    /// The path, up to the `*` if it ends with one.
    path: String,
    is_prefix: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum HostPattern {
    Exactly(Host),
    /// One label, a dot, and this name.
    Below(String),
}

impl HttpRule {
    /// Returns a rule for a pattern such as `https://api.example.com/v1/*`.
    pub fn new(pattern: impl Into<String>) -> Self {
        let pattern = pattern.into();
        HttpRule {
            url: UrlPattern::parse(&pattern),
            pattern,
            methods: vec!["GET".to_owned(), "HEAD".to_owned()],
            headers: Vec::new(),
            private: false,
        }
    }

    /// Sets the methods \[GET and HEAD\]. They are compared in upper case. TRACE and CONNECT
    /// cannot be allowed.
    pub fn methods<M: AsRef<str>>(mut self, methods: impl IntoIterator<Item = M>) -> Self {
        let methods = methods.into_iter();
        self.methods = methods
            .map(|name| name.as_ref().to_ascii_uppercase())
            .collect();
        self.methods.sort();
        self.methods.dedup();
        self
    }

    /// Adds a header that the host puts on each request, such as `authorization`. The guest
    /// cannot read it, and a request that has a header of this name itself is refused. The
    /// pattern must begin with `https:`. Of several values for one name the last counts.
    ///
    /// The value is never part of a text that this crate prints or returns.
    pub fn header(mut self, name: impl AsRef<str>, secret: impl Into<String>) -> Self {
        let name = name.as_ref().to_ascii_lowercase();
        self.headers.retain(|(known, _)| *known != name);
        self.headers.push((name, Secret(secret.into())));
        self
    }

    /// Allows addresses that are not global: loopback, private and link-local ones, and the
    /// machine's own. Those of metadata services and those that no server can have stay
    /// refused: see [`AddressGuard`](super::AddressGuard).
    pub fn allow_private(mut self) -> Self {
        self.private = true;
        self
    }

    /// Returns the pattern, as it was given.
    pub fn pattern(&self) -> &str {
        &self.pattern
    }

    /// Checks the rule.
    ///
    /// # Errors
    ///
    /// Returns an error if the pattern is no pattern, if a method or a header cannot be
    /// allowed or sent, or if there is a header and the pattern is not of `https`.
    pub fn check(&self) -> Result<(), HttpRuleError> {
        self.problem().map_or(Ok(()), |problem| {
            Err(HttpRuleError {
                pattern: self.pattern.clone(),
                problem,
            })
        })
    }

    fn problem(&self) -> Option<Problem> {
        let url = match &self.url {
            Ok(url) => url,
            Err(problem) => return Some(problem.clone()),
        };
        if self.methods.is_empty() {
            return Some(Problem::NoMethods);
        }
        for method in &self.methods {
            if !headers::is_allowed_method(method) {
                return Some(Problem::Method(method.clone()));
            }
        }
        if !self.headers.is_empty() && url.scheme != Scheme::Https {
            return Some(Problem::SecretWithoutTls);
        }
        self.headers.iter().find_map(|(name, value)| {
            let problem = headers::secret(name, &value.0).err()?;
            let name = name.clone();
            Some(Problem::Header { name, problem })
        })
    }

    /// Returns the part of a request that the rule does not allow, the first one in this order:
    /// origin, method, path. `None` if it allows the request.
    pub(super) fn mismatch(&self, method: &str, origin: &Origin, path: &str) -> Option<Mismatch> {
        let Ok(url) = &self.url else {
            return Some(Mismatch::Origin);
        };
        if self.problem().is_some() || !url.has(origin) {
            return Some(Mismatch::Origin);
        }
        if !self.methods.iter().any(|allowed| allowed == method) {
            return Some(Mismatch::Method);
        }
        let same = match url.is_prefix {
            true => path.starts_with(&url.path),
            false => path == url.path,
        };
        (!same).then_some(Mismatch::Path)
    }

    pub(super) fn allows_private(&self) -> bool {
        self.private
    }

    /// Returns the headers that the host adds.
    pub(super) fn secrets(&self) -> impl Iterator<Item = (&str, &str)> {
        let headers = self.headers.iter();
        headers.map(|(name, value)| (name.as_str(), value.0.as_str()))
    }
}

/// The part of a request that a rule does not allow. A later one is a nearer miss.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Mismatch {
    Origin,
    Method,
    Path,
}

impl UrlPattern {
    fn parse(text: &str) -> Result<Self, Problem> {
        let (scheme, rest) = text.split_once("://").ok_or(Problem::NoScheme)?;
        let scheme = Scheme::parse(scheme)?;
        let start = rest.find('/').ok_or_else(|| Problem::NoPath {
            example: format!("{text}/*"),
        })?;
        let (authority, path) = rest.split_at(start);
        let (host, port) = split_authority(authority)?;
        let (is_below, host) = match host.strip_prefix("*.") {
            Some(host) => (true, host),
            None => (false, host),
        };
        if host.contains('*') {
            return Err(Problem::Star);
        }
        let host = match (is_below, Host::parse(host)?) {
            (false, host) => HostPattern::Exactly(host),
            (true, Host::Name(name)) if name.contains('.') => HostPattern::Below(name),
            (true, _) => return Err(Problem::TooWide),
        };
        let (path, is_prefix) = match path.strip_suffix('*') {
            Some(path) if path.ends_with('/') => (path, true),
            Some(_) => return Err(Problem::Star),
            None => (path, false),
        };
        if path.contains('*') {
            return Err(Problem::Star);
        }
        if path.contains('?') {
            return Err(Problem::Query);
        }
        if path.contains('#') {
            return Err(UrlProblem::Fragment.into());
        }
        if !path.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(UrlProblem::Character.into());
        }
        check_path(path)?;
        Ok(UrlPattern {
            scheme,
            host,
            port: parse_port(port, scheme)?,
            path: path.to_owned(),
            is_prefix,
        })
    }

    fn has(&self, origin: &Origin) -> bool {
        let is_host = match (&self.host, &origin.host) {
            (HostPattern::Exactly(host), asked) => host == asked,
            (HostPattern::Below(parent), Host::Name(name)) => {
                name.split_once('.').is_some_and(|(_, rest)| rest == parent)
            }
            (HostPattern::Below(_), _) => false,
        };
        is_host && self.scheme == origin.scheme && self.port == origin.port
    }
}

/// The methods, the pattern, and `private` if that is allowed. Headers are not shown.
impl fmt::Display for HttpRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.methods.join(","), self.pattern)?;
        f.write_str(if self.private { " private" } else { "" })
    }
}

/// The text of the rule and the names of its headers.
impl fmt::Debug for HttpRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("HttpRule")
            .field("rule", &self.to_string())
            .field("headers", &names)
            .finish_non_exhaustive()
    }
}

impl FromStr for HttpRule {
    type Err = HttpRuleError;

    /// Reads the text of a rule: `GET,POST https://api.example.com/v1/*`, with the word
    /// `private` behind it for private addresses.
    fn from_str(text: &str) -> Result<Self, HttpRuleError> {
        let error = |problem| HttpRuleError {
            pattern: text.to_owned(),
            problem,
        };
        let mut words = text.split_whitespace();
        let (Some(methods), Some(pattern)) = (words.next(), words.next()) else {
            return Err(error(Problem::Words));
        };
        if methods.contains("://") {
            return Err(error(Problem::Words));
        }
        let mut rule = HttpRule::new(pattern).methods(methods.split(','));
        for word in words {
            if word != "private" {
                return Err(error(Problem::Word(word.to_owned())));
            }
            rule = rule.allow_private();
        }
        rule.check()?;
        Ok(rule)
    }
}

/// The error of a rule that cannot be granted. Its text names the rule and the problem, and
/// never the value of a header.
#[derive(Clone, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("HTTP cannot be granted by `{}`: {problem}", .pattern.escape_debug())]
pub struct HttpRuleError {
    pattern: String,
    problem: Problem,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, thiserror::Error)]
enum Problem {
    #[error("it is not of the form `METHODS URL`, such as `GET,POST https://api.example.com/v1/*`")]
    Words,
    #[error("`{}` is not `private`, the one word that may stand behind the URL", .0.escape_debug())]
    Word(String),
    #[error("it is no URL, such as `https://api.example.com/v1/*`")]
    NoScheme,
    #[error("it has no path; for all paths it is `{}`", example.escape_debug())]
    NoPath { example: String },
    #[error("{0}")]
    Url(UrlProblem),
    #[error("a `*` stands only for the first label of a name, or at the end behind a `/`")]
    Star,
    #[error("`*.` needs a name with a dot behind it, such as `*.example.com`")]
    TooWide,
    #[error("it has a query; requests may have any")]
    Query,
    #[error("it names no method")]
    NoMethods,
    #[error("the method `{}` cannot be allowed", .0.escape_debug())]
    Method(String),
    #[error("headers are only added to requests of `https`")]
    SecretWithoutTls,
    #[error("the header `{}` cannot be added: {problem}", name.escape_debug())]
    Header {
        name: String,
        problem: HeaderProblem,
    },
}

impl From<UrlProblem> for Problem {
    fn from(problem: UrlProblem) -> Self {
        Problem::Url(problem)
    }
}

#[cfg(test)]
mod tests;
