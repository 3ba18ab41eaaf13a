//! The output of a pool beside results: callbacks, log and progress messages, and the text
//! that guests print; and the host's own standard input on its way to guests.
//!
//! Each runs on a thread of its own, so that a slow handler or a slow terminal stops
//! neither the pool's lock nor its deadlines. Knows tasks that have ended, and nothing of
//! workers or of the queue.

mod callbacks;
mod outbox;
mod relay;
pub(super) mod stdin;

pub(super) use callbacks::{CallbackJob, CallbackSender, Callbacks, Handlers};
pub use callbacks::{LogRecord, ProgressReport};
pub(super) use outbox::Outbox;
pub(super) use relay::{OutputPipes, Relay, Trouble};
