//! A task on its way through the host, and whoever waits for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::call::Callable;
use super::state::Bound;
use crate::limits::{GIB, Limit, MIB, TaskLimits};
use crate::outcome::Outcome;
use crate::protocol::brief::BriefTask;
use crate::protocol::frame::{TaskHeader, What, WireLimits, put_inline};
use crate::settings::Stdio;
use crate::shared::Shares;
use crate::value::{Type, Value};

/// Number of a worker key in its pool: module, grants and tenant.
pub(super) type KeyId = u64;

/// Whoever waits for an outcome.
pub(super) trait Sink: Send + Sync {
    /// Takes the outcome. Called once for each task, with no lock held.
    fn deliver(&self, outcome: Outcome<Value>);
}

/// Runs in the parent when a task has ended.
pub(super) type Callback = Box<dyn FnOnce(&Outcome<Value>) + Send>;

/// What many tasks of one call have in common.
pub(super) struct Template {
    pub(super) bound: Arc<Bound>,
    /// Name of the function, or of the command.
    pub(super) function: Arc<str>,
    pub(super) name: Option<String>,
    /// `None` for a command.
    pub(super) callable: Option<Callable>,
    pub(super) result: Option<Type>,
    pub(super) limits: TaskLimits,
    /// Whether CPU time is read for each task.
    pub(super) measure_cpu: bool,
    /// What all of them were granted beyond what the pool grants.
    pub(super) shares: Shares,
}

/// One task.
pub(super) struct Task {
    pub(super) id: u64,
    pub(super) index: u64,
    /// How often a worker has claimed it.
    pub(super) attempts: u32,
    pub(super) template: Arc<Template>,
    pub(super) what: What,
    /// Encoded arguments, or standard input.
    pub(super) raw: Vec<u8>,
    /// What it was given as arguments.
    pub(super) shares: Shares,
    pub(super) submitted: Instant,
    pub(super) sink: Arc<dyn Sink>,
    pub(super) callback: Option<Callback>,
    /// Set by whoever cancels it; looked at by the dispatcher.
    pub(super) cancelled: Arc<AtomicBool>,
}

impl Task {
    pub(super) fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    /// Whether it has the header of every task of its template, but for numbers.
    pub(super) fn is_function(&self) -> bool {
        matches!(self.what, What::Function(_))
    }

    /// Writes the bytes that a worker gets before the raw ones, in place of what
    /// is in a buffer: in short, if the worker knows the header of its template.
    pub(super) fn put_header(&self, bytes: &mut Vec<u8>, known: bool) {
        let attempt = self.attempts + 1;
        if known {
            let (task, index) = (self.id, self.index);
            let brief = BriefTask {
                task,
                index,
                attempt,
            };
            return brief.put(bytes);
        }
        let limits = &self.template.limits;
        let header = TaskHeader {
            task: self.id,
            index: self.index,
            attempt,
            name: self.template.name.clone(),
            what: self.what.clone(),
            limits: WireLimits {
                timeout: limits.timeout.value,
                memory: limits.memory.value,
                result: limits.result.value,
                stdout: limits.stdout.value,
                stderr: limits.stderr.value,
                log: limits.log.value,
                host_calls: limits.host_calls.value,
                fuel: limits.fuel.value,
            },
        };
        put_inline(bytes, &header, &[]);
    }

    /// The most bytes that an honest answer to this task can have, and no more
    /// than the host is willing to hold where there is no limit.
    pub(super) fn most_answer_bytes(&self, stdio: Stdio) -> u64 {
        const UNLIMITED: u64 = GIB;
        let limits = &self.template.limits;
        let result = limits.result.value.unwrap_or(UNLIMITED);
        let stream = |limit: Limit<u64>| match stdio {
            Stdio::Capture => limit.value.unwrap_or(UNLIMITED),
            Stdio::Inherit | Stdio::Null => 0,
        };
        let parts = [MIB, result, stream(limits.stdout), stream(limits.stderr)];
        parts.into_iter().fold(0, u64::saturating_add)
    }
}

/// A task that has ended, with its outcome, on the way to its sink.
pub(super) struct Completion {
    pub(super) outcome: Outcome<Value>,
    pub(super) sink: Arc<dyn Sink>,
    pub(super) callback: Option<Callback>,
}

impl Task {
    pub(super) fn is_command(&self) -> bool {
        matches!(self.what, What::Command { .. })
    }
}

impl Task {
    /// The task has ended with this outcome.
    pub(super) fn end(self, outcome: Outcome<Value>) -> Box<Completion> {
        Box::new(Completion {
            outcome,
            sink: self.sink,
            callback: self.callback,
        })
    }
}
