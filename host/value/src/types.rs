//! The types of the component model, as far as a task's call can carry them.
//!
//! A `Type` is a description only: it has no identity beyond its structure. The
//! encoding of types on the channel is in `type_codec`.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use wasm_wave::wasm::{WasmType, WasmTypeKind};

use super::Printable;
use super::resource::short_name;

/// The type of a parameter or a result. Cloning is cheap: parts are shared.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Type {
    /// `bool`
    Bool,
    /// `s8`
    S8,
    /// `u8`
    U8,
    /// `s16`
    S16,
    /// `u16`
    U16,
    /// `s32`
    S32,
    /// `u32`
    U32,
    /// `s64`
    S64,
    /// `u64`
    U64,
    /// `f32`
    F32,
    /// `f64`
    F64,
    /// `i32` of a core module: 32 bits without a sign of their own. Read from
    /// -2^31 to 2^32-1, given back as [`Value::S32`](super::Value::S32).
    I32,
    /// `i64` of a core module: 64 bits without a sign of their own. Read from
    /// -2^63 to 2^64-1, given back as [`Value::S64`](super::Value::S64).
    I64,
    /// `char`: one Unicode scalar value
    Char,
    /// `string`
    String,
    /// `list<T>`
    List(Arc<Type>),
    /// `record { name: T, ... }`, fields in the declared order
    Record(Arc<[(String, Type)]>),
    /// `tuple<T, ...>`
    Tuple(Arc<[Type]>),
    /// `variant { case(T), ... }`
    Variant(Arc<[(String, Option<Type>)]>),
    /// `enum { case, ... }`
    Enum(Arc<[String]>),
    /// `flags { name, ... }`
    Flags(Arc<[String]>),
    /// `option<T>`
    Option(Arc<Type>),
    /// `result<T, E>`, either of which may be absent
    Result {
        /// The type of the payload of `ok`.
        ok: Option<Arc<Type>>,
        /// The type of the payload of `err`.
        err: Option<Arc<Type>>,
    },
    /// `own<resource>`, of a resource that the module itself exports: the name, with its
    /// interface if it is in one
    Own(Arc<str>),
    /// `borrow<resource>`, of a resource that the module itself exports
    Borrow(Arc<str>),
    /// A type that no call can carry (a stream, a future, a resource of others), with its
    /// name. A function that names one cannot be called.
    Unsupported(String),
}

impl Type {
    /// `list<element>`
    pub fn list(element: Type) -> Type {
        Type::List(Arc::new(element))
    }

    /// `option<some>`
    pub fn option(some: Type) -> Type {
        Type::Option(Arc::new(some))
    }

    /// `result<ok, err>`
    pub fn result(ok: Option<Type>, err: Option<Type>) -> Type {
        Type::Result {
            ok: ok.map(Arc::new),
            err: err.map(Arc::new),
        }
    }

    /// `tuple<types...>`
    pub fn tuple(types: impl IntoIterator<Item = Type>) -> Type {
        Type::Tuple(types.into_iter().collect())
    }

    /// `record { fields... }`
    pub fn record<N: Into<String>>(fields: impl IntoIterator<Item = (N, Type)>) -> Type {
        Type::Record(fields.into_iter().map(|(n, t)| (n.into(), t)).collect())
    }

    /// `variant { cases... }`
    pub fn variant<N: Into<String>>(cases: impl IntoIterator<Item = (N, Option<Type>)>) -> Type {
        Type::Variant(cases.into_iter().map(|(n, t)| (n.into(), t)).collect())
    }

    /// `enum { cases... }`
    pub fn enumeration<N: Into<String>>(cases: impl IntoIterator<Item = N>) -> Type {
        Type::Enum(cases.into_iter().map(Into::into).collect())
    }

    /// `flags { names... }`
    pub fn flags<N: Into<String>>(names: impl IntoIterator<Item = N>) -> Type {
        Type::Flags(names.into_iter().map(Into::into).collect())
    }

    /// Returns `true` if this is `list<u8>`, whose values are
    /// [`Value::Bytes`](super::Value::Bytes).
    pub fn is_bytes(&self) -> bool {
        matches!(self, Type::List(element) if **element == Type::U8)
    }

    /// Returns `true` if a line of input is the whole argument when a function's only
    /// parameter has this type: list, tuple, record, variant, option, result; also flags,
    /// which JSON writes as an array.
    pub fn is_compound(&self) -> bool {
        matches!(
            self,
            Type::List(_)
                | Type::Tuple(_)
                | Type::Record(_)
                | Type::Variant(_)
                | Type::Option(_)
                | Type::Result { .. }
                | Type::Flags(_)
        )
    }

    /// Returns the name of the first unsupported type in this one.
    pub fn unsupported(&self) -> Option<&str> {
        match self {
            Type::Unsupported(what) => Some(what),
            Type::List(inner) | Type::Option(inner) => inner.unsupported(),
            Type::Record(fields) => fields.iter().find_map(|(_, ty)| ty.unsupported()),
            Type::Tuple(types) => types.iter().find_map(Type::unsupported),
            Type::Variant(cases) => cases
                .iter()
                .filter_map(|(_, ty)| ty.as_ref())
                .find_map(Type::unsupported),
            Type::Result { ok, err } => [ok, err]
                .into_iter()
                .flatten()
                .find_map(|ty| ty.unsupported()),
            _ => None,
        }
    }

    /// Returns the smallest and the largest integer of this type, if it is an integer.
    pub(super) fn integer_range(&self) -> Option<(i128, i128)> {
        Some(match self {
            Type::S8 => (i8::MIN.into(), i8::MAX.into()),
            Type::U8 => (0, u8::MAX.into()),
            Type::S16 => (i16::MIN.into(), i16::MAX.into()),
            Type::U16 => (0, u16::MAX.into()),
            Type::S32 => (i32::MIN.into(), i32::MAX.into()),
            Type::U32 => (0, u32::MAX.into()),
            Type::S64 => (i64::MIN.into(), i64::MAX.into()),
            Type::U64 => (0, u64::MAX.into()),
            Type::I32 => (i32::MIN.into(), u32::MAX.into()),
            Type::I64 => (i64::MIN.into(), u64::MAX.into()),
            _ => return None,
        })
    }
}

/// Prints WIT syntax: `list<u8>`, `result<_, string>`, `record { a: u32 }`.
impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Type::Bool => f.write_str("bool"),
            Type::S8 => f.write_str("s8"),
            Type::U8 => f.write_str("u8"),
            Type::S16 => f.write_str("s16"),
            Type::U16 => f.write_str("u16"),
            Type::S32 => f.write_str("s32"),
            Type::U32 => f.write_str("u32"),
            Type::S64 => f.write_str("s64"),
            Type::U64 => f.write_str("u64"),
            Type::F32 => f.write_str("f32"),
            Type::F64 => f.write_str("f64"),
            Type::I32 => f.write_str("i32"),
            Type::I64 => f.write_str("i64"),
            Type::Char => f.write_str("char"),
            Type::String => f.write_str("string"),
            Type::List(element) => write!(f, "list<{element}>"),
            Type::Record(fields) => braced(f, "record", fields, |f, (name, ty)| {
                write!(f, "{}: {ty}", Printable(name))
            }),
            Type::Tuple(types) => {
                f.write_str("tuple<")?;
                separated(f, types, |f, ty| write!(f, "{ty}"))?;
                f.write_str(">")
            }
            Type::Variant(cases) => braced(f, "variant", cases, |f, (name, ty)| {
                write!(f, "{}", Printable(name))?;
                ty.as_ref().map_or(Ok(()), |ty| write!(f, "({ty})"))
            }),
            Type::Enum(cases) => {
                braced(f, "enum", cases, |f, name| write!(f, "{}", Printable(name)))
            }
            Type::Flags(names) => braced(f, "flags", names, |f, name| {
                write!(f, "{}", Printable(name))
            }),
            Type::Option(some) => write!(f, "option<{some}>"),
            Type::Result { ok, err } => match (ok, err) {
                (None, None) => f.write_str("result"),
                (Some(ok), None) => write!(f, "result<{ok}>"),
                (None, Some(err)) => write!(f, "result<_, {err}>"),
                (Some(ok), Some(err)) => write!(f, "result<{ok}, {err}>"),
            },
            Type::Own(name) => write!(f, "own<{}>", Printable(short_name(name))),
            Type::Borrow(name) => write!(f, "borrow<{}>", Printable(short_name(name))),
            Type::Unsupported(what) => write!(f, "{}", Printable(what)),
        }
    }
}

fn braced<T>(
    f: &mut fmt::Formatter<'_>,
    word: &str,
    items: &[T],
    show: impl Fn(&mut fmt::Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    if items.is_empty() {
        return write!(f, "{word} {{}}");
    }
    write!(f, "{word} {{ ")?;
    separated(f, items, show)?;
    f.write_str(" }")
}

fn separated<T>(
    f: &mut fmt::Formatter<'_>,
    items: &[T],
    show: impl Fn(&mut fmt::Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            f.write_str(", ")?;
        }
        show(f, item)?;
    }
    Ok(())
}

impl WasmType for Type {
    fn kind(&self) -> WasmTypeKind {
        match self {
            Type::Bool => WasmTypeKind::Bool,
            Type::S8 => WasmTypeKind::S8,
            Type::U8 => WasmTypeKind::U8,
            Type::S16 => WasmTypeKind::S16,
            Type::U16 => WasmTypeKind::U16,
            Type::S32 | Type::I32 => WasmTypeKind::S32,
            Type::U32 => WasmTypeKind::U32,
            Type::S64 | Type::I64 => WasmTypeKind::S64,
            Type::U64 => WasmTypeKind::U64,
            Type::F32 => WasmTypeKind::F32,
            Type::F64 => WasmTypeKind::F64,
            Type::Char => WasmTypeKind::Char,
            Type::String => WasmTypeKind::String,
            Type::List(_) => WasmTypeKind::List,
            Type::Record(_) => WasmTypeKind::Record,
            Type::Tuple(_) => WasmTypeKind::Tuple,
            Type::Variant(_) => WasmTypeKind::Variant,
            Type::Enum(_) => WasmTypeKind::Enum,
            Type::Flags(_) => WasmTypeKind::Flags,
            Type::Option(_) => WasmTypeKind::Option,
            Type::Result { .. } => WasmTypeKind::Result,
            Type::Own(_) | Type::Borrow(_) | Type::Unsupported(_) => WasmTypeKind::Unsupported,
        }
    }

    fn list_element_type(&self) -> Option<Self> {
        match self {
            Type::List(element) => Some((**element).clone()),
            _ => None,
        }
    }

    fn record_fields(&self) -> Box<dyn Iterator<Item = (Cow<'_, str>, Self)> + '_> {
        match self {
            Type::Record(fields) => Box::new(
                fields
                    .iter()
                    .map(|(name, ty)| (Cow::Borrowed(name.as_str()), ty.clone())),
            ),
            _ => Box::new(std::iter::empty()),
        }
    }

    fn tuple_element_types(&self) -> Box<dyn Iterator<Item = Self> + '_> {
        match self {
            Type::Tuple(types) => Box::new(types.iter().cloned()),
            _ => Box::new(std::iter::empty()),
        }
    }

    fn variant_cases(&self) -> Box<dyn Iterator<Item = (Cow<'_, str>, Option<Self>)> + '_> {
        match self {
            Type::Variant(cases) => Box::new(
                cases
                    .iter()
                    .map(|(name, ty)| (Cow::Borrowed(name.as_str()), ty.clone())),
            ),
            _ => Box::new(std::iter::empty()),
        }
    }

    fn enum_cases(&self) -> Box<dyn Iterator<Item = Cow<'_, str>> + '_> {
        match self {
            Type::Enum(cases) => Box::new(cases.iter().map(|name| Cow::Borrowed(name.as_str()))),
            _ => Box::new(std::iter::empty()),
        }
    }

    fn option_some_type(&self) -> Option<Self> {
        match self {
            Type::Option(some) => Some((**some).clone()),
            _ => None,
        }
    }

    fn result_types(&self) -> Option<(Option<Self>, Option<Self>)> {
        match self {
            Type::Result { ok, err } => Some((ok.as_deref().cloned(), err.as_deref().cloned())),
            _ => None,
        }
    }

    fn flags_names(&self) -> Box<dyn Iterator<Item = Cow<'_, str>> + '_> {
        match self {
            Type::Flags(names) => Box::new(names.iter().map(|name| Cow::Borrowed(name.as_str()))),
            _ => Box::new(std::iter::empty()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_print_as_wit() {
        for (ty, text) in [
            (Type::list(Type::U8), "list<u8>"),
            (
                Type::result(Some(Type::String), Some(Type::String)),
                "result<string, string>",
            ),
            (Type::result(None, Some(Type::String)), "result<_, string>"),
            (Type::result(Some(Type::U8), None), "result<u8>"),
            (Type::result(None, None), "result"),
            (
                Type::record([("a", Type::U32), ("b", Type::option(Type::Char))]),
                "record { a: u32, b: option<char> }",
            ),
            (
                Type::variant([("off", None), ("on", Some(Type::F64))]),
                "variant { off, on(f64) }",
            ),
            (Type::tuple([Type::S8, Type::Bool]), "tuple<s8, bool>"),
            (Type::enumeration(["a", "b"]), "enum { a, b }"),
            (Type::flags(["r", "w"]), "flags { r, w }"),
        ] {
            assert_eq!(ty.to_string(), text);
        }
    }

    #[test]
    fn hostile_names_print_no_control_codes() {
        let ty = Type::record([("a\u{1b}[2J\u{9b}\u{202e}", Type::U8)]);
        assert!(
            ty.to_string()
                .chars()
                .all(|c| !c.is_control() && c != '\u{202e}')
        );
    }

    #[test]
    fn an_unsupported_type_is_found_inside_others() {
        let ty = Type::list(Type::result(None, Some(Type::Unsupported("stream".into()))));
        assert_eq!(ty.unsupported(), Some("stream"));
        assert_eq!(Type::list(Type::U8).unsupported(), None);
    }
}
