//! Reads values of scripts from their text.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use super::form::read_form;
use super::nesting::Bracket;
use super::scan::{Visitor, scan};
use super::{BigInt, ScriptValue, ScriptValueError, Text};

impl ScriptValue {
    /// Reads a value from its text, in the form of [the table](Self).
    ///
    /// The text may have white space, and [`MAX_DEPTH`](super::MAX_DEPTH) brackets within each
    /// other. A number without point and exponent is an integer, however large, as in Python.
    ///
    /// The length of the text is for the caller to limit. A value takes 32 bytes of memory
    /// beside its text or bytes, and up to 128 while it is read: a text of nothing but short
    /// items takes up to 64 times its length.
    ///
    /// # Errors
    ///
    /// Returns an error with the place, if the text is not JSON, is too deep, or has an object
    /// with a key such as `$int` and a content that is not of that form.
    pub fn from_json(text: &str) -> Result<Self, ScriptValueError> {
        let mut builder = Builder {
            text,
            values: Vec::new(),
            open: Vec::new(),
        };
        scan(text, &mut builder)?;
        // The scanner has seen exactly one value.
        Ok(builder.values.pop().unwrap_or(ScriptValue::Null))
    }
}

struct Builder<'a> {
    text: &'a str,
    /// The values and keys of all containers that are open.
    values: Vec<ScriptValue>,
    open: Vec<Open>,
}

/// An array or an object that is not complete.
struct Open {
    at: usize,
    bracket: Bracket,
    /// The number of values outside of it.
    outside: usize,
}

impl Builder<'_> {
    fn text(&self, range: Range<usize>, escapes: bool) -> ScriptValue {
        let inside = &self.text[range];
        ScriptValue::Text(if escapes {
            Text::unescaped(inside)
        } else {
            inside.into()
        })
    }
}

impl Visitor for Builder<'_> {
    fn open(&mut self, at: usize, bracket: Bracket) {
        self.open.push(Open {
            at,
            bracket,
            outside: self.values.len(),
        });
    }

    fn close(&mut self) -> Result<(), ScriptValueError> {
        let Some(Open {
            at,
            bracket,
            outside,
        }) = self.open.pop()
        else {
            return Ok(());
        };
        let mut inside = self.values.drain(outside..);
        let value = match bracket {
            Bracket::Array => ScriptValue::List(inside.collect()),
            Bracket::Object => {
                let mut pairs = Vec::with_capacity(inside.len() / 2);
                while let (Some(key), Some(value)) = (inside.next(), inside.next()) {
                    pairs.push((key, value));
                }
                drop(inside);
                read_object(without_repetitions(pairs), at)?
            }
        };
        self.values.push(value);
        Ok(())
    }

    fn key(&mut self, range: Range<usize>, escapes: bool) {
        self.values.push(self.text(range, escapes));
    }

    fn string(&mut self, range: Range<usize>, escapes: bool) {
        self.values.push(self.text(range, escapes));
    }

    fn number(&mut self, range: Range<usize>, integer: bool) {
        let text = &self.text[range];
        self.values.push(if integer {
            match text.parse() {
                Ok(n) => ScriptValue::Int(n),
                Err(_) => BigInt::new(text).map_or(ScriptValue::Null, ScriptValue::BigInt),
            }
        } else {
            // Beyond the range it is an infinity, as in both languages.
            ScriptValue::Float(text.parse().unwrap_or(f64::NAN))
        });
    }

    fn word(&mut self, value: Option<bool>) {
        self.values
            .push(value.map_or(ScriptValue::Null, ScriptValue::Bool));
    }
}

fn read_object(
    mut pairs: Vec<(ScriptValue, ScriptValue)>,
    at: usize,
) -> Result<ScriptValue, ScriptValueError> {
    if let [(ScriptValue::Text(key), _)] = &pairs[..]
        && key.begins_with_dollar()
        && let Some((ScriptValue::Text(name), content)) = pairs.pop()
    {
        return read_form(name, content, at);
    }
    Ok(ScriptValue::Dict(pairs))
}

/// Returns the pairs with each text as a key only once: in its first place, with its last
/// value.
pub(super) fn without_repetitions(
    pairs: Vec<(ScriptValue, ScriptValue)>,
) -> Vec<(ScriptValue, ScriptValue)> {
    if !repeats(&pairs) {
        return pairs;
    }
    let mut places = HashMap::new();
    let mut kept: Vec<(ScriptValue, ScriptValue)> = Vec::new();
    for (key, value) in pairs {
        if let ScriptValue::Text(text) = &key {
            if let Some(place) = places.get(text) {
                let place: usize = *place;
                kept[place].1 = value;
                continue;
            }
            places.insert(text.clone(), kept.len());
        }
        kept.push((key, value));
    }
    kept
}

fn repeats(pairs: &[(ScriptValue, ScriptValue)]) -> bool {
    const FEW: usize = 8;
    let texts = || {
        pairs.iter().filter_map(|(key, _)| match key {
            ScriptValue::Text(text) => Some(text),
            _ => None,
        })
    };
    if pairs.len() <= FEW {
        return texts()
            .enumerate()
            .any(|(index, text)| texts().take(index).any(|earlier| earlier == text));
    }
    let mut seen = HashSet::with_capacity(pairs.len());
    !texts().all(|text| seen.insert(text))
}
