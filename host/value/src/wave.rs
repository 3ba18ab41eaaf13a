//! Values as WAVE, the component model's own notation: `some(3)`, `{a: 1}`.
//! They are read in `wave_read`.

use std::borrow::Cow;

use wasm_wave::wasm::{WasmTypeKind, WasmValue};

use super::{Type, Value};

/// Returns a value in WAVE.
pub fn to_wave(value: &Value) -> String {
    // It fails only when its writer does, and a `String` does not.
    wasm_wave::to_string(value).unwrap_or_default()
}

type Items<'a> = Box<dyn Iterator<Item = Cow<'a, Value>> + 'a>;

/// wasm-wave calls `unwrap_*` only for the kind that `kind` gave; for another,
/// an empty value is returned, never a panic.
macro_rules! scalars {
    ($($unwrap:ident $variant:ident $rust:ty;)*) => {$(
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
            // WAVE has no handles.
            Value::Handle(_) => WasmTypeKind::String,
        }
    }

    scalars! {
        unwrap_bool Bool bool;
        unwrap_s8 S8 i8;
        unwrap_u8 U8 u8;
        unwrap_s16 S16 i16;
        unwrap_u16 U16 u16;
        unwrap_s32 S32 i32;
        unwrap_u32 U32 u32;
        unwrap_s64 S64 i64;
        unwrap_u64 U64 u64;
        unwrap_f32 F32 f32;
        unwrap_f64 F64 f64;
        unwrap_char Char char;
    }

    fn unwrap_string(&self) -> Cow<'_, str> {
        match self {
            Value::Handle(_) => self.to_string().into(),
            Value::String(text) => Cow::Borrowed(text),
            _ => Cow::Borrowed(""),
        }
    }

    fn unwrap_list(&self) -> Items<'_> {
        match self {
            Value::List(items) => Box::new(items.iter().map(Cow::Borrowed)),
            // Made one at a time, as it is written.
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
