//! One task in a process of its own: the counterpart of `multiprocessing.Process`, in the
//! parent.
//!
//! A [`Process`] is a pool of one worker that is given one task and closed, so all promises
//! of a pool hold for it. This folder holds only the parts that a process has and a pool
//! has not: a name, an exit code, a place among this program's children.

mod builder;
mod children;
mod error;
mod exit;
mod handle;

pub use builder::{ModuleSource, ProcessBuilder};
pub use children::active_children;
pub use error::ProcessError;
pub use handle::Process;
