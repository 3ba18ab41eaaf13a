//! Shared objects, functions of the host and outgoing HTTP for guests: requests of a
//! worker's task in, replies out.
//!
//! Knows the exchanges of one worker, the objects of `crate::shared`, the calls of
//! `host_calls/`, which it makes and does not run, and the client of `crate::http`. Runs no
//! task and ends no worker: a broken rule is returned as a `Violation`, and `worker/`
//! decides what follows from it.

mod answers;
#[cfg(feature = "http")]
mod http_books;
#[cfg(feature = "http")]
mod http_channel;
#[cfg_attr(not(feature = "http"), path = "http_off.rs")]
mod http_requests;
#[cfg(feature = "http")]
mod http_responses;
mod requests;
mod task_calls;

pub(super) use http_requests::HttpRequests;
pub(super) use requests::{Grantor, Requests};

/// The progress of reading a worker's requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReadProgress {
    All,
    /// More requests wait, and are read after others had their turn.
    More,
    /// A request of the next task waits.
    Next,
}
