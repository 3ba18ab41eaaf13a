//! Text of scripts, which may hold what no Rust string can: half of a surrogate pair.

use std::borrow::Cow;
use std::fmt;

/// Text of a script: nearly always a Rust string. Strings of Python and JavaScript may also
/// hold a surrogate without its partner, which arrives as an escape such as `\ud800`; this
/// type keeps it.
///
/// [`Display`](fmt::Display) shows U+FFFD in its place.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Text(Inner);

/// Equal texts have one form: `Utf16` holds a lone surrogate at least.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Inner {
    Utf8(String),
    Utf16(Box<[u16]>),
}

impl Text {
    /// Returns the text of these units of UTF-16. Two surrogates that make a pair are one
    /// character.
    pub fn from_utf16(units: &[u16]) -> Self {
        Self(match String::from_utf16(units) {
            Ok(text) => Inner::Utf8(text),
            Err(_) => Inner::Utf16(units.into()),
        })
    }

    /// Returns the text as a string, if it has no lone surrogate.
    pub fn as_str(&self) -> Option<&str> {
        match &self.0 {
            Inner::Utf8(text) => Some(text),
            Inner::Utf16(_) => None,
        }
    }

    /// Returns the text as a string, with U+FFFD in the place of each lone surrogate.
    pub fn to_string_lossy(&self) -> Cow<'_, str> {
        match &self.0 {
            Inner::Utf8(text) => Cow::Borrowed(text),
            Inner::Utf16(units) => Cow::Owned(String::from_utf16_lossy(units)),
        }
    }

    /// Returns the text in units of UTF-16.
    pub fn to_utf16(&self) -> Vec<u16> {
        match &self.0 {
            Inner::Utf8(text) => text.encode_utf16().collect(),
            Inner::Utf16(units) => units.to_vec(),
        }
    }

    /// Returns the text as a string, or else itself, if it has a lone surrogate.
    pub(super) fn into_string(self) -> Result<String, Self> {
        match self.0 {
            Inner::Utf8(text) => Ok(text),
            units => Err(Self(units)),
        }
    }

    /// Returns `true` for the keys that a plain object cannot have.
    pub(super) fn begins_with_dollar(&self) -> bool {
        match &self.0 {
            Inner::Utf8(text) => text.starts_with('$'),
            Inner::Utf16(units) => units.first() == Some(&u16::from(b'$')),
        }
    }

    /// Returns the text of the inside of a JSON string, whose escapes are known to be valid.
    pub(super) fn unescaped(inside: &str) -> Self {
        let mut text = String::with_capacity(inside.len());
        let mut rest = inside;
        while let Some((plain, escape)) = rest.split_once('\\') {
            text.push_str(plain);
            let mut units = [0; 2];
            let (decoded, after) = read_escape(escape, &mut units);
            match char::decode_utf16(decoded.iter().copied()).next() {
                Some(Ok(c)) => text.push(c),
                // From here on, only UTF-16 can hold it.
                _ => return Self::unescaped_utf16(text, decoded, after),
            }
            rest = after;
        }
        text.push_str(rest);
        Self(Inner::Utf8(text))
    }

    fn unescaped_utf16(start: String, next: &[u16], rest: &str) -> Self {
        let mut text: Vec<u16> = start.encode_utf16().chain(next.iter().copied()).collect();
        let mut rest = rest;
        while let Some((plain, escape)) = rest.split_once('\\') {
            text.extend(plain.encode_utf16());
            let mut units = [0; 2];
            let (decoded, after) = read_escape(escape, &mut units);
            text.extend_from_slice(decoded);
            rest = after;
        }
        text.extend(rest.encode_utf16());
        Self(Inner::Utf16(text.into()))
    }
}

/// Reads an escape whose backslash has been taken, with the second one of a surrogate pair.
/// Returns its units of UTF-16, and the rest of the text.
fn read_escape<'u, 't>(escape: &'t str, units: &'u mut [u16; 2]) -> (&'u [u16], &'t str) {
    let kind = escape.bytes().next().unwrap_or(b'"');
    let after = escape.get(1..).unwrap_or("");
    if kind != b'u' {
        units[0] = match kind {
            b'b' => 0x08,
            b't' => 0x09,
            b'n' => 0x0a,
            b'f' => 0x0c,
            b'r' => 0x0d,
            other => other.into(),
        };
        return (&units[..1], after);
    }
    let (first, after) = read_digits(after);
    units[0] = first;
    if (0xd800..0xdc00).contains(&first)
        && let Some(second) = after.strip_prefix("\\u")
        && let (second @ 0xdc00..=0xdfff, after) = read_digits(second)
    {
        units[1] = second;
        return (&units[..], after);
    }
    (&units[..1], after)
}

/// Reads the four digits of an escape.
fn read_digits(text: &str) -> (u16, &str) {
    let digits = text.get(..4).unwrap_or("");
    let unit = u16::from_str_radix(digits, 16).unwrap_or(0xfffd);
    (unit, text.get(4..).unwrap_or(""))
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(Inner::Utf8(text))
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == Some(other)
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == Some(other)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.to_string_lossy())
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Inner::Utf8(text) => fmt::Debug::fmt(text, f),
            Inner::Utf16(units) => {
                f.write_str("\"")?;
                for unit in char::decode_utf16(units.iter().copied()) {
                    match unit {
                        Ok(c) => write!(f, "{}", c.escape_debug())?,
                        Err(lone) => write!(f, "\\u{{{:x}}}", lone.unpaired_surrogate())?,
                    }
                }
                f.write_str("\"")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn escapes_become_the_characters_that_they_stand_for() {
        for (inside, text) in [
            ("", ""),
            ("plain", "plain"),
            (r#"\"\\\/\b\f\n\r\t"#, "\"\\/\u{8}\u{c}\n\r\t"),
            (r"a\u00e9b\u0000", "a\u{e9}b\0"),
            (r"\ud83d\ude00!\uD83D\uDE00", "😀!😀"),
            (r"\\ud800", r"\ud800"),
        ] {
            assert_eq!(Text::unescaped(inside), text, "{inside}");
        }
    }

    #[test]
    fn a_lone_surrogate_is_kept() {
        for (inside, units) in [
            (r"\ud800", &[0xd800][..]),
            (r"aé\udc00\n", &[0x61, 0xe9, 0xdc00, 0x0a]),
            (
                r"\ud800\ud83d\ude00\ud800b",
                &[0xd800, 0xd83d, 0xde00, 0xd800, 0x62],
            ),
            (
                r"\ud800\\udc00",
                &[0xd800, 0x5c, 0x75, 0x64, 0x63, 0x30, 0x30],
            ),
        ] {
            let text = Text::unescaped(inside);
            assert_eq!(text.to_utf16(), units, "{inside}");
            assert_eq!(text.as_str(), None);
            assert_eq!(text, Text::from_utf16(units));
        }
        let text = Text::unescaped(r"a\ud800b");
        assert_eq!(text.to_string(), "a\u{fffd}b");
        assert_eq!(format!("{text:?}"), r#""a\u{d800}b""#);
        assert_eq!(Text::from_utf16(&[0xd83d, 0xde00]), "😀");
    }

    proptest! {
        #[test]
        fn units_are_kept(units in prop::collection::vec(prop_oneof![any::<u16>(), 0xd7f0u16..0xe010], 0..9)) {
            prop_assert_eq!(Text::from_utf16(&units).to_utf16(), units);
        }
    }
}
