//! The outcome of a call in this process, in the form that a pool gives it.

use std::time::Duration;

use wasmtime::Store;

use crate::last_words;
use crate::module::Module;
use crate::outcome::{Outcome, Verdict};
use sandpool_protocol::frame::TaskEnd;
use sandpool_protocol::limits::{LimitHit, LimitName, PoolLimits, TaskLimits};
use sandpool_protocol::verdict::{denied_by, trapped_then};
use sandpool_value::{Function, Printable, Value, error_text};
use sandpool_worker::engine::call::Returned;
use sandpool_worker::engine::guest::Guest;
use sandpool_worker::engine::verdict;

/// A call that has ended, and its circumstances.
pub(super) struct Ran<'a> {
    pub(super) module: &'a Module,
    pub(super) function: Option<&'a Function>,
    pub(super) limits: &'a TaskLimits,
    pub(super) pool: &'a PoolLimits,
    pub(super) run_time: Duration,
    pub(super) stdout: Option<Vec<u8>>,
    pub(super) stderr: Option<Vec<u8>>,
}

impl Ran<'_> {
    pub(super) fn outcome(
        self,
        store: &Store<Guest>,
        called: wasmtime::Result<Returned>,
    ) -> Outcome<Value> {
        let bounds = &store.data().bounds;
        let counts_fuel = self.module.settings().count_fuel;
        let given = self.limits.fuel.value.unwrap_or(u64::MAX);
        let left = counts_fuel.then(|| store.get_fuel().ok()).flatten();
        let mut outcome = Outcome {
            verdict: Verdict::Ok,
            value: None,
            error_value: None,
            error: None,
            index: 0,
            attempts: 1,
            poison: false,
            function: self.function.map_or("", |f| f.name.as_str()).into(),
            module_hash: self.module.shared_hash(),
            worker_pid: Some(std::process::id()),
            queue_wait: Duration::ZERO,
            run_time: Some(self.run_time),
            cpu_time: None,
            peak_memory: Some(bounds.peak_memory),
            fuel: left.map(|left| given.saturating_sub(left)),
            exit_code: None,
            signal: None,
            stdout: self.stdout,
            stderr: self.stderr,
            refusals: bounds.refusals.clone(),
            http: Vec::new(),
            limit: None,
        };
        let hit = |name| self.limits.hit(name).or_else(|| self.pool.hit(name));
        match called {
            Ok(Returned::Value(value)) => outcome.value = Some(value),
            Ok(Returned::Error(payload)) => {
                outcome.verdict = Verdict::Error;
                outcome.error = Some(
                    payload
                        .as_ref()
                        .map_or_else(|| "the function returned an error".to_owned(), error_text),
                );
                outcome.error_value = payload;
            }
            Ok(Returned::Exit(code)) => exited(&mut outcome, code),
            Err(error) => {
                let (end, message) = verdict::of_error(&error, bounds);
                let message = message.map(|text| Printable(&text).to_string());
                match end {
                    TaskEnd::Exit(code) => exited(&mut outcome, code),
                    TaskEnd::OutOfFuel => {
                        limited(&mut outcome, Verdict::OutOfFuel, hit(LimitName::Fuel))
                    }
                    TaskEnd::MemoryLimit(name) => {
                        limited(&mut outcome, Verdict::MemoryLimit, hit(name));
                        if let (Some(error), Some(text)) = (&mut outcome.error, message) {
                            error.push_str(&trapped_then(&text));
                        }
                    }
                    TaskEnd::OutputLimit(name) => {
                        limited(&mut outcome, Verdict::OutputLimit, hit(name));
                    }
                    TaskEnd::Interrupted => {
                        let hit = hit(LimitName::Timeout).map(|hit| LimitHit {
                            place: message,
                            ..hit
                        });
                        limited(&mut outcome, Verdict::Timeout, hit);
                    }
                    TaskEnd::Denied => {
                        outcome.verdict = Verdict::Denied;
                        outcome.error = Some(denied_by(&outcome.refusals));
                    }
                    TaskEnd::Ok
                    | TaskEnd::Error
                    | TaskEnd::Trap
                    | TaskEnd::HostFunction
                    | TaskEnd::Initializer => {
                        outcome.verdict = Verdict::Trap;
                        outcome.error = Some(message.unwrap_or_else(|| "trapped".into()));
                    }
                }
            }
        }
        last_words::add(&mut outcome);
        outcome
    }
}

fn exited(outcome: &mut Outcome<Value>, code: i32) {
    outcome.verdict = Verdict::Exit;
    outcome.exit_code = Some(code);
    outcome.error = Some(format!("left with exit code {code}"));
}

fn limited(outcome: &mut Outcome<Value>, verdict: Verdict, hit: Option<LimitHit>) {
    outcome.verdict = verdict;
    outcome.error = hit.as_ref().map(LimitHit::to_string);
    outcome.limit = hit;
}
