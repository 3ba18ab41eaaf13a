//! The encoding of a type in a module's description.
//!
//! The writer is the compiler process, which read hostile wasm and may have
//! been taken over: depth is bounded by [`MAX_TYPE_DEPTH`], and since every
//! type takes at least one byte, their number by the bytes received. Nothing is
//! allocated ahead of the bytes that justify it.

use std::sync::Arc;

use super::Type;
use super::wire::{WireError, put_count, put_text, take_byte, take_count, take_text};

/// The deepest nesting of types that is read: `list<u8>` has two levels.
pub const MAX_TYPE_DEPTH: usize = 64;

/// The most fields, cases or names that one type has; wasm's own validation
/// has the same limit. It bounds every search for a name.
pub const MAX_TYPE_PARTS: usize = 10_000;

/// The error of a type description that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TypeDecodeError {
    /// The bytes end in the middle of something.
    #[error("the type description ends early: {needed} bytes needed, {left} left")]
    Truncated {
        /// The number of bytes that the next piece needs.
        needed: usize,
        /// The number of bytes that are left.
        left: usize,
    },
    /// A name is not UTF-8.
    #[error("a name in the type description is not UTF-8")]
    NotUtf8,
    /// A byte that begins no type.
    #[error("the type description has the unknown tag `{tag}`")]
    UnknownTag {
        /// The byte.
        tag: u8,
    },
    /// Types are nested too deeply.
    #[error("types are nested more than {limit} deep")]
    TooDeep {
        /// The limit: [`MAX_TYPE_DEPTH`].
        limit: usize,
    },
    /// A record, tuple, variant, enum or flags type has too many parts.
    #[error("a type has {count} parts, more than {limit}")]
    TooManyParts {
        /// The number that it claims.
        count: usize,
        /// The limit: [`MAX_TYPE_PARTS`].
        limit: usize,
    },
    /// There are bytes after the end.
    #[error("{count} bytes are left over after the type description")]
    LeftOver {
        /// The number of them.
        count: usize,
    },
}

impl From<WireError> for TypeDecodeError {
    fn from(error: WireError) -> Self {
        match error {
            WireError::Truncated { needed, left } => Self::Truncated { needed, left },
            WireError::NotUtf8 => Self::NotUtf8,
        }
    }
}

mod tag {
    pub const BOOL: u8 = 1;
    pub const S8: u8 = 2;
    pub const U8: u8 = 3;
    pub const S16: u8 = 4;
    pub const U16: u8 = 5;
    pub const S32: u8 = 6;
    pub const U32: u8 = 7;
    pub const S64: u8 = 8;
    pub const U64: u8 = 9;
    pub const F32: u8 = 10;
    pub const F64: u8 = 11;
    pub const CHAR: u8 = 12;
    pub const STRING: u8 = 13;
    pub const LIST: u8 = 14;
    pub const RECORD: u8 = 15;
    pub const TUPLE: u8 = 16;
    pub const VARIANT: u8 = 17;
    pub const ENUM: u8 = 18;
    pub const FLAGS: u8 = 19;
    pub const OPTION: u8 = 20;
    pub const RESULT: u8 = 21;
    pub const UNSUPPORTED: u8 = 22;
    pub const I32: u8 = 23;
    pub const I64: u8 = 24;
    pub const OWN: u8 = 25;
    pub const BORROW: u8 = 26;
}

impl Type {
    /// Appends the encoding of this type.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Type::Bool => out.push(tag::BOOL),
            Type::S8 => out.push(tag::S8),
            Type::U8 => out.push(tag::U8),
            Type::S16 => out.push(tag::S16),
            Type::U16 => out.push(tag::U16),
            Type::S32 => out.push(tag::S32),
            Type::U32 => out.push(tag::U32),
            Type::S64 => out.push(tag::S64),
            Type::U64 => out.push(tag::U64),
            Type::F32 => out.push(tag::F32),
            Type::F64 => out.push(tag::F64),
            Type::I32 => out.push(tag::I32),
            Type::I64 => out.push(tag::I64),
            Type::Char => out.push(tag::CHAR),
            Type::String => out.push(tag::STRING),
            Type::List(element) => {
                out.push(tag::LIST);
                element.encode(out);
            }
            Type::Record(fields) => {
                out.push(tag::RECORD);
                put_count(fields.len(), out);
                for (name, ty) in fields.iter() {
                    put_text(name, out);
                    ty.encode(out);
                }
            }
            Type::Tuple(types) => {
                out.push(tag::TUPLE);
                put_count(types.len(), out);
                for ty in types.iter() {
                    ty.encode(out);
                }
            }
            Type::Variant(cases) => {
                out.push(tag::VARIANT);
                put_count(cases.len(), out);
                for (name, ty) in cases.iter() {
                    put_text(name, out);
                    encode_optional(ty.as_ref(), out);
                }
            }
            Type::Enum(cases) => {
                out.push(tag::ENUM);
                encode_names(cases, out);
            }
            Type::Flags(names) => {
                out.push(tag::FLAGS);
                encode_names(names, out);
            }
            Type::Option(some) => {
                out.push(tag::OPTION);
                some.encode(out);
            }
            Type::Result { ok, err } => {
                out.push(tag::RESULT);
                encode_optional(ok.as_deref(), out);
                encode_optional(err.as_deref(), out);
            }
            Type::Own(name) => {
                out.push(tag::OWN);
                put_text(name, out);
            }
            Type::Borrow(name) => {
                out.push(tag::BORROW);
                put_text(name, out);
            }
            Type::Unsupported(what) => {
                out.push(tag::UNSUPPORTED);
                put_text(what, out);
            }
        }
    }

    /// Takes one type off the front of the input.
    ///
    /// # Errors
    ///
    /// When the input is no type, or one nested deeper than [`MAX_TYPE_DEPTH`].
    pub fn decode(input: &mut &[u8]) -> Result<Type, TypeDecodeError> {
        decode_at(input, MAX_TYPE_DEPTH)
    }
}

fn encode_names(names: &[String], out: &mut Vec<u8>) {
    put_count(names.len(), out);
    for name in names {
        put_text(name, out);
    }
}

/// A type that may be absent: a zero byte, or a type (no tag is zero).
pub(super) fn encode_optional(ty: Option<&Type>, out: &mut Vec<u8>) {
    match ty {
        None => out.push(0),
        Some(ty) => ty.encode(out),
    }
}

/// Takes a type that may be absent off the front of the input.
pub(super) fn decode_optional(input: &mut &[u8]) -> Result<Option<Type>, TypeDecodeError> {
    decode_optional_at(input, MAX_TYPE_DEPTH)
}

fn decode_optional_at(input: &mut &[u8], levels: usize) -> Result<Option<Type>, TypeDecodeError> {
    if let Some((0, rest)) = input.split_first() {
        *input = rest;
        return Ok(None);
    }
    decode_at(input, levels).map(Some)
}

fn decode_at(input: &mut &[u8], levels: usize) -> Result<Type, TypeDecodeError> {
    let Some(levels) = levels.checked_sub(1) else {
        return Err(TypeDecodeError::TooDeep {
            limit: MAX_TYPE_DEPTH,
        });
    };
    Ok(match take_byte(input)? {
        tag::BOOL => Type::Bool,
        tag::S8 => Type::S8,
        tag::U8 => Type::U8,
        tag::S16 => Type::S16,
        tag::U16 => Type::U16,
        tag::S32 => Type::S32,
        tag::U32 => Type::U32,
        tag::S64 => Type::S64,
        tag::U64 => Type::U64,
        tag::F32 => Type::F32,
        tag::F64 => Type::F64,
        tag::I32 => Type::I32,
        tag::I64 => Type::I64,
        tag::CHAR => Type::Char,
        tag::STRING => Type::String,
        tag::LIST => Type::List(Arc::new(decode_at(input, levels)?)),
        tag::RECORD => Type::Record(decode_many(input, |input| {
            Ok((take_text(input)?.to_owned(), decode_at(input, levels)?))
        })?),
        tag::TUPLE => Type::Tuple(decode_many(input, |input| decode_at(input, levels))?),
        tag::VARIANT => Type::Variant(decode_many(input, |input| {
            let name = take_text(input)?.to_owned();
            Ok((name, decode_optional_at(input, levels)?))
        })?),
        tag::ENUM => Type::Enum(decode_many(input, decode_name)?),
        tag::FLAGS => Type::Flags(decode_many(input, decode_name)?),
        tag::OPTION => Type::Option(Arc::new(decode_at(input, levels)?)),
        tag::RESULT => Type::Result {
            ok: decode_optional_at(input, levels)?.map(Arc::new),
            err: decode_optional_at(input, levels)?.map(Arc::new),
        },
        tag::OWN => Type::Own(decode_name(input)?.into()),
        tag::BORROW => Type::Borrow(decode_name(input)?.into()),
        tag::UNSUPPORTED => Type::Unsupported(decode_name(input)?),
        tag => return Err(TypeDecodeError::UnknownTag { tag }),
    })
}

fn decode_name(input: &mut &[u8]) -> Result<String, TypeDecodeError> {
    Ok(take_text(input)?.to_owned())
}

fn decode_many<T>(
    input: &mut &[u8],
    mut one: impl FnMut(&mut &[u8]) -> Result<T, TypeDecodeError>,
) -> Result<Arc<[T]>, TypeDecodeError> {
    let count = take_count(input)?;
    if count > MAX_TYPE_PARTS {
        return Err(TypeDecodeError::TooManyParts {
            count,
            limit: MAX_TYPE_PARTS,
        });
    }
    // Grown as items arrive: a count is only a claim, and one at each of 64
    // levels would multiply it.
    let mut items = Vec::new();
    for _ in 0..count {
        items.push(one(input)?);
    }
    Ok(items.into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::strategies::any_type;
    use super::*;
    use crate::error_texts::check;

    #[test]
    fn each_error_says_what_is_wrong() {
        check([
            (
                TypeDecodeError::Truncated { needed: 4, left: 1 },
                "the type description ends early: 4 bytes needed, 1 left",
            ),
            (
                TypeDecodeError::NotUtf8,
                "a name in the type description is not UTF-8",
            ),
            (
                TypeDecodeError::UnknownTag { tag: 99 },
                "the type description has the unknown tag `99`",
            ),
            (
                TypeDecodeError::TooDeep { limit: 64 },
                "types are nested more than 64 deep",
            ),
            (
                TypeDecodeError::TooManyParts { count: 9, limit: 8 },
                "a type has 9 parts, more than 8",
            ),
            (
                TypeDecodeError::LeftOver { count: 2 },
                "2 bytes are left over after the type description",
            ),
        ]);
    }

    fn nested(levels: usize) -> Type {
        (1..levels).fold(Type::U8, |ty, _| Type::list(ty))
    }

    #[test]
    fn the_deepest_type_is_read_and_one_deeper_is_not() {
        let mut out = Vec::new();
        nested(MAX_TYPE_DEPTH).encode(&mut out);
        assert_eq!(
            Type::decode(&mut out.as_slice()),
            Ok(nested(MAX_TYPE_DEPTH))
        );
        out.clear();
        nested(MAX_TYPE_DEPTH + 1).encode(&mut out);
        assert_eq!(
            Type::decode(&mut out.as_slice()),
            Err(TypeDecodeError::TooDeep { limit: 64 })
        );
    }

    proptest! {
        #[test]
        fn a_type_comes_back(ty in any_type()) {
            let mut out = Vec::new();
            ty.encode(&mut out);
            let mut input = out.as_slice();
            prop_assert_eq!(Type::decode(&mut input), Ok(ty));
            prop_assert!(input.is_empty());
        }

        #[test]
        fn a_cut_type_is_an_error(ty in any_type(), cut in 1usize..8) {
            let mut out = Vec::new();
            ty.encode(&mut out);
            out.truncate(out.len().saturating_sub(cut));
            prop_assert!(Type::decode(&mut out.as_slice()).is_err());
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(0u8..30, 0..200)) {
            let _ = Type::decode(&mut bytes.as_slice());
        }
    }
}
