//! Ends a map before its inputs do: for an interrupt, or for `--halt`.
//!
//! The first Ctrl-C, SIGTERM or SIGHUP lets the running tasks end; see `interrupt`
//! for the second.

use sandpool::{Pool, Steering};

use super::failures::{Halt, Stop};
use super::summary::Summary;
use crate::interrupt::Interruption;
use crate::report;
use crate::show;

/// Watches for a reason to stop.
pub struct Stopping {
    pool: Pool,
    steering: Steering,
    halt: Option<Halt>,
    halted: bool,
}

impl Stopping {
    /// From now on an interrupt lets the running tasks end.
    pub fn watch(
        pool: &Pool,
        steering: &Steering,
        halt: Option<Halt>,
        interruption: &Interruption,
        quiet: bool,
    ) -> Self {
        let steered = steering.clone();
        interruption.gently(move || {
            let running = steered.running().len() as u64;
            steered.finish();
            if !quiet {
                report::note(&format!(
                    "stopping; {} may end; another Ctrl-C or signal ends everything at once",
                    show::counted(running, "running task")
                ));
            }
        });
        Stopping {
            pool: pool.clone(),
            steering: steering.clone(),
            halt,
            halted: false,
        }
    }

    /// Stops if it is time to, by what has ended so far.
    pub fn look(&mut self, summary: &Summary) {
        let Some(halt) = self
            .halt
            .filter(|halt| !self.halted && halt.is_met(summary))
        else {
            return;
        };
        self.halted = true;
        self.steering.finish();
        if halt.how == Stop::Now {
            self.pool.terminate();
        }
    }

    /// The condition that ended the map, if one did.
    pub fn halted(&self) -> Option<Halt> {
        self.halt.filter(|_| self.halted)
    }
}
