//! Texts for a terminal, made harmless.

use sandpool::stdio;
use sandpool::value::Printable;

/// The text on one line, with what would steer a terminal escaped.
pub fn line(text: &str) -> String {
    Printable(text).to_string()
}

/// A line on stderr. Where stderr is gone there is nobody left to tell.
pub fn note(text: &str) {
    let _ = stdio::write_stderr(format!("sandpool: {}\n", line(text)).as_bytes());
}
