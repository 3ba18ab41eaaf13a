//! JSON text that a task returns as a string, or prints: written as the JSON that it
//! is, or its keys as cells of a table.
//!
//! Numbers and the order of keys stay as the task wrote them: the text is checked, and
//! then copied without its white space, never read into values and written again.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sandpool::Value;
use serde::de::IgnoredAny;

use super::ResultForm;
use crate::map::ledger::Finished;

/// JSON that is nested deeper is left as text: what reads our lines need not bear it.
const DEEPEST: usize = 120;

/// A script's value is at most so deep, and is always JSON.
const DEEPEST_OF_SCRIPTS: usize = 200;

/// JSON text that was checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened<'a>(&'a str);

impl<'a> Opened<'a> {
    /// The text of a value or an output, if it is JSON.
    pub fn read(text: &'a str) -> Option<Self> {
        Opened::read_within(text, DEEPEST)
    }

    /// The text of a script's value, if it is JSON: the interpreter may be another than ours.
    pub fn of_script(text: &'a str) -> Option<Self> {
        Opened::read_within(text, DEEPEST_OF_SCRIPTS)
    }

    fn read_within(text: &'a str, deepest: usize) -> Option<Self> {
        let text = text.trim_matches([' ', '\t', '\r', '\n']);
        let valid = serde_json::from_str::<IgnoredAny>(text).is_ok();
        (valid && depth(text) <= deepest).then_some(Opened(text))
    }

    /// Appends it as one line.
    pub fn put(self, out: &mut Vec<u8>) {
        let mut in_string = false;
        let mut escaped = false;
        for c in self.0.chars() {
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '"' => in_string = !in_string,
                ' ' | '\t' | '\r' | '\n' if !in_string => continue,
                // The control codes that JSON lets pass: DEL and the C1 set.
                c if c.is_control() => {
                    out.extend_from_slice(format!("\\u{:04x}", u32::from(c)).as_bytes());
                    continue;
                }
                _ => {}
            }
            out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }

    /// Returns whether it is an object of keys. A script's values of other types, such as
    /// bytes, are objects with one key that begins with `$`.
    pub fn has_keys(self, form: ResultForm) -> bool {
        let Some(rest) = self.0.strip_prefix('{') else {
            return false;
        };
        form != ResultForm::Json || !rest.trim_start().starts_with("\"$")
    }

    /// Returns the value of a key of an object; the last, where it is there several
    /// times.
    pub fn get(self, key: &str) -> Option<Opened<'a>> {
        let mut found = None;
        let mut rest = self.0.strip_prefix('{')?.trim_start();
        while rest.starts_with('"') {
            let (name, behind) = rest.split_at(token(rest));
            let behind = behind.trim_start().strip_prefix(':')?.trim_start();
            let (value, behind) = behind.split_at(token(behind));
            if unquoted(name).as_deref() == Some(key) {
                found = Some(Opened(value.trim_end()));
            }
            rest = behind.trim_start();
            rest = rest.strip_prefix(',').unwrap_or(rest).trim_start();
        }
        found
    }

    /// Returns the value that a script's JSON stands for, if that is nothing, text or bytes.
    pub fn as_value(self) -> Option<Value> {
        if self.0 == "null" {
            return Some(Value::none());
        }
        if let Some(text) = unquoted(self.0) {
            return Some(Value::String(text));
        }
        let bytes = self.get("$bytes")?;
        BASE64.decode(unquoted(bytes.0)?).ok().map(Value::Bytes)
    }

    /// Appends it as a cell: text as it is, nothing for null, all else as JSON.
    pub fn put_cell(self, cell: &mut Vec<u8>) {
        match unquoted(self.0) {
            Some(text) => cell.extend_from_slice(text.as_bytes()),
            None if self.0 == "null" => {}
            None => self.put(cell),
        }
    }
}

/// The text of a JSON string.
fn unquoted(json: &str) -> Option<String> {
    serde_json::from_str(json).ok()
}

/// Returns the depth of nested lists and objects.
fn depth(json: &str) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// The length of the value at the front of text that is JSON: up to the comma or the
/// bracket behind it.
fn token(json: &str) -> usize {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for (at, byte) in json.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => {
                in_string = !in_string;
                if !in_string && depth == 0 {
                    return at + 1;
                }
            }
            _ if in_string => {}
            b'[' | b'{' => depth += 1,
            b']' | b'}' if depth > 1 => depth -= 1,
            b']' | b'}' if depth == 1 => return at + 1,
            b',' | b']' | b'}' if depth == 0 => return at,
            _ => {}
        }
    }
    json.len()
}

/// The text that a task's result is, or what a command printed.
pub fn text_of(task: &Finished, form: ResultForm) -> Option<Cow<'_, str>> {
    let outcome = &task.outcome;
    if !outcome.is_ok() || task.stored.is_some() {
        return None;
    }
    if form == ResultForm::Stdout {
        let stdout = outcome.stdout.as_deref().unwrap_or_default();
        return std::str::from_utf8(stdout).ok().map(Cow::from);
    }
    let mut value = outcome.value.as_ref()?;
    while let Value::Option(Some(inner)) = value {
        value = inner;
    }
    match value {
        Value::String(text) => Some(Cow::from(text.as_str())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Option<String> {
        let mut out = Vec::new();
        Opened::read(text)?.put(&mut out);
        String::from_utf8(out).ok()
    }

    #[test]
    fn json_is_one_line_and_says_exactly_what_it_said() {
        let text = " {\n \"b\" : [1, 2.50 ,1e400],\t\"a b\\\" \" : 12345678901234567890123 }\r\n";
        assert_eq!(
            line(text).unwrap(),
            "{\"b\":[1,2.50,1e400],\"a b\\\" \":12345678901234567890123}"
        );
        assert_eq!(line("\"\u{9b}\u{7f}\"").unwrap(), "\"\\u009b\\u007f\"");
        for scalar in ["null", "true", "-0.0", "\"x\""] {
            assert_eq!(line(scalar).unwrap(), scalar);
        }
        for text in ["", "x", "{", "[1,]", "NaN", "{'a':1}", "1 2", "\u{feff}1"] {
            assert_eq!(line(text), None, "{text}");
        }
        let deep = |n: usize| "[".repeat(n) + &"]".repeat(n);
        assert!(line(&deep(DEEPEST)).is_some() && line(&deep(DEEPEST + 1)).is_none());
    }

    #[test]
    fn keys_are_found_wherever_they_stand() {
        let text =
            r#" { "a" : {"b":[1,"}]"]}, "\u0062":"x\"y" ,"c":null,"n":1.50,"a,":[], "n" : 2.0 } "#;
        let cell = |key: &str| {
            let mut cell = Vec::new();
            Opened::read(text).unwrap().get(key)?.put_cell(&mut cell);
            String::from_utf8(cell).ok()
        };
        assert_eq!(cell("a").unwrap(), r#"{"b":[1,"}]"]}"#);
        assert_eq!(cell("b").unwrap(), "x\"y");
        assert_eq!(cell("c").unwrap(), "");
        assert_eq!(cell("n").unwrap(), "2.0");
        assert_eq!(cell("a,").unwrap(), "[]");
        assert_eq!(cell("d"), None);
        assert_eq!(Opened::read("[1]").unwrap().get("a"), None);
        assert_eq!(Opened::read("{}").unwrap().get("a"), None);
    }
}
