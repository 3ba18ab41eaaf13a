//! Values of scripts from Rust's own types.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use serde_json::Value as Json;

use super::{BigInt, ScriptValue, ScriptValueError, Text};

macro_rules! integers {
    ($($integer:ty)*) => {$(
        impl From<$integer> for ScriptValue {
            fn from(n: $integer) -> Self {
                match i64::try_from(n) {
                    Ok(n) => Self::Int(n),
                    // Widened without loss; the standard library has no `From` for `usize`.
                    Err(_) => Self::BigInt(BigInt::from_digits(n.to_string())),
                }
            }
        }
    )*};
}

// Not `u8`, so that a `Vec<u8>` is bytes and not a list of numbers.
integers!(i8 i16 u16 i32 u32 i64 u64 i128 u128 isize usize);

impl From<BigInt> for ScriptValue {
    fn from(n: BigInt) -> Self {
        match n.as_str().parse() {
            Ok(n) => Self::Int(n),
            Err(_) => Self::BigInt(n),
        }
    }
}

impl From<()> for ScriptValue {
    fn from((): ()) -> Self {
        Self::Null
    }
}

impl From<bool> for ScriptValue {
    fn from(b: bool) -> Self {
        Self::Bool(b)
    }
}

impl From<f32> for ScriptValue {
    fn from(x: f32) -> Self {
        Self::Float(x.into())
    }
}

impl From<f64> for ScriptValue {
    fn from(x: f64) -> Self {
        Self::Float(x)
    }
}

impl From<&str> for ScriptValue {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for ScriptValue {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl From<Text> for ScriptValue {
    fn from(text: Text) -> Self {
        Self::Text(text)
    }
}

impl From<Vec<u8>> for ScriptValue {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}

impl From<&[u8]> for ScriptValue {
    fn from(bytes: &[u8]) -> Self {
        Self::Bytes(bytes.to_vec())
    }
}

impl<T: Into<ScriptValue>> From<Option<T>> for ScriptValue {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, T::into)
    }
}

impl<T: Into<ScriptValue>> From<Vec<T>> for ScriptValue {
    fn from(items: Vec<T>) -> Self {
        Self::List(items.into_iter().map(T::into).collect())
    }
}

impl<T: Into<ScriptValue>, const COUNT: usize> From<[T; COUNT]> for ScriptValue {
    fn from(items: [T; COUNT]) -> Self {
        Self::List(items.into_iter().map(T::into).collect())
    }
}

macro_rules! sets {
    ($($set:ident)*) => {$(
        impl<T: Into<ScriptValue>> From<$set<T>> for ScriptValue {
            fn from(items: $set<T>) -> Self {
                Self::Set(items.into_iter().map(T::into).collect())
            }
        }
    )*};
}

macro_rules! maps {
    ($($map:ident)*) => {$(
        impl<K: Into<ScriptValue>, V: Into<ScriptValue>> From<$map<K, V>> for ScriptValue {
            fn from(pairs: $map<K, V>) -> Self {
                Self::Dict(pairs.into_iter().map(|(k, v)| (k.into(), v.into())).collect())
            }
        }
    )*};
}

sets!(HashSet BTreeSet);
maps!(HashMap BTreeMap);

macro_rules! tuples {
    ($($($name:ident)+;)*) => {$(
        impl<$($name: Into<ScriptValue>),+> From<($($name,)+)> for ScriptValue {
            fn from(parts: ($($name,)+)) -> Self {
                #[expect(non_snake_case, reason = "types and values share their names")]
                let ($($name,)+) = parts;
                Self::Tuple(vec![$($name.into()),+])
            }
        }
    )*};
}

tuples! {
    A;
    A B;
    A B C;
    A B C D;
    A B C D E;
    A B C D E F;
}

/// Reads a value from JSON in memory, in the form of [the table](ScriptValue).
///
/// The places of errors are those in the JSON as one line of text without white space.
impl TryFrom<&Json> for ScriptValue {
    type Error = ScriptValueError;

    fn try_from(json: &Json) -> Result<Self, ScriptValueError> {
        Self::from_json(&json.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_of_rust_have_the_form_that_is_theirs() {
        for (value, json) in [
            (().into(), "null"),
            (true.into(), "true"),
            (7u16.into(), "7"),
            ((-7isize).into(), "-7"),
            (u64::MAX.into(), r#"{"$int":"18446744073709551615"}"#),
            (
                i128::MIN.into(),
                r#"{"$int":"-170141183460469231731687303715884105728"}"#,
            ),
            (BigInt::from(5).into(), "5"),
            (0.5f32.into(), "0.5"),
            (f64::NEG_INFINITY.into(), r#"{"$float":"-Infinity"}"#),
            ("é".into(), r#""é""#),
            (String::from("a").into(), r#""a""#),
            (vec![1u8, 2].into(), r#"{"$bytes":"AQI="}"#),
            ((&b"ab"[..]).into(), r#"{"$bytes":"YWI="}"#),
            (vec![Some(1), None].into(), "[1,null]"),
            (["a", "b"].into(), r#"["a","b"]"#),
            (
                (1, "a", (0.0,)).into(),
                r#"{"$tuple":[1,"a",{"$tuple":[0.0]}]}"#,
            ),
            (BTreeSet::from([2, 1]).into(), r#"{"$set":[1,2]}"#),
            (
                BTreeMap::from([("b", 1), ("a", 2)]).into(),
                r#"{"a":2,"b":1}"#,
            ),
            (HashMap::from([(1, 2)]).into(), r#"{"$dict":[[1,2]]}"#),
            (HashSet::from(["x"]).into(), r#"{"$set":["x"]}"#),
        ] {
            let value: ScriptValue = value;
            assert_eq!(value.to_string(), json);
        }
    }

    #[test]
    fn json_in_memory_is_read_as_its_text_is() {
        let json = serde_json::json!({"a": [1, 1.5, u64::MAX], "b": {"$set": [null]}});
        let value = ScriptValue::try_from(&json).unwrap();
        assert_eq!(Ok(value), ScriptValue::from_json(&json.to_string()));
        let error = ScriptValue::try_from(&serde_json::json!([{"$set": 1}])).unwrap_err();
        assert_eq!(error.to_string(), "`$set` at byte 1 does not hold a list");
    }
}
