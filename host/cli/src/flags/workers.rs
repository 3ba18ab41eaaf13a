//! The number of workers, and their upkeep.

use clap::Args;
use sandpool::PoolBuilder;

use crate::parse;

/// The number of workers, and their upkeep: for the subcommands that run many tasks.
#[derive(Args, Debug)]
pub struct WorkerFlags {
    /// Number of worker processes: N, N% of the cores, or +N or -N relative to the
    /// cores [default: one for each core]
    #[arg(
        short = 'j',
        long,
        value_name = "N",
        value_parser = parse::processes,
        allow_hyphen_values = true,
        help_heading = "Workers"
    )]
    pub(super) processes: Option<usize>,
    /// Niceness of the workers, from 0 to 19
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(0..=19), help_heading = "Workers")]
    nice: Option<u8>,
    /// Replace a worker after it has run N tasks
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), help_heading = "Workers")]
    max_tasks_per_process: Option<u64>,
}

impl WorkerFlags {
    pub fn apply(&self, mut builder: PoolBuilder) -> PoolBuilder {
        if let Some(processes) = self.processes {
            builder = builder.processes(processes);
        }
        if let Some(nice) = self.nice {
            builder = builder.nice(nice);
        }
        if let Some(tasks) = self.max_tasks_per_process {
            builder = builder.maxtasksperchild(tasks);
        }
        builder
    }
}
