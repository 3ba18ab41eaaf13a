//! The parent's side: queues, schedules, keeps deadlines and gives verdicts.
//!
//! One *dispatcher* thread per pool owns the workers and decides; see
//! `dispatcher`. Whoever submits a task hands it to an idle worker directly,
//! under the same lock. A task's way: [`Call`] checks the arguments and makes a
//! task, `scheduler/` holds it in its queue, `worker/` has it while a worker does,
//! `tasks/` turns the answer (or its absence) into an [`Outcome`](crate::Outcome),
//! and the task's sink hands that to whoever waits.
//!
//! The folders are rooms. Each says at its door what it is for, what it may know and
//! what it must not. What stands here beside them is what binds them: the state
//! under the pool's lock, and the threads that work on it.

mod api;
mod breaking;
mod broker;
mod caller_poll;
mod dispatcher;
mod ending;
mod error;
mod output;
mod process_events;
mod scheduler;
mod state;
mod stream;
mod tasks;
mod threads;
mod worker;

#[cfg(feature = "in-process")]
pub(crate) use api::Parts;
#[cfg(feature = "in-process")]
pub(crate) use api::value_of;
pub use api::{
    AsyncResult, Call, Grants, IMap, Input, MapResult, Pool, PoolBuilder, RunningTask, Stdin,
    Steering, ToInput,
};
pub use error::Error;
pub use output::{LogRecord, ProgressReport};
pub use scheduler::StartTrouble;
pub use tasks::Retries;
