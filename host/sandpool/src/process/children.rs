//! The processes that this program has started: their names, and those that live.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, Weak};

use super::handle::{Inner, Process};

/// The processes that were started, oldest first. Those that have ended are removed when
/// the next is added, or when a caller asks.
static STARTED: Mutex<Vec<Weak<Inner>>> = Mutex::new(Vec::new());

/// Returns the living processes of this program, oldest first.
///
/// Dropped processes are among them. So this is how to wait for a process whose handle was
/// dropped, as Python does at its exit:
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
    // Dropped only after the lock is released: dropping the last handle to a process ends
    // its pool, which waits for the process.
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

/// Returns a name for a process that was given none.
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
