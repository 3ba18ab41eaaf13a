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
mod compare;
mod demo;
mod guests;
mod install;
mod interpreters;
mod merge;
mod packages;
mod project;
mod python;
mod release;
mod surroundings;
mod toolchain;
mod zig;

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
    /// Build the command in release, linked statically, and install it with the
    /// interpreters `python` and `javascript`
    Install {
        #[command(flatten)]
        installing: Installing,
        /// Put it into DIR/bin, and the interpreters into DIR/share/sandpool [default: cargo's
        /// own folder]
        #[arg(long, value_name = "DIR")]
        root: Option<PathBuf>,
    },
    /// Check format and lints, warnings denied; smaller sets of features; that all
    /// compiles for the other kind of machine; licenses and sources of dependencies
    Lint {
        #[command(flatten)]
        installing: Installing,
    },
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
        /// sandbox; interpreters), and what is handed to it: a part of a name, `--quick`, ...
        ///
        /// The first four are criterion's: each run says what changed since the
        /// last one, whose results are in target/criterion. To compare with one
        /// moment for longer, `cargo xtask bench dispatch --save-baseline before`,
        /// and later `--baseline before`. What users are promised is measured by
        /// `sandpool bench`.
        ///
        /// `interpreters` is `sandpool bench --only interpreters/` in release: the guests
        /// `python` and `javascript` beside CPython, node, pydantic-monty and quickjs, of
        /// which PyPI's come into a virtual environment below target/. It prints a table in
        /// Markdown, too. `--also NAME=FILE` measures one more module, `--only
        /// interpreters/python` one language.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Compare two builds of the command, run alternately, by what `sandpool bench` measures
    ///
    /// Prints for each figure the cost after as a multiple of that before: the median of
    /// the pairs, and its interval. Nothing else may run meanwhile.
    Compare {
        /// The command before, as `cargo build --release` leaves it
        before: PathBuf,
        /// The command after
        after: PathBuf,
        /// Number of runs of each
        #[arg(long, value_name = "N", default_value_t = 15, value_parser = clap::value_parser!(u16).range(1..))]
        pairs: u16,
        /// Handed to `sandpool bench`: `--quick`, `--only apply/`, ...
        #[arg(last = true)]
        arguments: Vec<OsString>,
    },
    /// Run the integration tests as others start them: under nohup, as an ordinary user,
    /// with stdin closed, and with a container's profile that refuses a system call
    Surroundings {
        /// Those whose names hold one of these words [default: all]
        names: Vec<String>,
    },
    /// Say whether all that a release needs is there, and what is left to do
    ///
    /// It needs: one version for all packages, which name each other by exactly that
    /// version; a dated section of CHANGELOG.md for it, with nothing left under
    /// [Unreleased]; packages that carry all they are built from; a clean work tree; and
    /// a version that was not tagged before. Nothing is changed, tagged or published.
    #[command(verbatim_doc_comment)]
    Release {
        /// The tag that is to be released, if there is one already: it has to be
        /// named after the version
        #[arg(long, value_name = "TAG", conflicts_with = "notes")]
        tag: Option<String>,
        /// Print the version's section of CHANGELOG.md, and check nothing else
        #[arg(long)]
        notes: bool,
    },
    /// Build every package from its tarball, run the hostile corpus and the integration
    /// tests many times over, then once in every surrounding
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
    /// Use what there is: never install a compiler for another target
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
        Task::Install { root, installing } => install::install(root.as_deref(), installing.into()),
        Task::Lint { installing } => checks::lint(installing.into()),
        Task::Test {
            installing,
            arguments,
        } => checks::test(&arguments, installing.into()),
        Task::Bench { arguments } => checks::bench(&arguments),
        Task::Compare {
            before,
            after,
            pairs,
            arguments,
        } => compare::compare(&before, &after, pairs.into(), &arguments),
        Task::Surroundings { names } => checks::surroundings(&names),
        Task::Release { notes: true, .. } => release::print_notes(),
        Task::Release { tag, .. } => release::check(tag.as_deref()),
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
