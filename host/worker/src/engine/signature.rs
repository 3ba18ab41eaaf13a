//! The signatures that calls by type have tables of: bytes, strings and small numbers.
//!
//! wasmtime's dynamic values cost 32 bytes a byte of a `list<u8>`. Its typed calls copy bytes
//! and strings as a whole, but their types are fixed when this program is compiled. So
//! functions of guests (`typed`) and functions of the host (`host_functions::typed`) each have
//! a table of the signatures that people write, and call all others by dynamic values. This
//! file reads a function's signature; it calls nothing.

use sandpool_value::{Function, Type};

/// A function's parameters and result, all of which are of a kind that is known here.
pub(super) struct Signature {
    pub(super) params: Vec<ParamKind>,
    pub(super) result: ResultKind,
}

/// The kind of a parameter.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum ParamKind {
    Bytes,
    Text,
    U32,
    U64,
}

/// The kind of a result.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum ResultKind {
    Nothing,
    Bool,
    U32,
    U64,
    Bytes,
    Text,
    MaybeBytes,
    MaybeText,
    BytesOrText,
    TextOrText,
    NothingOrText,
}

impl Signature {
    /// Reads a function's signature. Returns `None` if a type in it is of no known kind.
    pub(super) fn of(function: &Function) -> Option<Self> {
        let params = function.params.iter().map(|param| ParamKind::of(&param.ty));
        Some(Signature {
            params: params.collect::<Option<_>>()?,
            result: ResultKind::of(function.result.as_ref())?,
        })
    }
}

impl ParamKind {
    fn of(ty: &Type) -> Option<Self> {
        match ty {
            Type::String => Some(ParamKind::Text),
            Type::U32 => Some(ParamKind::U32),
            Type::U64 => Some(ParamKind::U64),
            ty if ty.is_bytes() => Some(ParamKind::Bytes),
            _ => None,
        }
    }
}

impl ResultKind {
    fn of(ty: Option<&Type>) -> Option<Self> {
        Some(match ty {
            None => ResultKind::Nothing,
            Some(Type::Bool) => ResultKind::Bool,
            Some(Type::U32) => ResultKind::U32,
            Some(Type::U64) => ResultKind::U64,
            Some(Type::String) => ResultKind::Text,
            Some(ty) if ty.is_bytes() => ResultKind::Bytes,
            Some(Type::Option(some)) if **some == Type::String => ResultKind::MaybeText,
            Some(Type::Option(some)) if some.is_bytes() => ResultKind::MaybeBytes,
            Some(Type::Result { ok, err: Some(err) }) if **err == Type::String => {
                match ok.as_deref() {
                    None => ResultKind::NothingOrText,
                    Some(Type::String) => ResultKind::TextOrText,
                    Some(ok) if ok.is_bytes() => ResultKind::BytesOrText,
                    Some(_) => return None,
                }
            }
            Some(_) => return None,
        })
    }
}
