//! Converts values between the host's own type and wasmtime's.

use wasmtime::ValRaw;
use wasmtime::component::Val;

use super::handles::Handles;
use sandpool_value::{Resource, Type, Value, take_u32, take_u64};

/// Converts a value for wasmtime. The host has checked it against its type.
pub fn to_val(value: Value, handles: &Handles) -> Val {
    let to_val = |value| to_val(value, handles);
    let boxed = |value: Box<Value>| Box::new(to_val(*value));
    match value {
        // wasmtime refuses what is no handle.
        Value::Handle(handle) => match handles.get(handle.number()) {
            Some(resource) => Val::Resource(resource),
            None => Val::Bool(false),
        },
        Value::Bool(v) => Val::Bool(v),
        Value::S8(v) => Val::S8(v),
        Value::U8(v) => Val::U8(v),
        Value::S16(v) => Val::S16(v),
        Value::U16(v) => Val::U16(v),
        Value::S32(v) => Val::S32(v),
        Value::U32(v) => Val::U32(v),
        Value::S64(v) => Val::S64(v),
        Value::U64(v) => Val::U64(v),
        Value::F32(v) => Val::Float32(v),
        Value::F64(v) => Val::Float64(v),
        Value::Char(v) => Val::Char(v),
        Value::String(v) => Val::String(v),
        Value::Bytes(v) => Val::List(v.into_iter().map(Val::U8).collect()),
        Value::List(v) => Val::List(v.into_iter().map(to_val).collect()),
        Value::Record(fields) => Val::Record(
            fields
                .into_iter()
                .map(|(name, v)| (name, to_val(v)))
                .collect(),
        ),
        Value::Tuple(v) => Val::Tuple(v.into_iter().map(to_val).collect()),
        Value::Variant(case, payload) => Val::Variant(case, payload.map(boxed)),
        Value::Enum(case) => Val::Enum(case),
        Value::Flags(names) => Val::Flags(names),
        Value::Option(v) => Val::Option(v.map(boxed)),
        Value::Result(Ok(v)) => Val::Result(Ok(v.map(boxed))),
        Value::Result(Err(v)) => Val::Result(Err(v.map(boxed))),
    }
}

/// Converts a result of wasmtime's, and gives each resource in it a number. Returns `None`
/// for a value that cannot leave a worker: one that no callable function returns, or a
/// resource too many.
pub fn from_val(val: Val, ty: &Type, handles: &Handles) -> Option<Value> {
    let from_val = |val, ty: &Type| from_val(val, ty, handles);
    let one = |val: Box<Val>, ty: &Type| from_val(*val, ty).map(Box::new);
    Some(match (val, ty) {
        (Val::Resource(resource), Type::Own(name)) => {
            Value::Handle(Resource::new(None, handles.add(resource)?, name))
        }
        (Val::Bool(v), _) => Value::Bool(v),
        (Val::S8(v), _) => Value::S8(v),
        (Val::U8(v), _) => Value::U8(v),
        (Val::S16(v), _) => Value::S16(v),
        (Val::U16(v), _) => Value::U16(v),
        (Val::S32(v), _) => Value::S32(v),
        (Val::U32(v), _) => Value::U32(v),
        (Val::S64(v), _) => Value::S64(v),
        (Val::U64(v), _) => Value::U64(v),
        (Val::Float32(v), _) => Value::F32(v),
        (Val::Float64(v), _) => Value::F64(v),
        (Val::Char(v), _) => Value::Char(v),
        (Val::String(v), _) => Value::String(v),
        (Val::List(v), Type::List(item)) if **item == Type::U8 => Value::Bytes(
            v.into_iter()
                .map(|byte| {
                    if let Val::U8(byte) = byte {
                        Some(byte)
                    } else {
                        None
                    }
                })
                .collect::<Option<_>>()?,
        ),
        (Val::List(v), Type::List(item)) => Value::List(
            v.into_iter()
                .map(|v| from_val(v, item))
                .collect::<Option<_>>()?,
        ),
        (Val::Record(fields), Type::Record(types)) => Value::Record(
            fields
                .into_iter()
                .zip(types.iter())
                .map(|((name, v), (_, ty))| Some((name, from_val(v, ty)?)))
                .collect::<Option<_>>()?,
        ),
        (Val::Tuple(v), Type::Tuple(types)) => Value::Tuple(
            v.into_iter()
                .zip(types.iter())
                .map(|(v, ty)| from_val(v, ty))
                .collect::<Option<_>>()?,
        ),
        (Val::Variant(case, None), Type::Variant(_)) => Value::Variant(case, None),
        (Val::Variant(case, Some(payload)), Type::Variant(cases)) => {
            let ty = cases.iter().find(|(name, _)| *name == case)?.1.as_ref()?;
            Value::Variant(case, Some(one(payload, ty)?))
        }
        (Val::Enum(case), _) => Value::Enum(case),
        (Val::Flags(names), _) => Value::Flags(names),
        (Val::Option(None), _) => Value::Option(None),
        (Val::Option(Some(v)), Type::Option(ty)) => Value::Option(Some(one(v, ty)?)),
        (Val::Result(Ok(None)), _) => Value::Result(Ok(None)),
        (Val::Result(Err(None)), _) => Value::Result(Err(None)),
        (Val::Result(Ok(Some(v))), Type::Result { ok: Some(ty), .. }) => {
            Value::Result(Ok(Some(one(v, ty)?)))
        }
        (Val::Result(Err(Some(v))), Type::Result { err: Some(ty), .. }) => {
            Value::Result(Err(Some(one(v, ty)?)))
        }
        _ => return None,
    })
}

/// Takes an argument of a core function off the front of the encoded ones; `None` if there
/// is none of its type.
pub(super) fn take_core(arguments: &mut &[u8], ty: &Type) -> Option<ValRaw> {
    Some(match ty {
        Type::I32 => ValRaw::i32(take_u32(arguments)?.cast_signed()),
        Type::I64 => ValRaw::i64(take_u64(arguments)?.cast_signed()),
        Type::F32 => ValRaw::f32(take_u32(arguments)?),
        Type::F64 => ValRaw::f64(take_u64(arguments)?),
        _ => return None,
    })
}

/// Returns `true` if this is the type of a parameter or result of core functions that a
/// value can be made of.
pub(super) fn is_core(ty: &Type) -> bool {
    matches!(ty, Type::I32 | Type::I64 | Type::F32 | Type::F64)
}

/// Converts a result of a core function; `None` if it is no number.
pub(super) fn from_core(raw: &ValRaw, ty: &Type) -> Option<Value> {
    Some(match ty {
        Type::I32 => Value::S32(raw.get_i32()),
        Type::I64 => Value::S64(raw.get_i64()),
        Type::F32 => Value::F32(f32::from_bits(raw.get_f32())),
        Type::F64 => Value::F64(f64::from_bits(raw.get_f64())),
        _ => return None,
    })
}
