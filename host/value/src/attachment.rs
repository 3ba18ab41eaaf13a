//! An attachment to an argument that only names it.

use std::any::Any;
use std::sync::Arc;

/// An object that an argument stands for, and that travels beside the values. This crate
/// does not know its type.
#[derive(Clone, Debug)]
pub struct Attachment {
    /// The argument's text.
    pub name: String,
    /// The thing itself.
    pub what: Arc<dyn Any + Send + Sync>,
}

impl PartialEq for Attachment {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}
