//! Where a map's inputs come from, one at a time.
//!
//! A [`Source`] yields [`Item`]s: what is to be run, and what it is called in
//! logs and notes. Nothing here knows the pool, or what was done before: see
//! `feed`. Each file is a kind of input; `open` chooses among them.

mod blocks;
mod combinations;
pub mod counting;
mod lines;
pub mod open;
mod reading;
mod rows;
pub mod stream;
mod table;
mod utf16;
pub mod words;

use compact_str::CompactString;
use sandpool::Input;
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use super::outputs::results::naming::Name;

/// The most bytes of an input that are kept as its label.
const LONGEST_LABEL: usize = 1024;

/// The longest line, row or file name that is read; a longer one is
/// `invalid_arguments`.
const MAX_INPUT_LEN: usize = 64 << 20;

/// One input.
#[derive(Clone, Debug)]
pub struct Item {
    /// A short label: a line's text, a file's path.
    pub label: CompactString,
    /// Of all that makes it this input; see [`fingerprint`].
    pub hash: u64,
    /// The input of the task.
    pub input: Input,
    /// The name of its result, if that is named after it.
    pub name: Option<Name>,
    /// Empty lines before it, since the item before.
    pub blank: u64,
}

/// Inputs, one after the other.
pub trait Source: Send {
    /// The next input; `None` after the last.
    ///
    /// # Errors
    /// When what it reads from cannot be read on. It is not asked again.
    fn next(&mut self) -> anyhow::Result<Option<Item>>;

    /// Empty lines after the last input.
    fn blank_at_end(&self) -> u64 {
        0
    }
}

/// The form of all inputs, as far as it is known before the first is read: what the
/// placeholders of a template can stand for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    /// The number of values of an input.
    pub values: usize,
    /// Their names, where they have some.
    pub columns: Vec<String>,
    /// True if the input is what a command reads from stdin.
    pub on_stdin: bool,
}

#[cfg(test)]
impl Shape {
    pub fn lines() -> Self {
        Shape {
            values: 1,
            ..Shape::default()
        }
    }

    pub fn table(columns: &[&str]) -> Self {
        Shape {
            values: columns.len(),
            columns: columns.iter().map(ToString::to_string).collect(),
            on_stdin: false,
        }
    }
}

/// Tells inputs apart: in a log that a run is resumed from, an input that was
/// changed has another. Parts that are joined otherwise have another too.
pub fn fingerprint<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> u64 {
    let mut parts = parts.into_iter();
    let first = parts.next().unwrap_or_default();
    let Some(second) = parts.next() else {
        // Nearly every input is one part, and this is quicker for it.
        return xxh3_64(first);
    };
    let mut hash = Xxh3::new();
    for part in [first, second].into_iter().chain(parts) {
        hash.update(&(part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.digest()
}

/// So much of a text as is kept of each input.
pub fn label(text: &str) -> CompactString {
    if text.len() <= LONGEST_LABEL {
        return text.into();
    }
    let mut label = CompactString::from(&text[..text.floor_char_boundary(LONGEST_LABEL)]);
    label.push('…');
    label
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_that_differ_have_different_fingerprints() {
        let of = |parts: &[&str]| fingerprint(parts.iter().map(|part| part.as_bytes()));
        let all = [
            of(&["ab"]),
            of(&["a", "b"]),
            of(&["", "ab"]),
            of(&["b", "a"]),
            of(&[]),
        ];
        let distinct: std::collections::HashSet<_> = all.iter().collect();
        assert_eq!(distinct.len(), all.len());
        assert_eq!(of(&["a", "b"]), all[1]);
    }
}
