//! Making a value that is close to a type into one of it.
//!
//! Rust callers do not spell out widths, and have no enums or flags of WIT's
//! kind. What is accepted loses nothing that the caller could have meant:
//! integers of another width that fit, integers as floats that hold them
//! exactly, floats of the other width, a bare value for an option, an array for
//! a tuple, text for an enum's case, record fields in another order.

use super::number::float_of_integer;
use super::text::{listed, quoted, quoted_value};
use super::{Mismatch, Type, Value};

impl Value {
    /// This value as one of the type, in canonical form.
    ///
    /// # Errors
    ///
    /// When it is not close enough; the error names the place in the value.
    pub fn coerce(self, ty: &Type) -> Result<Value, Mismatch> {
        match (self, ty) {
            (value @ Value::Bytes(_), ty) if ty.is_bytes() => Ok(value),
            (Value::List(items) | Value::Tuple(items), ty) if ty.is_bytes() => bytes(&items),
            (Value::List(items) | Value::Tuple(items), Type::List(element)) => items
                .into_iter()
                .enumerate()
                .map(|(index, item)| item.coerce(element).map_err(|e| e.in_element(index)))
                .collect::<Result<_, _>>()
                .map(Value::List),
            (Value::Bytes(bytes), Type::List(element)) => bytes
                .into_iter()
                .enumerate()
                .map(|(index, byte)| {
                    Value::U8(byte)
                        .coerce(element)
                        .map_err(|e| e.in_element(index))
                })
                .collect::<Result<_, _>>()
                .map(Value::List),
            (Value::List(items) | Value::Tuple(items), Type::Tuple(types)) => {
                if items.len() != types.len() {
                    let reason = format!("it has {}, not {}", items.len(), types.len());
                    let found = quoted_value(&Value::List(items));
                    return Err(Mismatch::of(found, ty).because(reason));
                }
                items
                    .into_iter()
                    .zip(types.iter())
                    .enumerate()
                    .map(|(index, (item, ty))| item.coerce(ty).map_err(|e| e.in_element(index)))
                    .collect::<Result<_, _>>()
                    .map(Value::Tuple)
            }
            (Value::Bytes(bytes), Type::Tuple(_)) => {
                Value::List(bytes.into_iter().map(Value::U8).collect()).coerce(ty)
            }
            (Value::List(items), Type::Flags(_)) => {
                let names = items.into_iter().map(|item| match item {
                    Value::String(name) | Value::Enum(name) => Ok(name),
                    other => Err(other.mismatch(&Type::String)),
                });
                flags(names.collect::<Result<_, _>>()?, ty)
            }
            (Value::Flags(names), Type::Flags(_)) => flags(names, ty),
            (Value::Record(fields), Type::Record(types)) => record(fields, types, ty),
            (Value::String(case) | Value::Enum(case), Type::Enum(cases)) => {
                if cases.contains(&case) {
                    Ok(Value::Enum(case))
                } else {
                    Err(no_such_case(&case, ty))
                }
            }
            (Value::Variant(case, payload), Type::Variant(_)) => variant(case, payload, ty),
            (Value::String(case) | Value::Enum(case), Type::Variant(_)) => variant(case, None, ty),
            (Value::Variant(case, None), Type::Enum(_)) => Value::Enum(case).coerce(ty),
            (Value::Option(None), Type::Option(_)) => Ok(Value::none()),
            (Value::Option(Some(value)), Type::Option(some)) => {
                Ok(Value::some(value.coerce(some)?))
            }
            (value, Type::Option(some)) => Ok(Value::some(value.coerce(some)?)),
            (Value::Result(result), Type::Result { ok, err }) => Ok(Value::Result(match result {
                Ok(payload) => {
                    Ok(coerce_payload(payload, ok.as_deref()).map_err(|e| e.in_field("ok"))?)
                }
                Err(payload) => {
                    Err(coerce_payload(payload, err.as_deref()).map_err(|e| e.in_field("err"))?)
                }
            })),
            (value, ty) => value.coerce_scalar(ty),
        }
    }

    #[inline]
    fn coerce_scalar(self, ty: &Type) -> Result<Value, Mismatch> {
        if let Some(n) = self.as_integer() {
            return Value::from_integer(n, ty)
                .or_else(|| float_of_integer(n, ty))
                .ok_or_else(|| Mismatch::out_of_range(quoted_value(&self), ty));
        }
        match (self, ty) {
            (Value::F32(x), Type::F64) => Ok(Value::F64(x.into())),
            (Value::F64(x), Type::F32) => match x as f32 {
                narrowed if narrowed.is_infinite() && x.is_finite() => {
                    Err(Mismatch::of(quoted(&x.to_string()), ty).because("it is out of range"))
                }
                narrowed => Ok(Value::F32(narrowed)),
            },
            (value, ty) => value.check(ty).map(|()| value),
        }
    }
}

fn bytes(items: &[Value]) -> Result<Value, Mismatch> {
    let mut bytes = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        match item.as_integer().map(u8::try_from) {
            Some(Ok(byte)) => bytes.push(byte),
            Some(Err(_)) => {
                return Err(Mismatch::out_of_range(quoted_value(item), &Type::U8).in_element(index));
            }
            None => return Err(item.mismatch(&Type::U8).in_element(index)),
        }
    }
    Ok(Value::Bytes(bytes))
}

fn coerce_payload(
    payload: Option<Box<Value>>,
    ty: Option<&Type>,
) -> Result<Option<Box<Value>>, Mismatch> {
    match (payload, ty) {
        (None, None) => Ok(None),
        // Rust writes a missing payload as `()`.
        (Some(value), None) if value.is_unit() => Ok(None),
        (Some(value), Some(ty)) => Ok(Some(Box::new(value.coerce(ty)?))),
        (None, Some(Type::Option(_))) => Ok(Some(Box::new(Value::none()))),
        (None, Some(ty)) => {
            Err(Mismatch::new("nothing".into(), ty.to_string()).because("a payload is missing"))
        }
        (Some(value), None) => {
            Err(Mismatch::new(quoted_value(&value), "payload").because("this case has none"))
        }
    }
}

pub(super) fn variant(
    case: String,
    payload: Option<Box<Value>>,
    ty: &Type,
) -> Result<Value, Mismatch> {
    let Type::Variant(cases) = ty else {
        return Err(Mismatch::of(quoted(&case), ty));
    };
    let Some((_, wanted)) = cases.iter().find(|(name, _)| *name == case) else {
        return Err(no_such_case(&case, ty));
    };
    let payload = coerce_payload(payload, wanted.as_ref()).map_err(|e| e.in_field(&case))?;
    Ok(Value::Variant(case, payload))
}

/// The error for a case that the variant or enum does not have.
pub(super) fn no_such_case(case: &str, ty: &Type) -> Mismatch {
    let cases = match ty {
        Type::Variant(cases) => listed(cases.iter().map(|(name, _)| name.as_str())),
        Type::Enum(cases) => listed(cases.iter().map(String::as_str)),
        _ => return Mismatch::of(quoted(case), ty),
    };
    Mismatch::of(quoted(case), ty).because(format!("its cases are {cases}"))
}

/// Flags in the declared order, each once.
pub(super) fn flags(set: Vec<String>, ty: &Type) -> Result<Value, Mismatch> {
    let Type::Flags(names) = ty else {
        return Err(Mismatch::of(listed(set.iter().map(String::as_str)), ty));
    };
    if let Some(unknown) = set.iter().find(|name| !names.contains(name)) {
        let names = listed(names.iter().map(String::as_str));
        return Err(Mismatch::of(quoted(unknown), ty).because(format!("its flags are {names}")));
    }
    let ordered = names.iter().filter(|name| set.contains(name)).cloned();
    Ok(Value::Flags(ordered.collect()))
}

fn record(
    fields: Vec<(String, Value)>,
    types: &[(String, Type)],
    ty: &Type,
) -> Result<Value, Mismatch> {
    let mut given: Vec<Option<(String, Value)>> = fields.into_iter().map(Some).collect();
    let mut out = Vec::with_capacity(types.len());
    for (index, (name, field_type)) in types.iter().enumerate() {
        let is_this = |field: &Option<(String, Value)>| {
            field.as_ref().is_some_and(|(given, _)| given == name)
        };
        // Nearly always the fields come in order.
        let found = match given.get_mut(index) {
            Some(field) if is_this(field) => field.take(),
            _ => given
                .iter_mut()
                .find(|field| is_this(field))
                .and_then(Option::take),
        };
        match (found, field_type) {
            (Some((name, value)), _) => {
                let value = value.coerce(field_type).map_err(|e| e.in_field(&name))?;
                out.push((name, value));
            }
            (None, Type::Option(_)) => out.push((name.clone(), Value::none())),
            (None, _) => return Err(missing_field(name, ty)),
        }
    }
    match given.into_iter().flatten().next() {
        None => Ok(Value::Record(out)),
        Some((name, _)) => Err(unknown_field(&name, types, ty)),
    }
}

pub(super) fn missing_field(name: &str, ty: &Type) -> Mismatch {
    Mismatch::of("this".into(), ty).because(format!("the field {} is missing", quoted(name)))
}

pub(super) fn unknown_field(name: &str, types: &[(String, Type)], ty: &Type) -> Mismatch {
    let fields = listed(types.iter().map(|(name, _)| name.as_str()));
    Mismatch::of("this".into(), ty).because(format!(
        "there is no field {}, its fields are {fields}",
        quoted(name)
    ))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::strategies::typed_value;
    use super::*;

    #[test]
    fn integers_change_width_if_they_fit() {
        assert_eq!(Value::U32(7).coerce(&Type::S64), Ok(Value::S64(7)));
        assert_eq!(Value::S32(-1).coerce(&Type::S8), Ok(Value::S8(-1)));
        assert_eq!(Value::U64(3).coerce(&Type::F64), Ok(Value::F64(3.0)));
        let error = Value::S32(-1).coerce(&Type::U32).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`-1` is not a valid u32: the range is 0 to 4294967295"
        );
        assert!(Value::U64(1 << 25 | 1).coerce(&Type::F32).is_err());
        assert!(Value::F64(3.0).coerce(&Type::U32).is_err());
    }

    #[test]
    fn bits_without_a_sign_are_given_by_either() {
        let bits = |value: Value| value.coerce(&Type::I32);
        assert_eq!(bits(Value::U32(u32::MAX)), Ok(Value::S32(-1)));
        assert_eq!(
            bits(Value::S64(i64::from(i32::MIN))),
            Ok(Value::S32(i32::MIN))
        );
        assert_eq!(bits(Value::U64(1 << 31)), Ok(Value::S32(i32::MIN)));
        assert!(bits(Value::U64(1 << 32)).is_err() && bits(Value::S64(-1 << 32)).is_err());
        let bits = |value: Value| value.coerce(&Type::I64);
        assert_eq!(bits(Value::U64(u64::MAX)), Ok(Value::S64(-1)));
        assert_eq!(bits(Value::S64(i64::MIN)), Ok(Value::S64(i64::MIN)));
    }

    #[test]
    fn a_float_takes_an_integer_that_it_holds() {
        assert_eq!(
            Value::U64(1 << 60).coerce(&Type::F64),
            Ok(Value::F64(2f64.powi(60)))
        );
        assert!(Value::U64((1 << 60) + 1).coerce(&Type::F64).is_err());
        assert!(Value::U64(u64::MAX).coerce(&Type::F32).is_err());
    }

    #[test]
    fn rust_shapes_become_wit_shapes() {
        let pair = Type::tuple([Type::S64, Type::String]);
        assert_eq!(
            Value::List(vec![Value::U8(1), Value::String("a".into())]).coerce(&pair),
            Ok(Value::Tuple(vec![Value::S64(1), Value::String("a".into())]))
        );
        assert_eq!(
            Value::List(vec![Value::S32(1), Value::S32(255)]).coerce(&Type::list(Type::U8)),
            Ok(Value::Bytes(vec![1, 255]))
        );
        assert_eq!(
            Value::Bytes(vec![1]).coerce(&Type::list(Type::U32)),
            Ok(Value::List(vec![Value::U32(1)]))
        );
        assert_eq!(
            Value::U32(1).coerce(&Type::option(Type::U64)),
            Ok(Value::some(Value::U64(1)))
        );
        assert_eq!(
            Value::String("a".into()).coerce(&Type::enumeration(["a"])),
            Ok(Value::Enum("a".into()))
        );
        assert_eq!(
            Value::List(vec![Value::String("b".into()), Value::String("a".into())])
                .coerce(&Type::flags(["a", "b"])),
            Ok(Value::Flags(vec!["a".into(), "b".into()]))
        );
    }

    #[test]
    fn record_fields_are_put_in_order_and_options_filled_in() {
        let ty = Type::record([
            ("a", Type::U8),
            ("b", Type::option(Type::U8)),
            ("c", Type::U8),
        ]);
        let value = Value::record([("c", Value::U8(3)), ("a", Value::U8(1))]);
        assert_eq!(
            value.coerce(&ty),
            Ok(Value::record([
                ("a", Value::U8(1)),
                ("b", Value::none()),
                ("c", Value::U8(3))
            ]))
        );
        let error = Value::record([("a", Value::U8(1))])
            .coerce(&ty)
            .unwrap_err();
        assert!(error.to_string().ends_with("the field `c` is missing"));
    }

    proptest! {
        #[test]
        fn a_value_of_the_type_stays_as_it_is((ty, value) in typed_value()) {
            prop_assert_eq!(value.clone().coerce(&ty), Ok(value));
        }
    }
}
