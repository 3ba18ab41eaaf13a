//! The parent's side of sandpool: queues, schedules, keeps deadlines and gives verdicts.
//!
//! One *dispatcher* thread per pool owns the workers and decides; see `dispatcher`. A
//! thread that submits a task hands it to an idle worker directly, under the lock that the
//! dispatcher uses too. A task's way: [`Call`] checks the arguments and makes a task,
//! `scheduler/` holds it in its queue, `worker/` sends it to a worker process, `tasks/`
//! turns the answer (or its absence) into an [`Outcome`](crate::Outcome), and the task's
//! sink delivers that to the caller.
//!
//! The folders are rooms. The `mod.rs` of each says its purpose, what it may know and what
//! it must not. The files beside them bind them together: the state under the pool's lock,
//! and the threads that work on it.
//!
//! Between rooms the arrows point one way. Each uses only rooms that stand before it:
//! `host_calls/`; `error`, `trace`, `http_grants`, `keys` and `config`; `tasks/`;
//! `scheduler/`; `output/` and `broker/`;
//! `worker/`; the shared state and the dispatcher; `stream/`; `api/`.
//!
//! In the files of a room `pub(super)` is for that room, `pub(crate)` for the others. Its
//! `mod.rs`, and the files beside the rooms, give to the pool what is `pub(super)`.

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
mod hand_out_places;
mod host_call_poll;
mod host_calls;
mod http_grants;
mod initializer_snapshots;
mod keys;
mod life;
mod output;
mod process_events;
mod scheduler;
mod sessions;
mod slots;
mod state;
mod stream;
mod tasks;
mod threads;
mod trace;
mod worker;

#[cfg(feature = "in-process")]
pub(crate) use api::PoolSettings;
pub use api::{
    AsyncResult, Call, Grants, IMap, MapResult, Pool, PoolBuilder, RunningTask, Session,
    SessionBuilder, SessionCall, Stdin, Steering,
};
pub use error::{Error, GrantError, HandleError, SettingError};
pub use host_calls::{AsyncHostFunction, CallContext, HostFunction, Imports, Tool};
pub use keys::SessionEnd;
pub use output::{LogRecord, ProgressReport};
pub use scheduler::StartTrouble;
pub use stream::{Input, ToInput};
pub use tasks::Retries;
#[cfg(feature = "in-process")]
pub(crate) use tasks::value_of;
