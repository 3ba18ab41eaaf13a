//! The types of Rust's own types, as far as they are known without a value, and whether they
//! fit those of a function.

use super::Type;

/// Returns the type of a Rust type whose values alone tell it: it fits every type, and prints
/// as the name of the Rust type.
#[doc(hidden)]
#[must_use]
pub fn unknown_type<T: ?Sized>() -> Type {
    let full = std::any::type_name::<T>();
    let plain = full.split('<').next().unwrap_or(full);
    Type::Unsupported(plain.rsplit("::").next().unwrap_or(plain).to_owned())
}

/// Returns `true` if values of a Rust type may be of the type `wanted`. Its parts that are not
/// known beforehand fit everything, and are looked at when there is a value.
#[doc(hidden)]
#[must_use]
pub fn may_fit(rust: &Type, wanted: &Type) -> bool {
    match (rust, wanted) {
        (Type::Unsupported(_), _) => true,
        (Type::S32 | Type::U32, Type::I32) | (Type::S64 | Type::U64, Type::I64) => true,
        // Text names the case of an enum, or of a variant without a payload.
        (Type::String, Type::Enum(_) | Type::Variant(_)) => true,
        (Type::List(one), Type::List(other)) | (Type::Option(one), Type::Option(other)) => {
            may_fit(one, other)
        }
        // A map is a list of pairs, or a record.
        (Type::List(pair), Type::Record(fields)) => match &**pair {
            Type::Tuple(parts) if parts.len() == 2 && parts[0] == Type::String => {
                fields.iter().all(|(_, field)| may_fit(&parts[1], field))
            }
            _ => false,
        },
        (Type::Tuple(parts), Type::Tuple(others)) => {
            parts.len() == others.len()
                && parts
                    .iter()
                    .zip(others.iter())
                    .all(|(part, other)| may_fit(part, other))
        }
        (Type::Tuple(parts), Type::Record(fields)) => {
            parts.len() == fields.len()
                && parts
                    .iter()
                    .zip(fields.iter())
                    .all(|(part, (_, field))| may_fit(part, field))
        }
        (
            Type::Result { ok, err },
            Type::Result {
                ok: other_ok,
                err: other_err,
            },
        ) => {
            payload_may_fit(ok.as_deref(), other_ok.as_deref())
                && payload_may_fit(err.as_deref(), other_err.as_deref())
        }
        (one, other) => one == other,
    }
}

fn payload_may_fit(rust: Option<&Type>, wanted: Option<&Type>) -> bool {
    match (rust, wanted) {
        (Some(rust), Some(wanted)) => may_fit(rust, wanted),
        (None, None) | (Some(Type::Unsupported(_)), None) => true,
        _ => false,
    }
}

/// Returns the type of a payload or a result: `()` is none.
pub(super) fn payload_type(ty: Type) -> Option<Type> {
    (ty != unit_type()).then_some(ty)
}

/// Returns the type of `()`.
pub(super) fn unit_type() -> Type {
    Type::Tuple([].into())
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::{FromValue, ToValue, Value};

    struct Point;

    impl ToValue for Point {
        fn into_value(self) -> Value {
            Value::unit()
        }
    }

    fn out<T: ToValue>() -> Type {
        T::static_type()
    }

    fn read<T: FromValue>() -> Type {
        <T as FromValue>::static_type()
    }

    #[test]
    fn rust_types_print_as_wit() {
        for (ty, text) in [
            (out::<Vec<u8>>(), "list<u8>"),
            (out::<Option<&str>>(), "option<string>"),
            (out::<Result<(), String>>(), "result<_, string>"),
            (out::<Vec<Point>>(), "list<Point>"),
            (out::<(u32, f64)>(), "tuple<u32, f64>"),
            (read::<Result<Vec<u32>, ()>>(), "result<list<u32>>"),
            (read::<HashMap<String, bool>>(), "list<tuple<string, bool>>"),
            (read::<Box<usize>>(), "u64"),
            (read::<Value>(), "Value"),
        ] {
            assert_eq!(ty.to_string(), text);
        }
    }

    #[test]
    fn types_fit_their_own_and_those_that_only_values_tell_fit_all() {
        let record = Type::record([("x", Type::U8), ("y", Type::U8)]);
        for (rust, wanted) in [
            (out::<u32>(), Type::U32),
            (out::<i32>(), Type::I32),
            (out::<u64>(), Type::I64),
            (out::<Point>(), record.clone()),
            (out::<Vec<Point>>(), Type::list(record.clone())),
            (out::<(u8, u8)>(), record.clone()),
            (read::<HashMap<String, u8>>(), record.clone()),
            (read::<String>(), Type::enumeration(["a"])),
        ] {
            assert!(may_fit(&rust, &wanted), "{rust} for {wanted}");
        }
        for (rust, wanted) in [
            (out::<u32>(), Type::U64),
            (out::<u32>(), Type::I64),
            (out::<Vec<u32>>(), Type::list(Type::U8)),
            (out::<Option<u8>>(), Type::U8),
            (out::<(u8,)>(), record),
            (
                out::<Result<(), String>>(),
                Type::result(Some(Type::U8), Some(Type::String)),
            ),
        ] {
            assert!(!may_fit(&rust, &wanted), "{rust} for {wanted}");
        }
    }
}
