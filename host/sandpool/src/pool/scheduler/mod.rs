//! Decides which task is next, which worker gets it, and when a worker may be started.
//!
//! Rules and the queue that they read, with no I/O: nothing here touches a process or a
//! channel, so all of it is tested without a worker. Knows tasks; a worker is to it the
//! occupant of a slot.

mod places;
mod queue;
mod restarts;
mod rules;
mod source;

pub(super) use places::{Candidate, Turns};
pub(super) use queue::{Entry, Queue};
pub use restarts::StartTrouble;
pub(super) use restarts::{Blame, Breaks, Fault, Restarts, StartStep};
pub(super) use rules::{Occupancy, Occupied, Placement, REPLACE_AFTER, STRANDED_AFTER, WorkerLife};
pub(super) use source::{Sources, TaskSource};
