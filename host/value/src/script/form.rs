//! The forms of values that JSON lacks: objects with one key, which begins with `$`.

use base64::Engine as _;

use super::notation::{is_date, is_datetime, is_decimal, is_time, read_uuid};
use super::read::without_repetitions;
use super::{BigInt, ScriptValue, ScriptValueError, Text};
use crate::json::BASE64;

/// The largest integer that is written as a number of JSON, and minus the smallest.
pub(super) const MAX_EXACT: i64 = 1 << 53;

/// A form: its name, what it must hold, in words for an error, and what reads it.
type Form = (
    &'static str,
    &'static str,
    fn(ScriptValue) -> Option<ScriptValue>,
);

const FORMS: [Form; 21] = [
    ("$undefined", "`true`", read_undefined),
    ("$int", "the digits of an integer as text", read_int),
    ("$float", "`NaN`, `Infinity` or `-Infinity`", read_float),
    ("$bytes", "base64", read_bytes),
    ("$tuple", "a list", |v| Some(ScriptValue::Tuple(list(v)?))),
    ("$set", "a list", |v| Some(ScriptValue::Set(list(v)?))),
    ("$frozenset", "a list", |v| {
        Some(ScriptValue::FrozenSet(list(v)?))
    }),
    ("$dict", "a list of pairs of key and value", read_dict),
    ("$complex", "a list of two floats", read_complex),
    ("$decimal", "a decimal number as text", |v| {
        checked(v, is_decimal).map(ScriptValue::Decimal)
    }),
    (
        "$fraction",
        "a list of two integers, the second not 0",
        read_fraction,
    ),
    ("$datetime", "a date and a time in ISO 8601", |v| {
        checked(v, is_datetime).map(ScriptValue::DateTime)
    }),
    ("$date", "a date in ISO 8601", |v| {
        checked(v, is_date).map(ScriptValue::Date)
    }),
    ("$time", "a time in ISO 8601", |v| {
        checked(v, is_time).map(ScriptValue::Time)
    }),
    (
        "$timedelta",
        "a list of three integers of 64 bits",
        read_time_delta,
    ),
    ("$uuid", "a UUID", |v| {
        read_uuid(v.as_str()?).map(ScriptValue::Uuid)
    }),
    ("$path", "text", |v| text(v).map(ScriptValue::Path)),
    (
        "$range",
        "a list of three integers, the third not 0",
        read_range,
    ),
    ("$enum", "a list of a class and a name", read_enum),
    (
        "$object",
        "a list of a class and an object of its fields",
        read_fields,
    ),
    ("$handle", "a list of a kind and a number", read_handle),
];

/// Reads a form. One that is not known is kept.
pub(super) fn read_form(
    name: Text,
    content: ScriptValue,
    at: usize,
) -> Result<ScriptValue, ScriptValueError> {
    match FORMS.iter().find(|(known, _, _)| name == *known) {
        Some((form, wanted, read)) => {
            read(content).ok_or(ScriptValueError::Form { at, form, wanted })
        }
        None => Ok(ScriptValue::Other(Box::new((name, content)))),
    }
}

fn list(content: ScriptValue) -> Option<Vec<ScriptValue>> {
    match content {
        ScriptValue::List(items) => Some(items),
        _ => None,
    }
}

/// Returns the items of a list of exactly so many.
fn items<const COUNT: usize>(content: ScriptValue) -> Option<[ScriptValue; COUNT]> {
    list(content)?.try_into().ok()
}

fn text(content: ScriptValue) -> Option<Text> {
    match content {
        ScriptValue::Text(text) => Some(text),
        _ => None,
    }
}

fn checked(content: ScriptValue, check: fn(&str) -> bool) -> Option<String> {
    text(content)?.into_string().ok().filter(|text| check(text))
}

fn big_int(content: &ScriptValue) -> Option<BigInt> {
    match content {
        ScriptValue::Int(n) => Some((*n).into()),
        ScriptValue::BigInt(n) => Some(n.clone()),
        _ => None,
    }
}

fn big_ints<const COUNT: usize>(content: ScriptValue) -> Option<Box<[BigInt; COUNT]>> {
    let integers: Vec<BigInt> = list(content)?.iter().map(big_int).collect::<Option<_>>()?;
    integers.try_into().ok()
}

fn float(content: &ScriptValue) -> Option<f64> {
    match content {
        ScriptValue::Float(x) => Some(*x),
        // The nearest double, as in the languages.
        ScriptValue::Int(n) => Some(*n as f64),
        _ => None,
    }
}

fn read_undefined(content: ScriptValue) -> Option<ScriptValue> {
    (content == ScriptValue::Bool(true)).then_some(ScriptValue::Undefined)
}

fn read_int(content: ScriptValue) -> Option<ScriptValue> {
    let n = BigInt::new(content.as_str()?)?;
    Some(match n.as_str().parse::<i64>() {
        Ok(n) if n.unsigned_abs() > MAX_EXACT.unsigned_abs() => ScriptValue::Int(n),
        _ => ScriptValue::BigInt(n),
    })
}

fn read_float(content: ScriptValue) -> Option<ScriptValue> {
    Some(ScriptValue::Float(match content.as_str()? {
        "NaN" => f64::NAN,
        "Infinity" => f64::INFINITY,
        "-Infinity" => f64::NEG_INFINITY,
        _ => return None,
    }))
}

fn read_bytes(content: ScriptValue) -> Option<ScriptValue> {
    BASE64
        .decode(content.as_str()?)
        .ok()
        .map(ScriptValue::Bytes)
}

fn read_dict(content: ScriptValue) -> Option<ScriptValue> {
    let pairs = list(content)?
        .into_iter()
        .map(|pair| items::<2>(pair).map(<(_, _)>::from));
    let pairs = pairs.collect::<Option<_>>()?;
    Some(ScriptValue::Dict(without_repetitions(pairs)))
}

fn read_complex(content: ScriptValue) -> Option<ScriptValue> {
    let [re, im] = items(content)?;
    Some(ScriptValue::Complex([float(&re)?, float(&im)?]))
}

fn read_fraction(content: ScriptValue) -> Option<ScriptValue> {
    let parts: Box<[BigInt; 2]> = big_ints(content)?;
    (!parts[1].is_zero()).then_some(ScriptValue::Fraction(parts))
}

fn read_range(content: ScriptValue) -> Option<ScriptValue> {
    let parts: Box<[BigInt; 3]> = big_ints(content)?;
    (!parts[2].is_zero()).then_some(ScriptValue::Range(parts))
}

fn read_time_delta(content: ScriptValue) -> Option<ScriptValue> {
    let [days, seconds, microseconds] = items(content)?;
    Some(ScriptValue::TimeDelta {
        days: days.as_i64()?,
        seconds: seconds.as_i64()?,
        microseconds: microseconds.as_i64()?,
    })
}

fn read_enum(content: ScriptValue) -> Option<ScriptValue> {
    let [class, name] = items(content)?;
    Some(ScriptValue::Enum(Box::new([text(class)?, text(name)?])))
}

fn read_fields(content: ScriptValue) -> Option<ScriptValue> {
    let [class, fields] = items(content)?;
    let fields = match fields {
        ScriptValue::Dict(pairs) => pairs
            .into_iter()
            .map(|(name, value)| Some((text(name)?, value)))
            .collect::<Option<_>>()?,
        // One field, whose name begins with `$`.
        ScriptValue::Other(field) => vec![*field],
        _ => return None,
    };
    Some(ScriptValue::Object(Box::new((text(class)?, fields))))
}

fn read_handle(content: ScriptValue) -> Option<ScriptValue> {
    let [kind, number] = items(content)?;
    let number = number.as_integer()?.try_into().ok()?;
    Some(ScriptValue::Handle(Box::new((text(kind)?, number))))
}
