//! The ending of a task, and its refusals.

use std::fmt;

use serde::{Deserialize, Serialize};

use sandpool_value::Printable;

/// The way in which a task ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The task returned, and its value is in the outcome.
    Ok,
    /// The function returned its own error, whatever the task was refused before.
    Error,
    /// The task left with an exit code that is not 0.
    Exit,
    /// The task trapped; the error text holds wasmtime's trap code.
    Trap,
    /// The task ran past its wall time.
    Timeout,
    /// The task used more CPU time than allowed.
    CpuLimit,
    /// The task used up its fuel.
    OutOfFuel,
    /// The task trapped or aborted after an allocation that was refused.
    MemoryLimit,
    /// The task's result, output or log grew past its limit.
    OutputLimit,
    /// The task called a function that was not granted, by a call that has no way to fail,
    /// so it was ended. A call that can fail fails, and the task continues: see
    /// `Outcome::refusals`.
    Denied,
    /// The arguments do not fit the function; the task was never sent.
    InvalidArguments,
    /// The module cannot be loaded.
    InvalidModule,
    /// Compiling the module ran past a limit.
    CompileLimit,
    /// The task's worker process died under it.
    WorkerLost,
    /// The task was cancelled.
    Cancelled,
    /// sandpool itself failed.
    InternalError,
}

impl Verdict {
    /// Returns the verdict's name as it is printed and written to JSON.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Ok => "ok",
            Verdict::Error => "error",
            Verdict::Exit => "exit",
            Verdict::Trap => "trap",
            Verdict::Timeout => "timeout",
            Verdict::CpuLimit => "cpu_limit",
            Verdict::OutOfFuel => "out_of_fuel",
            Verdict::MemoryLimit => "memory_limit",
            Verdict::OutputLimit => "output_limit",
            Verdict::Denied => "denied",
            Verdict::InvalidArguments => "invalid_arguments",
            Verdict::InvalidModule => "invalid_module",
            Verdict::CompileLimit => "compile_limit",
            Verdict::WorkerLost => "worker_lost",
            Verdict::Cancelled => "cancelled",
            Verdict::InternalError => "internal_error",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A request of a task that was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The kind of the request: `memory`, `table`, `process memory`; `file`, `write
    /// access`, `socket`, `name look-up`, `import`.
    pub what: String,
    /// The exact request: an amount, a path as the guest sees it, the name of a host.
    pub detail: String,
}

impl fmt::Display for Refusal {
    /// Writes `file /etc/passwd`, with control characters escaped.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", Printable(&self.what), Printable(&self.detail))
    }
}

/// The number of refusals of a task that are listed: the first ones, and the latest.
pub const MAX_REFUSALS: usize = 64;

/// The number of bytes of a refusal's detail, beside a mark where it was cut: guests choose
/// the names in it, and all refusals of a task have to fit into the header of its answer.
pub const MAX_DETAIL: usize = 512;

/// Returns the text about a task that ended because it called what was not granted: by the
/// last of its refusals.
pub fn denied_by(refusals: &[Refusal]) -> String {
    match refusals.last() {
        Some(Refusal { what, detail }) => {
            Printable(&format!("{what} was not granted: {detail}")).to_string()
        }
        None => "a capability was not granted".into(),
    }
}

/// Returns the text about the trap of a task that was refused memory, which follows the
/// line about the limit.
pub fn trapped_then(text: &str) -> String {
    format!("; then it trapped: {text}")
}
