//! The calls of the host that the running task of a worker makes, one at a time.

use std::sync::Arc;
use std::time::Instant;

use crate::pool::host_calls::{RunState, TaskFacts};
use crate::pool::tasks::Task;

/// The calls of one running task.
#[derive(Default)]
pub(super) struct TaskCalls {
    /// The facts for the calls, if the task has made any.
    facts: Option<Arc<TaskFacts>>,
    /// The time of the last question, if that was a call.
    since: Option<Instant>,
}

impl TaskCalls {
    /// Notes that a call begins; returns the facts for it.
    pub(super) fn begin(&mut self, task: &Task, worker_pid: u32) -> Arc<TaskFacts> {
        self.since = Some(Instant::now());
        let facts = self.facts.get_or_insert_with(|| {
            let template = task.template();
            let name = template.name.clone();
            Arc::new(TaskFacts {
                task: task.id,
                index: task.index,
                name: name.unwrap_or_else(|| template.function.to_string()),
                tenant: template.worker_key.key.tenant.clone(),
                module: template.worker_key.module.clone(),
                worker_pid,
                run: RunState::default(),
            })
        });
        Arc::clone(facts)
    }

    /// Notes that the task asks something else: its last call was answered.
    pub(super) fn were_answered(&mut self) {
        self.since = None;
    }

    /// Returns the time of the last question, if that was a call.
    pub(super) fn since(&self) -> Option<Instant> {
        self.since
    }

    /// Takes the text of the call that failed, if one did.
    pub(super) fn take_failure(&self) -> Option<String> {
        self.facts.as_ref()?.take_failure()
    }

    /// Ends the task's calls: those under way are told.
    pub(super) fn end(&mut self) {
        self.since = None;
        if let Some(facts) = self.facts.take() {
            facts.end();
        }
    }
}
