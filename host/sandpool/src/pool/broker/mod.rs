//! Shared objects and functions of the host for guests: requests of a worker's task in,
//! replies out.
//!
//! Knows the exchange of one worker, the objects of `crate::shared` and the calls of
//! `host_calls/`, which it makes and does not run. Runs no task
//! and ends no worker: a broken rule is returned as a `Violation`, and `worker/`
//! decides what follows from it.

mod answers;
mod requests;

pub(super) use requests::{Grantor, Requests, RequestsRead};
