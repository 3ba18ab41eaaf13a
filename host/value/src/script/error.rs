//! The error of a text that is not the value of a script.

use super::MAX_DEPTH;
use crate::text::quoted;

/// The error of a text that is not the value of a script. Places are bytes from the start of
/// the text; the first byte is 0.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ScriptValueError {
    /// The text is not JSON.
    #[error("not JSON at byte {at}: {expected} is missing before {}", shown(*found))]
    Syntax {
        /// The place of the first character that does not fit.
        at: usize,
        /// The text that would fit, such as `` `,` or `]` ``.
        expected: &'static str,
        /// The character at the place; none at the end of the text.
        found: Option<char>,
    },
    /// A string of the text has an escape that JSON does not have.
    #[error("not JSON at byte {at}: the escape is none of JSON's")]
    Escape {
        /// The place of the backslash.
        at: usize,
    },
    /// A string of the text has a control code, which JSON wants escaped.
    #[error("not JSON at byte {at}: the control code {} is not escaped", quoted(&code.to_string()))]
    ControlCode {
        /// The place of the control code.
        at: usize,
        /// The control code.
        code: char,
    },
    /// More than [`MAX_DEPTH`] brackets are open within each other.
    #[error("the value is more than {MAX_DEPTH} levels deep at byte {at}")]
    TooDeep {
        /// The place of the bracket that is one too many.
        at: usize,
    },
    /// An object with one key, such as `$int`, has a content that is not of the form which the
    /// key promises.
    #[error("`{form}` at byte {at} does not hold {wanted}")]
    Form {
        /// The place of the object's bracket.
        at: usize,
        /// The key.
        form: &'static str,
        /// What the form holds.
        wanted: &'static str,
    },
}

fn shown(found: Option<char>) -> String {
    match found {
        Some(c) => quoted(&c.to_string()),
        None => "the end of the text".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error_texts::check;

    #[test]
    fn each_error_says_what_is_wrong_and_where() {
        check([
            (
                ScriptValueError::Syntax {
                    at: 3,
                    expected: "`,` or `]`",
                    found: Some('\u{1b}'),
                },
                "not JSON at byte 3: `,` or `]` is missing before `\\u{1b}`",
            ),
            (
                ScriptValueError::Syntax {
                    at: 0,
                    expected: "a value",
                    found: None,
                },
                "not JSON at byte 0: a value is missing before the end of the text",
            ),
            (
                ScriptValueError::Escape { at: 5 },
                "not JSON at byte 5: the escape is none of JSON's",
            ),
            (
                ScriptValueError::ControlCode { at: 5, code: '\n' },
                "not JSON at byte 5: the control code `\\n` is not escaped",
            ),
            (
                ScriptValueError::TooDeep { at: 200 },
                "the value is more than 200 levels deep at byte 200",
            ),
            (
                ScriptValueError::Form {
                    at: 7,
                    form: "$bytes",
                    wanted: "base64",
                },
                "`$bytes` at byte 7 does not hold base64",
            ),
        ]);
    }
}
