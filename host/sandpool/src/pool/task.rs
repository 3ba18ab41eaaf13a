//! A task on its way through the host, and whoever waits for it.

use std::sync::Arc;

use super::call::Callable;
use super::constants::Constants;
use super::lot::Lot;
use super::retry::Retries;
use super::settled::Settled;
use super::state::Bound;
use super::steering::Steers;
use crate::outcome::Outcome;
use crate::shared::Shares;
use sandpool_protocol::compact::CompactTask;
use sandpool_protocol::frame::{TaskHeader, What, WireLimits, put_inline};
use sandpool_protocol::limits::{GIB, Limit, MIB, TaskLimits};
use sandpool_protocol::settings::Stdio;
use sandpool_value::{Type, Value};

/// Number of a worker key in its pool: module, grants and tenant.
pub(super) type KeyId = u64;

/// Whoever waits for an outcome.
pub(super) trait Sink: Send + Sync {
    /// Takes what became of tasks whose sink it is. Called once for each of them,
    /// with no lock held.
    fn deliver(&self, ended: &mut dyn Iterator<Item = Completion>);
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
    /// Arguments of the function that are the same for all.
    pub(super) constants: Option<Constants>,
    /// Type of what it returns; the payload of `ok`, if that is a result.
    pub(super) ok: Option<Type>,
    /// Whether it returns a result, whose `err` is the verdict `error`.
    pub(super) fails: bool,
    /// Type of the payload of that `err`.
    pub(super) err: Option<Type>,
    pub(super) limits: TaskLimits,
    pub(super) retries: Option<Retries>,
    /// For tasks of a stream: what is decided while they are under way.
    pub(super) steers: Option<Arc<Steers>>,
    /// Whether CPU time is read for each task.
    pub(super) measure_cpu: bool,
    /// What all of them were granted beyond what the pool grants.
    pub(super) shares: Shares,
}

impl Template {
    /// The argument of all tasks that is put between those of each when it is sent.
    pub(super) fn long(&self) -> &[u8] {
        self.constants.as_ref().map_or(&[], Constants::long)
    }
}

/// One task.
pub(super) struct Task {
    pub(super) id: u64,
    pub(super) index: u64,
    /// How often a worker has claimed it.
    pub(super) attempts: u32,
    /// How often it was put back since it had not ended well.
    pub(super) retries: u32,
    /// How many workers have died under it.
    pub(super) workers_lost: u32,
    /// What it was submitted with, and its place there.
    pub(super) lot: Arc<Lot>,
    pub(super) place: usize,
    pub(super) callback: Option<Callback>,
}

impl Task {
    /// The task in a place of a lot, with this index among those it belongs to.
    pub(super) fn new(lot: Arc<Lot>, place: usize, index: u64) -> Self {
        Task {
            id: 0,
            index,
            attempts: 0,
            retries: 0,
            workers_lost: 0,
            lot,
            place,
            callback: None,
        }
    }

    /// With its number in the pool.
    pub(super) fn numbered(self, id: u64) -> Self {
        Task { id, ..self }
    }

    pub(super) fn template(&self) -> &Arc<Template> {
        &self.lot.template
    }

    pub(super) fn key(&self) -> KeyId {
        self.lot.template.bound.id
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.lot.is_cancelled()
    }

    /// Whether it has the header of every task of its template, but for numbers.
    pub(super) fn is_function(&self) -> bool {
        matches!(self.lot.inputs.what, What::Function(_))
    }

    pub(super) fn is_command(&self) -> bool {
        matches!(self.lot.inputs.what, What::Command { .. })
    }

    /// Whether it is a command that reads the host's own standard input.
    pub(super) fn inherits_stdin(&self) -> bool {
        matches!(
            self.lot.inputs.what,
            What::Command {
                inherit_stdin: true,
                ..
            }
        )
    }

    /// Writes the bytes that a worker gets before the raw ones, in place of what
    /// is in a buffer: in short, if the worker knows the header of its template.
    pub(super) fn put_header(&self, bytes: &mut Vec<u8>, known: bool) {
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
            what: self.lot.inputs.what.clone(),
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

/// A task that has ended, on the way to its sink.
pub(super) struct Completion {
    pub(super) ended: Settled,
    /// What it was submitted with, and its place there.
    pub(super) lot: Arc<Lot>,
    pub(super) place: usize,
    pub(super) callback: Option<Callback>,
}

impl Task {
    /// The task has ended so.
    pub(super) fn end(self, ended: Settled) -> Completion {
        Completion {
            ended,
            lot: self.lot,
            place: self.place,
            callback: self.callback,
        }
    }
}

impl Completion {
    /// Bytes that it was called with.
    pub(super) fn input_bytes(&self) -> u64 {
        self.lot.inputs.bytes_of(self.place)
    }

    /// Whether it goes to the same sink, with no callback before that.
    pub(super) fn follows(&self, sink: &Arc<dyn Sink>) -> bool {
        self.callback.is_none() && Arc::ptr_eq(&self.lot.sink, sink)
    }

    /// Hands it over.
    pub(super) fn deliver(self) {
        let sink = Arc::clone(&self.lot.sink);
        sink.deliver(&mut std::iter::once(self));
    }
}
