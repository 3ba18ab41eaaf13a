//! Reads values from the channel; see `codec` for their form.
//!
//! Decoding trusts neither the bytes nor the type. The type bounds the depth. Memory is
//! counted, because a few bytes can stand for many values (a list of records of records of
//! one bool each): see [`DECODED_LIMIT`]. So is the search for names, because a type may
//! have very many.

use super::wire::{WireError, take, take_array, take_byte, take_count, take_text};
use super::{Resource, Type, Value};

/// The memory that [`decode`] lets a value take beyond its input, in bytes. A value of
/// bytes or text takes as much as its input; one of small numbers up to 32 times as
/// much.
pub const DECODED_LIMIT: usize = 1 << 30;

/// The error of bytes that cannot be read as a value of the type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The bytes end in the middle of something.
    #[error("the value ends early: {needed} bytes needed, {left} left")]
    Truncated {
        /// The number of bytes that the next piece needs.
        needed: usize,
        /// The number of bytes that are left.
        left: usize,
    },
    /// Text is not UTF-8.
    #[error("text in the value is not UTF-8")]
    NotUtf8,
    /// A `bool`, `option` or `result` has a tag that it cannot have.
    #[error("the tag `{tag}` is not a valid {what}")]
    BadTag {
        /// The byte.
        tag: u8,
        /// The type that was being read.
        what: &'static str,
    },
    /// A number is no Unicode scalar value.
    #[error("`{code:#x}` is not a valid char")]
    BadChar {
        /// The number.
        code: u32,
    },
    /// A case or a flag is not in the type, or a flag is there twice.
    #[error("the value has a name that its type has not")]
    UnknownName,
    /// The value would take more memory than is allowed.
    #[error("the value takes too much memory")]
    TooLarge,
    /// There are bytes after the end.
    #[error("{count} bytes are left over after the value")]
    LeftOver {
        /// The number of them.
        count: usize,
    },
    /// No call can carry this type.
    #[error("a value of this type cannot be carried")]
    Unsupported,
}

impl From<WireError> for DecodeError {
    fn from(error: WireError) -> Self {
        match error {
            WireError::Truncated { needed, left } => Self::Truncated { needed, left },
            WireError::NotUtf8 => Self::NotUtf8,
        }
    }
}

/// Takes a value of the type off the front of the input.
///
/// # Errors
///
/// Returns an error if the input is no value of the type, or the value is beyond
/// [`DECODED_LIMIT`].
pub fn decode(ty: &Type, input: &mut &[u8]) -> Result<Value, DecodeError> {
    decode_within(ty, input, &mut { DECODED_LIMIT })
}

/// Takes a value off the front of the input as [`decode`] does, with a limit of the
/// caller's. The memory that the value takes beyond its input is subtracted from the limit.
///
/// # Errors
///
/// Returns an error if the input is no value of the type, or the value is beyond the limit.
pub fn decode_within(
    ty: &Type,
    input: &mut &[u8],
    memory: &mut usize,
) -> Result<Value, DecodeError> {
    Ok(match ty {
        Type::Bool => Value::Bool(match take_byte(input)? {
            0 => false,
            1 => true,
            tag => return Err(DecodeError::BadTag { tag, what: "bool" }),
        }),
        Type::S8 => Value::S8(i8::from_le_bytes(take_array(input)?)),
        Type::U8 => Value::U8(take_byte(input)?),
        Type::S16 => Value::S16(i16::from_le_bytes(take_array(input)?)),
        Type::U16 => Value::U16(u16::from_le_bytes(take_array(input)?)),
        Type::S32 | Type::I32 => Value::S32(i32::from_le_bytes(take_array(input)?)),
        Type::U32 => Value::U32(u32::from_le_bytes(take_array(input)?)),
        Type::S64 | Type::I64 => Value::S64(i64::from_le_bytes(take_array(input)?)),
        Type::U64 => Value::U64(u64::from_le_bytes(take_array(input)?)),
        Type::F32 => Value::F32(f32::from_le_bytes(take_array(input)?)),
        Type::F64 => Value::F64(f64::from_le_bytes(take_array(input)?)),
        Type::Char => {
            let code = u32::from_le_bytes(take_array(input)?);
            Value::Char(char::from_u32(code).ok_or(DecodeError::BadChar { code })?)
        }
        Type::String => Value::String(take_text(input)?.to_owned()),
        Type::List(element) if **element == Type::U8 => {
            let count = take_count(input)?;
            Value::Bytes(take(input, count)?.to_vec())
        }
        Type::List(element) => {
            let count = take_count(input)?;
            charge(memory, count.saturating_mul(size_of::<Value>()))?;
            let mut items = Vec::with_capacity(count);
            for _ in 0..count {
                items.push(decode_within(element, input, memory)?);
            }
            Value::List(items)
        }
        Type::Record(fields) => {
            no_parts(fields.is_empty(), input)?;
            charge(memory, fields.len() * size_of::<(String, Value)>())?;
            let mut out = Vec::with_capacity(fields.len());
            for (name, ty) in fields.iter() {
                charge(memory, name.len() + ALLOCATION)?;
                out.push((name.clone(), decode_within(ty, input, memory)?));
            }
            Value::Record(out)
        }
        Type::Tuple(types) => {
            no_parts(types.is_empty(), input)?;
            charge(memory, types.len() * size_of::<Value>() + ALLOCATION)?;
            let mut items = Vec::with_capacity(types.len());
            for ty in types.iter() {
                items.push(decode_within(ty, input, memory)?);
            }
            Value::Tuple(items)
        }
        Type::Variant(cases) => {
            let name = take_text(input)?;
            let index = find(name, cases.iter().map(|(name, _)| name.as_str()), memory)?;
            let ty = cases.get(index).and_then(|(_, ty)| ty.as_ref());
            Value::Variant(name.to_owned(), decode_payload(ty, input, memory)?)
        }
        Type::Enum(cases) => {
            let name = take_text(input)?;
            find(name, cases.iter().map(String::as_str), memory)?;
            Value::Enum(name.to_owned())
        }
        Type::Flags(names) => Value::Flags(decode_flags(names, input, memory)?),
        Type::Option(some) => match take_byte(input)? {
            0 => Value::Option(None),
            1 => Value::Option(decode_payload(Some(some), input, memory)?),
            tag => {
                return Err(DecodeError::BadTag {
                    tag,
                    what: "option",
                });
            }
        },
        Type::Result { ok, err } => Value::Result(match take_byte(input)? {
            0 => Ok(decode_payload(ok.as_deref(), input, memory)?),
            1 => Err(decode_payload(err.as_deref(), input, memory)?),
            tag => {
                return Err(DecodeError::BadTag {
                    tag,
                    what: "result",
                });
            }
        }),
        Type::Own(name) | Type::Borrow(name) => {
            charge(memory, 3 * ALLOCATION)?;
            let number = u32::from_le_bytes(take_array(input)?);
            Value::Handle(Resource::new(None, number, name))
        }
        Type::Unsupported(_) => return Err(DecodeError::Unsupported),
    })
}

/// The cost of an allocation beside its contents.
const ALLOCATION: usize = 16;

fn charge(memory: &mut usize, cost: usize) -> Result<(), DecodeError> {
    *memory = memory.checked_sub(cost).ok_or(DecodeError::TooLarge)?;
    Ok(())
}

/// Reads the zero byte of a record or tuple without parts.
pub(super) fn no_parts(none: bool, input: &mut &[u8]) -> Result<(), DecodeError> {
    if none {
        match take_byte(input)? {
            0 => {}
            tag => {
                return Err(DecodeError::BadTag {
                    tag,
                    what: "empty record or tuple",
                });
            }
        }
    }
    Ok(())
}

fn decode_payload(
    ty: Option<&Type>,
    input: &mut &[u8],
    memory: &mut usize,
) -> Result<Option<Box<Value>>, DecodeError> {
    let Some(ty) = ty else { return Ok(None) };
    charge(memory, size_of::<Value>() + ALLOCATION)?;
    Ok(Some(Box::new(decode_within(ty, input, memory)?)))
}

/// Returns the index of a name among others. The search is charged as if it took memory:
/// one limit bounds both.
fn find<'a>(
    name: &str,
    mut names: impl Iterator<Item = &'a str>,
    memory: &mut usize,
) -> Result<usize, DecodeError> {
    let index = names.position(|known| known == name);
    let index = index.ok_or(DecodeError::UnknownName)?;
    charge(memory, ALLOCATION + index * (4 + name.len() / 8))?;
    Ok(index)
}

fn decode_flags(
    names: &[String],
    input: &mut &[u8],
    memory: &mut usize,
) -> Result<Vec<String>, DecodeError> {
    let count = take_count(input)?;
    // Flags come in the declared order: each is searched for behind the last.
    let mut rest = names;
    let mut set = Vec::new();
    for _ in 0..count {
        let name = take_text(input)?;
        let index = find(name, rest.iter().map(String::as_str), memory)?;
        rest = rest.get(index + 1..).unwrap_or_default();
        charge(memory, size_of::<String>())?;
        set.push(name.to_owned());
    }
    Ok(set)
}

#[cfg(test)]
mod tests {
    use super::super::encode_args;
    use super::*;
    use crate::error_texts::check;

    #[test]
    fn each_error_says_what_is_wrong() {
        check([
            (
                DecodeError::Truncated { needed: 4, left: 1 },
                "the value ends early: 4 bytes needed, 1 left",
            ),
            (DecodeError::NotUtf8, "text in the value is not UTF-8"),
            (
                DecodeError::BadTag {
                    tag: 2,
                    what: "bool",
                },
                "the tag `2` is not a valid bool",
            ),
            (
                DecodeError::BadChar { code: 0xd800 },
                "`0xd800` is not a valid char",
            ),
            (
                DecodeError::UnknownName,
                "the value has a name that its type has not",
            ),
            (DecodeError::TooLarge, "the value takes too much memory"),
            (
                DecodeError::LeftOver { count: 2 },
                "2 bytes are left over after the value",
            ),
            (
                DecodeError::Unsupported,
                "a value of this type cannot be carried",
            ),
        ]);
    }

    #[test]
    fn a_count_beyond_the_input_allocates_nothing() {
        let ty = Type::list(Type::list(Type::U32));
        assert!(matches!(
            decode(&ty, &mut [255u8; 8].as_slice()),
            Err(DecodeError::Truncated { .. })
        ));
    }

    #[test]
    fn a_few_bytes_cannot_become_much_memory() {
        let deep = (0..60).fold(Type::Bool, |ty, _| Type::tuple([ty]));
        let mut input = (1u32 << 20).to_le_bytes().to_vec();
        input.resize(4 + (1 << 20), 1);
        assert_eq!(
            decode(&Type::list(deep), &mut input.as_slice()),
            Err(DecodeError::TooLarge)
        );
    }

    #[test]
    fn a_flag_twice_or_out_of_order_is_refused() {
        let ty = Type::flags(["a", "b"]);
        for set in [["a", "a"], ["b", "a"]] {
            let bytes = encode_args(&[Value::Flags(set.map(String::from).to_vec())]);
            assert_eq!(
                decode(&ty, &mut bytes.as_slice()),
                Err(DecodeError::UnknownName)
            );
        }
    }
}
