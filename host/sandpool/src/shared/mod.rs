//! Objects that host threads, tasks and pools share: queues, pipes, and the objects of a
//! manager.
//!
//! They live in the host. Each kind is a state that answers now or later, under its own
//! lock: `queue` (with `prefetch`), `pipe`, `collections`, `lock`, `semaphore`, `gates`.
//! The host's threads and futures ask through `ask`, wrapped in the types of `queues`,
//! `connection`, `manager` and `guards`; guests ask through their worker's exchange, whose
//! other end the pool has. One state answers all of them, so none of them is a special
//! case.

mod ask;
mod collections;
mod connection;
mod gates;
mod guards;
mod handle;
mod json;
mod lock;
mod manager;
#[cfg(test)]
mod models;
pub(crate) mod object;
mod pipe;
mod prefetch;
mod queue;
mod queues;
mod semaphore;

pub use connection::{Connection, pipe};
pub use guards::{Acquired, LockGuard};
pub(crate) use handle::Shares;
pub use handle::{Handle, Share};
pub use manager::{Barrier, Condition, Dict, Event, List, Lock, Manager, Semaphore, SharedValue};
pub use queues::{JoinableQueue, Queue, SimpleQueue};
pub use sandpool_protocol::shared_error::SharedError;
