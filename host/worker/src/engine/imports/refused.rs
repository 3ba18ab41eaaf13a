//! Links the imports that nobody gives, and refuses them when they are called.
//!
//! A call fails in its own way if its type has one: the guest gets an error that says so,
//! and goes on. Otherwise the call ends the task. Either way the refusal is listed.

use std::sync::Arc;

use wasmtime::component::types::{ComponentItem, ResultType, Type};
use wasmtime::component::{LinkerInstance, ResourceType, Val};
use wasmtime::{AsContextMut, Engine, FuncType, Linker as CoreLinker};

use crate::engine::bounds::NotGranted;
use crate::engine::guest::Guest;

/// The kind of these refusals.
const IMPORT: &str = "import";

/// The cases of an error by which an interface says that a call is not allowed, the plainest
/// first.
const DENIED: [&str; 10] = [
    "access-denied",
    "HTTP-request-denied",
    "permission-denied",
    "not-permitted",
    "denied",
    "forbidden",
    "unauthorized",
    "access",
    "not-supported",
    "unsupported",
];

/// Returns the payload of an error whose payload is a text.
fn reason(import: &str) -> String {
    format!("`{import}` was not granted")
}

/// Links a component's imports, which must come in their order.
pub(super) struct Refuse<'a> {
    engine: &'a Engine,
    /// The resources of the imports so far. An interface may name those of another, which
    /// must not be linked once more.
    known: Vec<ResourceType>,
    /// The number of resources that were linked here, each a type of its own.
    linked: u32,
}

impl<'a> Refuse<'a> {
    pub(super) fn new(engine: &'a Engine) -> Self {
        Refuse {
            engine,
            known: Vec::new(),
            linked: 0,
        }
    }

    /// Takes note of an import that somebody gives, for its resources.
    pub(super) fn pass(&mut self, item: &ComponentItem) {
        match item {
            ComponentItem::Resource(resource) => {
                self.is_new(*resource);
            }
            ComponentItem::ComponentInstance(instance) => {
                for (_, item) in instance.exports(self.engine) {
                    self.pass(&item.ty);
                }
            }
            _ => {}
        }
    }

    /// Links one import. Leaves out modules and components, which are part of no function.
    pub(super) fn link(
        &mut self,
        linker: &mut LinkerInstance<'_, Guest>,
        name: &str,
        item: &ComponentItem,
    ) -> wasmtime::Result<()> {
        self.link_from(linker, None, name, item)
    }

    fn link_from(
        &mut self,
        linker: &mut LinkerInstance<'_, Guest>,
        interface: Option<&str>,
        name: &str,
        item: &ComponentItem,
    ) -> wasmtime::Result<()> {
        let full_name = || match interface {
            Some(interface) => format!("{interface}#{name}"),
            None => name.to_owned(),
        };
        match item {
            ComponentItem::ComponentFunc(_) => func(linker, name, full_name().into()),
            ComponentItem::ComponentInstance(instance) => {
                let interface = full_name();
                let mut inner = linker.instance(name)?;
                for (name, item) in instance.exports(self.engine) {
                    self.link_from(&mut inner, Some(&interface), name, &item.ty)?;
                }
                Ok(())
            }
            ComponentItem::Resource(resource) if self.is_new(*resource) => {
                self.linked += 1;
                // No function that makes one is ever called, so none is ever dropped.
                let ty = ResourceType::host_dynamic(self.linked);
                linker.resource(name, ty, |_, _| Ok(()))
            }
            _ => Ok(()),
        }
    }

    fn is_new(&mut self, resource: ResourceType) -> bool {
        let is_new = !self.known.contains(&resource);
        if is_new {
            self.known.push(resource);
        }
        is_new
    }
}

fn func(
    linker: &mut LinkerInstance<'_, Guest>,
    name: &str,
    import: Arc<str>,
) -> wasmtime::Result<()> {
    linker.func_new(name, move |mut store, ty, params, results| {
        for value in params {
            drop_resources(&mut store, value)?;
        }
        store.data_mut().bounds.deny(IMPORT, import.to_string());
        let failure = match ty.results().next() {
            Some(Type::Result(result)) => failure(&result, &import),
            _ => None,
        };
        match (failure, results) {
            (Some(failure), [result]) => {
                *result = failure;
                Ok(())
            }
            _ => Err(NotGranted.into()),
        }
    })
}

/// Gives back the resources that a guest lent or gave with a call: a call that keeps a lent
/// one traps, and one that was given would live on.
fn drop_resources(store: &mut impl AsContextMut, value: &Val) -> wasmtime::Result<()> {
    match value {
        Val::Resource(resource) => resource.resource_drop(store.as_context_mut()),
        Val::List(values) | Val::Tuple(values) | Val::FixedLengthList(values) => values
            .iter()
            .try_for_each(|value| drop_resources(store, value)),
        Val::Record(fields) => fields
            .iter()
            .try_for_each(|(_, value)| drop_resources(store, value)),
        Val::Map(pairs) => pairs.iter().try_for_each(|(key, value)| {
            drop_resources(store, key)?;
            drop_resources(store, value)
        }),
        Val::Variant(_, Some(value))
        | Val::Option(Some(value))
        | Val::Result(Ok(Some(value)) | Err(Some(value))) => drop_resources(store, value),
        _ => Ok(()),
    }
}

/// Returns the error by which a call with this result says that it is not allowed, if its
/// type has one.
fn failure(result: &ResultType, import: &str) -> Option<Val> {
    let payload = match result.err() {
        None => None,
        Some(ty) => Some(Box::new(error(&ty, import)?)),
    };
    Some(Val::Result(Err(payload)))
}

fn error(ty: &Type, import: &str) -> Option<Val> {
    match ty {
        Type::String => Some(Val::String(reason(import))),
        Type::Option(option) => {
            let error = error(&option.ty(), import)?;
            Some(Val::Option(Some(Box::new(error))))
        }
        Type::Enum(names) => {
            let denied = DENIED.into_iter();
            let denied = denied.filter(|denied| names.names().any(|name| name == *denied));
            denied.map(|name| Val::Enum(name.to_owned())).next()
        }
        Type::Variant(variant) => {
            let case = |name: &str| {
                let case = variant.cases().find(|case| case.name == name)?;
                let payload = match &case.ty {
                    None => None,
                    Some(ty) => Some(Box::new(payload(ty, import)?)),
                };
                Some(Val::Variant(name.to_owned(), payload))
            };
            let text = || {
                let is_text = |ty: Option<Type>| matches!(ty, Some(Type::String));
                let mut cases = variant.cases().filter(|case| is_text(case.ty.clone()));
                cases.next().map(|text| text.name.to_owned())
            };
            let denied = DENIED.into_iter().find_map(case);
            let denied = denied.or_else(|| case("other"));
            denied.or_else(|| case(&text()?))
        }
        _ => None,
    }
}

/// Returns the payload of a case whose name says it all, if one can be made up.
fn payload(ty: &Type, import: &str) -> Option<Val> {
    match ty {
        Type::String => Some(Val::String(reason(import))),
        Type::Option(_) => Some(Val::Option(None)),
        _ => None,
    }
}

/// Links a function of a core module; its numbers have no way to fail.
pub(super) fn core_func(
    linker: &mut CoreLinker<Guest>,
    module: &str,
    name: &str,
    ty: FuncType,
) -> wasmtime::Result<()> {
    let import: Arc<str> = format!("{module}#{name}").into();
    linker.func_new(module, name, ty, move |mut caller, _, _| {
        let bounds = &mut caller.data_mut().bounds;
        bounds.deny(IMPORT, import.to_string());
        Err(NotGranted.into())
    })?;
    Ok(())
}
