//! The errors of texts and values that are not of the wanted type, each as one line for a
//! user.

use std::io;

use super::Type;
use super::text::{quoted, shortened};

/// The error of a value that is not of the wanted type.
///
/// Prints as `` `x` is not a valid u32 `` or `` `300` is not a valid u8 at
/// `.users[3].age`: the range is 0 to 255 ``.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{found} is not a valid {expected}{}{}", place(path), because(reason))]
pub struct Mismatch {
    /// The place in the whole value, as `.field[3]`; empty for the whole itself.
    pub path: String,
    /// The text that was found, in backticks, cut to a printable line.
    pub found: String,
    /// The expected type: a type in WIT's syntax.
    pub expected: String,
    /// A further explanation, if there is one.
    pub reason: Option<String>,
}

fn place(path: &str) -> String {
    if path.is_empty() {
        String::new()
    } else {
        format!(" at {}", quoted(path))
    }
}

fn because(reason: &Option<String>) -> String {
    reason
        .as_ref()
        .map_or(String::new(), |reason| format!(": {reason}"))
}

impl Mismatch {
    pub(super) fn new(found: String, expected: impl Into<String>) -> Self {
        Self {
            path: String::new(),
            found,
            expected: expected.into(),
            reason: None,
        }
    }

    pub(super) fn of(found: String, ty: &Type) -> Self {
        Self::new(found, shortened(&ty.to_string()))
    }

    /// Returns the error for a number beyond the range of an integer type.
    pub(super) fn out_of_range(found: String, ty: &Type) -> Self {
        let error = Self::of(found, ty);
        match ty.integer_range() {
            Some((least, most)) => error.because(format!("the range is {least} to {most}")),
            None => error,
        }
    }

    pub(super) fn because(mut self, reason: impl Into<String>) -> Self {
        self.reason = Some(reason.into());
        self
    }

    pub(super) fn in_field(mut self, name: &str) -> Self {
        self.path = format!(".{name}{}", self.path);
        self
    }

    pub(super) fn in_element(mut self, index: usize) -> Self {
        self.path = format!("[{index}]{}", self.path);
        self
    }
}

/// The error of a text that cannot be read as a value of the wanted type.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ParseError {
    /// The text was read, but its value is of another type.
    #[error(transparent)]
    Mismatch(#[from] Mismatch),
    /// The text is not JSON, WAVE or the format that was asked for.
    #[error("{found} is not a valid {expected}: {reason}")]
    Syntax {
        /// The text, in backticks, cut to a printable line.
        found: String,
        /// The expected type: a type in WIT's syntax, or a format.
        expected: String,
        /// The message of the format's parser.
        reason: String,
    },
    /// `@FILE` could not be read.
    #[error("cannot read {}", quoted(file))]
    File {
        /// The file as it was named; `-` is standard input.
        file: String,
        /// The reason.
        source: io::Error,
    },
    /// The contents of `@FILE` are no text, which was wanted.
    #[error("{} is not UTF-8 text", quoted(file))]
    NotText {
        /// The file as it was named.
        file: String,
    },
    /// The word is `@` alone.
    #[error("a file name is missing after `@` (a literal `@` is written `@@`)")]
    NoFileName,
}

impl ParseError {
    /// Returns the message in two parts: the problem, and the reason if there is one. The
    /// place goes between them.
    pub(super) fn parts(&self) -> (String, Option<&str>) {
        match self {
            Self::Mismatch(mismatch) => {
                let head = format!(
                    "{} is not a valid {}{}",
                    mismatch.found,
                    mismatch.expected,
                    place(&mismatch.path)
                );
                (head, mismatch.reason.as_deref())
            }
            Self::Syntax {
                found,
                expected,
                reason,
            } => (format!("{found} is not a valid {expected}"), Some(reason)),
            other => (other.to_string(), None),
        }
    }

    pub(super) fn syntax(text: &str, ty: &Type, reason: &str) -> Self {
        Self::Syntax {
            found: quoted(text),
            expected: shortened(&ty.to_string()),
            reason: shortened(reason),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error_texts::check;

    #[test]
    fn each_error_says_what_is_wrong_and_its_cause_once() {
        check([
            (
                Mismatch::of("`x`".into(), &Type::U8).into(),
                "`x` is not a valid u8",
            ),
            (
                ParseError::syntax("{", &Type::U8, "it ends early"),
                "`{` is not a valid u8: it ends early",
            ),
            (
                ParseError::File {
                    file: "x".into(),
                    source: io::ErrorKind::NotFound.into(),
                },
                "cannot read `x` <- entity not found",
            ),
            (
                ParseError::NotText { file: "x".into() },
                "`x` is not UTF-8 text",
            ),
            (
                ParseError::NoFileName,
                "a file name is missing after `@` (a literal `@` is written `@@`)",
            ),
        ]);
    }

    #[test]
    fn a_mismatch_is_one_printable_line() {
        let error = Mismatch::out_of_range("`300`".into(), &Type::U8)
            .in_field("age")
            .in_element(3)
            .in_field("users");
        assert_eq!(
            error.to_string(),
            "`300` is not a valid u8 at `.users[3].age`: the range is 0 to 255"
        );
    }
}
