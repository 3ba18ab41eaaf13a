//! What threads of the host, tasks and pools share: queues, pipes, and the
//! objects of a manager.
//!
//! They live in the host. Each kind is a state that answers now or later, under
//! its own lock: `queue` (with `prefetch`), `pipe`, `collections`, `lock`,
//! `semaphore`, `gates`.
//! The host's threads and futures ask through `ask`, with the types in `queues`,
//! `connection`, `manager` and `guards` around it; guests ask through their worker's
//! exchange, of which the pool has the other end. All are answered by the same
//! state, so none of them is a special case.

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
