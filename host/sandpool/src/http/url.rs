//! Scheme, host, port and path of a URL, in the one spelling in which they are compared
//! and sent. Spellings that servers read in more than one way are refused.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The longest path with its query, in bytes.
pub(super) const MAX_PATH: usize = 16 * 1024;

/// The longest host with its port that is looked at, in bytes.
const MAX_AUTHORITY: usize = 1024;

/// The longest name of a host and the longest label in it, as DNS has them.
const MAX_NAME: usize = 253;
const MAX_LABEL: usize = 63;

/// The reason why a text is no URL that can be compared.
#[derive(Clone, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub(super) enum UrlProblem {
    #[error("its scheme is neither `http` nor `https`")]
    Scheme,
    #[error("it has a user's name in it")]
    UserInfo,
    #[error("it names no host")]
    NoHost,
    #[error("its host is not spelled as one")]
    Host,
    #[error("its port is no number from 1 to 65535")]
    Port,
    #[error("its path does not begin with `/`")]
    PathStart,
    #[error("it has a `.` or `..` for a part of its path")]
    DotSegment,
    #[error("it has an encoded `.`, `/`, `\\` or control character in its path")]
    EncodedSeparator,
    #[error("it has a `%` without two digits in its path")]
    Percent,
    #[error("it has a `\\` in its path")]
    Backslash,
    #[error("it has a `#` in it")]
    Fragment,
    #[error("it has a space, a control character or one that is not ASCII in it")]
    Character,
    #[error("it is longer than {MAX_PATH} bytes")]
    Length,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Scheme {
    Http,
    Https,
}

impl Scheme {
    pub(super) fn parse(text: &str) -> Result<Self, UrlProblem> {
        match text {
            _ if text.eq_ignore_ascii_case("http") => Ok(Scheme::Http),
            _ if text.eq_ignore_ascii_case("https") => Ok(Scheme::Https),
            _ => Err(UrlProblem::Scheme),
        }
    }

    fn default_port(self) -> u16 {
        match self {
            Scheme::Http => 80,
            Scheme::Https => 443,
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Scheme::Http => "http",
            Scheme::Https => "https",
        })
    }
}

/// A host: a name in lower case and Punycode, without the dot at its end; or an address.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Host {
    Name(String),
    V4(Ipv4Addr),
    V6(Ipv6Addr),
}

impl Host {
    /// Reads a host in any of the spellings that browsers know: an address may be decimal,
    /// octal or hexadecimal, a name may have letters of any script.
    pub(super) fn parse(text: &str) -> Result<Self, UrlProblem> {
        let text = text.strip_suffix('.').unwrap_or(text);
        if text.is_empty() {
            return Err(UrlProblem::NoHost);
        }
        // A host's own parser would decode the first, and look for a zone behind it.
        let odd = |c: char| c == '%' || c == '@' || c.is_control() || c.is_whitespace();
        if text.contains(odd) {
            return Err(UrlProblem::Host);
        }
        match ::url::Host::parse(text) {
            Ok(::url::Host::Ipv4(address)) => Ok(Host::V4(address)),
            Ok(::url::Host::Ipv6(address)) => Ok(Host::V6(address)),
            Ok(::url::Host::Domain(name)) if is_name(&name) => Ok(Host::Name(name)),
            Ok(_) | Err(_) => Err(UrlProblem::Host),
        }
    }

    /// Returns the address, if this is one.
    pub(super) fn address(&self) -> Option<IpAddr> {
        match self {
            Host::Name(_) => None,
            Host::V4(address) => Some((*address).into()),
            Host::V6(address) => Some((*address).into()),
        }
    }
}

fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    let is_label = |label: &str| (1..=MAX_LABEL).contains(&label.len()) && label.chars().all(plain);
    name.len() <= MAX_NAME && name.split('.').all(is_label)
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::Name(name) => f.write_str(name),
            Host::V4(address) => address.fmt(f),
            Host::V6(address) => write!(f, "[{address}]"),
        }
    }
}

/// The server that a request goes to. Shown without the port if that is the scheme's own.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Origin {
    pub(super) scheme: Scheme,
    pub(super) host: Host,
    pub(super) port: u16,
}

impl Origin {
    pub(super) fn parse(scheme: &str, authority: &str) -> Result<Self, UrlProblem> {
        let scheme = Scheme::parse(scheme)?;
        let (host, port) = split_authority(authority)?;
        Ok(Origin {
            scheme,
            host: Host::parse(host)?,
            port: parse_port(port, scheme)?,
        })
    }

    /// Returns the value of the header `host`.
    pub(super) fn authority(&self) -> String {
        if self.port == self.scheme.default_port() {
            self.host.to_string()
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.authority())
    }
}

/// Splits an authority into its host and the text behind the colon, if there is one.
pub(super) fn split_authority(authority: &str) -> Result<(&str, Option<&str>), UrlProblem> {
    if authority.contains('@') {
        return Err(UrlProblem::UserInfo);
    }
    if authority.len() > MAX_AUTHORITY || authority.contains(['/', '\\', '?', '#']) {
        return Err(UrlProblem::Host);
    }
    if authority.starts_with('[') {
        let end = authority.find(']').ok_or(UrlProblem::Host)? + 1;
        let (host, rest) = authority.split_at(end);
        return match rest.strip_prefix(':') {
            Some(port) => Ok((host, Some(port))),
            None if rest.is_empty() => Ok((host, None)),
            None => Err(UrlProblem::Host),
        };
    }
    match authority.split_once(':') {
        // An address of IPv6 without its brackets, among others.
        Some((_, port)) if port.contains(':') => Err(UrlProblem::Host),
        Some((host, port)) => Ok((host, Some(port))),
        None => Ok((authority, None)),
    }
}

pub(super) fn parse_port(port: Option<&str>, scheme: Scheme) -> Result<u16, UrlProblem> {
    let Some(port) = port else {
        return Ok(scheme.default_port());
    };
    if !port.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(UrlProblem::Port);
    }
    let port = port.parse().map_err(|_| UrlProblem::Port)?;
    if port == 0 {
        return Err(UrlProblem::Port);
    }
    Ok(port)
}

/// Checks a path with its query, and returns the path alone. An empty path is `/`.
pub(super) fn check_path_with_query(text: &str) -> Result<&str, UrlProblem> {
    if text.len() > MAX_PATH {
        return Err(UrlProblem::Length);
    }
    if text.contains('#') {
        return Err(UrlProblem::Fragment);
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(UrlProblem::Character);
    }
    let path = text.split_once('?').map_or(text, |(path, _)| path);
    if path.is_empty() {
        return Ok("/");
    }
    check_path(path)?;
    Ok(path)
}

/// Checks a path. What two servers may read in two ways is refused: a path that begins
/// like an allowed one must not lead out of it, whoever decodes it and how often.
pub(super) fn check_path(path: &str) -> Result<(), UrlProblem> {
    if !path.starts_with('/') {
        return Err(UrlProblem::PathStart);
    }
    if path.contains('\\') {
        return Err(UrlProblem::Backslash);
    }
    // Some servers cut a parameter off a part before they look at it.
    let is_dots = |part: &str| matches!(part.split(';').next(), Some("." | ".."));
    if path.split('/').any(is_dots) {
        return Err(UrlProblem::DotSegment);
    }
    check_escapes(path)?;
    // A `%` that is itself encoded, once or more often.
    let mut decoded = path.to_owned();
    while decoded.contains("%25") {
        decoded = decoded.replace("%25", "%");
    }
    if escapes(&decoded).any(|byte| byte.is_some_and(is_separator)) {
        return Err(UrlProblem::EncodedSeparator);
    }
    Ok(())
}

fn check_escapes(path: &str) -> Result<(), UrlProblem> {
    if escapes(path).any(|byte| byte.is_none()) {
        return Err(UrlProblem::Percent);
    }
    Ok(())
}

/// Returns the bytes that a path has in percent encoding; `None` for a `%` without two digits.
fn escapes(path: &str) -> impl Iterator<Item = Option<u8>> {
    path.split('%').skip(1).map(|rest| {
        let digits = rest.get(..2)?;
        let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_hex
            .then(|| u8::from_str_radix(digits, 16).ok())
            .flatten()
    })
}

/// Returns `true` for bytes that change the meaning of a path, and for 0xc0 and 0xc1, which stand in
/// no text but in the overlong spellings of these.
fn is_separator(byte: u8) -> bool {
    matches!(byte, b'.' | b'/' | b'\\' | 0..=0x1f | 0x7f | 0xc0 | 0xc1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(url: &str) -> Result<String, UrlProblem> {
        let (scheme, authority) = url.split_once("://").expect("a scheme");
        Origin::parse(scheme, authority).map(|origin| origin.to_string())
    }

    #[test]
    fn every_spelling_of_a_host_becomes_one() {
        for (spelling, expected) in [
            ("HTTPS://API.Example.COM", "https://api.example.com"),
            ("https://api.example.com.", "https://api.example.com"),
            ("https://api.example.com:443", "https://api.example.com"),
            ("https://api.example.com:0443", "https://api.example.com"),
            ("http://api.example.com:443", "http://api.example.com:443"),
            ("http://api.example.com:80", "http://api.example.com"),
            ("https://bücher.example", "https://xn--bcher-kva.example"),
            (
                "https://XN--BCHER-KVA.example",
                "https://xn--bcher-kva.example",
            ),
            ("https://ａｐｉ。example.com", "https://api.example.com"),
            ("http://2130706433", "http://127.0.0.1"),
            ("http://0x7f.1", "http://127.0.0.1"),
            ("http://0177.0.0.01", "http://127.0.0.1"),
            ("http://127.0.0.1.", "http://127.0.0.1"),
            ("http://①②⑦.⓪.⓪.①", "http://127.0.0.1"),
            ("http://[0:0:0:0:0:0:0:1]:80", "http://[::1]"),
            ("http://[::FFFF:127.0.0.1]", "http://[::ffff:127.0.0.1]"),
        ] {
            assert_eq!(origin(spelling).as_deref(), Ok(expected), "{spelling}");
        }
    }

    #[test]
    fn letters_that_look_alike_are_other_hosts() {
        let cyrillic = origin("https://аpi.example.com").expect("a host");
        assert_eq!(cyrillic, "https://xn--pi-6kc.example.com");
    }

    #[test]
    fn what_is_no_host_is_refused() {
        use UrlProblem::{Host, NoHost, Port, Scheme, UserInfo};
        for (spelling, problem) in [
            ("ftp://a.example", Scheme),
            ("https://", NoHost),
            ("https://.", NoHost),
            ("https://:443", NoHost),
            ("https://user@a.example", UserInfo),
            ("https://a.example@b.example", UserInfo),
            ("https://a.example#@b.example", UserInfo),
            ("https://a.example\\b.example", Host),
            ("https://a.example/b", Host),
            ("https://a.example?b", Host),
            ("https://a.example#b", Host),
            ("https://a..example", Host),
            ("https://a.example..", Host),
            ("https://*.example", Host),
            ("https://a%2eexample", Host),
            ("https://a.example\r\nx: y", Host),
            ("https://a\0.example", Host),
            ("https://a b.example", Host),
            ("https://::1", Host),
            ("https://[::1", Host),
            ("https://[::1]x", Host),
            ("https://[fe80::1%25eth0]", Host),
            ("https://1.2.3.256", Host),
            ("https://a.example:", Port),
            ("https://a.example:0", Port),
            ("https://a.example:65536", Port),
            ("https://a.example:+80", Port),
            ("https://a.example:80:80", Host),
        ] {
            assert_eq!(origin(spelling), Err(problem), "{spelling:?}");
        }
        let long = format!("https://{}.example", "a".repeat(64));
        assert_eq!(origin(&long), Err(Host));
    }

    #[test]
    fn a_path_that_servers_may_read_in_two_ways_is_refused() {
        use UrlProblem::*;
        for (path, problem) in [
            ("v1/x", PathStart),
            ("*", PathStart),
            ("/v1/../x", DotSegment),
            ("/v1/..", DotSegment),
            ("/v1/./x", DotSegment),
            ("/v1/..;a=b/x", DotSegment),
            ("/v1/%2e%2E/x", EncodedSeparator),
            ("/v1/.%2e/x", EncodedSeparator),
            ("/v1/..%2fx", EncodedSeparator),
            ("/v1/%2Fx", EncodedSeparator),
            ("/v1/%5cx", EncodedSeparator),
            ("/v1/%252e%252e/x", EncodedSeparator),
            ("/v1/%25252fx", EncodedSeparator),
            ("/v1/%c0%ae/x", EncodedSeparator),
            ("/v1/%0d%0ax", EncodedSeparator),
            ("/v1/%00", EncodedSeparator),
            ("/v1/%", Percent),
            ("/v1/%2", Percent),
            ("/v1/%zz", Percent),
            ("/v1/%+1", Percent),
            ("/v1\\x", Backslash),
            ("/v1/x#y", Fragment),
            ("/v1/x?y#z", Fragment),
            ("/v1/x y", Character),
            ("/v1/x?y z", Character),
            ("/v1/x\r\ny: z", Character),
            ("/v1/x?y\0", Character),
            ("/v1/\u{e9}", Character),
        ] {
            assert_eq!(check_path_with_query(path), Err(problem), "{path:?}");
        }
        let long = format!("/{}", "x".repeat(MAX_PATH));
        assert_eq!(check_path_with_query(&long), Err(Length));
    }

    #[test]
    fn a_query_is_free_text() {
        for (text, path) in [
            ("", "/"),
            ("?x", "/"),
            ("/v1/x", "/v1/x"),
            ("/v1/x?a=../%2e%2f\\&b=http://c?d", "/v1/x"),
            (
                "/v1/%C3%BC/.well-known/a..b/...",
                "/v1/%C3%BC/.well-known/a..b/...",
            ),
            ("/v1/100%25", "/v1/100%25"),
        ] {
            assert_eq!(check_path_with_query(text), Ok(path), "{text}");
        }
    }
}
