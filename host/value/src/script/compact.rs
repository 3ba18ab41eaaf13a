//! A text of a guest, checked and brought into one line without a value being built.

use std::ops::Range;

use super::ScriptValueError;
use super::scan::{Visitor, scan};

/// Checks that the text is exactly one JSON value, at most [`MAX_DEPTH`](super::MAX_DEPTH)
/// levels deep, and appends it to `out` in one line that is fit for a terminal: without white
/// space outside of strings, and with DEL and the control codes from U+0080 to U+009F escaped.
/// All else stays byte for byte as it is written, digits of numbers and escapes too.
///
/// Takes time in proportion to the text's length, and no memory but that of `out`. It does not
/// check that objects with a key such as `$tuple` are of the form that the key promises, nor
/// that keys differ.
///
/// # Errors
///
/// Returns an error with the place, and appends nothing, if the text is not JSON or too deep.
pub fn compact(text: &str, out: &mut Vec<u8>) -> Result<(), ScriptValueError> {
    let length_before = out.len();
    out.reserve(text.len());
    let mut compactor = Compactor { text, kept: 0, out };
    let scanned = scan(text, &mut compactor);
    match scanned {
        Ok(()) => compactor.copy_up_to(text.len()),
        Err(_) => out.truncate(length_before),
    }
    scanned
}

/// Returns `true` for the texts of Python's `None` and of JavaScript's `null` and `undefined`,
/// for which nothing is printed: `null` and `{"$undefined":true}`, with or without white space
/// around them.
pub fn is_null(text: &str) -> bool {
    matches!(
        text.trim_matches([' ', '\n', '\t', '\r']),
        "null" | r#"{"$undefined":true}"#
    )
}

struct Compactor<'a> {
    text: &'a str,
    /// The text before this place has been copied, or left out.
    kept: usize,
    out: &'a mut Vec<u8>,
}

impl Compactor<'_> {
    fn copy_up_to(&mut self, end: usize) {
        self.out
            .extend_from_slice(&self.text.as_bytes()[self.kept..end]);
        self.kept = end;
    }
}

impl Visitor for Compactor<'_> {
    fn whitespace(&mut self, range: Range<usize>) {
        self.copy_up_to(range.start);
        self.kept = range.end;
    }

    fn control_code(&mut self, at: usize, code: char) {
        self.copy_up_to(at);
        self.out
            .extend_from_slice(format!("\\u{:04x}", u32::from(code)).as_bytes());
        self.kept = at + code.len_utf8();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn compacted(text: &str) -> Result<String, ScriptValueError> {
        let mut out = b"before ".to_vec();
        let result = compact(text, &mut out);
        let out = String::from_utf8(out).unwrap();
        let appended = out.strip_prefix("before ").unwrap();
        if result.is_err() {
            assert_eq!(appended, "", "{text}");
        }
        result.map(|()| appended.to_owned())
    }

    fn error(text: &str) -> String {
        compacted(text).unwrap_err().to_string()
    }

    #[test]
    fn a_value_stays_as_it_is_but_for_white_space() {
        for text in [
            "null",
            "true",
            "false",
            "0",
            "-0",
            "-0.0",
            "1E+400",
            "1.50e-07",
            "123456789012345678901234567890",
            r#""""#,
            r#""a \ud800 \u001b \" \\ \/ \b\f\n\r\t b""#,
            r#""grün 日本 😀""#,
            "[]",
            "{}",
            r#"[[],{},[1,"x"],{"":{"a":null}}]"#,
            r#"{"a":1,"a":2}"#,
            r#"{"$tuple":"whatever"}"#,
        ] {
            assert_eq!(compacted(text).as_deref(), Ok(text));
            assert_eq!(compacted(&format!(" \n{text}\t\r ")).as_deref(), Ok(text));
        }
        assert_eq!(
            compacted(" [ 1 ,\n\t{ \"a b\" : [ ] , \"c\":{ } } ]\r\n").as_deref(),
            Ok(r#"[1,{"a b":[],"c":{}}]"#)
        );
    }

    #[test]
    fn control_codes_that_json_allows_are_escaped() {
        assert_eq!(
            compacted("[\"a\u{7f}\u{80}b\u{9b}\u{a0}\u{bf}é\u{85}\"]").as_deref(),
            Ok("[\"a\\u007f\\u0080b\\u009b\u{a0}\u{bf}é\\u0085\"]")
        );
        assert_eq!(
            compacted("{\"\u{9f}\":1}").as_deref(),
            Ok("{\"\\u009f\":1}")
        );
    }

    #[test]
    fn a_text_that_is_not_json_is_refused_with_its_place() {
        for (text, expected) in [
            (
                "",
                "not JSON at byte 0: a value is missing before the end of the text",
            ),
            (
                " \n",
                "not JSON at byte 2: a value is missing before the end of the text",
            ),
            ("nul", "not JSON at byte 0: a value is missing before `n`"),
            ("NaN", "not JSON at byte 0: a value is missing before `N`"),
            (
                "-Infinity",
                "not JSON at byte 1: a digit is missing before `I`",
            ),
            ("+1", "not JSON at byte 0: a value is missing before `+`"),
            (
                "01",
                "not JSON at byte 1: the end of the text is missing before `1`",
            ),
            (
                "1.",
                "not JSON at byte 2: a digit is missing before the end of the text",
            ),
            (".5", "not JSON at byte 0: a value is missing before `.`"),
            (
                "1e",
                "not JSON at byte 2: a digit is missing before the end of the text",
            ),
            (
                "1 2",
                "not JSON at byte 2: the end of the text is missing before `2`",
            ),
            (
                "nulls",
                "not JSON at byte 4: the end of the text is missing before `s`",
            ),
            ("[1,]", "not JSON at byte 3: a value is missing before `]`"),
            (
                "[1 2]",
                "not JSON at byte 3: `,` or `]` is missing before `2`",
            ),
            (
                "[1}",
                "not JSON at byte 2: `,` or `]` is missing before `}`",
            ),
            (
                "[",
                "not JSON at byte 1: a value is missing before the end of the text",
            ),
            (
                "{1:2}",
                "not JSON at byte 1: a key in quotes is missing before `1`",
            ),
            (
                "{\"a\":1,}",
                "not JSON at byte 7: a key in quotes is missing before `}`",
            ),
            ("{\"a\" 1}", "not JSON at byte 5: `:` is missing before `1`"),
            (
                "{\"a\":1]",
                "not JSON at byte 6: `,` or `}` is missing before `]`",
            ),
            (
                "\"a",
                "not JSON at byte 2: a closing quote is missing before the end of the text",
            ),
            (
                "\"a\nb\"",
                "not JSON at byte 2: the control code `\\n` is not escaped",
            ),
            (
                "\"é\\x\"",
                "not JSON at byte 3: the escape is none of JSON's",
            ),
            (
                "\"\\u12g4\"",
                "not JSON at byte 1: the escape is none of JSON's",
            ),
            (
                "\"\\u00é",
                "not JSON at byte 1: the escape is none of JSON's",
            ),
            ("\"\\", "not JSON at byte 1: the escape is none of JSON's"),
            ("'a'", "not JSON at byte 0: a value is missing before `'`"),
            (
                "\u{feff}1",
                "not JSON at byte 0: a value is missing before `\\u{feff}`",
            ),
            (
                "\u{a0}1",
                "not JSON at byte 0: a value is missing before `\u{a0}`",
            ),
            (
                "[1,\u{1b}[31m]",
                "not JSON at byte 3: a value is missing before `\\u{1b}`",
            ),
        ] {
            assert_eq!(error(text), expected, "{text:?}");
        }
    }

    #[test]
    fn two_hundred_levels_are_the_limit() {
        let nested = |open: &str, close: &str, count| open.repeat(count) + &close.repeat(count);
        for (open, close, inside) in [("[", "]", ""), ("{\"a\":", "}", "1")] {
            let deepest = open.repeat(200) + inside + &close.repeat(200);
            assert_eq!(compacted(&deepest), Ok(deepest));
        }
        assert_eq!(
            error(&nested("[", "]", 201)),
            "the value is more than 200 levels deep at byte 200"
        );
        assert_eq!(
            error(&"[".repeat(100_000)),
            "the value is more than 200 levels deep at byte 200"
        );
        assert!(error(&"{\"a\":[".repeat(100_000)).starts_with("the value is more than"));
        let wide = format!("[{}[]]", "[[]],".repeat(10_000));
        assert_eq!(compacted(&wide), Ok(wide));
    }

    #[test]
    fn null_and_undefined_print_nothing() {
        for text in ["null", " null\n", r#"{"$undefined":true}"#] {
            assert!(is_null(text), "{text}");
        }
        for text in ["", "0", "[]", "\"null\"", "nulls", "{}"] {
            assert!(!is_null(text), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics_and_what_is_kept_is_json(text in r#"[\[\]{}:,"\\u0-9a-f \n\x{7f}-\x{c0}e+.-]{0,30}"#) {
            let judged = serde_json::from_str::<serde_json::Value>(&text);
            match compacted(&text) {
                Ok(out) => {
                    prop_assert!(!out.chars().any(char::is_control));
                    prop_assert_eq!(compacted(&out), Ok(out.clone()));
                    // serde_json refuses half pairs of surrogates and numbers beyond floats.
                    if let Ok(judged) = judged {
                        prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&out).unwrap(), judged);
                    }
                }
                Err(_) => prop_assert!(judged.is_err()),
            }
        }
    }
}
