//! Decides when a session is over, by the end of a call or of the worker.

use super::worker_check::WorkerCheck;
use crate::outcome::Verdict;
use crate::pool::keys::SessionEnd;
use crate::pool::tasks::TaskResult;
use sandpool_protocol::frame::TaskEnd;
use sandpool_protocol::limits::LimitName;

/// Returns `true` if a call that ended so leaves an instance that further calls can use:
/// its function has returned, whatever it returned.
pub(super) fn leaves_instance(end: TaskEnd) -> bool {
    matches!(
        end,
        TaskEnd::Ok | TaskEnd::Error | TaskEnd::OutputLimit(LimitName::Result)
    )
}

impl WorkerCheck<'_> {
    /// Notes that the worker's session is over by the end of this call.
    pub(super) fn session_ends_with(&mut self, ended: &TaskResult) {
        let (verdict, error) = match ended {
            TaskResult::Full(outcome) => (outcome.verdict, outcome.error.clone()),
            TaskResult::Value(_) => return,
        };
        self.findings.session_end.get_or_insert(SessionEnd::Failed {
            verdict,
            reason: error.unwrap_or_default(),
        });
    }

    /// Notes that the worker's session is over since the worker is lost, for this reason.
    pub(super) fn session_is_lost(&mut self, reason: String) {
        self.findings.session_end.get_or_insert(SessionEnd::Failed {
            verdict: Verdict::WorkerLost,
            reason,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_function_that_returned_leaves_an_instance() {
        let result = TaskEnd::OutputLimit(LimitName::Result);
        for end in [TaskEnd::Ok, TaskEnd::Error, result] {
            assert!(leaves_instance(end), "{end:?}");
        }
        for end in [
            TaskEnd::Trap,
            TaskEnd::Exit(0),
            TaskEnd::Interrupted,
            TaskEnd::OutOfFuel,
            TaskEnd::Denied,
            TaskEnd::Initializer,
            TaskEnd::MemoryLimit(LimitName::Memory),
            TaskEnd::OutputLimit(LimitName::Stdout),
        ] {
            assert!(!leaves_instance(end), "{end:?}");
        }
    }
}
