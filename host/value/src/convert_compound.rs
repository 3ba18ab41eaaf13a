//! Rust's own types that hold other values, as values and back.

use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasher;

use super::attachment::Attachment;
use super::shape::payload_type;
use super::{ConvertError, FromValue, ToValue, Type, Value};

impl<T: ToValue + Clone> ToValue for &T {
    fn static_type() -> Type {
        T::static_type()
    }

    fn into_value(self) -> Value {
        self.clone().into_value()
    }

    fn attach_to(&self, attachments: &mut Vec<Attachment>) {
        (**self).attach_to(attachments);
    }
}

impl<T: ToValue> ToValue for Box<T> {
    fn static_type() -> Type {
        T::static_type()
    }

    fn into_value(self) -> Value {
        (*self).into_value()
    }

    fn attach_to(&self, attachments: &mut Vec<Attachment>) {
        (**self).attach_to(attachments);
    }
}

impl<T: FromValue> FromValue for Box<T> {
    fn static_type() -> Type {
        T::static_type()
    }

    fn from_value(value: Value) -> Result<Self, ConvertError> {
        T::from_value(value).map(Box::new)
    }
}

impl<T: ToValue> ToValue for Vec<T> {
    fn static_type() -> Type {
        Type::list(T::static_type())
    }

    fn into_value(self) -> Value {
        T::vec_into_value(self)
    }

    fn attach_to(&self, attachments: &mut Vec<Attachment>) {
        attach_all(self, attachments);
    }
}

impl<T: FromValue> FromValue for Vec<T> {
    fn static_type() -> Type {
        Type::list(T::static_type())
    }

    fn from_value(value: Value) -> Result<Self, ConvertError> {
        T::vec_from_value(value)
    }
}

impl<T: ToValue + Clone> ToValue for &[T] {
    fn static_type() -> Type {
        Type::list(T::static_type())
    }

    fn into_value(self) -> Value {
        T::slice_into_value(self)
    }

    fn attach_to(&self, attachments: &mut Vec<Attachment>) {
        attach_all(*self, attachments);
    }
}

impl<T: ToValue, const COUNT: usize> ToValue for [T; COUNT] {
    fn static_type() -> Type {
        Type::list(T::static_type())
    }

    fn into_value(self) -> Value {
        T::vec_into_value(self.into())
    }

    fn attach_to(&self, attachments: &mut Vec<Attachment>) {
        attach_all(self, attachments);
    }
}

impl<T: ToValue> ToValue for Option<T> {
    fn static_type() -> Type {
        Type::option(T::static_type())
    }

    fn into_value(self) -> Value {
        Value::Option(self.map(|value| Box::new(value.into_value())))
    }

    fn attach_to(&self, attachments: &mut Vec<Attachment>) {
        attach_all(self, attachments);
    }
}

impl<T: FromValue> FromValue for Option<T> {
    fn static_type() -> Type {
        Type::option(T::static_type())
    }

    fn from_value(value: Value) -> Result<Self, ConvertError> {
        match value {
            Value::Option(None) => Ok(None),
            Value::Option(Some(value)) => T::from_value(*value).map(Some),
            other => Err(ConvertError::new(&other, "option")),
        }
    }

    fn from_missing() -> Option<Self> {
        Some(None)
    }
}

/// A payload that is `()` in Rust is none in WIT.
pub(super) fn payload(value: Value) -> Option<Box<Value>> {
    (!value.is_unit()).then(|| Box::new(value))
}

impl<T: ToValue, E: ToValue> ToValue for Result<T, E> {
    fn static_type() -> Type {
        Type::result(
            payload_type(T::static_type()),
            payload_type(E::static_type()),
        )
    }

    fn into_value(self) -> Value {
        Value::Result(match self {
            Ok(ok) => Ok(payload(ok.into_value())),
            Err(err) => Err(payload(err.into_value())),
        })
    }

    fn attach_to(&self, attachments: &mut Vec<Attachment>) {
        match self {
            Ok(ok) => ok.attach_to(attachments),
            Err(err) => err.attach_to(attachments),
        }
    }
}

impl<T: FromValue, E: FromValue> FromValue for Result<T, E> {
    fn static_type() -> Type {
        Type::result(
            payload_type(T::static_type()),
            payload_type(E::static_type()),
        )
    }

    fn from_value(value: Value) -> Result<Self, ConvertError> {
        let unboxed = |payload: Option<Box<Value>>| payload.map_or(Value::unit(), |value| *value);
        match value {
            Value::Result(Ok(ok)) => {
                let ok = T::from_value(unboxed(ok));
                ok.map(Ok).map_err(|error| error.in_field("ok"))
            }
            Value::Result(Err(err)) => {
                let err = E::from_value(unboxed(err));
                err.map(Err).map_err(|error| error.in_field("err"))
            }
            other => Err(ConvertError::new(&other, "result")),
        }
    }
}

/// As a list of pairs: WIT has no maps.
impl<T: ToValue, S: BuildHasher> ToValue for HashMap<String, T, S> {
    fn static_type() -> Type {
        Type::list(Type::tuple([Type::String, T::static_type()]))
    }

    fn into_value(self) -> Value {
        Value::List(self.into_iter().map(ToValue::into_value).collect())
    }

    fn attach_to(&self, attachments: &mut Vec<Attachment>) {
        attach_all(self.values(), attachments);
    }
}

/// As a list of pairs: WIT has no maps.
impl<T: ToValue> ToValue for BTreeMap<String, T> {
    fn static_type() -> Type {
        Type::list(Type::tuple([Type::String, T::static_type()]))
    }

    fn into_value(self) -> Value {
        Value::List(self.into_iter().map(ToValue::into_value).collect())
    }

    fn attach_to(&self, attachments: &mut Vec<Attachment>) {
        attach_all(self.values(), attachments);
    }
}

/// From a list of pairs, of which the last of a key counts, or from a record
/// whose fields are all alike.
impl<T: FromValue, S: BuildHasher + Default> FromValue for HashMap<String, T, S> {
    fn static_type() -> Type {
        Type::list(Type::tuple([Type::String, T::static_type()]))
    }

    fn from_value(value: Value) -> Result<Self, ConvertError> {
        pairs(value)
    }
}

/// From a list of pairs, of which the last of a key counts, or from a record
/// whose fields are all alike.
impl<T: FromValue> FromValue for BTreeMap<String, T> {
    fn static_type() -> Type {
        Type::list(Type::tuple([Type::String, T::static_type()]))
    }

    fn from_value(value: Value) -> Result<Self, ConvertError> {
        pairs(value)
    }
}

fn pairs<T: FromValue, M>(value: Value) -> Result<M, ConvertError>
where
    M: FromIterator<(String, T)>,
{
    match value {
        Value::Record(fields) => fields
            .into_iter()
            .map(|(name, value)| match T::from_value(value) {
                Ok(value) => Ok((name, value)),
                Err(error) => Err(error.in_field(&name)),
            })
            .collect(),
        list => Ok(<(String, T)>::vec_from_value(list)?.into_iter().collect()),
    }
}

/// Collects the attachments of the parts of a value.
fn attach_all<'a, T: ToValue + 'a>(
    parts: impl IntoIterator<Item = &'a T>,
    attachments: &mut Vec<Attachment>,
) {
    for part in parts {
        part.attach_to(attachments);
    }
}

macro_rules! tuples {
    ($count:literal $($name:ident)+) => {
        impl<$($name: ToValue),+> ToValue for ($($name,)+) {
            fn static_type() -> Type {
                Type::tuple([$($name::static_type()),+])
            }

            fn into_value(self) -> Value {
                #[expect(non_snake_case, reason = "types and values share their names")]
                let ($($name,)+) = self;
                Value::Tuple(vec![$($name.into_value()),+])
            }

            fn attach_to(&self, attachments: &mut Vec<Attachment>) {
                #[expect(non_snake_case, reason = "types and values share their names")]
                let ($($name,)+) = self;
                $($name.attach_to(attachments);)+
            }
        }

        /// From a tuple, or from a record by the order of its fields.
        impl<$($name: FromValue),+> FromValue for ($($name,)+) {
            fn static_type() -> Type {
                Type::tuple([$($name::static_type()),+])
            }

            fn from_value(value: Value) -> Result<Self, ConvertError> {
                const WANTED: &str = concat!("tuple of ", $count);
                let items = match value {
                    Value::Tuple(items) => items,
                    Value::Record(fields) => fields.into_iter().map(|(_, value)| value).collect(),
                    other => return Err(ConvertError::new(&other, WANTED)),
                };
                let items: [Value; $count] = items
                    .try_into()
                    .map_err(|items| ConvertError::new(&Value::Tuple(items), WANTED))?;
                #[expect(non_snake_case, reason = "types and values share their names")]
                let [$($name),+] = items;
                let mut index = 0;
                Ok(($({
                    index += 1;
                    $name::from_value($name).map_err(|e| e.in_element(index - 1))?
                },)+))
            }
        }
    };
}

tuples!(1 A);
tuples!(2 A B);
tuples!(3 A B C);
tuples!(4 A B C D);
tuples!(5 A B C D E);
tuples!(6 A B C D E F);
tuples!(7 A B C D E F G);
tuples!(8 A B C D E F G H);

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn round_trip<T: ToValue + FromValue + Clone + PartialEq + std::fmt::Debug>(value: T) {
        assert_eq!(T::from_value(value.clone().into_value()), Ok(value));
    }

    #[test]
    fn what_goes_in_comes_out() {
        round_trip(vec![1u8, 2, 3]);
        round_trip(vec![vec![1u32], vec![]]);
        round_trip(Some(Some("a".to_owned())));
        round_trip((1u8, 'x', -3i64, true, 0.5f32, 2u16, vec![0u8], None::<u8>));
        round_trip(Ok::<(), String>(()));
        round_trip([Some(None::<u8>), None, Some(Some(1))].to_vec());
        round_trip(Some(()));
        round_trip(None::<()>);
        round_trip(Some(Some(None::<()>)));
        round_trip(Ok::<Option<()>, ()>(Some(())));
        round_trip(Err::<(), Result<(), Option<Option<u8>>>>(Err(Some(None))));
        round_trip(vec![(), ()]);
        round_trip(Err::<(), String>("no".into()));
        round_trip(Box::new(3u64));
        round_trip(BTreeMap::from([
            ("a".to_owned(), 1u32),
            ("b".to_owned(), 2),
        ]));
        round_trip(HashMap::from([("a".to_owned(), vec![1u8])]));
    }

    /// A value that brings something along.
    #[derive(Clone)]
    struct Named(&'static str);

    impl ToValue for Named {
        fn into_value(self) -> Value {
            Value::String(self.0.into())
        }

        fn attach_to(&self, attachments: &mut Vec<Attachment>) {
            let (name, what) = (self.0.to_owned(), Arc::new(()));
            attachments.push(Attachment { name, what });
        }
    }

    #[test]
    fn what_comes_along_with_a_part_comes_along_with_the_whole() {
        fn names(value: impl ToValue) -> Vec<String> {
            let mut attachments = Vec::new();
            value.attach_to(&mut attachments);
            attachments.into_iter().map(|it| it.name).collect()
        }
        let [a, b] = [Named("a"), Named("b")];
        let key = || "key".to_owned();
        assert_eq!(names(&a), ["a"]);
        assert_eq!(names(Box::new(&a)), ["a"]);
        assert_eq!(names(vec![&a, &b]), ["a", "b"]);
        assert_eq!(names([&a, &b].as_slice()), ["a", "b"]);
        assert_eq!(names([&a, &b]), ["a", "b"]);
        assert_eq!(names(Some(&a)), ["a"]);
        assert!(names(None::<&Named>).is_empty());
        assert_eq!(names(Ok::<&Named, &Named>(&a)), ["a"]);
        assert_eq!(names(Err::<&Named, &Named>(&b)), ["b"]);
        assert_eq!(names((&a, 1, (true, &b))), ["a", "b"]);
        assert_eq!(names(HashMap::from([(key(), &a)])), ["a"]);
        assert_eq!(names(BTreeMap::from([(key(), vec![&b])])), ["b"]);
    }

    #[test]
    fn bytes_are_never_a_value_each() {
        let bytes = Value::Bytes(vec![1, 2]);
        assert_eq!(vec![1u8, 2].into_value(), bytes);
        assert_eq!([1u8, 2].as_slice().into_value(), bytes);
        assert_eq!([1u8, 2].into_value(), bytes);
        assert_eq!((&vec![1u8, 2]).into_value(), bytes);
        assert_eq!(Vec::<u32>::from_value(bytes), Ok(vec![1, 2]));
    }

    #[test]
    fn errors_name_the_place() {
        let value = vec![(1u32, "a"), (2, "b")].into_value();
        let error = Vec::<(u32, u8)>::from_value(value).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the value `\"a\"` is not a valid u8 at `[0][1]`"
        );
        let value = Value::record([("a", Ok::<_, ()>(vec![300u32]).into_value())]);
        let error = BTreeMap::<String, Result<Vec<u8>, ()>>::from_value(value).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the value `300` is not a valid u8 at `.a.ok[0]`"
        );
    }
}
