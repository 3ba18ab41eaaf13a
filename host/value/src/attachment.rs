//! An attachment to an argument that only names it.

use std::any::Any;
use std::sync::Arc;

/// Something that an argument stands for, and that travels beside the values:
/// here nobody knows what it is.
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
