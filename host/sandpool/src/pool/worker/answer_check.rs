//! Checks the claims of a worker about the end of its task. The worker knows best how the
//! task ended, but its guest may have taken it over: a verdict that cannot have come about,
//! or an answer that is larger than the task's limits allow, is a violation.

use crate::pool::tasks::Task;
use sandpool_protocol::Violation;
use sandpool_protocol::frame::{AnswerHeader, TaskEnd};
use sandpool_protocol::limits::{Limit, LimitName};
use sandpool_protocol::settings::Stdio;
use sandpool_protocol::verdict::{MAX_DETAIL, MAX_REFUSALS, Refusal};

/// Bytes of a refusal's kind, such as `write access`.
const MAX_KIND: usize = 32;

/// The facts that the host checks an answer against.
pub(super) struct Circumstances {
    /// `true` if the pool has an initializer.
    pub(super) initializer: bool,
    /// `true` if the worker was told to end the task.
    pub(super) interrupted: bool,
    pub(super) stdio: Stdio,
}

/// Checks that an answer can have come about.
pub(super) fn check(
    task: &Task,
    header: &AnswerHeader,
    known: &Circumstances,
) -> Result<(), Violation> {
    let limits = &task.template().limits;
    let may_end_so = match header.end {
        TaskEnd::Ok | TaskEnd::Exit(_) | TaskEnd::Trap | TaskEnd::Denied => true,
        // The caller has found the call that failed.
        TaskEnd::HostFunction => true,
        TaskEnd::Error => task.is_command() || task.template().fails,
        TaskEnd::Interrupted => known.interrupted,
        TaskEnd::OutOfFuel => limits.fuel.value.is_some(),
        TaskEnd::MemoryLimit(name) => matches!(
            name,
            LimitName::Memory
                | LimitName::Memories
                | LimitName::Tables
                | LimitName::TableElements
                | LimitName::Instances
                | LimitName::Handles
                | LimitName::ProcessMemory
                | LimitName::HostCalls
        ),
        TaskEnd::OutputLimit(name) => matches!(
            name,
            LimitName::Result
                | LimitName::Stdout
                | LimitName::Stderr
                | LimitName::Log
                | LimitName::HostCallArguments
        ),
        TaskEnd::Initializer => known.initializer,
    };
    if !may_end_so {
        return Err(Violation("its task cannot have ended as it says"));
    }
    if !refusals_are_bounded(&header.refusals) {
        return Err(Violation("it tells of more refusals than there can be"));
    }
    let stream = |limit: Limit<u64>| match known.stdio {
        Stdio::Capture => limit.value,
        // Output that is passed on or thrown away is not in the answer.
        Stdio::Inherit | Stdio::Null => Some(0),
    };
    let fits = |len: u64, most: Option<u64>| most.is_none_or(|most| len <= most);
    let all_fit = fits(header.value_len, limits.result.value)
        && fits(header.stdout_len, stream(limits.stdout))
        && fits(header.stderr_len, stream(limits.stderr));
    if all_fit {
        Ok(())
    } else {
        Err(Violation("it answers more than its task may"))
    }
}

/// Returns `true` if there are no more refusals, and none is longer, than an honest worker
/// sends. They are listed, counted and shown.
fn refusals_are_bounded(refusals: &[Refusal]) -> bool {
    let fits = |refusal: &Refusal| {
        refusal.what.len() <= MAX_KIND && refusal.detail.len() <= MAX_DETAIL + '…'.len_utf8()
    };
    refusals.len() <= MAX_REFUSALS && refusals.iter().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_tells_of_as_many_refusals_as_there_can_be_and_of_none_without_end() {
        let refusal = |what: usize, detail: usize| Refusal {
            what: "x".repeat(what),
            detail: "x".repeat(detail),
        };
        let longest = refusal(MAX_KIND, MAX_DETAIL);
        assert!(refusals_are_bounded(&[]));
        assert!(refusals_are_bounded(&vec![longest.clone(); MAX_REFUSALS]));
        assert!(!refusals_are_bounded(&vec![longest; MAX_REFUSALS + 1]));
        assert!(!refusals_are_bounded(&[refusal(MAX_KIND + 1, 1)]));
        assert!(!refusals_are_bounded(&[refusal(1, MAX_DETAIL + 4)]));
    }
}
