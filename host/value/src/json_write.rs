//! Values as JSON.
//!
//! | value | JSON |
//! |---|---|
//! | integers | numbers, 64-bit ones too |
//! | floats | numbers; `"NaN"`, `"Infinity"`, `"-Infinity"` |
//! | `list<u8>` | `{"base64":"..."}` |
//! | record, tuple, other lists | object, array, array |
//! | variant | `{"case":payload}`, or `"case"` where the case has no payload |
//! | enum, flags, char | string, array of strings, string |
//! | option | `null` or the value; where that is an option too, `{"some":value}` |
//! | result | `{"ok":payload}`, `{"err":payload}`; `null` for no payload |
//! | handle of a resource | `{"$handle":[resource,number]}` |
//! | no result | `null` |
//!
//! A value alone shows if an option holds an option, so writing needs no type, and the
//! text always reads back by the type.

use std::fmt;
use std::io;

use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::ser::Formatter;

use super::Value;
use super::resource::short_name;

/// Serializes by the module's table, into any format that JSON's shapes fit.
impl Serialize for Value {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Bool(b) => to.serialize_bool(*b),
            Value::S8(n) => to.serialize_i8(*n),
            Value::U8(n) => to.serialize_u8(*n),
            Value::S16(n) => to.serialize_i16(*n),
            Value::U16(n) => to.serialize_u16(*n),
            Value::S32(n) => to.serialize_i32(*n),
            Value::U32(n) => to.serialize_u32(*n),
            Value::S64(n) => to.serialize_i64(*n),
            Value::U64(n) => to.serialize_u64(*n),
            Value::F32(x) if x.is_finite() => to.serialize_f64(widened(*x)),
            Value::F64(x) if x.is_finite() => to.serialize_f64(*x),
            Value::F32(x) => to.serialize_str(not_finite((*x).into())),
            Value::F64(x) => to.serialize_str(not_finite(*x)),
            Value::Char(c) => to.serialize_char(*c),
            Value::String(text) | Value::Enum(text) => to.serialize_str(text),
            Value::Bytes(bytes) => entry(to, "base64", &Base64(bytes)),
            Value::List(items) => to.collect_seq(items),
            Value::Record(fields) => to.collect_map(fields.iter().map(|(name, v)| (name, v))),
            Value::Tuple(items) if items.is_empty() => to.serialize_unit(),
            Value::Tuple(items) => to.collect_seq(items),
            Value::Variant(case, None) => to.serialize_str(case),
            Value::Variant(case, Some(payload)) => entry(to, case, payload),
            Value::Flags(names) => to.collect_seq(names),
            Value::Option(None) => to.serialize_unit(),
            Value::Option(Some(value)) if may_be_null(value) => entry(to, "some", value),
            Value::Option(Some(value)) => value.serialize(to),
            Value::Result(Ok(Some(payload))) => entry(to, "ok", payload),
            Value::Result(Err(Some(payload))) => entry(to, "err", payload),
            Value::Result(Ok(None)) => entry(to, "ok", &()),
            Value::Result(Err(None)) => entry(to, "err", &()),
            Value::Handle(handle) => {
                let name = short_name(handle.name());
                entry(to, "$handle", &(name, handle.number()))
            }
        }
    }
}

/// Returns `true` if a value could be written as `null`, which in an option means `none`.
fn may_be_null(value: &Value) -> bool {
    matches!(value, Value::Option(_)) || value.is_unit()
}

fn entry<S: Serializer>(
    to: S,
    key: &str,
    value: &(impl Serialize + ?Sized),
) -> Result<S::Ok, S::Error> {
    let mut map = to.serialize_map(Some(1))?;
    map.serialize_entry(key, value)?;
    map.end()
}

/// Returns the double that prints as shortly as the single does: `0.1`, where a cast gives
/// `0.10000000149011612`.
fn widened(x: f32) -> f64 {
    if x.trunc() == x && x.abs() < 1e7 {
        return x.into();
    }
    x.to_string().parse().unwrap_or_else(|_| x.into())
}

fn not_finite(x: f64) -> &'static str {
    if x.is_nan() {
        "NaN"
    } else if x > 0.0 {
        "Infinity"
    } else {
        "-Infinity"
    }
}

struct Base64<'a>(&'a [u8]);

impl Serialize for Base64<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&Base64Display::new(self.0, &STANDARD))
    }
}

/// Escapes characters that JSON allows in a string but a terminal acts upon: DEL and the
/// control codes from 0x80 to 0x9f.
pub(super) struct TerminalSafe;

impl Formatter for TerminalSafe {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut plain = 0;
        // 0xc2 begins all of the upper control codes, and little else.
        let bytes = fragment.as_bytes();
        while let Some(found) = bytes[plain..].iter().position(|b| matches!(b, 0x7f | 0xc2)) {
            let at = plain + found;
            let Some(c) = fragment[at..].chars().next() else {
                break;
            };
            let end = at + c.len_utf8();
            if c.is_control() {
                writer.write_all(&bytes[plain..at])?;
                write!(writer, "\\u{:04x}", u32::from(c))?;
            } else {
                writer.write_all(&bytes[plain..end])?;
            }
            plain = end;
        }
        writer.write_all(&bytes[plain..])
    }
}

/// Writes a value as JSON on one line, without a newline at its end. It makes many small
/// writes: use a buffered writer for files.
///
/// # Errors
///
/// Returns the errors of the writer, and no others.
pub fn write_json(value: &Value, writer: &mut (impl io::Write + ?Sized)) -> io::Result<()> {
    let mut to = serde_json::Serializer::with_formatter(writer, TerminalSafe);
    value.serialize(&mut to).map_err(io::Error::from)
}

/// Returns a value as JSON in memory.
pub fn to_json(value: &Value) -> serde_json::Value {
    // It fails for keys that are no strings and for errors of a `Serialize`; our values
    // have neither.
    serde_json::to_value(value).unwrap_or_default()
}

/// Writes JSON on one line.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Vec::new();
        write_json(self, &mut out).map_err(|_| fmt::Error)?;
        f.write_str(std::str::from_utf8(&out).map_err(|_| fmt::Error)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_by_the_rules() {
        let text = |s: &str| Value::String(s.into());
        for (value, json) in [
            (Value::U64(u64::MAX), "18446744073709551615"),
            (Value::F32(0.1), "0.1"),
            (Value::F64(3.0), "3.0"),
            (Value::F64(f64::NAN), r#""NaN""#),
            (Value::F32(f32::NEG_INFINITY), r#""-Infinity""#),
            (Value::Bytes(b"hello".to_vec()), r#"{"base64":"aGVsbG8="}"#),
            (
                Value::record([("b", Value::U8(1)), ("a", text("x\"y"))]),
                r#"{"b":1,"a":"x\"y"}"#,
            ),
            (
                Value::Tuple(vec![Value::U8(1), Value::Char('ü')]),
                r#"[1,"ü"]"#,
            ),
            (Value::Variant("off".into(), None), r#""off""#),
            (
                Value::Variant("on".into(), Some(Box::new(Value::U8(1)))),
                r#"{"on":1}"#,
            ),
            (Value::Enum("north".into()), r#""north""#),
            (Value::Flags(vec!["r".into(), "w".into()]), r#"["r","w"]"#),
            (Value::none(), "null"),
            (Value::some(Value::U8(1)), "1"),
            (Value::some(Value::none()), r#"{"some":null}"#),
            (Value::some(Value::some(Value::U8(1))), r#"{"some":1}"#),
            (Value::Result(Ok(None)), r#"{"ok":null}"#),
            (
                Value::Result(Err(Some(Box::new(text("e"))))),
                r#"{"err":"e"}"#,
            ),
            (Value::unit(), "null"),
        ] {
            assert_eq!(value.to_string(), json);
            assert_eq!(to_json(&value).to_string().len(), json.len());
        }
    }

    #[test]
    fn no_control_code_is_written() {
        let value = Value::String("a\u{1b}b\u{7f}c\u{9b}d\u{a0}\u{85}".into());
        let json = value.to_string();
        assert_eq!(json, "\"a\\u001bb\\u007fc\\u009bd\u{a0}\\u0085\"");
        let back: String = serde_json::from_str(&json).unwrap();
        assert_eq!(Value::String(back), value);
    }
}
