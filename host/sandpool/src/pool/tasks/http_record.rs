//! The HTTP requests of a task, by the host's own books.

use crate::outcome::{HttpExchange, Refusal};

/// The requests that a task made, and those that it was refused.
#[derive(Clone, Debug, Default)]
pub(crate) struct HttpRecord {
    pub(crate) exchanges: Vec<HttpExchange>,
    pub(crate) refusals: Vec<Refusal>,
}
