//! The result of a task, on its way from the worker to the caller that waits for it.
//!
//! Nearly all tasks end well and leave nothing but a value. The other fields of their
//! [`Outcome`] have equal values in all of them, so they are not carried along with each
//! result, but filled in where the outcome is handed over.

use std::sync::Arc;
use std::time::Duration;

use super::task::Template;
use crate::outcome::{Outcome, Verdict};
use crate::pool::error::Error;
use sandpool_value::{FromValue, Value};

/// The result of a task.
#[derive(Clone)]
pub(crate) enum TaskResult {
    /// The task returned a value, and left nothing else.
    Value(Returned),
    /// The task did not end well, or left more than a value.
    Full(Box<Outcome<Value>>),
}

/// The result of a task that returned and left nothing but a value.
#[derive(Clone)]
pub(crate) struct Returned {
    pub(super) value: Value,
    pub(super) index: u64,
    pub(super) attempts: u32,
    pub(super) worker_pid: u32,
    /// The time in the queue, in nanoseconds; the next field too is in nanoseconds.
    pub(super) queue_wait: u64,
    pub(super) run_time: u64,
    pub(super) peak_memory: u64,
    /// `true` if the task's output, of which there is none, was captured.
    pub(super) captured: bool,
}

impl TaskResult {
    pub(crate) fn full(outcome: Outcome<Value>) -> Self {
        TaskResult::Full(Box::new(outcome))
    }

    pub(crate) fn is_ok(&self) -> bool {
        match self {
            TaskResult::Value(_) => true,
            TaskResult::Full(outcome) => outcome.is_ok(),
        }
    }

    pub(crate) fn index(&self) -> u64 {
        match self {
            TaskResult::Value(returned) => returned.index,
            TaskResult::Full(outcome) => outcome.index,
        }
    }

    pub(crate) fn attempts(&self) -> u32 {
        match self {
            TaskResult::Value(returned) => returned.attempts,
            TaskResult::Full(outcome) => outcome.attempts,
        }
    }

    /// Returns the number of bytes that the result holds, roughly.
    pub(crate) fn weight(&self) -> u64 {
        match self {
            TaskResult::Value(returned) => {
                size_of::<TaskResult>() as u64 + weight_of_value(&returned.value)
            }
            TaskResult::Full(outcome) => weight_of_outcome(outcome),
        }
    }

    /// Returns the outcome of a task of this template.
    pub(crate) fn outcome(self, template: &Template) -> Outcome<Value> {
        match self {
            TaskResult::Value(mut returned) => {
                let value = std::mem::replace(&mut returned.value, Value::Bool(false));
                returned.with(value, template)
            }
            TaskResult::Full(outcome) => *outcome,
        }
    }

    /// Returns the outcome as [`TaskResult::outcome`] does, with its value read as a `T`.
    pub(crate) fn typed<T: FromValue>(self, template: &Template) -> Outcome<T> {
        match self {
            TaskResult::Value(mut returned) => {
                let value = std::mem::replace(&mut returned.value, Value::Bool(false));
                match T::from_value(value) {
                    Ok(value) => returned.with(value, template),
                    Err(mismatch) => returned.with((), template).mistyped(&mismatch),
                }
            }
            TaskResult::Full(outcome) => outcome.typed(),
        }
    }
}

impl TaskResult {
    /// Returns the value alone.
    ///
    /// # Errors
    ///
    /// Returns [`Error::Failed`] if the task did not end `ok`, and [`Error::Convert`] if
    /// its value is no `T`.
    pub(crate) fn value<T: FromValue>(self, template: &Template) -> Result<T, Error> {
        match self {
            TaskResult::Value(returned) => T::from_value(returned.value).map_err(Error::Convert),
            TaskResult::Full(_) => value_of(self.outcome(template)),
        }
    }
}

impl Returned {
    fn with<T>(self, value: T, template: &Template) -> Outcome<T> {
        let nothing = || self.captured.then(Vec::new);
        Outcome {
            verdict: Verdict::Ok,
            value: Some(value),
            error_value: None,
            error: None,
            index: self.index,
            attempts: self.attempts,
            poison: false,
            function: Arc::clone(&template.function),
            module_hash: template.worker_key.module.shared_hash(),
            worker_pid: Some(self.worker_pid),
            queue_wait: Duration::from_nanos(self.queue_wait),
            run_time: Some(Duration::from_nanos(self.run_time)),
            cpu_time: None,
            peak_memory: Some(self.peak_memory),
            fuel: None,
            exit_code: None,
            signal: None,
            stdout: nothing(),
            stderr: nothing(),
            refusals: Vec::new(),
            http: Vec::new(),
            limit: None,
        }
    }
}

fn weight_of_outcome(outcome: &Outcome<Value>) -> u64 {
    let streams = [&outcome.stdout, &outcome.stderr];
    let streams: usize = streams.into_iter().flatten().map(Vec::len).sum();
    let error = outcome.error.as_ref().map_or(0, String::len);
    let refusals = outcome.refusals.iter();
    let refusals: usize = refusals.map(|r| r.what.len() + r.detail.len()).sum();
    let values = [&outcome.value, &outcome.error_value];
    let values: u64 = values.into_iter().flatten().map(weight_of_value).sum();
    let http = outcome.http.iter();
    let http: usize = http
        .map(|exchange| exchange.method.len() + exchange.origin.len())
        .sum();
    (size_of::<Outcome>() + streams + error + refusals + http) as u64 + values
}

fn weight_of_value(value: &Value) -> u64 {
    let own = size_of::<Value>() as u64;
    own + match value {
        Value::String(text) => text.len() as u64,
        Value::Bytes(bytes) => bytes.len() as u64,
        Value::List(values) | Value::Tuple(values) => values.iter().map(weight_of_value).sum(),
        Value::Record(fields) => fields
            .iter()
            .map(|(name, v)| name.len() as u64 + weight_of_value(v))
            .sum(),
        Value::Variant(_, Some(value)) | Value::Option(Some(value)) => weight_of_value(value),
        Value::Result(Ok(Some(value)) | Err(Some(value))) => weight_of_value(value),
        _ => 0,
    }
}

impl<T> Outcome<T> {
    /// Returns the value alone.
    ///
    /// `collect` turns many of these results into all values or the first error, as
    /// multiprocessing's `map` does.
    ///
    /// # Errors
    ///
    /// Returns [`Error::Failed`], which holds the whole outcome, if the task did not end
    /// `ok`.
    ///
    /// ```no_run
    /// # fn squares(outcomes: Vec<sandpool::Outcome<u64>>) -> Result<(), sandpool::Error> {
    /// let values: Vec<u64> = outcomes
    ///     .into_iter()
    ///     .map(|outcome| outcome.into_result())
    ///     .collect::<Result<_, _>>()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn into_result(mut self) -> Result<T, Error> {
        match self.value.take() {
            Some(value) if self.is_ok() => Ok(value),
            _ => Err(Error::Failed(Box::new(self.with_value(None)))),
        }
    }
}

/// Returns the value of a task, or the reason why it has none.
pub(crate) fn value_of<T: FromValue>(mut outcome: Outcome<Value>) -> Result<T, Error> {
    match outcome.value.take() {
        Some(value) if outcome.is_ok() => T::from_value(value).map_err(Error::Convert),
        value => {
            outcome.value = value;
            Err(Error::Failed(Box::new(outcome)))
        }
    }
}
