//! Shared objects for guests: requests of a worker's task in, replies out.
//!
//! Knows the exchange of one worker and the objects of `crate::shared`. Runs no task
//! and ends no worker: a broken rule is returned as a `Violation`, and `worker/`
//! decides what follows from it.

mod answers;
mod requests;

pub(super) use requests::{Requests, RequestsRead};
