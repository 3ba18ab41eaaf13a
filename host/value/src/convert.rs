//! Rust's own types as values, and back: the traits, numbers and text. Types that hold
//! other values are in `convert_compound`.

use super::attachment::Attachment;
use super::shape::{unit_type, unknown_type};
use super::{ConvertError, Type, Value};

/// A type that can be an argument: integers, floats, `bool`, `char`, text, `Vec`,
/// slices, arrays, `Option`, `Result`, tuples, `Box`, maps with text as keys, and
/// [`Value`] itself; structs and enums by the derive macro of the same name.
///
/// The width of a number does not matter if it fits the parameter.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be made a value of a task",
    note = "for a type of your own: `#[derive(sandpool::ToValue)]`"
)]
pub trait ToValue {
    /// Returns this as a value.
    fn into_value(self) -> Value;

    /// Returns the type of the values, as far as it is known without one; see
    /// [`unknown_type`].
    #[doc(hidden)]
    #[must_use]
    fn static_type() -> Type
    where
        Self: Sized,
    {
        unknown_type::<Self>()
    }

    /// Adds the attachments of the value: the objects that it, or a part of it, only names.
    #[doc(hidden)]
    fn attach_to(&self, _attachments: &mut Vec<Attachment>) {}

    /// Returns many of these as one value: bytes are not a value each.
    #[doc(hidden)]
    fn vec_into_value(items: Vec<Self>) -> Value
    where
        Self: Sized,
    {
        Value::List(items.into_iter().map(Self::into_value).collect())
    }

    /// Returns a copy of many of these as one value, as `vec_into_value` does.
    #[doc(hidden)]
    fn slice_into_value(items: &[Self]) -> Value
    where
        Self: Sized + Clone,
    {
        Value::List(items.iter().cloned().map(Self::into_value).collect())
    }
}

/// A type that a result can be read as: the owned types among those of [`ToValue`]; structs
/// and enums by the derive macro of the same name.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be read from a value of a task",
    note = "for your own type, use `#[derive(sandpool::FromValue)]`; values are read as owned types"
)]
pub trait FromValue: Sized {
    /// Reads the value. Integers convert if they fit; the result of a function without a
    /// result is `()`.
    ///
    /// # Errors
    ///
    /// Returns an error if the value is of another type.
    fn from_value(value: Value) -> Result<Self, ConvertError>;

    /// Returns the type of the values, as far as it is known without one; see
    /// [`unknown_type`].
    #[doc(hidden)]
    #[must_use]
    fn static_type() -> Type {
        unknown_type::<Self>()
    }

    /// Returns the value of a missing field of a record, if the field is optional.
    #[doc(hidden)]
    fn from_missing() -> Option<Self> {
        None
    }

    /// Reads many of these from one value: bytes are not a value each.
    #[doc(hidden)]
    fn vec_from_value(value: Value) -> Result<Vec<Self>, ConvertError> {
        match value {
            Value::List(items) => items
                .into_iter()
                .enumerate()
                .map(|(index, item)| Self::from_value(item).map_err(|e| e.in_element(index)))
                .collect(),
            Value::Bytes(bytes) => bytes
                .into_iter()
                .enumerate()
                .map(|(index, byte)| {
                    Self::from_value(Value::U8(byte)).map_err(|e| e.in_element(index))
                })
                .collect(),
            other => Err(ConvertError::new(&other, "list")),
        }
    }
}

macro_rules! integers {
    ($($rust:ident $variant:ident),*) => {$(
        impl ToValue for $rust {
            fn static_type() -> Type {
                Type::$variant
            }

            fn into_value(self) -> Value {
                Value::$variant(self)
            }
        }

        impl FromValue for $rust {
            fn static_type() -> Type {
                Type::$variant
            }

            fn from_value(value: Value) -> Result<Self, ConvertError> {
                match value {
                    Value::$variant(n) => Ok(n),
                    other => other
                        .as_integer()
                        .and_then(|n| n.try_into().ok())
                        .ok_or_else(|| ConvertError::new(&other, stringify!($rust))),
                }
            }
        }
    )*};
}

integers!(i8 S8, i16 S16, u16 U16, i32 S32, u32 U32, i64 S64, u64 U64);

impl ToValue for u8 {
    fn static_type() -> Type {
        Type::U8
    }

    fn into_value(self) -> Value {
        Value::U8(self)
    }

    fn vec_into_value(items: Vec<Self>) -> Value {
        Value::Bytes(items)
    }

    fn slice_into_value(items: &[Self]) -> Value {
        Value::Bytes(items.to_vec())
    }
}

impl FromValue for u8 {
    fn static_type() -> Type {
        Type::U8
    }

    fn from_value(value: Value) -> Result<Self, ConvertError> {
        value
            .as_integer()
            .and_then(|n| n.try_into().ok())
            .ok_or_else(|| ConvertError::new(&value, "u8"))
    }

    fn vec_from_value(value: Value) -> Result<Vec<Self>, ConvertError> {
        match value {
            Value::Bytes(bytes) => Ok(bytes),
            Value::List(items) => items
                .into_iter()
                .enumerate()
                .map(|(index, item)| Self::from_value(item).map_err(|e| e.in_element(index)))
                .collect(),
            other => Err(ConvertError::new(&other, "list of bytes")),
        }
    }
}

/// The sizes of this machine are 64 bits: the crate builds nowhere else.
impl ToValue for usize {
    fn static_type() -> Type {
        Type::U64
    }

    fn into_value(self) -> Value {
        Value::U64(self as u64)
    }
}

impl FromValue for usize {
    fn static_type() -> Type {
        Type::U64
    }

    fn from_value(value: Value) -> Result<Self, ConvertError> {
        value
            .as_integer()
            .and_then(|n| n.try_into().ok())
            .ok_or_else(|| ConvertError::new(&value, "usize"))
    }
}

impl ToValue for f32 {
    fn static_type() -> Type {
        Type::F32
    }

    fn into_value(self) -> Value {
        Value::F32(self)
    }
}

impl FromValue for f32 {
    fn static_type() -> Type {
        Type::F32
    }

    fn from_value(value: Value) -> Result<Self, ConvertError> {
        match value {
            Value::F32(x) => Ok(x),
            // A double is read only if nothing is lost.
            Value::F64(x) if x.is_nan() || f64::from(x as f32) == x => Ok(x as f32),
            other => Err(ConvertError::new(&other, "f32")),
        }
    }
}

impl ToValue for f64 {
    fn static_type() -> Type {
        Type::F64
    }

    fn into_value(self) -> Value {
        Value::F64(self)
    }
}

impl FromValue for f64 {
    fn static_type() -> Type {
        Type::F64
    }

    fn from_value(value: Value) -> Result<Self, ConvertError> {
        match value {
            Value::F64(x) => Ok(x),
            Value::F32(x) => Ok(x.into()),
            other => Err(ConvertError::new(&other, "f64")),
        }
    }
}

impl ToValue for bool {
    fn static_type() -> Type {
        Type::Bool
    }

    fn into_value(self) -> Value {
        Value::Bool(self)
    }
}

impl FromValue for bool {
    fn static_type() -> Type {
        Type::Bool
    }

    fn from_value(value: Value) -> Result<Self, ConvertError> {
        match value {
            Value::Bool(b) => Ok(b),
            other => Err(ConvertError::new(&other, "bool")),
        }
    }
}

impl ToValue for char {
    fn static_type() -> Type {
        Type::Char
    }

    fn into_value(self) -> Value {
        Value::Char(self)
    }
}

impl FromValue for char {
    fn static_type() -> Type {
        Type::Char
    }

    fn from_value(value: Value) -> Result<Self, ConvertError> {
        match value {
            Value::Char(c) => Ok(c),
            other => Err(ConvertError::new(&other, "char")),
        }
    }
}

impl ToValue for String {
    fn static_type() -> Type {
        Type::String
    }

    fn into_value(self) -> Value {
        Value::String(self)
    }
}

impl ToValue for &str {
    fn static_type() -> Type {
        Type::String
    }

    fn into_value(self) -> Value {
        Value::String(self.to_owned())
    }
}

/// Reads text, the case of an enum, or the case of a variant without a payload.
impl FromValue for String {
    fn static_type() -> Type {
        Type::String
    }

    fn from_value(value: Value) -> Result<Self, ConvertError> {
        match value {
            Value::String(text) | Value::Enum(text) | Value::Variant(text, None) => Ok(text),
            other => Err(ConvertError::new(&other, "string")),
        }
    }
}

impl ToValue for Value {
    fn into_value(self) -> Value {
        self
    }
}

impl FromValue for Value {
    fn from_value(value: Value) -> Result<Self, ConvertError> {
        Ok(value)
    }
}

impl ToValue for () {
    fn static_type() -> Type {
        unit_type()
    }

    fn into_value(self) -> Value {
        Value::unit()
    }
}

impl FromValue for () {
    fn static_type() -> Type {
        unit_type()
    }

    fn from_value(value: Value) -> Result<Self, ConvertError> {
        if value.is_unit() {
            Ok(())
        } else {
            Err(ConvertError::new(&value, "missing result"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_convert_if_they_fit() {
        assert_eq!(u64::from_value(Value::U32(7)), Ok(7));
        assert_eq!(i8::from_value(Value::U64(127)), Ok(127));
        let error = i8::from_value(Value::U64(128)).unwrap_err();
        assert_eq!(error.to_string(), "the value `128` is not a valid i8");
        assert!(u64::from_value(Value::F64(1.0)).is_err());
    }

    #[test]
    fn floats_convert_if_nothing_is_lost() {
        assert_eq!(f64::from_value(Value::F32(0.5)), Ok(0.5));
        assert_eq!(f32::from_value(Value::F64(0.5)), Ok(0.5));
        assert!(f32::from_value(Value::F64(0.1)).is_err());
    }

    #[test]
    fn no_result_is_unit() {
        assert_eq!(<()>::from_value(Value::unit()), Ok(()));
        assert!(<()>::from_value(Value::U8(1)).is_err());
    }
}
