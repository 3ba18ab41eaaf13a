//! The outcome of a task: its verdict and everything the host knows about it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use sandpool_protocol::limits::LimitHit;
pub use sandpool_protocol::verdict::{Refusal, Verdict};
use sandpool_value::{ConvertError, FromValue, Printable, Value};

/// So many refusals are told in one line: the latest.
const TOLD_REFUSALS: usize = 3;

/// The outcome of one task.
///
/// `T` is the type of the value: [`Value`] unless a typed call asked for
/// another. What a killed worker could not tell is `None`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Outcome<T = Value> {
    /// The verdict.
    pub verdict: Verdict,
    /// The returned value, with the verdict `ok`.
    pub value: Option<T>,
    /// The payload of its own `err`, with the verdict `error`.
    pub error_value: Option<Value>,
    /// The error, in one line; `None` with the verdict `ok`. With the verdicts `trap`,
    /// `memory_limit` and `exit`, the guest's last words on standard error stand at its
    /// end, where that was captured: the text of a panic, the end of a traceback.
    pub error: Option<String>,
    /// Index of the task within its map; 0 for a single call.
    pub index: u64,
    /// The number of times that the task was started.
    pub attempts: u32,
    /// True if it was not run again, although it had retries left, since three workers
    /// had died under it.
    pub poison: bool,
    /// Name of the function, or of the command.
    pub function: Arc<str>,
    /// SHA-256 of the module, in lowercase hex.
    pub module_hash: Arc<str>,
    /// The process that ran it last.
    pub worker_pid: Option<u32>,
    /// Time from submission to the worker's taking it; of a stream's inputs that
    /// went to the pool together, from that of the first.
    pub queue_wait: Duration,
    /// Wall time on the worker.
    pub run_time: Option<Duration>,
    /// CPU time on the worker, when it is limited or asked for.
    pub cpu_time: Option<Duration>,
    /// The most linear memory it had at once, in bytes.
    pub peak_memory: Option<u64>,
    /// Fuel used, where it is counted.
    pub fuel: Option<u64>,
    /// Exit code of a command, and of a worker that left by itself.
    pub exit_code: Option<i32>,
    /// Signal that killed the worker, with the verdict `worker_lost`.
    pub signal: Option<i32>,
    /// Standard output, where it was captured.
    pub stdout: Option<Vec<u8>>,
    /// Standard error, where it was captured.
    pub stderr: Option<Vec<u8>>,
    /// Everything that the task asked for and was refused, also if it survived the
    /// refusal: each thing once, the latest last, 64 at most.
    pub refusals: Vec<Refusal>,
    /// The limit that ended it.
    pub limit: Option<LimitHit>,
}

impl<T> Outcome<T> {
    /// Returns whether the verdict is `ok`.
    pub fn is_ok(&self) -> bool {
        self.verdict == Verdict::Ok
    }

    /// Returns the refusals of the task, in one line, the latest first; `None` if it
    /// was refused nothing: `file /etc/b, file /etc/a and 5 more`.
    pub fn refused(&self) -> Option<String> {
        let latest = self.refusals.iter().rev().take(TOLD_REFUSALS);
        let told: Vec<_> = latest.map(ToString::to_string).collect();
        let more = self.refusals.len() - told.len();
        let told = told.join(", ");
        match (told.is_empty(), more) {
            (true, _) => None,
            (false, 0) => Some(told),
            (false, more) => Some(format!("{told} and {more} more")),
        }
    }

    /// The same outcome with another value.
    pub(crate) fn with_value<U>(self, value: Option<U>) -> Outcome<U> {
        Outcome {
            verdict: self.verdict,
            value,
            error_value: self.error_value,
            error: self.error,
            index: self.index,
            attempts: self.attempts,
            poison: self.poison,
            function: self.function,
            module_hash: self.module_hash,
            worker_pid: self.worker_pid,
            queue_wait: self.queue_wait,
            run_time: self.run_time,
            cpu_time: self.cpu_time,
            peak_memory: self.peak_memory,
            fuel: self.fuel,
            exit_code: self.exit_code,
            signal: self.signal,
            stdout: self.stdout,
            stderr: self.stderr,
            refusals: self.refusals,
            limit: self.limit,
        }
    }
}

impl Outcome<Value> {
    /// The outcome with its value read as a `T`. A value that is no `T` makes
    /// it an `internal_error` that says so: the caller asked for the wrong type.
    pub fn typed<T: FromValue>(mut self) -> Outcome<T> {
        let value = match self.value.take().map(T::from_value) {
            None => None,
            Some(Ok(value)) => Some(value),
            Some(Err(mismatch)) => return self.mistyped(&mismatch),
        };
        self.with_value(value)
    }
}

impl<T> Outcome<T> {
    /// The outcome of who asked for a value of another type.
    pub(crate) fn mistyped<U>(self, mismatch: &ConvertError) -> Outcome<U> {
        Outcome {
            verdict: Verdict::InternalError,
            error: Some(format!(
                "the result is not of the type asked for: {mismatch}"
            )),
            ..self.with_value(None)
        }
    }
}

impl<T: fmt::Debug> fmt::Display for Outcome<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A guest's own words and names may hold what controls a terminal.
        let function = Printable(&self.function);
        write!(f, "[{}] {function} {}", self.index, self.verdict)?;
        match (&self.value, &self.error) {
            (Some(value), _) => write!(f, ": {value:?}")?,
            (None, Some(error)) => write!(f, ": {}", Printable(error))?,
            (None, None) => {}
        }
        match self.refused() {
            Some(refused) => write!(f, " (refused: {refused})"),
            None => Ok(()),
        }
    }
}
