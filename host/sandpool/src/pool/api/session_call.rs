//! One call in a session, built step by step.

use std::time::Duration;

use super::call::Call;
use super::handle::AsyncResult;
use crate::outcome::Outcome;
use crate::pool::error::Error;
use crate::shared::Share;
use sandpool_value::{FromValue, ToArgs, ToValue, Value};

/// One call in a [`Session`](crate::Session), made by
/// [`Session::run`](crate::Session::run).
///
/// It has the setters of [`Call`](crate::Call) that make sense in one live instance: no
/// retries, since a call that fails may have ended the session, and no tenant and grants,
/// which are the session's. Limits that are not set here are the session's.
///
/// The call is sent by its last method: [`apply`](SessionCall::apply),
/// [`outcome`](SessionCall::outcome) or [`apply_async`](SessionCall::apply_async).
#[must_use = "a call does nothing until it is applied"]
pub struct SessionCall {
    call: Call,
}

/// The setters that are those of [`Call`].
macro_rules! setters {
    ($($(#[$doc:meta])* $method:ident($($arg:ident: $ty:ty),+);)+) => {
        $(
            $(#[$doc])*
            pub fn $method(self, $($arg: $ty),+) -> Self {
                SessionCall::new(self.call.$method($($arg),+))
            }
        )+
    };
}

impl SessionCall {
    pub(super) fn new(call: Call) -> Self {
        SessionCall { call }
    }

    setters! {
        /// Adds a positional argument.
        arg(value: impl ToValue);
        /// Adds positional arguments, and keywords where `args` has some.
        args(args: impl ToArgs);
        /// Adds positional arguments that are values already.
        values(values: Vec<Value>);
        /// Adds an argument by the name of its parameter.
        kwarg(name: &str, value: impl ToValue);
        /// Limits the wall time, from the moment the session's worker takes the call. A
        /// call that runs past it ends the session.
        timeout(limit: impl Into<Option<Duration>>);
        /// Limits the CPU time of the worker during the call.
        cpu_time(limit: impl Into<Option<Duration>>);
        /// Limits the linear memory of the session during this call, in bytes. The memory
        /// that earlier calls have left counts, but is not taken away.
        memory(limit: impl Into<Option<u64>>);
        /// Limits the encoded result, in bytes. A result beyond it is the one limit that
        /// does not end the session.
        result_limit(limit: impl Into<Option<u64>>);
        /// Limits the standard output, in bytes.
        stdout_limit(limit: impl Into<Option<u64>>);
        /// Limits the standard error, in bytes.
        stderr_limit(limit: impl Into<Option<u64>>);
        /// Limits the log and progress messages, in bytes.
        log_limit(limit: impl Into<Option<u64>>);
        /// Limits the memory that one host call, or the result, may make the worker
        /// allocate, in bytes.
        host_call_memory(limit: impl Into<Option<u64>>);
        /// Limits the units of fuel. The pool must count fuel: see
        /// [`PoolBuilder::fuel`](crate::PoolBuilder::fuel).
        fuel(limit: impl Into<Option<u64>>);
        /// Grants a queue, a side of a pipe or a managed object to this call, which opens
        /// it by this name.
        share(name: impl Into<String>, object: &impl Share);
        /// Sets a name for the task, which its guest can ask for \[the function's name\].
        name(name: impl Into<String>);
        /// Sets a function that is called in the parent, on the pool's callback thread,
        /// when the call has ended, whatever its verdict.
        callback(callback: impl FnOnce(&Outcome<Value>) + Send + 'static);
        /// Sets a function that is called instead of the
        /// [`callback`](SessionCall::callback) when the call has not ended `ok`.
        error_callback(callback: impl FnOnce(&Outcome<Value>) + Send + 'static);
    }

    /// Runs the call and waits for its value.
    ///
    /// # Errors
    ///
    /// Returns [`Error::Failed`], which holds the outcome, if the call does not end `ok`,
    /// [`Error::SessionEnded`] if the session is over, and other errors if the call cannot
    /// be sent.
    pub fn apply<T: FromValue>(self) -> Result<T, Error> {
        self.call.apply()
    }

    /// Runs the call and waits for its outcome: the verdict and all other facts.
    ///
    /// # Errors
    ///
    /// Returns an error if the call cannot be sent. A call that fails is no error here.
    pub fn outcome(self) -> Result<Outcome<Value>, Error> {
        self.call.outcome()
    }

    /// Sends the call and returns at once. Cancelling a call that runs ends the session; a
    /// call that waits is only taken out.
    ///
    /// # Errors
    ///
    /// Returns an error if the session takes no calls, or the arguments do not fit.
    pub fn apply_async<T: FromValue>(self) -> Result<AsyncResult<T>, Error> {
        self.call.apply_async()
    }
}
