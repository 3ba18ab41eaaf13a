//! Handles of resources that cannot be passed to a call.

use sandpool_value::quoted;

/// A handle of a resource that cannot be passed to a call of a session.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the handle {} {why}", quoted(handle))]
#[non_exhaustive]
pub struct HandleError {
    /// The handle, as JSON.
    pub handle: String,
    /// The reason: it is another session's, it is not alive, or it is given away and used
    /// again.
    pub why: &'static str,
}
