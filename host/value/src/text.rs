//! Foreign text, made fit for a one-line message.

use std::fmt::{self, Write as _};
use std::io;

use super::{Value, write_json};

/// The length of a foreign text in a message.
const SHOWN_CHARS: usize = 80;

/// Shows text with all characters escaped that could drive a terminal or reorder the line:
/// control codes, bidirectional overrides, invisible characters.
#[derive(Clone, Copy, Debug)]
pub struct Printable<'a>(
    /// The text to show.
    pub &'a str,
);

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut plain = 0;
        for (at, c) in self.0.char_indices() {
            if !is_deceptive(c) {
                continue;
            }
            f.write_str(&self.0[plain..at])?;
            match c {
                '\n' | '\r' | '\t' => write!(f, "{}", c.escape_default())?,
                _ => write!(f, "{}", c.escape_unicode())?,
            }
            plain = at + c.len_utf8();
        }
        f.write_str(&self.0[plain..])
    }
}

fn is_deceptive(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{2069}'
            | '\u{feff}')
}

/// Returns the text in backticks, printable and cut to a length that fits into a line.
pub fn quoted(text: &str) -> String {
    format!("`{}`", shortened(text))
}

/// Returns the text printable and cut to a length that fits into a line.
pub(super) fn shortened(text: &str) -> String {
    cut(text, SHOWN_CHARS)
}

/// Returns the text printable and cut to a number of characters.
pub(super) fn cut(text: &str, chars: usize) -> String {
    match text.char_indices().nth(chars) {
        None => Printable(text).to_string(),
        Some((end, _)) => format!("{}...", Printable(&text[..end])),
    }
}

/// Returns a value as JSON in backticks. No more of it is written than is shown.
pub(super) fn quoted_value(value: &Value) -> String {
    quoted_start(|start| write_json(value, start))
}

/// Returns in backticks what is written, or as much of it as is shown.
pub(super) fn quoted_start(write: impl FnOnce(&mut dyn io::Write) -> io::Result<()>) -> String {
    let mut start = Start(Vec::new());
    // The error is the full writer: the rest would be cut anyway.
    let _ = write(&mut start);
    quoted(&String::from_utf8_lossy(&start.0))
}

struct Start(Vec<u8>);

impl io::Write for Start {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A character has up to four bytes; one more character than is shown
        // makes `shortened` add its dots.
        let room = (SHOWN_CHARS + 1) * 4 - self.0.len();
        if room == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        let taken = bytes.len().min(room);
        self.0.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Returns up to a dozen names in backticks, with commas.
pub(super) fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    const SHOWN: usize = 12;
    let mut out = String::new();
    for (index, name) in names.into_iter().enumerate() {
        if index > 0 {
            out.push_str(", ");
        }
        if index == SHOWN {
            out.push_str("...");
            break;
        }
        // Writing to a String cannot fail.
        let _ = write!(out, "{}", quoted(name));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_codes_are_escaped() {
        assert_eq!(quoted("a\u{1b}[31m\nb"), "`a\\u{1b}[31m\\nb`");
        assert_eq!(quoted("grün"), "`grün`");
    }

    #[test]
    fn long_text_is_cut() {
        let text = "x".repeat(1000);
        assert_eq!(quoted(&text).len(), SHOWN_CHARS + 5);
        let value = Value::List(vec![Value::U32(7); 1_000_000]);
        assert!(quoted_value(&value).ends_with("...`"));
    }
}
