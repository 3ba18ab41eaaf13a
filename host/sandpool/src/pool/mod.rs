//! The parent's side: queues, schedules, keeps deadlines and gives verdicts.
//!
//! One *dispatcher* thread per pool owns the workers and decides; see
//! `dispatcher`. Whoever submits a task hands it to an idle worker directly,
//! under the same lock. A task's way: [`Call`] checks the arguments and makes a
//! `Task`, `queue` holds it, `slot` has it while a worker does, `settle` turns
//! the answer (or its absence) into an [`Outcome`](crate::Outcome), and its
//! `Sink` hands that to whoever waits.

mod alone;
mod answers;
mod attend;
mod binary;
mod blame;
mod breaking;
mod builder;
mod call;
mod callbacks;
mod claims;
mod constants;
mod deadlines;
mod dispatcher;
mod ending;
mod error;
mod feeder;
mod flow;
mod gather;
mod grants;
mod handle;
mod hear;
mod imap;
mod input;
mod lead;
mod lot;
mod map;
mod pending;
#[expect(
    clippy::module_inception,
    reason = "the file is named after its one type"
)]
mod pool;
mod queue;
mod relay;
mod requests;
mod restarts;
mod retry;
mod scheduler;
mod settle;
mod settled;
mod slot;
mod start;
mod state;
mod stdin;
mod steering;
mod task;
mod threads;
mod watch;

#[cfg(feature = "in-process")]
pub(crate) use builder::Parts;
pub use builder::PoolBuilder;
pub use call::{Call, Stdin};
pub use callbacks::{LogRecord, ProgressReport};
pub use error::Error;
pub use grants::Grants;
pub use handle::AsyncResult;
#[cfg(feature = "in-process")]
pub(crate) use handle::value_of;
pub use imap::IMap;
pub use input::{Input, ToInput};
pub use map::MapResult;
pub use pool::Pool;
pub use restarts::StartTrouble;
pub use retry::Retries;
pub use steering::{RunningTask, Steering};
