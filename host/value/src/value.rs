//! The values that calls carry, and the check that a value is of a type.
//!
//! A value does not know its type. `check` strictly checks that a value is of a type, in
//! the form that the channel carries; `coerce` (in its own file) converts values that are
//! merely close.

use super::text::{quoted, quoted_value};
use super::{Mismatch, Resource, Type};

/// A value of the component model.
///
/// [`Display`](std::fmt::Display) writes it as JSON. NaN is unequal to itself,
/// as everywhere in Rust.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `bool`
    Bool(bool),
    /// `s8`
    S8(i8),
    /// `u8`
    U8(u8),
    /// `s16`
    S16(i16),
    /// `u16`
    U16(u16),
    /// `s32`
    S32(i32),
    /// `u32`
    U32(u32),
    /// `s64`
    S64(i64),
    /// `u64`
    U64(u64),
    /// `f32`
    F32(f32),
    /// `f64`
    F64(f64),
    /// `char`
    Char(char),
    /// `string`
    String(String),
    /// `list<u8>`, always: never a `List` with a value for each byte
    Bytes(Vec<u8>),
    /// `list<T>` of anything but bytes
    List(Vec<Value>),
    /// `record`, fields in the declared order
    Record(Vec<(String, Value)>),
    /// `tuple`
    Tuple(Vec<Value>),
    /// `variant`: the case and its payload, where the case has one
    Variant(String, Option<Box<Value>>),
    /// `enum`: the case
    Enum(String),
    /// `flags`: the names that are set, in the declared order, each once
    Flags(Vec<String>),
    /// `option`
    Option(Option<Box<Value>>),
    /// `result`, with payloads where its type has them
    Result(Result<Option<Box<Value>>, Option<Box<Value>>>),
    /// `own` or `borrow`: a handle of a resource
    Handle(Resource),
}

impl Value {
    /// Returns the result of a function without a result: the empty tuple. As JSON it
    /// is `null`.
    pub const fn unit() -> Value {
        Value::Tuple(Vec::new())
    }

    /// Returns `true` if this is [`Value::unit`].
    pub fn is_unit(&self) -> bool {
        matches!(self, Value::Tuple(items) if items.is_empty())
    }

    /// `some(value)`
    pub fn some(value: Value) -> Value {
        Value::Option(Some(Box::new(value)))
    }

    /// `none`
    pub const fn none() -> Value {
        Value::Option(None)
    }

    /// Returns a record of the named fields.
    pub fn record<N: Into<String>>(fields: impl IntoIterator<Item = (N, Value)>) -> Value {
        Value::Record(fields.into_iter().map(|(n, v)| (n.into(), v)).collect())
    }

    /// Returns this as an integer, if it is one of any width.
    pub(super) fn as_integer(&self) -> Option<i128> {
        Some(match self {
            Value::S8(n) => (*n).into(),
            Value::U8(n) => (*n).into(),
            Value::S16(n) => (*n).into(),
            Value::U16(n) => (*n).into(),
            Value::S32(n) => (*n).into(),
            Value::U32(n) => (*n).into(),
            Value::S64(n) => (*n).into(),
            Value::U64(n) => (*n).into(),
            _ => return None,
        })
    }

    /// Returns the integer as a value of the type, if it fits into it.
    pub(super) fn from_integer(n: i128, ty: &Type) -> Option<Value> {
        Some(match ty {
            Type::S8 => Value::S8(n.try_into().ok()?),
            Type::U8 => Value::U8(n.try_into().ok()?),
            Type::S16 => Value::S16(n.try_into().ok()?),
            Type::U16 => Value::U16(n.try_into().ok()?),
            Type::S32 => Value::S32(n.try_into().ok()?),
            Type::U32 => Value::U32(n.try_into().ok()?),
            Type::S64 => Value::S64(n.try_into().ok()?),
            Type::U64 => Value::U64(n.try_into().ok()?),
            // Bits without a sign: a number beyond the signed range stands for the one with
            // equal bits.
            Type::I32 => Value::S32(match u32::try_from(n) {
                Ok(bits) => bits.cast_signed(),
                Err(_) => n.try_into().ok()?,
            }),
            Type::I64 => Value::S64(match u64::try_from(n) {
                Ok(bits) => bits.cast_signed(),
                Err(_) => n.try_into().ok()?,
            }),
            _ => return None,
        })
    }

    /// Returns `true` if this value is one of the type, in canonical form.
    pub fn matches(&self, ty: &Type) -> bool {
        self.check(ty).is_ok()
    }

    /// Returns `true` if this is a number or a `bool` of exactly this type.
    pub(super) fn is_number_of(&self, ty: &Type) -> bool {
        matches!(
            (self, ty),
            (Value::Bool(_), Type::Bool)
                | (Value::S8(_), Type::S8)
                | (Value::U8(_), Type::U8)
                | (Value::S16(_), Type::S16)
                | (Value::U16(_), Type::U16)
                | (Value::S32(_), Type::S32 | Type::I32)
                | (Value::U32(_), Type::U32)
                | (Value::S64(_), Type::S64 | Type::I64)
                | (Value::U64(_), Type::U64)
                | (Value::F32(_), Type::F32)
                | (Value::F64(_), Type::F64)
        )
    }

    /// Checks that this value is one of the type, in canonical form: exact widths, record
    /// fields in the declared order, `list<u8>` as bytes.
    ///
    /// # Errors
    ///
    /// Returns an error that names the first place in the value that is not.
    pub fn check(&self, ty: &Type) -> Result<(), Mismatch> {
        match (self, ty) {
            (value, ty) if value.is_number_of(ty) => Ok(()),
            (Value::Char(_), Type::Char)
            | (Value::String(_), Type::String)
            | (Value::Option(None), Type::Option(_)) => Ok(()),
            (Value::Handle(handle), Type::Own(name) | Type::Borrow(name))
                if handle.name() == &**name =>
            {
                Ok(())
            }
            (Value::Bytes(_), ty) if ty.is_bytes() => Ok(()),
            (Value::List(items), Type::List(element)) if **element != Type::U8 => {
                for (index, item) in items.iter().enumerate() {
                    item.check(element).map_err(|e| e.in_element(index))?;
                }
                Ok(())
            }
            (Value::Record(fields), Type::Record(types)) if fields.len() == types.len() => {
                for ((name, value), (wanted, ty)) in fields.iter().zip(types.iter()) {
                    if name != wanted {
                        let reason = format!(
                            "field {} stands where {} belongs",
                            quoted(name),
                            quoted(wanted)
                        );
                        return Err(self.mismatch(ty).because(reason));
                    }
                    value.check(ty).map_err(|e| e.in_field(name))?;
                }
                Ok(())
            }
            (Value::Tuple(items), Type::Tuple(types)) if items.len() == types.len() => {
                for (index, (item, ty)) in items.iter().zip(types.iter()).enumerate() {
                    item.check(ty).map_err(|e| e.in_element(index))?;
                }
                Ok(())
            }
            (Value::Variant(case, payload), Type::Variant(cases)) => {
                let Some((_, ty)) = cases.iter().find(|(name, _)| name == case) else {
                    return Err(self.mismatch(ty).because("there is no such case"));
                };
                self.check_payload(payload, ty.as_ref())
                    .map_err(|e| e.in_field(case))
            }
            (Value::Enum(case), Type::Enum(cases)) if cases.contains(case) => Ok(()),
            (Value::Flags(set), Type::Flags(names)) => {
                // In the declared order: each is searched for behind the last.
                let mut rest = names.iter();
                match set.iter().find(|flag| !rest.any(|name| name == *flag)) {
                    None => Ok(()),
                    Some(flag) => Err(self.mismatch(ty).because(format!(
                        "the flag {} is unknown, repeated or out of order",
                        quoted(flag)
                    ))),
                }
            }
            (Value::Option(Some(value)), Type::Option(some)) => value.check(some),
            (Value::Result(Ok(payload)), Type::Result { ok, .. }) => self
                .check_payload(payload, ok.as_deref())
                .map_err(|e| e.in_field("ok")),
            (Value::Result(Err(payload)), Type::Result { err, .. }) => self
                .check_payload(payload, err.as_deref())
                .map_err(|e| e.in_field("err")),
            _ => Err(self.mismatch(ty)),
        }
    }

    fn check_payload(
        &self,
        payload: &Option<Box<Value>>,
        ty: Option<&Type>,
    ) -> Result<(), Mismatch> {
        match (payload, ty) {
            (None, None) => Ok(()),
            (Some(value), Some(ty)) => value.check(ty),
            (None, Some(ty)) => Err(self.mismatch(ty).because("a payload is missing")),
            (Some(value), None) => {
                Err(Mismatch::new(quoted_value(value), "payload").because("this case has none"))
            }
        }
    }

    /// Returns the error for a value that is not of the type.
    pub(super) fn mismatch(&self, ty: &Type) -> Mismatch {
        Mismatch::of(quoted_value(self), ty)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::strategies::typed_value;
    use super::*;

    #[test]
    fn a_value_is_small() {
        assert!(size_of::<Value>() <= 32);
    }

    #[test]
    fn a_mismatch_names_the_place() {
        let ty = Type::record([("users", Type::list(Type::record([("age", Type::U8)])))]);
        let value = Value::record([(
            "users",
            Value::List(vec![
                Value::record([("age", Value::U8(1))]),
                Value::record([("age", Value::String("x".into()))]),
            ]),
        )]);
        let error = value.check(&ty).unwrap_err();
        assert_eq!(error.path, ".users[1].age");
        assert_eq!(
            error.to_string(),
            "`\"x\"` is not a valid u8 at `.users[1].age`"
        );
    }

    #[test]
    fn bytes_are_never_a_list() {
        let ty = Type::list(Type::U8);
        assert!(Value::Bytes(vec![1]).matches(&ty));
        assert!(!Value::List(vec![Value::U8(1)]).matches(&ty));
    }

    proptest! {
        #[test]
        fn a_value_of_a_type_matches_it((ty, value) in typed_value()) {
            prop_assert_eq!(value.check(&ty), Ok(()));
        }
    }
}
