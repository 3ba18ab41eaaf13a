//! Types, values and functions for property tests.

use proptest::prelude::*;

use super::{Function, Param, Resource, Type, Value};

/// A name as WIT has them, often one that is a word of JSON's or WAVE's.
fn name() -> impl Strategy<Value = String> {
    const WORDS: [&str; 9] = [
        "none", "some", "ok", "err", "true", "false", "null", "inf", "nan",
    ];
    prop_oneof![
        3 => "[a-z][a-z0-9]{0,5}(-[a-z][a-z0-9]{0,3})?",
        1 => prop::sample::select(&WORDS[..]).prop_map(str::to_owned),
    ]
}

/// Names without repetition, as WIT has them.
fn names(count: std::ops::Range<usize>) -> impl Strategy<Value = Vec<String>> {
    prop::collection::btree_set(name(), count).prop_map(|names| names.into_iter().collect())
}

/// Any supported type, a few levels deep.
pub fn any_type() -> impl Strategy<Value = Type> {
    let leaf = prop_oneof![
        Just(Type::Bool),
        Just(Type::S8),
        Just(Type::U8),
        Just(Type::S16),
        Just(Type::U16),
        Just(Type::S32),
        Just(Type::U32),
        Just(Type::S64),
        Just(Type::U64),
        Just(Type::I32),
        Just(Type::I64),
        Just(Type::F32),
        Just(Type::F64),
        Just(Type::Char),
        Just(Type::String),
        names(1..4).prop_map(Type::enumeration),
        names(1..4).prop_map(Type::flags),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let payload = prop::option::of(inner.clone());
        prop_oneof![
            inner.clone().prop_map(Type::list),
            inner.clone().prop_map(Type::option),
            prop::collection::vec(inner.clone(), 1..4).prop_map(Type::tuple),
            (names(1..4), prop::collection::vec(inner, 4))
                .prop_map(|(names, types)| Type::record(names.into_iter().zip(types))),
            (names(1..4), prop::collection::vec(payload.clone(), 4))
                .prop_map(|(names, types)| Type::variant(names.into_iter().zip(types))),
            (payload.clone(), payload).prop_map(|(ok, err)| Type::result(ok, err)),
        ]
    })
}

/// Any value of the type but NaN, which is unequal to itself.
pub fn value_of(ty: &Type) -> BoxedStrategy<Value> {
    match ty {
        Type::Bool => any::<bool>().prop_map(Value::Bool).boxed(),
        Type::S8 => any::<i8>().prop_map(Value::S8).boxed(),
        Type::U8 => any::<u8>().prop_map(Value::U8).boxed(),
        Type::S16 => any::<i16>().prop_map(Value::S16).boxed(),
        Type::U16 => any::<u16>().prop_map(Value::U16).boxed(),
        Type::S32 | Type::I32 => any::<i32>().prop_map(Value::S32).boxed(),
        Type::U32 => any::<u32>().prop_map(Value::U32).boxed(),
        Type::S64 | Type::I64 => any::<i64>().prop_map(Value::S64).boxed(),
        Type::U64 => any::<u64>().prop_map(Value::U64).boxed(),
        Type::F32 => prop_oneof![any::<f32>(), Just(f32::INFINITY), Just(f32::NEG_INFINITY)]
            .prop_map(Value::F32)
            .boxed(),
        Type::F64 => prop_oneof![any::<f64>(), Just(f64::INFINITY), Just(f64::NEG_INFINITY)]
            .prop_map(Value::F64)
            .boxed(),
        Type::Char => any::<char>().prop_map(Value::Char).boxed(),
        Type::String => any::<String>().prop_map(Value::String).boxed(),
        ty if ty.is_bytes() => prop::collection::vec(any::<u8>(), 0..9)
            .prop_map(Value::Bytes)
            .boxed(),
        Type::List(element) => prop::collection::vec(value_of(element), 0..4)
            .prop_map(Value::List)
            .boxed(),
        Type::Tuple(types) => all_of(types.iter()).prop_map(Value::Tuple).boxed(),
        Type::Record(fields) => {
            let names: Vec<String> = fields.iter().map(|(name, _)| name.clone()).collect();
            all_of(fields.iter().map(|(_, ty)| ty))
                .prop_map(move |values| Value::record(names.iter().cloned().zip(values)))
                .boxed()
        }
        Type::Variant(cases) => {
            let cases: Vec<_> = cases
                .iter()
                .map(|(name, ty)| {
                    let name = name.clone();
                    payload_of(ty.as_ref())
                        .prop_map(move |payload| Value::Variant(name.clone(), payload))
                })
                .collect();
            prop::strategy::Union::new(cases).boxed()
        }
        Type::Enum(cases) => prop::sample::select(cases.to_vec())
            .prop_map(Value::Enum)
            .boxed(),
        Type::Flags(names) => prop::sample::subsequence(names.to_vec(), 0..=names.len())
            .prop_map(Value::Flags)
            .boxed(),
        Type::Option(some) => payload_of(Some(some))
            .prop_flat_map(|some| prop_oneof![Just(Value::none()), Just(Value::Option(some))])
            .boxed(),
        Type::Result { ok, err } => prop_oneof![
            payload_of(ok.as_deref()).prop_map(|ok| Value::Result(Ok(ok))),
            payload_of(err.as_deref()).prop_map(|err| Value::Result(Err(err))),
        ]
        .boxed(),
        Type::Own(name) | Type::Borrow(name) => {
            let name = std::sync::Arc::clone(name);
            let handle = move |number| Value::Handle(Resource::new(None, number, &name));
            any::<u32>().prop_map(handle).boxed()
        }
        Type::Unsupported(what) => panic!("there is no value of `{what}`"),
    }
}

fn payload_of(ty: Option<&Type>) -> BoxedStrategy<Option<Box<Value>>> {
    match ty {
        None => Just(None).boxed(),
        Some(ty) => value_of(ty).prop_map(|v| Some(Box::new(v))).boxed(),
    }
}

fn all_of<'a>(types: impl Iterator<Item = &'a Type>) -> BoxedStrategy<Vec<Value>> {
    types.map(value_of).collect::<Vec<_>>().boxed()
}

/// A type and a value of it.
pub fn typed_value() -> impl Strategy<Value = (Type, Value)> {
    any_type().prop_flat_map(|ty| {
        let values = value_of(&ty);
        (Just(ty), values)
    })
}

/// Any function of supported types.
pub fn any_function() -> impl Strategy<Value = Function> {
    (
        name(),
        prop::option::of("[a-z]{1,4}:[a-z]{1,4}/[a-z]{1,4}(@[0-9]\\.[0-9]\\.[0-9])?"),
        names(0..4),
        prop::collection::vec(any_type(), 4),
        prop::option::of(any_type()),
    )
        .prop_map(|(name, interface, names, types, result)| Function {
            name,
            interface,
            params: names
                .into_iter()
                .zip(types)
                .map(|(name, ty)| Param { name, ty })
                .collect(),
            result,
        })
}
