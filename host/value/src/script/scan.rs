//! The grammar of JSON, once for all that reads texts of scripts: tells a [`Visitor`] of each
//! part of a text, and builds nothing itself. The time is linear in the text's length and the
//! memory constant, whatever the text is.

use std::ops::Range;

use super::ScriptValueError;
use super::nesting::{Bracket, Nesting};

/// What is told of the parts of a text, in their order. Ranges and places are bytes of it.
pub(super) trait Visitor {
    /// White space outside of strings.
    fn whitespace(&mut self, _range: Range<usize>) {}

    /// A character within a string that JSON allows and a terminal acts upon: DEL, or a
    /// control code from 0x80 to 0x9f.
    fn control_code(&mut self, _at: usize, _code: char) {}

    /// The opening bracket of an array (`[`) or an object (`{`).
    fn open(&mut self, _at: usize, _bracket: Bracket) {}

    /// The closing bracket of the innermost array or object that is open.
    fn close(&mut self) -> Result<(), ScriptValueError> {
        Ok(())
    }

    /// A key of an object. The range is what stands between the quotes.
    fn key(&mut self, _range: Range<usize>, _escapes: bool) {}

    /// A string. The range is what stands between the quotes.
    fn string(&mut self, _range: Range<usize>, _escapes: bool) {}

    /// A number, with or without a point or an exponent.
    fn number(&mut self, _range: Range<usize>, _integer: bool) {}

    /// `true` or `false`, or none for `null`.
    fn word(&mut self, _value: Option<bool>) {}
}

/// Checks that the text is exactly one JSON value of at most
/// [`MAX_DEPTH`](super::MAX_DEPTH) levels, and tells
/// the visitor of its parts. It has been told of the start of a text that is refused.
pub(super) fn scan(text: &str, visitor: &mut impl Visitor) -> Result<(), ScriptValueError> {
    let mut scanner = Scanner {
        text,
        at: 0,
        visitor,
    };
    scanner.run()
}

struct Scanner<'a, V> {
    text: &'a str,
    at: usize,
    visitor: &'a mut V,
}

impl<V: Visitor> Scanner<'_, V> {
    fn run(&mut self) -> Result<(), ScriptValueError> {
        let mut open = Nesting::default();
        loop {
            if self.begin_value(&mut open)? {
                continue;
            }
            // A value is complete; so may be those that it ends.
            loop {
                self.whitespace();
                let next = self.peek();
                match (open.innermost(), next) {
                    (None, None) => return Ok(()),
                    (None, Some(_)) => return Err(self.expected("the end of the text")),
                    (Some(Bracket::Array), Some(b',')) => {
                        self.at += 1;
                        break;
                    }
                    (Some(Bracket::Object), Some(b',')) => {
                        self.at += 1;
                        self.key()?;
                        break;
                    }
                    (Some(Bracket::Array), Some(b']')) | (Some(Bracket::Object), Some(b'}')) => {
                        self.close(&mut open)?;
                    }
                    (Some(Bracket::Array), _) => return Err(self.expected("`,` or `]`")),
                    (Some(Bracket::Object), _) => return Err(self.expected("`,` or `}`")),
                }
            }
        }
    }

    /// Reads a scalar or an empty container, or opens a container: then it returns `true`,
    /// and the first value within is next.
    fn begin_value(&mut self, open: &mut Nesting) -> Result<bool, ScriptValueError> {
        self.whitespace();
        match self.peek() {
            Some(b'"') => {
                let (range, escapes) = self.quoted()?;
                self.visitor.string(range, escapes);
            }
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(b'{') => {
                self.open(open, Bracket::Object)?;
                if self.peek() != Some(b'}') {
                    self.key()?;
                    return Ok(true);
                }
                self.close(open)?;
            }
            Some(b'[') => {
                self.open(open, Bracket::Array)?;
                if self.peek() != Some(b']') {
                    return Ok(true);
                }
                self.close(open)?;
            }
            Some(b't') => self.word("true", Some(true))?,
            Some(b'f') => self.word("false", Some(false))?,
            Some(b'n') => self.word("null", None)?,
            _ => return Err(self.expected("a value")),
        }
        Ok(false)
    }

    fn open(&mut self, open: &mut Nesting, bracket: Bracket) -> Result<(), ScriptValueError> {
        if !open.push(bracket) {
            return Err(ScriptValueError::TooDeep { at: self.at });
        }
        self.visitor.open(self.at, bracket);
        self.at += 1;
        self.whitespace();
        Ok(())
    }

    fn close(&mut self, open: &mut Nesting) -> Result<(), ScriptValueError> {
        open.pop();
        self.at += 1;
        self.visitor.close()
    }

    /// Reads a key and the colon after it.
    fn key(&mut self) -> Result<(), ScriptValueError> {
        self.whitespace();
        if self.peek() != Some(b'"') {
            return Err(self.expected("a key in quotes"));
        }
        let (range, escapes) = self.quoted()?;
        self.visitor.key(range, escapes);
        self.whitespace();
        if self.peek() != Some(b':') {
            return Err(self.expected("`:`"));
        }
        self.at += 1;
        Ok(())
    }

    fn word(&mut self, word: &str, value: Option<bool>) -> Result<(), ScriptValueError> {
        if !self.bytes()[self.at..].starts_with(word.as_bytes()) {
            return Err(self.expected("a value"));
        }
        self.at += word.len();
        self.visitor.word(value);
        Ok(())
    }

    fn number(&mut self) -> Result<(), ScriptValueError> {
        let start = self.at;
        let mut integer = true;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            integer = false;
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            integer = false;
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        self.visitor.number(start..self.at, integer);
        Ok(())
    }

    /// Reads one digit or more.
    fn digits(&mut self) -> Result<(), ScriptValueError> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        if self.at == start {
            return Err(self.expected("a digit"));
        }
        Ok(())
    }

    /// Reads a string with its quotes. Returns the range between them, and whether escapes
    /// are in it.
    fn quoted(&mut self) -> Result<(Range<usize>, bool), ScriptValueError> {
        let start = self.at + 1;
        self.at = start;
        let mut escapes = false;
        loop {
            self.at = end_of_plain(self.bytes(), self.at);
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok((start..self.at - 1, escapes));
                }
                Some(b'\\') => {
                    escapes = true;
                    self.at += self.escape()?;
                }
                Some(DELETE) => {
                    self.visitor.control_code(self.at, DELETE.into());
                    self.at += 1;
                }
                Some(LATIN_LEAD) => {
                    let code = self.bytes().get(self.at + 1).copied().unwrap_or(0);
                    if code < 0xa0 {
                        self.visitor.control_code(self.at, code.into());
                    }
                    self.at += 2;
                }
                Some(code) => {
                    let (at, code) = (self.at, code.into());
                    return Err(ScriptValueError::ControlCode { at, code });
                }
                None => return Err(self.expected("a closing quote")),
            }
        }
    }

    /// Returns the length of the escape that is next.
    fn escape(&self) -> Result<usize, ScriptValueError> {
        match &self.bytes()[self.at + 1..] {
            [b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => Ok(2),
            [b'u', digits @ ..]
                if digits.len() >= 4 && digits[..4].iter().all(u8::is_ascii_hexdigit) =>
            {
                Ok(6)
            }
            _ => Err(ScriptValueError::Escape { at: self.at }),
        }
    }

    #[inline]
    fn whitespace(&mut self) {
        // All else that may stand here is above it.
        if self.peek().is_some_and(|b| b <= b' ') {
            let start = self.at;
            while let Some(b' ' | b'\n' | b'\t' | b'\r') = self.peek() {
                self.at += 1;
            }
            self.visitor.whitespace(start..self.at);
        }
    }

    #[inline]
    fn peek(&self) -> Option<u8> {
        self.bytes().get(self.at).copied()
    }

    #[inline]
    fn bytes(&self) -> &[u8] {
        self.text.as_bytes()
    }

    #[cold]
    fn expected(&self, expected: &'static str) -> ScriptValueError {
        ScriptValueError::Syntax {
            at: self.at,
            expected,
            // All that has been read is whole characters.
            found: self
                .text
                .get(self.at..)
                .and_then(|rest| rest.chars().next()),
        }
    }
}

const DELETE: u8 = 0x7f;
/// The first byte of all characters from U+0080 to U+00BF, and of no others.
const LATIN_LEAD: u8 = 0xc2;

/// Returns the place of the first byte that does not simply belong to a string: a quote, a
/// backslash, a control code, DEL or [`LATIN_LEAD`]; or else the end.
fn end_of_plain(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    let (words, rest) = bytes[from..].as_chunks::<8>();
    for word in words {
        let found = not_plain(u64::from_le_bytes(*word));
        if found != 0 {
            return at + found.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    let is_plain = |b: &u8| *b >= 0x20 && !matches!(*b, b'"' | b'\\' | DELETE | LATIN_LEAD);
    at + rest.iter().take_while(|b| is_plain(b)).count()
}

/// Looks at eight bytes at once. The lowest bit that is set in the result is the highest bit
/// of the first byte that is not plain; bits above it mean nothing.
#[inline]
fn not_plain(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let below = |word: u64, limit: u8| word.wrapping_sub(ONES * u64::from(limit)) & !word & HIGH;
    let equal = |byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
    below(word, 0x20) | equal(b'"') | equal(b'\\') | equal(DELETE) | equal(LATIN_LEAD)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_byte_that_is_not_plain_is_found_wherever_it_stands() {
        for special in [0, 0x1f, b'"', b'\\', 0x7f, 0xc2] {
            for length in 0..40 {
                let mut bytes = vec![b'a'; length];
                for (index, byte) in bytes.iter_mut().enumerate() {
                    *byte = [b' ', b'!', b'#', 0x7e, 0x80, 0xc3, 0xff, b'['][index % 8];
                }
                assert_eq!(end_of_plain(&bytes, 0), length);
                bytes.extend([special, b'"', 0, special]);
                for from in 0..=length {
                    assert_eq!(end_of_plain(&bytes, from), length, "{special} {length}");
                }
            }
        }
    }
}
