//! Writes values of scripts as their text.

use std::fmt;
use std::io;

use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use super::form::MAX_EXACT;
use super::notation::write_uuid;
use super::{BigInt, ScriptValue, Text};
use crate::json_write::TerminalSafe;

impl ScriptValue {
    /// Writes the value in the form of [the table](Self), as JSON in one line that is fit for
    /// a terminal, without a newline at its end. It makes many small writes: use a buffered
    /// writer for files.
    ///
    /// Depth is not checked: interpreters refuse a text of over
    /// [`MAX_DEPTH`](super::MAX_DEPTH) brackets within each other, and a value of many
    /// thousands, which only a program can build, overflows the stack.
    ///
    /// # Errors
    ///
    /// Returns the errors of the writer, and no others.
    pub fn write_json(&self, writer: &mut (impl io::Write + ?Sized)) -> io::Result<()> {
        Writer(writer).value(self)
    }
}

/// Writes JSON in one line; see [`ScriptValue::write_json`].
impl fmt::Display for ScriptValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Vec::new();
        self.write_json(&mut out).map_err(|_| fmt::Error)?;
        f.write_str(std::str::from_utf8(&out).map_err(|_| fmt::Error)?)
    }
}

struct Writer<'a, W: ?Sized>(&'a mut W);

impl<W: io::Write + ?Sized> Writer<'_, W> {
    fn value(&mut self, value: &ScriptValue) -> io::Result<()> {
        match value {
            ScriptValue::Null => self.raw("null"),
            ScriptValue::Undefined => self.form("undefined", |w| w.raw("true")),
            ScriptValue::Bool(b) => self.scalar(b),
            ScriptValue::Int(n) if (-MAX_EXACT..=MAX_EXACT).contains(n) => self.scalar(n),
            ScriptValue::Int(n) => self.form("int", |w| write!(w.0, "\"{n}\"")),
            ScriptValue::BigInt(n) => self.form("int", |w| write!(w.0, "\"{n}\"")),
            ScriptValue::Float(x) => self.float(*x),
            ScriptValue::Text(text) => self.text(text),
            ScriptValue::Bytes(bytes) => self.form("bytes", |w| {
                write!(w.0, "\"{}\"", Base64Display::new(bytes, &STANDARD))
            }),
            ScriptValue::List(items) => self.list(items, Self::value),
            ScriptValue::Tuple(items) => self.form("tuple", |w| w.list(items, Self::value)),
            ScriptValue::Set(items) => self.form("set", |w| w.list(items, Self::value)),
            ScriptValue::FrozenSet(items) => self.form("frozenset", |w| w.list(items, Self::value)),
            ScriptValue::Dict(pairs) => self.dict(pairs),
            ScriptValue::Complex(parts) => {
                self.form("complex", |w| w.list(parts, |w, part| w.float(*part)))
            }
            ScriptValue::Decimal(text) => self.form("decimal", |w| w.scalar(text)),
            ScriptValue::Fraction(parts) => {
                self.form("fraction", |w| w.list(&parts[..], Self::big_int))
            }
            ScriptValue::DateTime(text) => self.form("datetime", |w| w.scalar(text)),
            ScriptValue::Date(text) => self.form("date", |w| w.scalar(text)),
            ScriptValue::Time(text) => self.form("time", |w| w.scalar(text)),
            ScriptValue::TimeDelta {
                days,
                seconds,
                microseconds,
            } => self.form("timedelta", |w| {
                let parts = [*days, *seconds, *microseconds].map(ScriptValue::Int);
                w.list(&parts, Self::value)
            }),
            ScriptValue::Uuid(uuid) => self.form("uuid", |w| w.scalar(&write_uuid(*uuid))),
            ScriptValue::Path(path) => self.form("path", |w| w.text(path)),
            ScriptValue::Range(parts) => self.form("range", |w| w.list(&parts[..], Self::big_int)),
            ScriptValue::Enum(parts) => self.form("enum", |w| w.list(&parts[..], Self::text)),
            ScriptValue::Object(object) => self.form("object", |w| {
                let (class, fields) = &**object;
                w.raw("[")?;
                w.text(class)?;
                w.raw(",")?;
                w.fields(fields)?;
                w.raw("]")
            }),
            ScriptValue::Handle(handle) => self.form("handle", |w| {
                let (kind, number) = &**handle;
                w.raw("[")?;
                w.text(kind)?;
                w.raw(",")?;
                w.big_int(&(*number).into())?;
                w.raw("]")
            }),
            ScriptValue::Other(other) => {
                let (name, content) = &**other;
                self.raw("{")?;
                self.text(name)?;
                self.raw(":")?;
                self.value(content)?;
                self.raw("}")
            }
        }
    }

    fn raw(&mut self, text: &str) -> io::Result<()> {
        self.0.write_all(text.as_bytes())
    }

    /// Writes what JSON has a form of its own for.
    fn scalar(&mut self, value: &(impl Serialize + ?Sized)) -> io::Result<()> {
        let mut to = serde_json::Serializer::with_formatter(&mut *self.0, TerminalSafe);
        value.serialize(&mut to).map_err(io::Error::from)
    }

    /// Writes a form of the name, without its `$`.
    fn form(
        &mut self,
        name: &str,
        content: impl FnOnce(&mut Self) -> io::Result<()>,
    ) -> io::Result<()> {
        write!(self.0, "{{\"${name}\":")?;
        content(self)?;
        self.raw("}")
    }

    fn list<T>(
        &mut self,
        items: &[T],
        write: impl Fn(&mut Self, &T) -> io::Result<()>,
    ) -> io::Result<()> {
        self.raw("[")?;
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                self.raw(",")?;
            }
            write(self, item)?;
        }
        self.raw("]")
    }

    fn float(&mut self, x: f64) -> io::Result<()> {
        if x.is_finite() {
            self.scalar(&x)
        } else if x.is_nan() {
            self.raw(r#"{"$float":"NaN"}"#)
        } else if x > 0.0 {
            self.raw(r#"{"$float":"Infinity"}"#)
        } else {
            self.raw(r#"{"$float":"-Infinity"}"#)
        }
    }

    /// Writes an integer within a form, where its size makes no difference of type.
    fn big_int(&mut self, n: &BigInt) -> io::Result<()> {
        match n.as_str().parse() {
            Ok(small) => self.value(&ScriptValue::Int(small)),
            Err(_) => self.form("int", |w| write!(w.0, "\"{n}\"")),
        }
    }

    fn text(&mut self, text: &Text) -> io::Result<()> {
        if let Some(text) = text.as_str() {
            return self.scalar(text);
        }
        self.raw("\"")?;
        for unit in char::decode_utf16(text.to_utf16()) {
            match unit {
                Ok(c) => {
                    let mut quoted = Vec::new();
                    Writer(&mut quoted).scalar(&c)?;
                    self.0.write_all(&quoted[1..quoted.len() - 1])?;
                }
                Err(lone) => write!(self.0, "\\u{:04x}", lone.unpaired_surrogate())?,
            }
        }
        self.raw("\"")
    }

    fn dict(&mut self, pairs: &[(ScriptValue, ScriptValue)]) -> io::Result<()> {
        let plain = pairs
            .iter()
            .all(|(key, _)| matches!(key, ScriptValue::Text(key) if !key.begins_with_dollar()));
        self.pairs(plain, pairs.iter(), |w, key| w.value(key))
    }

    fn fields(&mut self, fields: &[(Text, ScriptValue)]) -> io::Result<()> {
        let plain = fields.iter().all(|(name, _)| !name.begins_with_dollar());
        self.pairs(plain, fields.iter(), |w, name| w.text(name))
    }

    /// Writes a plain object, or else a `$dict`.
    fn pairs<'p, K: 'p>(
        &mut self,
        plain: bool,
        pairs: impl Iterator<Item = &'p (K, ScriptValue)>,
        write_key: impl Fn(&mut Self, &K) -> io::Result<()>,
    ) -> io::Result<()> {
        let [before, open, between, close, after] = match plain {
            true => ["{", "", ":", "", "}"],
            false => [r#"{"$dict":["#, "[", ",", "]", "]}"],
        };
        self.raw(before)?;
        for (index, (key, value)) in pairs.enumerate() {
            if index > 0 {
                self.raw(",")?;
            }
            self.raw(open)?;
            write_key(self, key)?;
            self.raw(between)?;
            self.value(value)?;
            self.raw(close)?;
        }
        self.raw(after)
    }
}
