//! Queues, pipes and managed objects, between guests and their host.

mod futures;
mod guests;
mod killed;
mod losses;
mod queues;
mod values;

use sandpool::{Call, Module};

use crate::support::TestPool;

/// A call that performs steps; see `guest-tasks/sharing`.
pub fn perform(pool: &TestPool, sharing: &Module, steps: &[&str]) -> Call {
    let steps: Vec<String> = steps.iter().map(|&step| step.to_owned()).collect();
    pool.call(sharing, "perform").arg(steps)
}
