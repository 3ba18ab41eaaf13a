//! The public face of a pool: what a program calls, and the handles it gets back.
//!
//! Turns calls into tasks (arguments checked and encoded) and outcomes into Rust
//! values. May know every other room. Holds no queue, no deadline and no worker:
//! those belong to the pool's shared state, which it asks under the lock.

mod alone;
mod builder;
mod call;
mod grants;
mod handle;
mod imap;
mod map;
mod pool;
mod session;
mod session_call;
mod steering;

pub use builder::PoolBuilder;
#[cfg(feature = "in-process")]
pub(crate) use builder::PoolSettings;
pub use call::{Call, Stdin};
pub use grants::Grants;
pub use handle::AsyncResult;
pub use imap::IMap;
pub use map::MapResult;
pub use pool::Pool;
pub use session::{Session, SessionBuilder};
pub use session_call::SessionCall;
pub use steering::{RunningTask, Steering};
