//! Where a map's inputs come from, one at a time.
//!
//! A [`Source`] yields [`Item`]s: what is to be run, and what it is called in
//! logs and notes. Nothing here knows the pool, or what was done before: see
//! `feed`.

pub mod lines;

use sandpool::Input;
use xxhash_rust::xxh3::xxh3_64;

/// The most bytes of an input that are kept as its label.
const LONGEST_LABEL: usize = 1024;

/// One input.
#[derive(Clone, Debug)]
pub struct Item {
    /// What it says, in short: a line's text, a file's path.
    pub label: String,
    /// Of all that makes it this input; see [`fingerprint`].
    pub hash: u64,
    /// What the task gets.
    pub input: Input,
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

/// Tells inputs apart: in a log that a run is resumed from, an input that was
/// changed has another.
pub fn fingerprint(bytes: &[u8]) -> u64 {
    xxh3_64(bytes)
}

/// So much of a text as is kept of each input.
pub fn label(mut text: String) -> String {
    if text.len() > LONGEST_LABEL {
        text.truncate(text.floor_char_boundary(LONGEST_LABEL));
        text.push('…');
        text.shrink_to_fit();
    }
    text
}
