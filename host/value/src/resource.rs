//! Handles of resources: values that belong to the session that they came from.

use std::fmt;
use std::sync::Arc;

use super::{ConvertError, FromValue, ToValue, Type, Value};

/// A handle of a resource that a module exports. It belongs to the session whose call
/// returned it, and lives until it is dropped there, given away as an argument of type
/// `own`, or the session ends.
///
/// Cloning it makes no second resource: all clones mean one handle. As JSON it is
/// `{"$handle":["counter",7]}`; a handle that is read from JSON is one of the session that
/// it is passed to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Resource(Arc<Inner>);

#[derive(Debug, PartialEq, Eq, Hash)]
struct Inner {
    /// The number of its session; `None` for one that was read from JSON.
    session: Option<u64>,
    number: u32,
    name: Arc<str>,
}

impl Resource {
    /// Returns the handle with this number in a session.
    #[doc(hidden)]
    pub fn new(session: Option<u64>, number: u32, name: &Arc<str>) -> Self {
        Resource(Arc::new(Inner {
            session,
            number,
            name: Arc::clone(name),
        }))
    }

    /// Returns the name of the resource, with its interface if it is in one:
    /// `demo:shop/cart@1.0.0#basket`.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Returns the number of the handle, which no other handle of its session has.
    pub fn number(&self) -> u32 {
        self.0.number
    }

    /// Returns the number of the session that the handle belongs to, if it is known.
    #[doc(hidden)]
    pub fn session(&self) -> Option<u64> {
        self.0.session
    }

    pub(super) fn shared_name(&self) -> &Arc<str> {
        &self.0.name
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Value::Handle(self.clone()), f)
    }
}

impl ToValue for Resource {
    fn into_value(self) -> Value {
        Value::Handle(self)
    }
}

impl FromValue for Resource {
    fn from_value(value: Value) -> Result<Self, ConvertError> {
        match value {
            Value::Handle(handle) => Ok(handle),
            other => Err(ConvertError::new(&other, "handle of a resource")),
        }
    }
}

/// Returns the name of a resource without its interface.
pub(super) fn short_name(name: &str) -> &str {
    name.rsplit_once('#').map_or(name, |(_, name)| name)
}

impl Type {
    /// Returns the name of the first resource of the module's own in this type, without its
    /// interface.
    pub fn resource(&self) -> Option<&str> {
        match self {
            Type::Own(name) | Type::Borrow(name) => Some(short_name(name)),
            Type::List(inner) | Type::Option(inner) => inner.resource(),
            Type::Record(fields) => fields.iter().find_map(|(_, ty)| ty.resource()),
            Type::Tuple(types) => types.iter().find_map(Type::resource),
            Type::Variant(cases) => cases.iter().find_map(|(_, ty)| ty.as_ref()?.resource()),
            Type::Result { ok, err } => {
                let payloads = [ok, err].into_iter().flatten();
                payloads.into_iter().find_map(|ty| ty.resource())
            }
            _ => None,
        }
    }
}

impl Value {
    /// Calls `visit` with each handle in this value, which is one of the type, and `true`
    /// for a handle that is given away.
    #[doc(hidden)]
    pub fn visit_handles(&self, ty: &Type, visit: &mut dyn FnMut(&Resource, bool)) {
        match (self, ty) {
            (Value::Handle(handle), ty) => visit(handle, matches!(ty, Type::Own(_))),
            (Value::List(items), Type::List(ty)) => {
                items.iter().for_each(|item| item.visit_handles(ty, visit));
            }
            (Value::Option(Some(value)), Type::Option(ty)) => value.visit_handles(ty, visit),
            (Value::Record(fields), Type::Record(types)) => {
                for ((_, value), (_, ty)) in fields.iter().zip(types.iter()) {
                    value.visit_handles(ty, visit);
                }
            }
            (Value::Tuple(items), Type::Tuple(types)) => {
                for (value, ty) in items.iter().zip(types.iter()) {
                    value.visit_handles(ty, visit);
                }
            }
            (Value::Variant(case, Some(value)), Type::Variant(cases)) => {
                let found = cases.iter().find(|(name, _)| name == case);
                if let Some((_, Some(ty))) = found {
                    value.visit_handles(ty, visit);
                }
            }
            (Value::Result(Ok(Some(value))), Type::Result { ok: Some(ty), .. })
            | (Value::Result(Err(Some(value))), Type::Result { err: Some(ty), .. }) => {
                value.visit_handles(ty, visit);
            }
            _ => {}
        }
    }

    /// Makes all handles in this value handles of a session.
    #[doc(hidden)]
    pub fn bind_handles(&mut self, session: u64) {
        match self {
            Value::Handle(handle) => {
                *handle = Resource::new(Some(session), handle.number(), handle.shared_name());
            }
            Value::List(items) | Value::Tuple(items) => {
                items.iter_mut().for_each(|item| item.bind_handles(session));
            }
            Value::Record(fields) => {
                fields
                    .iter_mut()
                    .for_each(|(_, value)| value.bind_handles(session));
            }
            Value::Variant(_, Some(value))
            | Value::Option(Some(value))
            | Value::Result(Ok(Some(value)) | Err(Some(value))) => value.bind_handles(session),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{decode_result, encode_args, from_json_str, to_json};
    use super::*;

    fn own(name: &str) -> Type {
        Type::Own(name.into())
    }

    #[test]
    fn a_handle_comes_back_from_the_channel_and_from_json_without_its_session() {
        let ty = Type::list(own("a:b/c#counter"));
        let name = "a:b/c#counter".into();
        let value = Value::List(vec![Value::Handle(Resource::new(Some(3), 7, &name))]);
        let without = Value::List(vec![Value::Handle(Resource::new(None, 7, &name))]);
        assert_eq!(value.check(&ty), Ok(()));
        let bytes = encode_args(std::slice::from_ref(&value));
        assert_eq!(
            decode_result(&Some(ty.clone()), &bytes),
            Ok(without.clone())
        );
        let json = r#"[{"$handle":["counter",7]}]"#;
        assert_eq!(to_json(&value).to_string(), json);
        assert_eq!(from_json_str(json, &ty).expect("read"), without);
        for wrong in [
            r#"[{"$handle":["other",7]}]"#,
            r#"[{"$handle":["counter"]}]"#,
            r#"[{"$handle":["counter",-1]}]"#,
            "[7]",
        ] {
            assert!(from_json_str(wrong, &ty).is_err(), "{wrong}");
        }
        let mut bound = without;
        bound.bind_handles(3);
        assert_eq!(bound, value);
    }

    #[test]
    fn a_handle_of_another_resource_does_not_fit() {
        let value = Value::Handle(Resource::new(None, 7, &"counter".into()));
        assert!(value.matches(&Type::Borrow("counter".into())));
        let error = value.check(&own("basket")).unwrap_err().to_string();
        assert!(error.contains("own<basket>"), "{error}");
    }

    #[test]
    fn handles_are_found_with_their_ownership() {
        let name = "counter".into();
        let handle = |number| Value::Handle(Resource::new(None, number, &name));
        let ty = Type::tuple([Type::option(own("counter")), Type::Borrow("counter".into())]);
        let value = Value::Tuple(vec![Value::some(handle(1)), handle(2)]);
        let mut found = Vec::new();
        value.visit_handles(&ty, &mut |handle, owned| {
            found.push((handle.number(), owned))
        });
        assert_eq!(found, [(1, true), (2, false)]);
        assert_eq!(ty.resource(), Some("counter"));
    }
}
