//! The outcome of a task: its verdict and everything the host knows about it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use sandpool_protocol::limits::LimitHit;
pub use sandpool_protocol::verdict::{Refusal, Verdict};
use sandpool_value::{ConvertError, FromValue, Printable, Value};

/// The number of refusals that the one-line form names: the latest.
const TOLD_REFUSALS: usize = 3;

/// The outcome of one task.
///
/// `T` is the type of the value: [`Value`] unless a typed call asked for another. A fact
/// that is unknown, as when the worker was killed, is `None`.
///
/// `Display` writes it in one line.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Outcome<T = Value> {
    /// The verdict: the way in which the task ended.
    pub verdict: Verdict,
    /// The returned value, with the verdict `ok`.
    pub value: Option<T>,
    /// The payload of the function's own `err`, with the verdict `error`.
    pub error_value: Option<Value>,
    /// The error, in one line; `None` with the verdict `ok`. With the verdicts `trap`,
    /// `memory_limit` and `exit`, the guest's last words on standard error stand at its
    /// end, if that was captured: the text of a panic, the end of a traceback.
    pub error: Option<String>,
    /// The index of the task within its map; 0 for a single call.
    pub index: u64,
    /// The number of times that the task was started.
    pub attempts: u32,
    /// `true` if the task had retries left but was not run again, since three workers had
    /// died under it.
    pub poison: bool,
    /// The name of the function, or of the command.
    pub function: Arc<str>,
    /// The SHA-256 of the module, in lowercase hex.
    pub module_hash: Arc<str>,
    /// The id of the process that ran it last.
    pub worker_pid: Option<u32>,
    /// The time from submission until a worker took it. Inputs of a stream that went to the
    /// pool together count from the first of them.
    pub queue_wait: Duration,
    /// The wall time on the worker.
    pub run_time: Option<Duration>,
    /// The CPU time on the worker, if it is limited or measured.
    pub cpu_time: Option<Duration>,
    /// The most linear memory that it had at once, in bytes.
    pub peak_memory: Option<u64>,
    /// The units of fuel that it used, if the pool counts fuel.
    pub fuel: Option<u64>,
    /// The exit code of a command, or of a worker that ended by itself.
    pub exit_code: Option<i32>,
    /// The signal that killed the worker, with the verdict `worker_lost`.
    pub signal: Option<i32>,
    /// The standard output, if it was captured.
    pub stdout: Option<Vec<u8>>,
    /// The standard error, if it was captured.
    pub stderr: Option<Vec<u8>>,
    /// The requests of the task that were refused, even if it survived the refusal: each
    /// one once, the latest last, 64 at most.
    pub refusals: Vec<Refusal>,
    /// The HTTP requests that the host sent for the task, by the host's own books: the
    /// first hundred, in the order in which they began. Those that were refused are among
    /// the [refusals](Self::refusals).
    pub http: Vec<HttpExchange>,
    /// The limit that ended the task, if one did.
    pub limit: Option<LimitHit>,
}

/// The highest number of HTTP requests that an outcome lists.
#[cfg(feature = "http")]
pub(crate) const MAX_HTTP_EXCHANGES: usize = 100;

/// An HTTP request that the host sent for a task.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HttpExchange {
    /// The method, such as `GET`.
    pub method: String,
    /// Scheme, host and port, as `https://api.example.com`.
    pub origin: String,
    /// The status of the response, if there was one.
    pub status: Option<u16>,
    /// The number of bytes of the request's body that came from the task.
    pub sent: u64,
    /// The number of bytes of the response's body that came from the server.
    pub received: u64,
}

impl<T> Outcome<T> {
    /// Returns `true` if the verdict is `ok`.
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

    /// Returns this outcome with another value.
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
            http: self.http,
            limit: self.limit,
        }
    }
}

impl Outcome<Value> {
    /// Returns the outcome with its value read as a `T`. A value that is no `T` makes it an
    /// `internal_error` that says so: the caller asked for the wrong type.
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
    /// Returns the outcome for a caller that asked for a value of another type.
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
        // A guest's own words and names may hold control characters of terminals.
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
