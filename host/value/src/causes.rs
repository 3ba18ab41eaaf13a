//! Prints an error with its causes.

use std::error::Error;
use std::fmt::Write as _;

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
