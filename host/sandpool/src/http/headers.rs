//! Methods and headers: those that a guest may send, and those that the host adds.

use ::http::header::{CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue};

use super::message::Fields;

/// The highest number of headers of a request and of a response, and of trailers.
pub(super) const MAX_COUNT: usize = 100;

/// The highest number of bytes of their names and values together.
pub(super) const MAX_BYTES: usize = 32 * 1024;

/// The longest method, in bytes.
const MAX_METHOD: usize = 32;

/// Headers that say how a message travels from one end of a connection to the other.
const HOP_BY_HOP: [&str; 8] = [
    "connection",
    "http2-settings",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// The reason why a header is not sent.
#[derive(Clone, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub(super) enum HeaderProblem {
    #[error("it has no valid name")]
    Name,
    #[error("its value is empty")]
    Empty,
    #[error("its value has a control character in it, such as the end of a line")]
    Value,
    #[error("the host writes it")]
    Reserved,
}

/// Returns true for a method that a rule may allow. CONNECT makes a tunnel, and TRACE
/// answers with the headers that the host added.
pub(super) fn is_allowed_method(method: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'-';
    let is_plain = method.bytes().all(plain) && (1..=MAX_METHOD).contains(&method.len());
    is_plain && !["CONNECT", "TRACE", "TRACK"].contains(&method)
}

/// Returns the name as servers may see it that make variables of headers: CGI and what follows it
/// have one letter for `-` and `_`.
fn canonical(name: &str) -> String {
    name.to_ascii_lowercase().replace('_', "-")
}

/// Returns true for a header that only the host writes.
fn is_reserved(canonical: &str) -> bool {
    canonical == "host" || canonical.starts_with("proxy-") || HOP_BY_HOP.contains(&canonical)
}

/// Makes a header of a secret.
pub(super) fn secret(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), HeaderProblem> {
    let canonical = canonical(name);
    if is_reserved(&canonical) || canonical == "content-length" {
        return Err(HeaderProblem::Reserved);
    }
    let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| HeaderProblem::Name)?;
    if value.is_empty() {
        return Err(HeaderProblem::Empty);
    }
    let mut value = HeaderValue::from_str(value).map_err(|_| HeaderProblem::Value)?;
    value.set_sensitive(true);
    Ok((name, value))
}

/// The headers of a request, without the length of its body, and that length if it was
/// among them.
#[derive(Debug)]
pub(super) struct RequestHeaders {
    pub(super) map: HeaderMap,
    pub(super) content_length: Option<u64>,
}

/// Checks the headers that a guest sends. `secrets` are the names of those that the host
/// adds. The error is the end of a sentence, for the list of refusals.
pub(super) fn check<'a>(
    fields: &Fields,
    secrets: impl Iterator<Item = &'a str>,
) -> Result<RequestHeaders, String> {
    if fields.len() > MAX_COUNT {
        return Err(format!("it has more than {MAX_COUNT} headers"));
    }
    if size(fields) > MAX_BYTES {
        return Err(format!("its headers are longer than {MAX_BYTES} bytes"));
    }
    let secrets: Vec<String> = secrets.map(canonical).collect();
    let mut map = HeaderMap::new();
    for (name, value) in fields {
        let shown: String = name.escape_debug().take(64).collect();
        let name = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| format!("`{shown}` is no name of a header"))?;
        let value = HeaderValue::from_bytes(value)
            .map_err(|_| format!("the header `{shown}` has a control character in its value"))?;
        let canonical = canonical(name.as_str());
        let odd_length = canonical == "content-length" && name != CONTENT_LENGTH;
        if is_reserved(&canonical) || odd_length {
            return Err(format!("the host alone writes the header `{shown}`"));
        }
        if secrets.contains(&canonical) {
            return Err(format!("the host adds the header `{shown}` itself"));
        }
        if name == CONTENT_LENGTH && map.contains_key(CONTENT_LENGTH) {
            return Err("it has two lengths".to_owned());
        }
        map.append(name, value);
    }
    let content_length = match map.remove(CONTENT_LENGTH) {
        Some(value) => Some(length(&value).ok_or("its `content-length` is no number")?),
        None => None,
    };
    Ok(RequestHeaders {
        map,
        content_length,
    })
}

fn length(value: &HeaderValue) -> Option<u64> {
    let text = value.to_str().ok()?;
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

fn size(fields: &Fields) -> usize {
    let sizes = fields.iter().map(|(name, value)| name.len() + value.len());
    sizes.sum()
}

/// Returns the headers or trailers of a response for a guest, without those that are about
/// the connection; `None` if there are too many, or if they are too long.
pub(super) fn for_guest(map: &HeaderMap) -> Option<Fields> {
    let listed = map.get_all("connection").iter();
    let listed = listed.filter_map(|value| value.to_str().ok());
    let listed: Vec<String> = listed
        .flat_map(|value| value.split(','))
        .map(|name| name.trim().to_ascii_lowercase())
        .collect();
    let is_kept = |name: &HeaderName| {
        let name = name.as_str();
        !HOP_BY_HOP.contains(&name) && !listed.iter().any(|other| other == name)
    };
    if map.len() > MAX_COUNT {
        return None;
    }
    let kept = map.iter().filter(|(name, _)| is_kept(name));
    let fields: Fields = kept
        .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()))
        .collect();
    (size(&fields) <= MAX_BYTES).then_some(fields)
}
