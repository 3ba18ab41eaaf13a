//! Reads values from JSON, by the type that is wanted. The forms are those of
//! `json_write`'s table; also read are arrays for `list<u8>`, integers for floats, records
//! without their options, and bare values for nested options.

use std::sync::Arc;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::{Map, Value as Json};

use super::coerce::{flags, missing_field, no_such_case, unknown_field, variant};
use super::number::{integer_of_double, is_number, read_number};
use super::resource::short_name;
use super::text::quoted;
use super::{Mismatch, ParseError, Resource, Type, Value};

/// Base64 with or without padding: both are common.
pub(super) const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Reads a value of the type from JSON.
///
/// # Errors
///
/// Returns an error that names the place, if the JSON is of another type.
pub fn from_json(json: &Json, ty: &Type) -> Result<Value, ParseError> {
    read(json, ty).map_err(ParseError::Mismatch)
}

/// Reads a value of the type from text that is JSON; numbers are read without building
/// anything.
///
/// # Errors
///
/// Returns an error if the text is not JSON, or of another type.
pub fn from_json_str(text: &str, ty: &Type) -> Result<Value, ParseError> {
    let trimmed = text.trim_matches([' ', '\t', '\r', '\n']);
    match ty {
        Type::Bool if trimmed == "true" => return Ok(Value::Bool(true)),
        Type::Bool if trimmed == "false" => return Ok(Value::Bool(false)),
        ty if is_number(ty) => {
            if let Some(number) = read_number(trimmed, ty) {
                return Ok(number?);
            }
        }
        _ => {}
    }
    if ty.is_bytes() {
        // Read straight to bytes, without a value for each; a text that fails is read again
        // for its message.
        if let Ok(bytes) = serde_json::from_str::<Vec<u8>>(text) {
            return Ok(Value::Bytes(bytes));
        }
    }
    let json = parse_json(text, ty)?;
    from_json(&json, ty)
}

/// Parses JSON; the type is only for the message.
pub(super) fn parse_json(text: &str, ty: &Type) -> Result<Json, ParseError> {
    serde_json::from_str(text).map_err(|error| ParseError::syntax(text, ty, &error.to_string()))
}

fn read(json: &Json, ty: &Type) -> Result<Value, Mismatch> {
    let mismatch = || Mismatch::of(shown(json), ty);
    match (ty, json) {
        (Type::Bool, Json::Bool(b)) => Ok(Value::Bool(*b)),
        (Type::F32 | Type::F64, _) => read_float(json, ty),
        (Type::Char, Json::String(text)) => one_char(text).map(Value::Char).ok_or_else(mismatch),
        (Type::String, Json::String(text)) => Ok(Value::String(text.clone())),
        (ty, json) if ty.is_bytes() => read_bytes(json, ty),
        (Type::List(element), Json::Array(items)) => items
            .iter()
            .enumerate()
            .map(|(index, item)| read(item, element).map_err(|e| e.in_element(index)))
            .collect::<Result<_, _>>()
            .map(Value::List),
        (Type::Record(types), Json::Object(fields)) => read_record(fields, types, ty),
        (Type::Own(name) | Type::Borrow(name), json) => {
            read_handle(json, name).ok_or_else(|| mismatch().because(HANDLE))
        }
        (Type::Tuple(types), Json::Null) if types.is_empty() => Ok(Value::unit()),
        (Type::Tuple(types), Json::Array(items)) => {
            if items.len() != types.len() {
                let reason = format!("it has {}, not {}", items.len(), types.len());
                return Err(mismatch().because(reason));
            }
            items
                .iter()
                .zip(types.iter())
                .enumerate()
                .map(|(index, (item, ty))| read(item, ty).map_err(|e| e.in_element(index)))
                .collect::<Result<_, _>>()
                .map(Value::Tuple)
        }
        (Type::Variant(_), Json::String(case)) => variant(case.clone(), None, ty),
        (Type::Variant(cases), Json::Object(object)) => {
            let Some((case, payload)) = only_entry(object) else {
                return Err(mismatch().because("it has not exactly one case"));
            };
            match cases.iter().find(|(name, _)| name == case) {
                Some((_, Some(ty))) => {
                    let payload = read(payload, ty).map_err(|e| e.in_field(case))?;
                    Ok(Value::Variant(case.clone(), Some(Box::new(payload))))
                }
                Some((_, None)) if payload.is_null() => Ok(Value::Variant(case.clone(), None)),
                Some((_, None)) => Err(Mismatch::new(shown(payload), "payload")
                    .because("this case has none")
                    .in_field(case)),
                // Called for its error message.
                None => variant(case.clone(), None, ty),
            }
        }
        (Type::Enum(cases), Json::String(case)) => {
            if cases.contains(case) {
                Ok(Value::Enum(case.clone()))
            } else {
                Err(no_such_case(case, ty))
            }
        }
        (Type::Flags(_), Json::Array(names)) => {
            let names = names.iter().enumerate().map(|(index, name)| {
                let name = name.as_str().map(str::to_owned);
                name.ok_or_else(|| {
                    Mismatch::new(shown(&names[index]), "flag's name").in_element(index)
                })
            });
            flags(names.collect::<Result<_, _>>()?, ty)
        }
        (Type::Option(_), Json::Null) => Ok(Value::none()),
        (Type::Option(some), json) => {
            let json = match (&**some, json) {
                (Type::Option(_) | Type::Tuple(_), Json::Object(object)) => {
                    match only_entry(object) {
                        Some((key, payload)) if key == "some" => payload,
                        _ => json,
                    }
                }
                _ => json,
            };
            Ok(Value::some(read(json, some)?))
        }
        (Type::Result { ok, err }, json) => read_result(json, ok.as_deref(), err.as_deref(), ty),
        (ty, Json::Number(_)) if ty.integer_range().is_some() => read_integer(json, ty),
        _ => Err(mismatch()),
    }
}

/// JSON in backticks, cut to what a message shows.
fn shown(json: &Json) -> String {
    match json {
        // A long array would be written out whole only to be cut.
        Json::Array(items) if items.len() > 40 => "this".to_owned(),
        Json::Object(entries) if entries.len() > 20 => "this".to_owned(),
        json => quoted(&json.to_string()),
    }
}

fn read_integer(json: &Json, ty: &Type) -> Result<Value, Mismatch> {
    let n = match integer(json) {
        Some(n) => n,
        None => {
            let x = json.as_f64().unwrap_or(f64::NAN);
            if x.abs() >= u64::MAX as f64 {
                return Err(Mismatch::out_of_range(shown(json), ty));
            }
            // `1.0` is 1. Beyond 2^53 it may be a neighbour of what was written.
            integer_of_double(x).ok_or_else(|| Mismatch::of(shown(json), ty))?
        }
    };
    Value::from_integer(n, ty).ok_or_else(|| Mismatch::out_of_range(shown(json), ty))
}

/// Returns the number as an integer, if it is written as one.
fn integer(json: &Json) -> Option<i128> {
    match (json.as_i64(), json.as_u64()) {
        (Some(n), _) => Some(n.into()),
        (None, Some(n)) => Some(n.into()),
        (None, None) => None,
    }
}

fn read_float(json: &Json, ty: &Type) -> Result<Value, Mismatch> {
    let x = match json {
        Json::Number(n) => {
            let text = n.to_string();
            // An integer of up to 64 bits is exact; a longer number, or one with a point or an
            // exponent, has become a double already.
            return match (integer(json), n.as_f64()) {
                (Some(_), _) => {
                    read_number(&text, ty).unwrap_or(Err(Mismatch::of(shown(json), ty)))
                }
                (None, Some(x)) => rounded(x, ty)
                    .ok_or_else(|| Mismatch::of(shown(json), ty).because("it is out of range")),
                (None, None) => Err(Mismatch::of(shown(json), ty)),
            };
        }
        Json::String(text) => match text.as_str() {
            "NaN" => f64::NAN,
            "Infinity" => f64::INFINITY,
            "-Infinity" => f64::NEG_INFINITY,
            _ => return Err(Mismatch::of(shown(json), ty)),
        },
        _ => return Err(Mismatch::of(shown(json), ty)),
    };
    Ok(match ty {
        Type::F32 => Value::F32(x as f32),
        _ => Value::F64(x),
    })
}

/// Returns the nearest float of the type, unless the number is beyond its range.
fn rounded(x: f64, ty: &Type) -> Option<Value> {
    match ty {
        Type::F32 => Some(x as f32).filter(|x| x.is_finite()).map(Value::F32),
        _ => Some(x).filter(|x| x.is_finite()).map(Value::F64),
    }
}

/// Returns the character of a text that has exactly one.
pub(super) fn one_char(text: &str) -> Option<char> {
    let mut chars = text.chars();
    chars.next().filter(|_| chars.next().is_none())
}

fn only_entry(object: &Map<String, Json>) -> Option<(&String, &Json)> {
    object.iter().next().filter(|_| object.len() == 1)
}

/// The form of a handle.
const HANDLE: &str = r#"a handle is written as `{"$handle":["RESOURCE",NUMBER]}`"#;

fn read_handle(json: &Json, name: &Arc<str>) -> Option<Value> {
    let (key, Json::Array(parts)) = only_entry(json.as_object()?)? else {
        return None;
    };
    let [Json::String(resource), number] = &parts[..] else {
        return None;
    };
    let number = u32::try_from(number.as_u64()?).ok()?;
    let fits = key == "$handle" && resource == short_name(name);
    fits.then(|| Value::Handle(Resource::new(None, number, name)))
}

fn read_bytes(json: &Json, ty: &Type) -> Result<Value, Mismatch> {
    let byte = |item: &Json| match item {
        Json::Number(_) => match read_integer(item, &Type::U8)? {
            Value::U8(byte) => Ok(byte),
            other => Err(other.mismatch(&Type::U8)),
        },
        _ => Err(Mismatch::of(shown(item), &Type::U8)),
    };
    match json {
        Json::Array(items) => items
            .iter()
            .enumerate()
            .map(|(index, item)| byte(item).map_err(|e| e.in_element(index)))
            .collect::<Result<_, _>>()
            .map(Value::Bytes),
        Json::Object(object) => match only_entry(object) {
            Some((key, Json::String(text))) if key == "base64" => match BASE64.decode(text) {
                Ok(bytes) => Ok(Value::Bytes(bytes)),
                Err(error) => Err(Mismatch::new(quoted(text), "base64")
                    .because(error.to_string().to_lowercase())
                    .in_field("base64")),
            },
            _ => Err(bytes_mismatch(json, ty)),
        },
        _ => Err(bytes_mismatch(json, ty)),
    }
}

/// The forms of bytes.
pub(super) const BYTES: &str =
    r#"bytes are written as `{"base64":"..."}` or as an array of numbers"#;

fn bytes_mismatch(json: &Json, ty: &Type) -> Mismatch {
    Mismatch::of(shown(json), ty).because(BYTES)
}

fn read_record(
    fields: &Map<String, Json>,
    types: &[(String, Type)],
    ty: &Type,
) -> Result<Value, Mismatch> {
    let mut used = 0;
    let mut out = Vec::with_capacity(types.len());
    for (name, field_type) in types {
        let value = match (fields.get(name), field_type) {
            (Some(json), _) => {
                used += 1;
                read(json, field_type).map_err(|e| e.in_field(name))?
            }
            (None, Type::Option(_)) => Value::none(),
            (None, _) => return Err(missing_field(name, ty)),
        };
        out.push((name.clone(), value));
    }
    if used < fields.len() {
        let known = |key: &&String| types.iter().any(|(name, _)| name == *key);
        if let Some(key) = fields.keys().find(|key| !known(key)) {
            return Err(unknown_field(key, types, ty));
        }
    }
    Ok(Value::Record(out))
}

fn read_result(
    json: &Json,
    ok: Option<&Type>,
    err: Option<&Type>,
    ty: &Type,
) -> Result<Value, Mismatch> {
    let (case, payload) = match json {
        Json::String(case) => (case, &Json::Null),
        Json::Object(object) => match only_entry(object) {
            Some((case, payload)) => (case, payload),
            None => return Err(result_mismatch(json, ty)),
        },
        _ => return Err(result_mismatch(json, ty)),
    };
    let read_payload = |ty: Option<&Type>| match ty {
        Some(ty) => read(payload, ty)
            .map(|value| Some(Box::new(value)))
            .map_err(|e| e.in_field(case)),
        None if payload.is_null() => Ok(None),
        None => Err(Mismatch::new(shown(payload), "payload")
            .because("this case has none")
            .in_field(case)),
    };
    match case.as_str() {
        "ok" => Ok(Value::Result(Ok(read_payload(ok)?))),
        "err" => Ok(Value::Result(Err(read_payload(err)?))),
        _ => Err(result_mismatch(json, ty)),
    }
}

fn result_mismatch(json: &Json, ty: &Type) -> Mismatch {
    Mismatch::of(shown(json), ty).because(r#"a result is written as `{"ok":...}` or `{"err":...}`"#)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::strategies::typed_value;
    use super::*;

    fn error(text: &str, ty: &Type) -> String {
        from_json_str(text, ty).unwrap_err().to_string()
    }

    #[test]
    fn integers_must_be_integers_within_range() {
        assert_eq!(from_json_str("255", &Type::U8).unwrap(), Value::U8(255));
        assert_eq!(
            from_json_str(" 18446744073709551615\n", &Type::U64).unwrap(),
            Value::U64(u64::MAX)
        );
        assert_eq!(from_json_str("-0", &Type::U8).unwrap(), Value::U8(0));
        assert_eq!(
            error("300", &Type::U8),
            "`300` is not a valid u8: the range is 0 to 255"
        );
        assert_eq!(error("3.5", &Type::U32), "`3.5` is not a valid u32");
        assert_eq!(error("\"3\"", &Type::U32), "`\"3\"` is not a valid u32");
        assert!(error("007", &Type::U32).starts_with("`007` is not a valid u32: "));
        assert!(error("1e30", &Type::U64).ends_with("18446744073709551615"));
    }

    #[test]
    fn a_whole_number_is_an_integer_however_it_is_written() {
        assert_eq!(from_json_str("3.0", &Type::U32).unwrap(), Value::U32(3));
        assert_eq!(from_json_str("1e3", &Type::U32).unwrap(), Value::U32(1000));
        let list = Type::list(Type::S64);
        assert_eq!(
            from_json_str("[3.0,-0.0]", &list).unwrap(),
            Value::List(vec![Value::S64(3), Value::S64(0)])
        );
        assert_eq!(
            from_json_str("[3.0,1e2]", &Type::list(Type::U8)).unwrap(),
            Value::Bytes(vec![3, 100])
        );
        // Where the digits are lost, what is beyond them is not guessed.
        assert!(from_json_str("[9007199254740993.0]", &list).is_err());
        assert!(from_json_str("[0.5]", &list).is_err());
    }

    #[test]
    fn no_float_is_given_for_an_integer_that_it_does_not_hold() {
        assert!(error("9007199254740993", &Type::F64).ends_with("exactly"));
        assert!(error("[1,16777217]", &Type::list(Type::F32)).contains("at `[1]`"));
        assert!(from_json_str("[0.1,1e23,-7]", &Type::list(Type::F64)).is_ok());
        assert_eq!(
            error("1e400", &Type::F64),
            "`1e400` is not a valid f64: it is out of range"
        );
        assert!(from_json_str("[1e400]", &Type::list(Type::F64)).is_err());
        assert!(from_json_str("[1e39]", &Type::list(Type::F32)).is_err());
    }

    #[test]
    fn floats_are_numbers_or_three_words() {
        assert_eq!(from_json_str("3", &Type::F64).unwrap(), Value::F64(3.0));
        assert_eq!(
            from_json_str("\"-Infinity\"", &Type::F32).unwrap(),
            Value::F32(f32::NEG_INFINITY)
        );
        assert!(matches!(
            from_json_str("\"NaN\"", &Type::F64).unwrap(),
            Value::F64(x) if x.is_nan()
        ));
        assert!(from_json_str("1e300", &Type::F32).is_err());
        assert!(from_json_str("inf", &Type::F64).is_err());
        assert!(from_json_str(".5", &Type::F64).is_err());
    }

    #[test]
    fn bytes_are_base64_or_an_array() {
        let ty = Type::list(Type::U8);
        for text in [r#"{"base64":"aGk="}"#, r#"{"base64":"aGk"}"#, "[104, 105]"] {
            assert_eq!(
                from_json_str(text, &ty).unwrap(),
                Value::Bytes(b"hi".to_vec())
            );
        }
        assert_eq!(
            error("[1,256]", &ty),
            "`256` is not a valid u8 at `[1]`: the range is 0 to 255"
        );
        assert!(error("\"hi\"", &ty).contains("base64"));
    }

    #[test]
    fn nested_options_are_told_apart() {
        let ty = Type::option(Type::option(Type::U8));
        let read = |text| from_json_str(text, &ty).unwrap();
        assert_eq!(read("null"), Value::none());
        assert_eq!(read(r#"{"some":null}"#), Value::some(Value::none()));
        let both = Value::some(Value::some(Value::U8(1)));
        assert_eq!(read(r#"{"some":1}"#), both);
        assert_eq!(read("1"), both);
    }

    #[test]
    fn errors_name_the_place() {
        let ty = Type::record([("users", Type::list(Type::record([("age", Type::U8)])))]);
        assert_eq!(
            error(r#"{"users":[{"age":1},{"age":"x"}]}"#, &ty),
            "`\"x\"` is not a valid u8 at `.users[1].age`"
        );
        assert!(error(r#"{"users":[{}]}"#, &ty).contains("`age` is missing"));
        assert!(error(r#"{"users":[],"b":1}"#, &ty).contains("no field `b`"));
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back((ty, value) in typed_value()) {
            let text = value.to_string();
            prop_assert_eq!(from_json_str(&text, &ty).unwrap(), value.clone());
            let json = super::super::to_json(&value);
            prop_assert_eq!(from_json(&json, &ty).unwrap(), value);
        }
    }
}
