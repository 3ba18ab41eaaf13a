//! The calls of the host that the running task of a worker makes, one at a time.

use std::sync::Arc;

use crate::pool::host_calls::{RunState, TaskFacts};
use crate::pool::tasks::Task;

/// The calls of one running task.
#[derive(Default)]
pub(super) struct TaskCalls {
    /// The facts for the calls, if the task has made any.
    facts: Option<Arc<TaskFacts>>,
    /// `true` if the last question was a call.
    is_last: bool,
}

impl TaskCalls {
    /// Notes that a call begins; returns the facts for it.
    pub(super) fn begin(&mut self, task: &Task, worker_pid: u32) -> Arc<TaskFacts> {
        self.is_last = true;
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
                worker_key: template.worker_key.id,
                run: RunState::default(),
            })
        });
        facts.begin_call();
        Arc::clone(facts)
    }

    /// Notes that the task asks something else: its last call was answered.
    pub(super) fn were_answered(&mut self) {
        self.is_last = false;
    }

    /// Returns `true` if the last question was a call whose closure made a task of its own
    /// pool.
    pub(super) fn wait_for_pool(&self) -> bool {
        let waits = |facts: &Arc<TaskFacts>| facts.waits_for_pool();
        self.is_last && self.facts.as_ref().is_some_and(waits)
    }

    /// Takes the text of the call that failed, if one did.
    pub(super) fn take_failure(&self) -> Option<String> {
        self.facts.as_ref()?.take_failure()
    }

    /// Ends the task's calls: those under way are told.
    pub(super) fn end(&mut self) {
        self.is_last = false;
        if let Some(facts) = self.facts.take() {
            facts.end();
        }
    }
}
