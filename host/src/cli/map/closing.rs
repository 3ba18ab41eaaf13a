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
        for line in summary.lines(began.elapsed(), usage::cpu_time_of_children()) {
            report::note(&line);
        }
        let skipped = ledger.extent().skipped;
        if skipped > 0 {
            let inputs = show::counted(skipped, "input");
            report::note(&format!("{inputs} not run: the log has them"));
        }
        if let Some(halt) = halted {
            report::note(&format!("halted by `--halt {halt}`"));
        }
        if (interruption.happened() || halted.is_some()) && self.joblog.is_kept() {
            report::note("the same command with `--resume` goes on from here");
        }
    }
}
