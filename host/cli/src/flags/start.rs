//! The time that the command waits for a first worker.

use std::time::Duration;

use clap::Args;
use sandpool::PoolBuilder;

use crate::parse::{self, OrNone};
use crate::report;

/// Long enough for others to give back memory or processes; short enough for a job
/// that somebody waits for.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// The time that the command waits for a first worker: for the subcommands that run
/// tasks.
#[derive(Args, Debug)]
pub struct StartFlags {
    /// Give up if the machine prevents every worker from starting for this long: no
    /// memory, no more processes, or the workers are killed [default: 60s]
    #[arg(long, value_name = "TIME", value_parser = parse::duration, help_heading = "Limits (`none` lifts one)")]
    pub(super) start_timeout: Option<OrNone<Duration>>,
}

impl StartFlags {
    pub fn apply(&self, builder: PoolBuilder, quiet: bool) -> PoolBuilder {
        let OrNone(timeout) = self.start_timeout.unwrap_or(OrNone(Some(START_TIMEOUT)));
        builder
            .start_timeout(timeout)
            .on_start_trouble(move |trouble| {
                if !quiet {
                    report::warn(&trouble.to_string());
                }
            })
    }
}
