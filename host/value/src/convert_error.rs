//! The error of a value that a Rust type cannot be read from: as the conversions of this
//! crate make it, and those that others write by hand or derive.

use std::borrow::Cow;
use std::fmt;

use super::Value;
use super::text::{Printable, listed, quoted, quoted_value};

/// The error of a value that a Rust type cannot be read from.
///
/// A hand-written [`FromValue`](trait@super::FromValue) returns one, and adds the place to
/// the error of a part:
///
#[doc = include_str!("../docs/convert_error.md")]
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConvertError {
    /// The value, or a part of it, is of another type or does not fit.
    Mismatch {
        /// The place in the whole value, as `.users[3]`; empty for the whole itself.
        path: String,
        /// The value that was found, as JSON in backticks, cut.
        found: String,
        /// The expected form of the Rust type.
        wanted: Cow<'static, str>,
    },
    /// Something else is wrong with the value, or with a part of it.
    Custom {
        /// The place in the whole value, as `.users[3]`; empty for the whole itself.
        path: String,
        /// The problem, in a line without a full stop.
        reason: String,
    },
}

impl std::error::Error for ConvertError {}

impl fmt::Display for ConvertError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mismatch { found, wanted, .. } => {
                write!(f, "the value {found} is not a valid {wanted}")?
            }
            // The reason often includes a guest's text.
            Self::Custom { reason, .. } => write!(f, "{}", Printable(reason))?,
        }
        match self.path() {
            "" => Ok(()),
            path => write!(f, " at {}", quoted(path)),
        }
    }
}

impl ConvertError {
    /// Returns the error for a value that is not `wanted`: `u32`, `list of bytes`.
    pub fn new(found: &Value, wanted: impl Into<Cow<'static, str>>) -> Self {
        Self::Mismatch {
            path: String::new(),
            found: quoted_value(found),
            wanted: wanted.into(),
        }
    }

    /// Returns an error with this reason, a line without a full stop.
    pub fn custom(reason: impl fmt::Display) -> Self {
        Self::Custom {
            path: String::new(),
            reason: reason.to_string(),
        }
    }

    /// Returns the error for a record that lacks a field.
    pub fn missing_field(name: &str) -> Self {
        Self::custom(format_args!("the field {} is missing", quoted(name)))
    }

    /// Returns the error for a case of an enum or variant, or a flag, that is unknown.
    pub fn unknown_name(found: &str, known: &[&str]) -> Self {
        let known = listed(known.iter().copied());
        Self::custom(format_args!("{} is none of {known}", quoted(found)))
    }

    /// Returns this error as one of a field of the whole, or of the payload of a case.
    #[must_use]
    pub fn in_field(self, name: &str) -> Self {
        self.within(&format!(".{name}"))
    }

    /// Returns this error as one of an element of the whole.
    #[must_use]
    pub fn in_element(self, index: usize) -> Self {
        self.within(&format!("[{index}]"))
    }

    /// Returns the place in the whole value, as `.users[3]`; empty for the whole itself.
    pub fn path(&self) -> &str {
        let (Self::Mismatch { path, .. } | Self::Custom { path, .. }) = self;
        path
    }

    fn within(mut self, part: &str) -> Self {
        let (Self::Mismatch { path, .. } | Self::Custom { path, .. }) = &mut self;
        path.insert_str(0, part);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_is_told_from_the_outside_in() {
        let error = ConvertError::new(&Value::U8(1), "string").in_element(3);
        let error = error.in_field("users");
        assert_eq!(
            error.to_string(),
            "the value `1` is not a valid string at `.users[3]`"
        );
        let error = ConvertError::missing_field("age").in_element(0);
        assert_eq!(error.to_string(), "the field `age` is missing at `[0]`");
    }

    #[test]
    fn names_that_are_not_known_are_told_beside_those_that_are() {
        let error = ConvertError::unknown_name("ci\u{1b}rcle", &["circle", "point"]);
        let said = error.to_string();
        assert!(said.ends_with("is none of `circle`, `point`"), "{said}");
        assert!(!said.contains('\u{1b}'), "{said}");
        assert_eq!(error.path(), "");
    }
}
