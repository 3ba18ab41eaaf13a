//! Foreign text, made fit for a one-line message.

use std::error::Error;
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

/// Returns an error with its causes in one line: their texts, joined by colons.
///
/// ```
/// use sandpool_value::{ArgumentError, with_causes};
///
/// let error = ArgumentError::File {
///     file: "data.bin".into(),
///     parameter: "bytes".into(),
///     function: "sum: func(bytes: list<u8>) -> u64".into(),
///     source: std::io::ErrorKind::NotFound.into(),
/// };
/// assert_eq!(with_causes(&error), format!("{error}: entity not found"));
/// ```
pub fn with_causes(error: &(dyn Error + 'static)) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        // Writing to a string cannot fail.
        let _ = write!(line, ": {error}");
        cause = error.source();
    }
    line
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
    let mut start = Start(Vec::new());
    // The error is the full writer: the rest would be cut anyway.
    let _ = write_json(value, &mut start);
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

/// Returns the name nearest to the `asked` one, if it is near enough to be meant.
pub(super) fn nearest<'a>(
    asked: &str,
    names: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    /// Names come from a guest: the work for each is bounded.
    const LONGEST: usize = 64;
    let asked: Vec<char> = asked.chars().take(LONGEST + 1).collect();
    if asked.len() > LONGEST {
        return None;
    }
    let bound = (asked.len() / 3).max(1);
    names
        .into_iter()
        .take(1000)
        .filter(|name| name.len() <= LONGEST)
        .map(|name| (distance(&asked, name), name))
        .filter(|(distance, _)| *distance <= bound)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// Returns the edit distance in which two swapped neighbours count as one edit.
fn distance(a: &[char], b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut before: Vec<usize> = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1; b.len() + 1];
        for (j, y) in b.iter().enumerate() {
            let same = usize::from(x != y);
            let mut best = (last[j] + same).min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                best = best.min(before[j - 1] + 1);
            }
            row[j + 1] = best;
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
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

    #[test]
    fn a_typo_finds_its_name() {
        let names = ["fib", "word-count", "sum"];
        assert_eq!(nearest("fbi", names), Some("fib"));
        assert_eq!(nearest("word-cont", names), Some("word-count"));
        assert_eq!(nearest("zzz", names), None);
    }
}
