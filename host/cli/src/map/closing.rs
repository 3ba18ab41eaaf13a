//! The texts that a map prints at its end.

use std::time::{Duration, Instant};

use super::Map;
use super::failures::Halt;
use super::ledger::Ledger;
use super::summary::Summary;
use crate::report::{Failure, Kind};
use crate::{report, show, usage};

impl Map {
    /// Prints the texts at the end of a map.
    pub fn say(
        &self,
        summary: &Summary,
        ledger: &Ledger,
        halted: Option<Halt>,
        began: Instant,
        is_interrupted: bool,
    ) {
        if self.outputs.has_bare_values() {
            summary.errors().iter().for_each(|line| report::note(line));
        }
        for line in summary.lines(began.elapsed(), usage::cpu_time_of_children()) {
            report::note(&line);
        }
        if let Some(text) = known_before(ledger) {
            report::note(&text);
        }
        if let Some(halt) = halted {
            report::note(&format!("halted by `--halt {halt}`"));
        }
        if halted.is_some() && !is_interrupted && self.joblog.is_kept() {
            report::note(self.way_on());
        }
    }
}

/// Returns a remark about inputs that are not run because the log has them.
pub fn known_before(ledger: &Ledger) -> Option<String> {
    let extent = ledger.extent();
    let done_before = Some(extent.done_before()).filter(|done| *done > 0)?;
    let inputs = show::counted(done_before, "input");
    let failed = match extent.failed_before {
        0 => String::new(),
        failed => format!(", {} of them failed", show::count(failed)),
    };
    Some(format!(
        "{inputs} not run, because the log has them{failed}"
    ))
}

/// The time that a run cut short by the pool waits for its inputs to be counted.
pub const COUNT_TIME: Duration = Duration::from_secs(20);

/// The time that a run waits for the count after a user ended it: less than a second signal
/// leaves for printing.
pub const SHORT_COUNT_TIME: Duration = Duration::from_millis(500);

/// The inputs that have no result, since the run was cut short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RemainingInputs {
    pub inputs: u64,
    /// `true` if these are all: else the inputs were not read to their end.
    all: bool,
}

impl RemainingInputs {
    /// Returns the inputs that are left. Waits for up to `wait` for the rest to be counted.
    pub fn of(ledger: &Ledger, summary: &Summary, wait: Duration) -> Self {
        let (inputs, all) = ledger.inputs_to_run(wait);
        RemainingInputs {
            inputs: inputs.saturating_sub(summary.tasks()),
            all,
        }
    }

    fn counted(self) -> String {
        let inputs = show::counted(self.inputs, "input");
        let were = if self.inputs == 1 { "was" } else { "were" };
        match self.all {
            true => format!("{inputs} {were} not run"),
            false => format!("at least {inputs} {were} not run"),
        }
    }
}

impl Map {
    /// Returns the failure of a run that the pool cut short.
    pub fn cut_short(&self, reason: String, remaining: RemainingInputs) -> Failure {
        let text = match remaining.inputs {
            0 => "the pool is broken".to_owned(),
            _ => format!("the run could not finish: {}", remaining.counted()),
        };
        let error = anyhow::Error::msg(reason).context(text);
        let failure = Failure::new(Kind::Pool, error);
        match remaining.inputs {
            0 => failure,
            _ => failure.hint(self.way_on()),
        }
    }

    /// Prints the number of inputs that an interrupt has left out, with `--quiet` as well:
    /// the results do not show that there should be more.
    pub fn say_interrupted(&self, remaining: RemainingInputs, summary: &Summary) {
        let what = match remaining {
            RemainingInputs {
                inputs: 0,
                all: true,
            } => return,
            RemainingInputs { inputs: 0, .. } if summary.tasks() == 0 => {
                return report::note("interrupted: no input was run");
            }
            RemainingInputs { inputs: 0, .. } => {
                "the remaining inputs were not read and not run".into()
            }
            remaining => remaining.counted(),
        };
        report::note(&format!("interrupted: {what}; {}", self.way_on()));
    }

    /// Returns the advice about inputs that were not run.
    pub fn how_to_go_on(&self, remaining: RemainingInputs) -> String {
        format!("{}; {}", remaining.counted(), self.way_on())
    }

    fn way_on(&self) -> &'static str {
        match self.joblog.is_kept() {
            true => "run the same command with `--resume` to continue from here",
            false => "with a log (`--joblog FILE`), `--resume` could continue from here",
        }
    }
}
