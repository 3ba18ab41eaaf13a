//! The processes of this program that were started: their names, and which of
//! them live.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, Weak};

use super::handle::{Inner, Process};

/// Those that were started, oldest first; the ended ones go when the next
/// comes or somebody asks.
static STARTED: Mutex<Vec<Weak<Inner>>> = Mutex::new(Vec::new());

/// The processes of this program that live, oldest first.
///
/// Dropped processes are among them, so this is how to wait for a process that was let
/// go, as Python does at its exit:
///
/// ```no_run
/// for child in sandpool::active_children() {
///     child.join(None)?;
/// }
/// # Ok::<(), sandpool::ProcessError>(())
/// ```
///
/// The workers of pools are not among them; see
/// [`Pool::worker_pids`](crate::Pool::worker_pids).
pub fn active_children() -> Vec<Process> {
    let mut started = lock();
    // Dropped only after the lock: the end of the last handle to a process is
    // its pool's, which waits for it.
    let all: Vec<Process> = started.iter().filter_map(upgrade).collect();
    let living: Vec<Process> = all.iter().filter(|it| it.is_alive()).cloned().collect();
    *started = living.iter().map(Process::downgrade).collect();
    drop(started);
    living
}

/// Notes a process that was started.
pub(super) fn add(process: &Process) {
    lock().push(process.downgrade());
    // Forgets those that have ended: a program may start any number.
    drop(active_children());
}

/// A name for a process that was given none.
pub(super) fn next_name() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!("Process-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

fn upgrade(process: &Weak<Inner>) -> Option<Process> {
    process.upgrade().map(Process::of)
}

fn lock() -> MutexGuard<'static, Vec<Weak<Inner>>> {
    STARTED.lock().unwrap_or_else(PoisonError::into_inner)
}
