//! Shared objects as they are granted: by name, or as an argument.

use std::sync::Arc;

use super::object::Object;
use sandpool_protocol::request::Kind;
use sandpool_value::{Attachment, ToValue, Value};

/// A handle to a shared object that can be granted: see [`Call::share`](crate::Call::share)
/// and [`PoolBuilder::share`](crate::PoolBuilder::share).
///
/// As an argument of a call it is a text: the name under which the guest opens the object.
#[derive(Clone)]
pub struct Handle {
    object: Arc<dyn Object>,
}

impl Handle {
    pub(super) fn new(object: Arc<dyn Object>) -> Self {
        Handle { object }
    }

    /// Returns the name that stands for the object as an argument. No other object of this
    /// process ever has it.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}-{}", self.object.kind().name(), self.object.id())
    }
}

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Handle({})", self.object.kind().name())
    }
}

impl PartialEq for Handle {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::addr_eq(Arc::as_ptr(&self.object), Arc::as_ptr(&other.object))
    }
}

/// An object that guests can be granted: queues, the sides of pipes, and the objects of a
/// [`Manager`](crate::Manager).
pub trait Share {
    /// Returns a handle to the object, to be granted.
    fn handle(&self) -> Handle;
}

impl Share for Handle {
    fn handle(&self) -> Handle {
        self.clone()
    }
}

/// Makes an object an argument: the name under which it is opened. It is given by reference
/// or by value.
macro_rules! arguments {
    ($($name:ident $(<$item:ident>)?),+) => {
        $(
            impl$(<$item>)? ToValue for super::$name$(<$item>)? {
                fn into_value(self) -> Value {
                    Value::String(self.handle().name())
                }

                fn attach_to(&self, attachments: &mut Vec<Attachment>) {
                    let handle = self.handle();
                    let name = handle.name();
                    attachments.push(Attachment { name, what: Arc::new(handle) });
                }
            }
        )+
    };
}

arguments!(
    Queue<T>,
    JoinableQueue<T>,
    SimpleQueue<T>,
    Connection,
    Handle
);
arguments!(Dict<T>, List<T>, SharedValue<T>, Lock, Semaphore);
arguments!(Event, Condition, Barrier);

/// Shared objects with the names under which they are granted.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Shares(Vec<(String, Handle)>);

impl Shares {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the shared objects among the attachments of arguments.
    pub(crate) fn among(attachments: &[Attachment]) -> Self {
        let mut shares = Shares::default();
        for Attachment { name, what } in attachments {
            if let Some(handle) = what.downcast_ref::<Handle>() {
                shares.add(name.clone(), handle.clone());
            }
        }
        shares
    }

    /// Grants one more object, which replaces one with an equal name.
    pub(crate) fn add(&mut self, name: String, handle: Handle) {
        self.0.retain(|(known, _)| *known != name);
        self.0.push((name, handle));
    }

    pub(crate) fn find(&self, kind: Kind, name: &str) -> Option<&Arc<dyn Object>> {
        let found = self.0.iter().find(|(known, _)| known == name)?;
        Some(&found.1.object).filter(|object| object.kind() == kind)
    }
}
