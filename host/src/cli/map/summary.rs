//! What a map says at its end.

use std::collections::BTreeMap;

use super::finished::Finished;

/// How the tasks ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Those that did not end ok, by verdict.
    failed: BTreeMap<&'static str, u64>,
    tasks: u64,
}

impl Summary {
    pub fn count(&mut self, task: &Finished) {
        self.tasks += 1;
        if !task.outcome.is_ok() {
            *self.failed.entry(task.outcome.verdict.name()).or_default() += 1;
        }
    }

    pub fn all_ok(&self) -> bool {
        self.failed.is_empty()
    }

    /// `3 of 60 tasks did not end ok: 2 timeout, 1 trap`.
    pub fn failures(&self) -> String {
        let failed: u64 = self.failed.values().sum();
        let counts: Vec<_> = self
            .failed
            .iter()
            .map(|(verdict, count)| format!("{count} {verdict}"))
            .collect();
        let tasks = if self.tasks == 1 { "task" } else { "tasks" };
        format!(
            "{failed} of {} {tasks} did not end ok: {}",
            self.tasks,
            counts.join(", ")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_counted_by_verdict() {
        let summary = Summary {
            failed: [("trap", 1), ("timeout", 2)].into(),
            tasks: 60,
        };
        assert_eq!(
            summary.failures(),
            "3 of 60 tasks did not end ok: 2 timeout, 1 trap"
        );
        assert!(Summary::default().all_ok());
    }
}
