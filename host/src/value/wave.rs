//! Values in WAVE, the component model's own notation: `some(3)`, `{a: 1}`.

use std::borrow::Cow;

use wasm_wave::wasm::{WasmTypeKind, WasmValue, WasmValueError};

use super::coerce::flags;
use super::text::listed;
use super::{ParseError, Type, Value};

/// Reads a value of the type from WAVE.
///
/// # Errors
///
/// When the text is no WAVE, or of another type.
pub fn from_wave(text: &str, ty: &Type) -> Result<Value, ParseError> {
    wasm_wave::from_str(ty, text).map_err(|error| ParseError::syntax(text, ty, &error.to_string()))
}

/// A value in WAVE.
pub fn to_wave(value: &Value) -> String {
    // It fails only when its writer does, and a `String` does not.
    wasm_wave::to_string(value).unwrap_or_default()
}

type Items<'a> = Box<dyn Iterator<Item = Cow<'a, Value>> + 'a>;

/// wasm-wave calls `unwrap_*` only for the kind that `kind` gave; for another,
/// an empty value is returned, never a panic.
macro_rules! scalars {
    ($($make:ident $unwrap:ident $variant:ident $rust:ty;)*) => {$(
        fn $make(value: $rust) -> Self {
            Value::$variant(value)
        }

        fn $unwrap(&self) -> $rust {
            match self {
                Value::$variant(value) => *value,
                _ => Default::default(),
            }
        }
    )*};
}

impl WasmValue for Value {
    type Type = Type;

    fn kind(&self) -> WasmTypeKind {
        match self {
            Value::Bool(_) => WasmTypeKind::Bool,
            Value::S8(_) => WasmTypeKind::S8,
            Value::U8(_) => WasmTypeKind::U8,
            Value::S16(_) => WasmTypeKind::S16,
            Value::U16(_) => WasmTypeKind::U16,
            Value::S32(_) => WasmTypeKind::S32,
            Value::U32(_) => WasmTypeKind::U32,
            Value::S64(_) => WasmTypeKind::S64,
            Value::U64(_) => WasmTypeKind::U64,
            Value::F32(_) => WasmTypeKind::F32,
            Value::F64(_) => WasmTypeKind::F64,
            Value::Char(_) => WasmTypeKind::Char,
            Value::String(_) => WasmTypeKind::String,
            Value::Bytes(_) | Value::List(_) => WasmTypeKind::List,
            Value::Record(_) => WasmTypeKind::Record,
            Value::Tuple(_) => WasmTypeKind::Tuple,
            Value::Variant(..) => WasmTypeKind::Variant,
            Value::Enum(_) => WasmTypeKind::Enum,
            Value::Flags(_) => WasmTypeKind::Flags,
            Value::Option(_) => WasmTypeKind::Option,
            Value::Result(_) => WasmTypeKind::Result,
        }
    }

    scalars! {
        make_bool unwrap_bool Bool bool;
        make_s8 unwrap_s8 S8 i8;
        make_u8 unwrap_u8 U8 u8;
        make_s16 unwrap_s16 S16 i16;
        make_u16 unwrap_u16 U16 u16;
        make_s32 unwrap_s32 S32 i32;
        make_u32 unwrap_u32 U32 u32;
        make_s64 unwrap_s64 S64 i64;
        make_u64 unwrap_u64 U64 u64;
        make_f32 unwrap_f32 F32 f32;
        make_f64 unwrap_f64 F64 f64;
        make_char unwrap_char Char char;
    }

    fn make_string(value: Cow<'_, str>) -> Self {
        Value::String(value.into_owned())
    }

    fn make_list(
        ty: &Type,
        values: impl IntoIterator<Item = Self>,
    ) -> Result<Self, WasmValueError> {
        canonical(Value::List(values.into_iter().collect()), ty)
    }

    fn make_record<'a>(
        ty: &Type,
        fields: impl IntoIterator<Item = (&'a str, Self)>,
    ) -> Result<Self, WasmValueError> {
        canonical(Value::record(fields), ty)
    }

    fn make_tuple(
        ty: &Type,
        values: impl IntoIterator<Item = Self>,
    ) -> Result<Self, WasmValueError> {
        canonical(Value::Tuple(values.into_iter().collect()), ty)
    }

    fn make_variant(ty: &Type, case: &str, value: Option<Self>) -> Result<Self, WasmValueError> {
        canonical(Value::Variant(case.to_owned(), value.map(Box::new)), ty)
    }

    fn make_enum(ty: &Type, case: &str) -> Result<Self, WasmValueError> {
        canonical(Value::Enum(case.to_owned()), ty)
    }

    fn make_option(_: &Type, value: Option<Self>) -> Result<Self, WasmValueError> {
        Ok(Value::Option(value.map(Box::new)))
    }

    fn make_result(
        _: &Type,
        value: Result<Option<Self>, Option<Self>>,
    ) -> Result<Self, WasmValueError> {
        Ok(Value::Result(match value {
            Ok(payload) => Ok(payload.map(Box::new)),
            Err(payload) => Err(payload.map(Box::new)),
        }))
    }

    fn make_flags<'a>(
        ty: &Type,
        names: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, WasmValueError> {
        // wasm-wave hands on the `%` that escapes a keyword.
        let names = names
            .into_iter()
            .map(|name| name.trim_start_matches('%').to_owned());
        flags(names.collect(), ty).map_err(|error| WasmValueError::Other(error.to_string()))
    }

    fn unwrap_string(&self) -> Cow<'_, str> {
        match self {
            Value::String(text) => Cow::Borrowed(text),
            _ => Cow::Borrowed(""),
        }
    }

    fn unwrap_list(&self) -> Items<'_> {
        match self {
            Value::List(items) => Box::new(items.iter().map(Cow::Borrowed)),
            // Made one at a time, only to be written.
            Value::Bytes(bytes) => Box::new(bytes.iter().map(|byte| Cow::Owned(Value::U8(*byte)))),
            _ => Box::new(std::iter::empty()),
        }
    }

    fn unwrap_record(&self) -> Box<dyn Iterator<Item = (Cow<'_, str>, Cow<'_, Self>)> + '_> {
        match self {
            Value::Record(fields) => Box::new(
                fields
                    .iter()
                    .map(|(name, value)| (Cow::Borrowed(name.as_str()), Cow::Borrowed(value))),
            ),
            _ => Box::new(std::iter::empty()),
        }
    }

    fn unwrap_tuple(&self) -> Items<'_> {
        match self {
            Value::Tuple(items) => Box::new(items.iter().map(Cow::Borrowed)),
            _ => Box::new(std::iter::empty()),
        }
    }

    fn unwrap_variant(&self) -> (Cow<'_, str>, Option<Cow<'_, Self>>) {
        match self {
            Value::Variant(case, payload) => (Cow::Borrowed(case), borrowed(payload)),
            _ => (Cow::Borrowed(""), None),
        }
    }

    fn unwrap_enum(&self) -> Cow<'_, str> {
        match self {
            Value::Enum(case) => Cow::Borrowed(case),
            _ => Cow::Borrowed(""),
        }
    }

    fn unwrap_option(&self) -> Option<Cow<'_, Self>> {
        match self {
            Value::Option(value) => borrowed(value),
            _ => None,
        }
    }

    fn unwrap_result(&self) -> Result<Option<Cow<'_, Self>>, Option<Cow<'_, Self>>> {
        match self {
            Value::Result(Ok(payload)) => Ok(borrowed(payload)),
            Value::Result(Err(payload)) => Err(borrowed(payload)),
            _ => Ok(None),
        }
    }

    fn unwrap_flags(&self) -> Box<dyn Iterator<Item = Cow<'_, str>> + '_> {
        match self {
            Value::Flags(names) => Box::new(names.iter().map(|name| Cow::Borrowed(name.as_str()))),
            _ => Box::new(std::iter::empty()),
        }
    }
}

fn borrowed(value: &Option<Box<Value>>) -> Option<Cow<'_, Value>> {
    value.as_deref().map(Cow::Borrowed)
}

/// The parts are of their types already; what is left is the value's own form.
fn canonical(value: Value, ty: &Type) -> Result<Value, WasmValueError> {
    match (&value, ty) {
        (Value::Enum(case), Type::Enum(cases)) if !cases.contains(case) => {
            let cases = listed(cases.iter().map(String::as_str));
            Err(WasmValueError::Other(format!("its cases are {cases}")))
        }
        (Value::List(_), ty) if ty.is_bytes() => value
            .coerce(ty)
            .map_err(|error| WasmValueError::Other(error.to_string())),
        _ => Ok(value),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::strategies::typed_value;
    use super::*;

    #[test]
    fn values_read_and_print_as_wave() {
        for (ty, text) in [
            (Type::option(Type::U8), "some(3)"),
            (
                Type::record([("a", Type::S8), ("b", Type::Char)]),
                "{a: -1, b: 'x'}",
            ),
            (Type::flags(["r", "w"]), "{r, w}"),
            (Type::tuple([Type::F64, Type::Bool]), "(nan, true)"),
            (Type::result(None, Some(Type::String)), "err(\"no\")"),
            (Type::list(Type::U8), "[1, 2]"),
            (Type::enumeration(["east", "west"]), "west"),
        ] {
            assert_eq!(to_wave(&from_wave(text, &ty).unwrap()), text);
        }
        let bytes = from_wave("[1, 2]", &Type::list(Type::U8)).unwrap();
        assert_eq!(bytes, Value::Bytes(vec![1, 2]));
    }

    #[test]
    fn what_is_no_wave_is_an_error() {
        assert!(from_wave("south", &Type::enumeration(["east"])).is_err());
        assert!(from_wave(&"[".repeat(100_000), &Type::list(Type::U8)).is_err());
        assert!(from_wave("x", &Type::Unsupported("stream".into())).is_err());
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back((ty, value) in typed_value()) {
            prop_assert_eq!(from_wave(&to_wave(&value), &ty).unwrap(), value);
        }
    }
}
