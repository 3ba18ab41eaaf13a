//! A task on its way through the host, and the sink of its result.

use std::sync::Arc;
use std::time::Duration;

use super::batch::Batch;
use super::constants::Constants;
use super::http_record::HttpRecord;
use super::retry::Retries;
use super::steers::Steers;
use super::task_result::TaskResult;
use crate::module::Module;
use crate::outcome::{Outcome, Verdict};
use crate::pool::error::Error;
use crate::pool::host_calls::{BoundImports, Tools};
use crate::pool::keys::{KeyId, WorkerKey};
use crate::pool::trace::{Caller, TaskReport};
use crate::shared::Shares;
use sandpool_protocol::compact::CompactTask;
use sandpool_protocol::frame::{Callee, TaskHeader, WireLimits, put_inline};
use sandpool_protocol::limits::{GIB, Limit, MIB, TaskLimits};
use sandpool_protocol::settings::Stdio;
use sandpool_value::{Function, Type, Value};

/// A receiver of the results of tasks.
pub(crate) trait Sink: Send + Sync {
    /// Takes the results of tasks that have this sink. Called once for each task, with no
    /// lock held.
    fn deliver(&self, ended: &mut dyn Iterator<Item = Completion>);
}

/// A function that runs in the parent when a task has ended.
pub(crate) type Callback = Box<dyn FnOnce(&Outcome<Value>) + Send>;

/// The part that many tasks of one call have in common.
pub(crate) struct Template {
    pub(crate) worker_key: Arc<WorkerKey>,
    /// The name of the function or of the command.
    pub(crate) function: Arc<str>,
    pub(crate) name: Option<String>,
    /// The function; `None` for a command.
    pub(crate) callable: Option<Callable>,
    /// The arguments of the function that all tasks have in common.
    pub(crate) constants: Option<Constants>,
    /// The type of the return value; if that is a result, of its `ok` payload.
    pub(crate) ok: Option<Type>,
    /// `true` if the function returns a result, whose `err` is the verdict `error`.
    pub(crate) fails: bool,
    /// The type of the payload of that `err`.
    pub(crate) err: Option<Type>,
    pub(crate) limits: TaskLimits,
    pub(crate) retries: Option<Retries>,
    /// The decisions that are made while the tasks are under way; `None` outside of a
    /// stream.
    pub(crate) steers: Option<Arc<Steers>>,
    /// `true` if CPU time is read for each task.
    pub(crate) measure_cpu: bool,
    /// The shared objects that the call grants beyond those of the pool.
    pub(crate) shares: Shares,
    /// The functions of the host that the module's imports are bound to, and the tools.
    pub(crate) imports: Arc<BoundImports>,
    pub(crate) tools: Arc<Tools>,
    /// The span that their spans belong to.
    pub(crate) caller: Caller,
}

impl Template {
    /// Returns `true` if the call has functions or tools of the host in place of those of its
    /// pool.
    pub(crate) fn narrows_host_calls(&self, of_pool: &Arc<Tools>) -> bool {
        let own = self.worker_key.imports.get();
        let has_own = own.is_some_and(|own| Arc::ptr_eq(own, &self.imports));
        !has_own || !Arc::ptr_eq(of_pool, &self.tools)
    }

    /// Returns the long argument of all tasks, which is put between those of each when it
    /// is sent.
    pub(super) fn long(&self) -> &[u8] {
        self.constants.as_ref().map_or(&[], Constants::long)
    }
}

/// A function and its number in the module.
#[derive(Clone)]
pub(crate) struct Callable {
    pub(crate) index: u32,
    pub(crate) function: Function,
}

pub(crate) fn wrong_kind(module: &Module) -> Error {
    Error::WrongKind {
        module: module.name().to_owned(),
        kind: module.kind(),
    }
}

/// One task.
pub(crate) struct Task {
    pub(crate) id: u64,
    pub(crate) index: u64,
    /// The number of times that a worker has claimed it.
    pub(crate) attempts: u32,
    /// The number of times that it was put back since it had not ended well.
    pub(crate) retries: u32,
    /// The number of workers that have died under it.
    pub(crate) workers_lost: u32,
    /// The batch that it was submitted with, and its position there.
    pub(crate) batch: Arc<Batch>,
    pub(crate) place: usize,
    pub(crate) callback: Option<Callback>,
    /// The HTTP requests of its last run, once that has ended.
    pub(crate) http: Option<Box<HttpRecord>>,
}

impl Task {
    /// Returns the task at a position of a batch. `index` is its index in its map or
    /// stream.
    pub(crate) fn new(batch: Arc<Batch>, place: usize, index: u64) -> Self {
        Task {
            id: 0,
            index,
            attempts: 0,
            retries: 0,
            workers_lost: 0,
            batch,
            place,
            callback: None,
            http: None,
        }
    }

    /// Gives the task its number in the pool.
    pub(crate) fn numbered(self, id: u64) -> Self {
        Task { id, ..self }
    }

    pub(crate) fn template(&self) -> &Arc<Template> {
        &self.batch.template
    }

    pub(crate) fn key(&self) -> KeyId {
        self.batch.template.worker_key.id
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.batch.is_cancelled()
    }

    /// Returns `true` if the task's header differs from those of its template only by
    /// numbers.
    pub(crate) fn is_function(&self) -> bool {
        matches!(self.batch.inputs.callee, Callee::Function(_))
    }

    pub(crate) fn is_command(&self) -> bool {
        matches!(self.batch.inputs.callee, Callee::Command { .. })
    }

    /// Returns `true` if the task is a command that reads the host's own standard input.
    pub(crate) fn inherits_stdin(&self) -> bool {
        matches!(
            self.batch.inputs.callee,
            Callee::Command {
                inherit_stdin: true,
                ..
            }
        )
    }

    /// Replaces the content of `bytes` by the header that a worker gets before the raw
    /// bytes: in short form, if the worker knows the header of the template.
    pub(crate) fn put_header(&self, bytes: &mut Vec<u8>, known: bool) {
        let attempt = self.attempts + 1;
        if known {
            let (task, index) = (self.id, self.index);
            let compact = CompactTask {
                task,
                index,
                attempt,
            };
            return compact.put(bytes);
        }
        let limits = &self.template().limits;
        let header = TaskHeader {
            task: self.id,
            index: self.index,
            attempt,
            name: self.template().name.clone(),
            callee: self.batch.inputs.callee.clone(),
            limits: WireLimits {
                timeout: limits.timeout.value,
                memory: limits.memory.value,
                result: limits.result.value,
                stdout: limits.stdout.value,
                stderr: limits.stderr.value,
                log: limits.log.value,
                host_calls: limits.host_calls.value,
                host_call_arguments: limits.host_call_arguments.value,
                fuel: limits.fuel.value,
            },
        };
        put_inline(bytes, &header, &[]);
    }

    /// Returns the largest size in bytes that an honest answer to this task can have. Where
    /// a task has no limit, this is the size that the host is willing to hold.
    pub(crate) fn most_answer_bytes(&self, stdio: Stdio) -> u64 {
        const UNLIMITED: u64 = GIB;
        let limits = &self.template().limits;
        let result = limits.result.value.unwrap_or(UNLIMITED);
        let stream = |limit: Limit<u64>| match stdio {
            Stdio::Capture => limit.value.unwrap_or(UNLIMITED),
            Stdio::Inherit | Stdio::Null => 0,
        };
        let parts = [MIB, result, stream(limits.stdout), stream(limits.stderr)];
        parts.into_iter().fold(0, u64::saturating_add)
    }
}

/// A task that has ended, on its way to its sink.
pub(crate) struct Completion {
    pub(crate) ended: TaskResult,
    /// The batch that it was submitted with, and its position there.
    pub(crate) batch: Arc<Batch>,
    pub(super) place: usize,
    pub(crate) callback: Option<Callback>,
}

impl Task {
    /// Ends the task with this result.
    pub(crate) fn end(self, ended: TaskResult) -> Completion {
        Completion {
            ended,
            batch: self.batch,
            place: self.place,
            callback: self.callback,
        }
    }
}

impl Completion {
    /// Returns the number of bytes of the task's input.
    pub(crate) fn input_bytes(&self) -> u64 {
        self.batch.inputs.bytes_of(self.place)
    }

    /// Returns `true` if the result goes to `sink` and no callback comes before that.
    pub(crate) fn follows(&self, sink: &Arc<dyn Sink>) -> bool {
        self.callback.is_none() && Arc::ptr_eq(&self.batch.sink, sink)
    }

    /// Delivers the result to its sink.
    pub(crate) fn deliver(self) {
        self.deliver_with(std::iter::empty());
    }

    /// Hands it over, and those behind it that [follow](Completion::follows).
    pub(crate) fn deliver_with(self, others: impl Iterator<Item = Completion>) {
        let sink = Arc::clone(&self.batch.sink);
        let is_reported = self.batch.template.caller.is_reported();
        let mut all = std::iter::once(self).chain(others);
        if is_reported {
            // Before the sink takes its lock: a subscriber is code of others.
            let all: Vec<Completion> = all.inspect(Completion::report).collect();
            return sink.deliver(&mut all.into_iter());
        }
        sink.deliver(&mut all);
    }

    /// Reports the verdict to the subscriber of the caller.
    #[cold]
    fn report(&self) {
        let template = &self.batch.template;
        let (verdict, error, refusals, http) = match &self.ended {
            TaskResult::Value(_) => (Verdict::Ok, None, &[][..], &[][..]),
            TaskResult::Full(outcome) => {
                let (refusals, http) = (outcome.refusals.as_slice(), outcome.http.as_slice());
                (outcome.verdict, outcome.error.as_deref(), refusals, http)
            }
        };
        let (worker_pid, queue_wait, run_time) = match &self.ended {
            TaskResult::Value(returned) => (
                Some(returned.worker_pid),
                Duration::from_nanos(returned.queue_wait),
                Some(Duration::from_nanos(returned.run_time)),
            ),
            TaskResult::Full(outcome) => (outcome.worker_pid, outcome.queue_wait, outcome.run_time),
        };
        let report = TaskReport {
            module: template.worker_key.module.name(),
            function: &template.function,
            index: self.ended.index(),
            attempts: self.ended.attempts(),
            verdict,
            error,
            refusals,
            http,
            worker_pid,
            queue_wait,
            run_time,
        };
        let spans = &self.batch.inputs.spans;
        spans.end(&template.caller, self.place, &report);
    }
}
