//! The call of the host that this very thread runs, so that a pool knows a closure that waits
//! for it.

use std::cell::RefCell;
use std::sync::Arc;

use super::context::TaskFacts;

thread_local! {
    /// The number of the pool's threads, and the facts of the task that calls.
    static RUNNING: RefCell<Option<(usize, Arc<TaskFacts>)>> = const { RefCell::new(None) };
}

/// Runs a call for the threads of this number; meanwhile [`running_for`] tells of it.
pub(super) fn run_for<T>(threads: usize, facts: Arc<TaskFacts>, run: impl FnOnce() -> T) -> T {
    RUNNING.replace(Some((threads, facts)));
    let returned = run();
    RUNNING.replace(None);
    returned
}

/// Returns the facts of the task whose call this thread runs, if it is one of these threads.
pub(super) fn running_for(threads: usize) -> Option<Arc<TaskFacts>> {
    RUNNING.with_borrow(|running| {
        let (of, facts) = running.as_ref()?;
        (*of == threads).then(|| Arc::clone(facts))
    })
}
