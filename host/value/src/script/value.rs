//! The values of scripts.

use super::{BigInt, Text};

/// A value that a script receives or returns, in the form that Python and JavaScript share.
///
/// | value | JSON | in Python | in JavaScript |
/// |---|---|---|---|
/// | `Null` | `null` | `None` | `null` |
/// | `Undefined` | `{"$undefined":true}` | `None` | `undefined` |
/// | `Bool`, `Text`, `List` | as JSON has them | `bool`, `str`, `list` | boolean, string, array |
/// | `Int` | a number up to 2^53, else as `BigInt` | `int` | number, else `BigInt` |
/// | `BigInt` | `{"$int":"123"}` | `int` | `BigInt` |
/// | `Float` | a number; `{"$float":"NaN"}`, `"Infinity"`, `"-Infinity"` | `float` | number |
/// | `Bytes` | `{"$bytes":"base64"}` | `bytes` | `Uint8Array` |
/// | `Tuple` | `{"$tuple":[1,2]}` | `tuple` | array |
/// | `Set`, `FrozenSet` | `{"$set":[1,2]}`, `{"$frozenset":[1,2]}` | `set`, `frozenset` | `Set` |
/// | `Dict` | an object, else `{"$dict":[[key,value]]}` | `dict` | object, `Map` |
/// | `Complex` | `{"$complex":[0.5,1.0]}` | `complex` | |
/// | `Decimal` | `{"$decimal":"1.50"}` | `Decimal` | |
/// | `Fraction` | `{"$fraction":[1,3]}` | `Fraction` | |
/// | `DateTime` | `{"$datetime":"2024-02-29T12:00:00"}` | `datetime` | `Date` |
/// | `Date`, `Time` | `{"$date":"2024-02-29"}`, `{"$time":"12:00:00"}` | `date`, `time` | |
/// | `TimeDelta` | `{"$timedelta":[days,seconds,microseconds]}` | `timedelta` | |
/// | `Uuid` | `{"$uuid":"01234567-89ab-cdef-0123-456789abcdef"}` | `UUID` | |
/// | `Path` | `{"$path":"a/b"}` | `Path` | |
/// | `Range` | `{"$range":[start,stop,step]}` | `range` | |
/// | `Enum` | `{"$enum":["Colour","RED"]}` | a member of an `Enum` | |
/// | `Object` | `{"$object":["Point",{"x":1}]}` | a dataclass, `SimpleNamespace` | an instance of a class |
/// | `Handle` | `{"$handle":["queue",7]}` | | |
/// | `Other` | `{"$name":content}` | | |
///
/// JavaScript keeps a value that it has no type for, and gives it back as it came. Python
/// refuses `Handle` and `Other` by name. Neither language keeps everything: Python tells no
/// `BigInt` from an `Int`, JavaScript no `Tuple` from a `List`.
///
/// [`from_json`](Self::from_json) reads a text, [`Display`](std::fmt::Display) writes one.
/// `From` makes a value of Rust's types, [`FromScript`](super::FromScript) reads them from it.
/// NaN is unequal to itself, as everywhere in Rust.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ScriptValue {
    /// Python's `None`, JavaScript's `null`.
    Null,
    /// JavaScript's `undefined`.
    Undefined,
    /// A truth value.
    Bool(bool),
    /// An integer of 64 bits.
    Int(i64),
    /// An integer beyond 64 bits, or a `BigInt` of JavaScript up to 2^53. One between the two
    /// reads back as an [`Int`](Self::Int), which is written in the same way.
    BigInt(BigInt),
    /// A double, NaN and the infinities too.
    Float(f64),
    /// Text.
    Text(Text),
    /// Bytes.
    Bytes(Vec<u8>),
    /// A list, or an array.
    List(Vec<ScriptValue>),
    /// A tuple.
    Tuple(Vec<ScriptValue>),
    /// A set, in the order in which it was written.
    Set(Vec<ScriptValue>),
    /// A frozen set, in the order in which it was written.
    FrozenSet(Vec<ScriptValue>),
    /// Pairs of key and value, in their order: a dict, a map or a plain object. It is written
    /// as a plain object if all keys are texts that do not begin with `$`. A text is read only
    /// once as a key, with the last of its values; of other keys, which are equal in one
    /// language and not in the other, all pairs are kept.
    Dict(Vec<(ScriptValue, ScriptValue)>),
    /// The real and the imaginary part of a complex number.
    Complex([f64; 2]),
    /// The text of a decimal number, such as `1.50`, `1E+5`, `NaN` or `-Infinity`.
    Decimal(String),
    /// The numerator and the denominator of a fraction.
    Fraction(Box<[BigInt; 2]>),
    /// A date and a time in ISO 8601, such as `2024-02-29T12:00:00.5+01:00`.
    DateTime(String),
    /// A date in ISO 8601, such as `2024-02-29`.
    Date(String),
    /// A time in ISO 8601, such as `12:00:00.5`.
    Time(String),
    /// A duration: the sum of the three.
    TimeDelta {
        /// Days of 24 hours.
        days: i64,
        /// Seconds.
        seconds: i64,
        /// Microseconds.
        microseconds: i64,
    },
    /// A UUID, highest byte first.
    Uuid([u8; 16]),
    /// The path of a file.
    Path(Text),
    /// The start, the stop and the step of a range.
    Range(Box<[BigInt; 3]>),
    /// The class and the name of a member of an enumeration.
    Enum(Box<[Text; 2]>),
    /// The class and the fields of an object, in their order, each once.
    Object(Box<(Text, Vec<(Text, ScriptValue)>)>),
    /// The kind and the number of a queue, a pipe or another object of the host.
    Handle(Box<(Text, u64)>),
    /// A form that is not defined yet: its name, which begins with `$`, and its content.
    Other(Box<(Text, ScriptValue)>),
}

impl ScriptValue {
    /// Returns `true` for Python's `None` and for JavaScript's `null` and `undefined`.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null | Self::Undefined)
    }

    /// Returns the truth value, if this is one.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(b) => Some(*b),
            _ => None,
        }
    }

    /// Returns the integer, if this is an [`Int`](Self::Int), or a [`BigInt`](Self::BigInt)
    /// that fits.
    pub fn as_i64(&self) -> Option<i64> {
        self.as_integer()?.try_into().ok()
    }

    /// Returns the number, if this is a [`Float`](Self::Float), or an [`Int`](Self::Int) that
    /// a double holds exactly.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Float(x) => Some(*x),
            Self::Int(n) if (*n as f64) as i128 == i128::from(*n) => Some(*n as f64),
            _ => None,
        }
    }

    /// Returns the text, if this is one without a lone surrogate; see [`Text`].
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => text.as_str(),
            _ => None,
        }
    }

    /// Returns the bytes, if this is [`Bytes`](Self::Bytes).
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// Returns the items of a list, a tuple or a set of either kind.
    pub fn items(&self) -> Option<&[ScriptValue]> {
        match self {
            Self::List(items) | Self::Tuple(items) | Self::Set(items) | Self::FrozenSet(items) => {
                Some(items)
            }
            _ => None,
        }
    }

    /// Returns the value of a key of a [`Dict`](Self::Dict) or of a field of an
    /// [`Object`](Self::Object), if it is there. The time is linear in the number of keys.
    pub fn get(&self, key: &str) -> Option<&ScriptValue> {
        match self {
            Self::Dict(pairs) => pairs
                .iter()
                .rev()
                .find(|(k, _)| k.as_str() == Some(key))
                .map(|(_, value)| value),
            Self::Object(object) => object
                .1
                .iter()
                .rev()
                .find(|(name, _)| *name == key)
                .map(|(_, value)| value),
            _ => None,
        }
    }

    /// Returns the integer of either size, up to 128 bits.
    pub(super) fn as_integer(&self) -> Option<i128> {
        match self {
            Self::Int(n) => Some((*n).into()),
            Self::BigInt(n) => n.to_i128(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_small() {
        assert!(size_of::<ScriptValue>() <= 32);
    }

    #[test]
    fn a_value_is_looked_at_by_what_it_is() {
        let value = ScriptValue::from_json(
            r#"{"n":7,"big":{"$int":"8"},"x":0.5,"t":"é","b":{"$bytes":"AQI="},"l":{"$tuple":[true]},
                "o":{"$object":["P",{"y":{"$undefined":true}}]}}"#,
        )
        .unwrap();
        let at = |key| value.get(key).unwrap();
        assert_eq!((at("n").as_i64(), at("n").as_f64()), (Some(7), Some(7.0)));
        assert_eq!((at("big").as_i64(), at("big").as_f64()), (Some(8), None));
        assert_eq!((at("x").as_i64(), at("x").as_f64()), (None, Some(0.5)));
        assert_eq!((at("t").as_str(), at("n").as_str()), (Some("é"), None));
        assert_eq!(at("b").as_bytes(), Some(&[1, 2][..]));
        assert_eq!(at("l").items().unwrap()[0].as_bool(), Some(true));
        assert!(at("o").get("y").unwrap().is_null());
        assert_eq!(
            (at("o").get("z"), at("n").get("y"), value.get("")),
            (None, None, None)
        );
    }

    #[test]
    fn a_double_does_not_stand_for_an_integer_that_it_cannot_hold() {
        assert_eq!(ScriptValue::Int(1 << 53).as_f64(), Some(2f64.powi(53)));
        for n in [(1 << 53) + 1, i64::MAX] {
            assert_eq!(ScriptValue::Int(n).as_f64(), None);
        }
        assert_eq!(ScriptValue::Int(i64::MIN).as_f64(), Some(-(2f64.powi(63))));
    }
}
