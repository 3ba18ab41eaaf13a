//! What is said when a map has ended.

use std::time::Instant;

use super::Map;
use super::failures::Halt;
use super::finished::Ledger;
use super::summary::Summary;
use crate::cli::interrupt::Interruption;
use crate::cli::{report, show, usage};

impl Map {
    /// Says at the end what there is to say.
    pub fn say(
        &self,
        summary: &Summary,
        ledger: &Ledger,
        halted: Option<Halt>,
        began: Instant,
        interruption: &Interruption,
    ) {
        if self.outputs.has_bare_values() {
            summary.errors().iter().for_each(|line| report::note(line));
        }
        for line in summary.lines(began.elapsed(), usage::cpu_time_of_children()) {
            report::note(&line);
        }
        let extent = ledger.extent();
        let done_before = extent.done_before();
        if done_before > 0 {
            let inputs = show::counted(done_before, "input");
            let failed = match extent.failed_before {
                0 => String::new(),
                failed => format!(", {} of them failed", show::count(failed)),
            };
            report::note(&format!("{inputs} not run: the log has them{failed}"));
        }
        if let Some(halt) = halted {
            report::note(&format!("halted by `--halt {halt}`"));
        }
        if (interruption.happened() || halted.is_some()) && self.joblog.is_kept() {
            report::note("the same command with `--resume` goes on from here");
        }
    }
}
