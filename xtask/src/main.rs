//! The developers' commands: `cargo xtask <command>`.
//!
//! Everything that is done to this repository more than once has a command
//! here, so that a fresh clone needs cargo and a C compiler and nothing else.
#![expect(
    clippy::print_stdout,
    reason = "these commands talk to whoever started them"
)]
#![expect(
    clippy::disallowed_methods,
    reason = "the programs that these commands run are no children of a pool"
)]

mod checks;
mod command;
mod demo;
mod guests;
mod install;
mod project;
mod surroundings;
mod toolchain;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::command::root;
use crate::toolchain::Install;

/// The developers' commands.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// See it work: builds all that is needed, then a tour of a few seconds
    Demo {
        #[command(flatten)]
        installing: Installing,
    },
    /// Build the task modules: leaves target/guests/<name>.wasm
    Guests {
        #[command(flatten)]
        installing: Installing,
    },
    /// Try what `sandpool new` makes: its tests, its build, and its functions in the pool
    Project {
        #[command(flatten)]
        installing: Installing,
    },
    /// Build the command in release, linked statically, and install it
    Install {
        /// Put it into DIR/bin [default: cargo's own folder]
        #[arg(long, value_name = "DIR")]
        root: Option<PathBuf>,
    },
    /// Check format and lints, warnings denied
    Lint,
    /// Everything that checks the project: guests, lints, all tests
    Test {
        #[command(flatten)]
        installing: Installing,
        /// Handed to `cargo test`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Measure what a task costs, in release; keeps the last results to compare with
    Bench {
        /// A bench by its name (channel, dispatch, instantiate, values; queue,
        /// sandbox), and what is handed to it: a part of a name, `--quick`, ...
        ///
        /// The first four are criterion's: each run says what changed since the
        /// last one, whose results are in target/criterion. To compare with one
        /// moment for longer, `cargo xtask bench dispatch --save-baseline before`,
        /// and later `--baseline before`. What users are promised is measured by
        /// `sandpool bench`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Run the integration tests as others start them: under nohup, as an ordinary user,
    /// with stdin closed, and with a container's profile that refuses a system call
    Surroundings {
        /// Those whose names hold one of these words [default: all]
        names: Vec<String>,
    },
    /// Run the hostile corpus and the integration tests many times over, then once in
    /// every surrounding
    Soak {
        /// Number of times
        #[arg(long, value_name = "N", default_value_t = 100)]
        times: u32,
        #[command(flatten)]
        installing: Installing,
    },
}

#[derive(clap::Args)]
struct Installing {
    /// Use what there is: never install a compiler for the wasm target
    #[arg(long)]
    no_install: bool,
}

impl From<Installing> for Install {
    fn from(installing: Installing) -> Self {
        if installing.no_install {
            Install::Forbidden
        } else {
            Install::Allowed
        }
    }
}

fn main() -> ExitCode {
    match perform(Arguments::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("error: {e:#}");
            ExitCode::FAILURE
        }
    }
}

fn perform(task: Task) -> Result<()> {
    match task {
        Task::Demo { installing } => demo::demo(installing.into()),
        Task::Guests { installing } => build_guests(installing.into()),
        Task::Project { installing } => project::check(&toolchain::ensure(installing.into())?),
        Task::Install { root } => install::install(root.as_deref()),
        Task::Lint => checks::lint(),
        Task::Test {
            installing,
            arguments,
        } => checks::test(&arguments, installing.into()),
        Task::Bench { arguments } => checks::bench(&arguments),
        Task::Surroundings { names } => checks::surroundings(&names),
        Task::Soak { times, installing } => checks::soak(times, installing.into()),
    }
}

fn build_guests(install: Install) -> Result<()> {
    let toolchain = toolchain::ensure(install)?;
    for module in guests::build(&toolchain)? {
        let size = std::fs::metadata(&module)?.len();
        let shown = module.strip_prefix(root()).unwrap_or(&module);
        println!("{} ({} KiB)", shown.display(), size.div_ceil(1024));
    }
    Ok(())
}
