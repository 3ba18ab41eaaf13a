//! The `sandpool` command: what a user types, and what the terminal gets.
//!
//! One file a subcommand. Everything goes through the library's public
//! interface; nothing here knows workers or the channel. Results go to stdout,
//! all else to stderr.

mod apply;
#[cfg(feature = "in-process")]
mod bench;
mod doctor;
mod flags;
mod inspect;
mod interrupt;
mod lines;
mod map;
mod outcome;
mod parse;
mod report;
mod results;
mod run;
mod sanitize;
mod shell;
mod template;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use report::{Failure, Kind};

const ABOUT: &str = "multiprocessing.Pool for code that you do not trust: runs WebAssembly modules in \
parallel, each task in an isolated process";

const EXAMPLES: &str = "\
Examples:
  sandpool apply math.wasm fib 30                 one call
  seq 1 30 | sandpool map math.wasm fib -j 4      a call for each line
  sandpool run wc.wasm -l < README.md             a command, as if it were a program
  sandpool inspect math.wasm                      what it exports, imports and needs
  sandpool doctor                                 how well tasks are locked in here
  sandpool bench                                  what isolation costs here

`sandpool COMMAND --help` tells more.";

#[derive(Parser, Debug)]
#[command(name = "sandpool", version, about = ABOUT, after_help = EXAMPLES, subcommand_required = true)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    Run(run::Run),
    Apply(apply::Apply),
    Map(map::Map),
    Inspect(inspect::Inspect),
    Doctor(doctor::Doctor),
    #[cfg(feature = "in-process")]
    Bench(bench::Bench),
    /// A floor of `bench`, in a process of its own.
    #[cfg(feature = "in-process")]
    #[command(name = "__bare", hide = true)]
    BareLoop(bench::BareLoop),
}

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().collect();
    let is_run = words.get(1).is_some_and(|word| word == "run");
    let code = |kind: Kind| if is_run { kind.run_code() } else { kind.code() };
    let command = match CommandLine::try_parse_from(words) {
        Ok(line) => line.command,
        Err(error) => {
            // What cannot be printed has nobody to read it.
            let _ = error.print();
            return match error.use_stderr() {
                true => ExitCode::from(code(Kind::Usage)),
                false => ExitCode::SUCCESS,
            };
        }
    };
    let ended = match command {
        Command::Run(run) => run.run(),
        Command::Apply(apply) => apply.run(),
        Command::Map(map) => map.run(),
        Command::Inspect(inspect) => inspect.run(),
        Command::Doctor(doctor) => doctor.run(),
        #[cfg(feature = "in-process")]
        Command::Bench(bench) => bench.run(),
        #[cfg(feature = "in-process")]
        Command::BareLoop(bare) => bare.run().map(|()| ExitCode::SUCCESS),
    };
    ended.unwrap_or_else(|failure: Failure| {
        failure.say();
        ExitCode::from(code(failure.kind))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn every_subcommand_has_examples() {
        let line = CommandLine::command();
        for command in line
            .get_subcommands()
            .filter(|command| !command.is_hide_set())
        {
            let help = command
                .get_after_help()
                .map(ToString::to_string)
                .unwrap_or_default();
            assert!(help.contains("Examples:"), "{}", command.get_name());
        }
    }
}
