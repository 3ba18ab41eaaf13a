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
//! what it must not. The files beside them bind them together: the state under the
//! pool's lock, and the threads that work on it.
//!
//! Between rooms the arrows point one way. Each uses only what stands before it:
//! `error`, `keys` and `config`; `tasks/`; `scheduler/`; `output/` and `broker/`;
//! `worker/`; the shared state and the dispatcher; `stream/`; `api/`.

mod api;
mod breaking;
mod broker;
mod caller_poll;
mod cancelling;
mod config;
mod dispatcher;
mod ending;
mod error;
mod hand_out;
mod keys;
mod life;
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
pub use api::{
    AsyncResult, Call, Grants, IMap, MapResult, Pool, PoolBuilder, RunningTask, Stdin, Steering,
};
pub use error::{Error, GrantError, SettingError};
pub use output::{LogRecord, ProgressReport};
pub use scheduler::StartTrouble;
pub use stream::{Input, ToInput};
pub use tasks::Retries;
#[cfg(feature = "in-process")]
pub(crate) use tasks::value_of;
