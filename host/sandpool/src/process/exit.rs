//! Exit codes: an outcome in the terms of Python's `Process.exitcode`.

use crate::outcome::{Outcome, Verdict};
use sandpool_value::Value;

/// The signals that end a process here.
pub(super) const TERMINATED: i32 = libc::SIGTERM;
pub(super) const KILLED: i32 = libc::SIGKILL;

/// Returns the exit code of a process with this outcome. `asked` is the signal of the
/// caller that ended it, if one did.
pub(super) fn code(outcome: &Outcome<Value>, asked: Option<i32>) -> i32 {
    match outcome.verdict {
        Verdict::Ok => 0,
        Verdict::Exit => outcome.exit_code.map_or(1, handed_on),
        Verdict::Cancelled => -asked.unwrap_or(KILLED),
        // The host ends these by killing.
        Verdict::Timeout | Verdict::CpuLimit => -KILLED,
        Verdict::WorkerLost => match (outcome.signal, outcome.exit_code) {
            (Some(signal), _) => -signal,
            (None, Some(code)) => handed_on(code),
            // It broke the rules of the channel, and was killed for that.
            (None, None) => -KILLED,
        },
        Verdict::Error
        | Verdict::Trap
        | Verdict::OutOfFuel
        | Verdict::MemoryLimit
        | Verdict::OutputLimit
        | Verdict::Denied
        | Verdict::InvalidArguments
        | Verdict::InvalidModule
        | Verdict::CompileLimit
        | Verdict::InternalError => 1,
    }
}

/// Returns the low byte of an exit code, as the system passes it on. A code that failed
/// must not look like success, as 256 would.
fn handed_on(code: i32) -> i32 {
    match code.to_le_bytes()[0] {
        0 => 1,
        code => code.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_that_failed_never_leaves_with_0() {
        assert_eq!(handed_on(42), 42);
        assert_eq!(handed_on(256), 1);
        assert_eq!(handed_on(-1), 255);
        assert_eq!(handed_on(0), 1);
    }
}
