//! Values on the shared-memory channel: compact bytes that can only be read by their type.
//!
//! Numbers are little-endian at their own width, `bool` and the tags of `option` and
//! `result` one byte, text and `list<u8>` a `u32` length and their bytes, lists a `u32`
//! count and their elements, records and tuples their parts (a lone zero byte if they have
//! none), cases and flags their names. So everything takes at least one byte, and a count
//! beyond the bytes that are left is a lie.

use super::decode::no_parts;
use super::wire::{WireError, put_count, put_text, take, take_array, take_count, take_text};
use super::{DECODED_LIMIT, DecodeError, Param, Type, Value, decode_within};

/// Appends the encoding of a value, which must be canonical (see [`Value::check`]). Of any
/// other value, the reader sees an error or another value.
#[inline]
pub fn encode(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Bool(b) => out.push((*b).into()),
        Value::S8(n) => out.extend_from_slice(&n.to_le_bytes()),
        Value::U8(n) => out.push(*n),
        Value::S16(n) => out.extend_from_slice(&n.to_le_bytes()),
        Value::U16(n) => out.extend_from_slice(&n.to_le_bytes()),
        Value::S32(n) => out.extend_from_slice(&n.to_le_bytes()),
        Value::U32(n) => out.extend_from_slice(&n.to_le_bytes()),
        Value::S64(n) => out.extend_from_slice(&n.to_le_bytes()),
        Value::U64(n) => out.extend_from_slice(&n.to_le_bytes()),
        Value::F32(x) => out.extend_from_slice(&x.to_le_bytes()),
        Value::F64(x) => out.extend_from_slice(&x.to_le_bytes()),
        Value::Char(c) => out.extend_from_slice(&u32::from(*c).to_le_bytes()),
        Value::String(text) => put_text(text, out),
        Value::Bytes(bytes) => {
            put_count(bytes.len(), out);
            out.extend_from_slice(bytes);
        }
        Value::Enum(case) => put_text(case, out),
        Value::Handle(handle) => out.extend_from_slice(&handle.number().to_le_bytes()),
        Value::List(_)
        | Value::Record(_)
        | Value::Tuple(_)
        | Value::Variant(..)
        | Value::Flags(_)
        | Value::Option(_)
        | Value::Result(_) => encode_compound(value, out),
    }
}

fn encode_compound(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::List(items) => {
            put_count(items.len(), out);
            for item in items {
                encode(item, out);
            }
        }
        Value::Record(fields) => {
            if fields.is_empty() {
                out.push(0);
            }
            for (_, field) in fields {
                encode(field, out);
            }
        }
        Value::Tuple(items) => {
            if items.is_empty() {
                out.push(0);
            }
            for item in items {
                encode(item, out);
            }
        }
        Value::Variant(case, payload) => {
            put_text(case, out);
            if let Some(payload) = payload {
                encode(payload, out);
            }
        }
        Value::Flags(names) => {
            put_count(names.len(), out);
            for name in names {
                put_text(name, out);
            }
        }
        Value::Option(payload) => {
            out.push(payload.is_some().into());
            if let Some(payload) = payload {
                encode(payload, out);
            }
        }
        Value::Result(result) => {
            let (tag, payload) = match result {
                Ok(payload) => (0, payload),
                Err(payload) => (1, payload),
            };
            out.push(tag);
            if let Some(payload) = payload {
                encode(payload, out);
            }
        }
        // `encode` has written every other value.
        _ => {}
    }
}

/// Returns the encoding of a value in two pieces, so that long text and bytes are not
/// copied.
pub fn encode_apart(value: Value) -> [Vec<u8>; 2] {
    let mut head = Vec::new();
    let body = match value {
        Value::Bytes(bytes) => bytes,
        Value::String(text) => text.into_bytes(),
        other => {
            encode(&other, &mut head);
            return [head, Vec::new()];
        }
    };
    put_count(body.len(), &mut head);
    [head, body]
}

/// Decodes the bytes after the first `start` as [`decode_result_within`] does, and makes
/// long text and bytes of the input itself.
///
/// # Errors
///
/// Returns an error as [`decode_result_within`] does.
pub fn decode_owned_result(
    ty: &Option<Type>,
    mut input: Vec<u8>,
    start: usize,
    memory: usize,
) -> Result<Value, DecodeError> {
    let is_text = matches!(ty, Some(Type::String));
    if !is_text && !ty.as_ref().is_some_and(Type::is_bytes) {
        return decode_result_within(ty, &input[start..], memory);
    }
    let mut rest = &input[start..];
    let count = take_count(&mut rest)?;
    at_end(&rest[count..])?;
    let head = input.len() - count;
    input.drain(..head);
    match is_text {
        false => Ok(Value::Bytes(input)),
        true => String::from_utf8(input)
            .map(Value::String)
            .map_err(|_| DecodeError::from(WireError::NotUtf8)),
    }
}

/// Takes the bytes of a `list<u8>` argument off the front of the encoded ones.
pub fn take_bytes<'a>(input: &mut &'a [u8]) -> Option<&'a [u8]> {
    let count = take_count(input).ok()?;
    take(input, count).ok()
}

/// Takes the text of a `string` argument off the front of the encoded ones.
pub fn take_string<'a>(input: &mut &'a [u8]) -> Option<&'a str> {
    take_text(input).ok()
}

/// Takes a `u32` argument off the front of the encoded ones.
pub fn take_u32(input: &mut &[u8]) -> Option<u32> {
    take_array(input).ok().map(u32::from_le_bytes)
}

/// Takes a `u64` argument off the front of the encoded ones.
pub fn take_u64(input: &mut &[u8]) -> Option<u64> {
    take_array(input).ok().map(u64::from_le_bytes)
}

/// Encodes the arguments of a call, one after the other.
pub fn encode_args(args: &[Value]) -> Vec<u8> {
    let mut out = Vec::new();
    encode_args_into(args, &mut out);
    out
}

/// Appends the encoded arguments of a call: for a buffer that is used again.
pub fn encode_args_into(args: &[Value], out: &mut Vec<u8>) {
    for arg in args {
        encode(arg, out);
    }
}

/// Decodes the arguments of a call, which must be the whole input.
///
/// # Errors
///
/// Returns an error if the input is not exactly these arguments.
pub fn decode_args(params: &[Param], mut input: &[u8]) -> Result<Vec<Value>, DecodeError> {
    let mut memory = DECODED_LIMIT;
    let mut args = Vec::with_capacity(params.len());
    for param in params {
        args.push(decode_within(&param.ty, &mut input, &mut memory)?);
    }
    at_end(input)?;
    Ok(args)
}

/// Decodes the result of a function, which must be the whole input. A function without a
/// result returns [`Value::unit`].
///
/// # Errors
///
/// Returns an error if the input is not exactly this result.
pub fn decode_result(ty: &Option<Type>, input: &[u8]) -> Result<Value, DecodeError> {
    decode_result_within(ty, input, DECODED_LIMIT)
}

/// Decodes a result as [`decode_result`] does, with a limit in bytes of the caller's
/// instead of [`DECODED_LIMIT`].
///
/// # Errors
///
/// Returns an error if the input is not exactly this result, or the result is beyond the
/// limit.
pub fn decode_result_within(
    ty: &Option<Type>,
    mut input: &[u8],
    mut memory: usize,
) -> Result<Value, DecodeError> {
    let value = match ty {
        Some(ty) => decode_within(ty, &mut input, &mut memory)?,
        None => {
            no_parts(true, &mut input)?;
            Value::unit()
        }
    };
    at_end(input)?;
    Ok(value)
}

fn at_end(input: &[u8]) -> Result<(), DecodeError> {
    match input.len() {
        0 => Ok(()),
        count => Err(DecodeError::LeftOver { count }),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::decode;
    use super::super::strategies::{any_type, typed_value};
    use super::*;

    fn encoded(value: &Value) -> Vec<u8> {
        encode_args(std::slice::from_ref(value))
    }

    #[test]
    fn the_result_of_a_function_without_one_is_unit() {
        let bytes = encoded(&Value::unit());
        assert_eq!(decode_result(&None, &bytes), Ok(Value::unit()));
        assert!(decode_result(&None, &[]).is_err());
        assert!(decode_result(&None, &[0, 0]).is_err());
    }

    #[test]
    fn nan_keeps_its_bits() {
        let nan = f64::from_bits(0x7ff8_0000_0000_0001);
        let bytes = encoded(&Value::F64(nan));
        let back = decode(&Type::F64, &mut bytes.as_slice()).unwrap();
        assert!(matches!(back, Value::F64(x) if x.to_bits() == nan.to_bits()));
    }

    proptest! {
        #[test]
        fn a_value_comes_back((ty, value) in typed_value()) {
            let bytes = encoded(&value);
            prop_assert!(!bytes.is_empty());
            prop_assert_eq!(decode_result(&Some(ty), &bytes), Ok(value));
        }

        #[test]
        fn a_cut_value_is_an_error((ty, value) in typed_value(), cut in 1usize..9) {
            let mut bytes = encoded(&value);
            bytes.truncate(bytes.len().saturating_sub(cut));
            prop_assert!(decode(&ty, &mut bytes.as_slice()).is_err());
        }

        #[test]
        fn any_bytes_are_a_value_or_refused(
            ty in any_type(),
            bytes in prop::collection::vec(prop_oneof![0u8..4, any::<u8>()], 0..100),
        ) {
            if let Ok(value) = decode_result(&Some(ty.clone()), &bytes) {
                prop_assert!(value.check(&ty).is_ok());
                prop_assert_eq!(encoded(&value), bytes);
            }
        }
    }
}
