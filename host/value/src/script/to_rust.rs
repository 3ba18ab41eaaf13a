//! Rust's own types from values of scripts.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::{BuildHasher, Hash};

use serde_json::Value as Json;

use super::{BigInt, ScriptValue, Text};
use crate::ConvertError;
use crate::number::integer_of_double;
use crate::text::quoted_start;

/// A type that the value of a script can be read as: integers, floats, `bool`, `String`,
/// [`Text`], [`BigInt`], `Vec`, sets, maps, `Option`, tuples of up to six, `Box`, `()`,
/// [`ScriptValue`] itself, and [`serde_json::Value`] for what it can hold.
///
/// | type | reads |
/// |---|---|
/// | integers | integers that fit, and floats without a fraction below 2^53 |
/// | `f64` | floats, and integers that a double holds exactly |
/// | `f32` | as `f64`, if nothing is lost |
/// | `Vec`, sets | lists, tuples and sets |
/// | `Vec<u8>` | bytes too |
/// | maps | dicts, and the fields of objects |
/// | tuples | tuples and lists of exactly that length |
/// | `Option` | `None`, `null` and `undefined` as `None` |
/// | `serde_json::Value` | all, in the form of [the table](ScriptValue), up to 127 levels deep and without lone surrogates |
///
/// Dates, paths, UUIDs, decimals and the rest have no type in the standard library: match on
/// [`ScriptValue`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be read from the value of a script",
    note = "values are read as owned types; implement `FromScript` for a type of your own"
)]
pub trait FromScript: Sized {
    /// Reads the value.
    ///
    /// # Errors
    ///
    /// Returns an error that names the place, if the value is of another type.
    fn from_script(value: ScriptValue) -> Result<Self, ConvertError>;

    /// Reads many of these from one value: bytes are not a value each.
    #[doc(hidden)]
    fn vec_from_script(value: ScriptValue) -> Result<Vec<Self>, ConvertError> {
        items(value, "list")?
            .into_iter()
            .enumerate()
            .map(|(index, item)| Self::from_script(item).map_err(|e| e.in_element(index)))
            .collect()
    }
}

fn mismatch(found: &ScriptValue, wanted: &'static str) -> ConvertError {
    ConvertError::Mismatch {
        path: String::new(),
        found: quoted_start(|mut start| found.write_json(&mut start)),
        wanted: wanted.into(),
    }
}

fn items(value: ScriptValue, wanted: &'static str) -> Result<Vec<ScriptValue>, ConvertError> {
    match value {
        ScriptValue::List(items)
        | ScriptValue::Tuple(items)
        | ScriptValue::Set(items)
        | ScriptValue::FrozenSet(items) => Ok(items),
        other => Err(mismatch(&other, wanted)),
    }
}

fn integer(value: &ScriptValue) -> Option<i128> {
    match value {
        // JavaScript has no integers.
        ScriptValue::Float(x) => integer_of_double(*x),
        value => value.as_integer(),
    }
}

macro_rules! integers {
    ($($integer:ident)*) => {$(
        impl FromScript for $integer {
            fn from_script(value: ScriptValue) -> Result<Self, ConvertError> {
                integer(&value)
                    .and_then(|n| n.try_into().ok())
                    .ok_or_else(|| mismatch(&value, stringify!($integer)))
            }
        }
    )*};
}

integers!(i8 i16 u16 i32 u32 i64 u64 i128 u128 isize usize);

impl FromScript for u8 {
    fn from_script(value: ScriptValue) -> Result<Self, ConvertError> {
        integer(&value)
            .and_then(|n| n.try_into().ok())
            .ok_or_else(|| mismatch(&value, "u8"))
    }

    fn vec_from_script(value: ScriptValue) -> Result<Vec<Self>, ConvertError> {
        match value {
            ScriptValue::Bytes(bytes) => Ok(bytes),
            other => items(other, "list of bytes")?
                .into_iter()
                .enumerate()
                .map(|(index, item)| Self::from_script(item).map_err(|e| e.in_element(index)))
                .collect(),
        }
    }
}

/// Implements the trait by a function that gives the value back if it is of another type.
macro_rules! scalars {
    ($($rust:ty, $wanted:literal: $pattern:pat => $read:expr;)*) => {$(
        impl FromScript for $rust {
            fn from_script(value: ScriptValue) -> Result<Self, ConvertError> {
                match value {
                    $pattern => Ok($read),
                    other => Err(mismatch(&other, $wanted)),
                }
            }
        }
    )*};
}

scalars! {
    bool, "bool": ScriptValue::Bool(b) => b;
    (), "null": ScriptValue::Null | ScriptValue::Undefined => ();
    Text, "string": ScriptValue::Text(text) => text;
}

impl FromScript for f64 {
    fn from_script(value: ScriptValue) -> Result<Self, ConvertError> {
        value.as_f64().ok_or_else(|| mismatch(&value, "f64"))
    }
}

impl FromScript for f32 {
    fn from_script(value: ScriptValue) -> Result<Self, ConvertError> {
        value
            .as_f64()
            .filter(|x| x.is_nan() || f64::from(*x as f32) == *x)
            .map(|x| x as f32)
            .ok_or_else(|| mismatch(&value, "f32"))
    }
}

impl FromScript for String {
    fn from_script(value: ScriptValue) -> Result<Self, ConvertError> {
        match value {
            ScriptValue::Text(text) => text.into_string().map_err(|text| {
                mismatch(&ScriptValue::Text(text), "string without lone surrogates")
            }),
            other => Err(mismatch(&other, "string")),
        }
    }
}

impl FromScript for BigInt {
    fn from_script(value: ScriptValue) -> Result<Self, ConvertError> {
        match value {
            ScriptValue::BigInt(n) => Ok(n),
            other => match integer(&other) {
                Some(n) => Ok(n.into()),
                None => Err(mismatch(&other, "integer")),
            },
        }
    }
}

impl FromScript for ScriptValue {
    fn from_script(value: ScriptValue) -> Result<Self, ConvertError> {
        Ok(value)
    }
}

impl FromScript for Json {
    fn from_script(value: ScriptValue) -> Result<Self, ConvertError> {
        // It fails for what is too deep for serde_json, and for lone surrogates.
        serde_json::from_str(&value.to_string()).map_err(ConvertError::custom)
    }
}

impl<T: FromScript> FromScript for Box<T> {
    fn from_script(value: ScriptValue) -> Result<Self, ConvertError> {
        T::from_script(value).map(Box::new)
    }
}

impl<T: FromScript> FromScript for Option<T> {
    fn from_script(value: ScriptValue) -> Result<Self, ConvertError> {
        if value.is_null() {
            return Ok(None);
        }
        T::from_script(value).map(Some)
    }
}

impl<T: FromScript> FromScript for Vec<T> {
    fn from_script(value: ScriptValue) -> Result<Self, ConvertError> {
        T::vec_from_script(value)
    }
}

impl<T: FromScript + Eq + Hash, S: BuildHasher + Default> FromScript for HashSet<T, S> {
    fn from_script(value: ScriptValue) -> Result<Self, ConvertError> {
        Ok(T::vec_from_script(value)?.into_iter().collect())
    }
}

impl<T: FromScript + Ord> FromScript for BTreeSet<T> {
    fn from_script(value: ScriptValue) -> Result<Self, ConvertError> {
        Ok(T::vec_from_script(value)?.into_iter().collect())
    }
}

/// Reads pairs of key and value in their order: of keys that are equal in Rust, the last one
/// is the last here too.
fn pairs<K: FromScript, V: FromScript, M: FromIterator<(K, V)>>(
    value: ScriptValue,
) -> Result<M, ConvertError> {
    let pairs = match value {
        ScriptValue::Dict(pairs) => pairs,
        ScriptValue::Object(object) => {
            let fields = object.1.into_iter();
            fields
                .map(|(name, value)| (ScriptValue::Text(name), value))
                .collect()
        }
        other => return Err(mismatch(&other, "dict")),
    };
    let read = |(key, value): (ScriptValue, ScriptValue)| {
        let place = match &key {
            ScriptValue::Text(text) => text.to_string(),
            other => quoted_start(|mut start| other.write_json(&mut start)),
        };
        match (K::from_script(key), V::from_script(value)) {
            (Ok(key), Ok(value)) => Ok((key, value)),
            (Err(error), _) | (_, Err(error)) => Err(error.in_field(&place)),
        }
    };
    pairs.into_iter().map(read).collect()
}

impl<K: FromScript + Eq + Hash, V: FromScript, S: BuildHasher + Default> FromScript
    for HashMap<K, V, S>
{
    fn from_script(value: ScriptValue) -> Result<Self, ConvertError> {
        pairs(value)
    }
}

impl<K: FromScript + Ord, V: FromScript> FromScript for BTreeMap<K, V> {
    fn from_script(value: ScriptValue) -> Result<Self, ConvertError> {
        pairs(value)
    }
}

macro_rules! tuples {
    ($($count:literal $($name:ident)+;)*) => {$(
        impl<$($name: FromScript),+> FromScript for ($($name,)+) {
            fn from_script(value: ScriptValue) -> Result<Self, ConvertError> {
                const WANTED: &str = concat!("tuple of ", $count);
                if value.items().is_none_or(|items| items.len() != $count) {
                    return Err(mismatch(&value, WANTED));
                }
                let mut parts = items(value, WANTED)?.into_iter().enumerate();
                Ok(($(match parts.next() {
                    Some((index, part)) => {
                        $name::from_script(part).map_err(|e| e.in_element(index))?
                    }
                    None => return Err(mismatch(&ScriptValue::Tuple(Vec::new()), WANTED)),
                },)+))
            }
        }
    )*};
}

tuples! {
    1 A;
    2 A B;
    3 A B C;
    4 A B C D;
    5 A B C D E;
    6 A B C D E F;
}
