//! The `sandpool` command: what a user types, and what the terminal gets.
//!
//! One file a subcommand. Everything goes through the library's public
//! interface; nothing here knows workers or the channel. Results go to stdout,
//! all else to stderr.

mod apply;
mod doctor;
mod flags;
mod inspect;
mod interrupt;
mod map;
mod outcome;
mod parse;
mod report;
mod run;
mod sanitize;
mod screen;
mod shell;
mod show;
mod usage;

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
    Map(Box<map::Map>),
    Inspect(inspect::Inspect),
    Doctor(doctor::Doctor),
}

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    let mut words: Vec<OsString> = std::env::args_os().collect();
    let is_run = words.get(1).is_some_and(|word| word == "run");
    let code = |kind: Kind| if is_run { kind.run_code() } else { kind.code() };
    let values = match words.get(1).is_some_and(|word| word == "map") {
        true => map::split_off(&mut words),
        false => Ok(Vec::new()),
    };
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
        Command::Map(map) => values.and_then(|values| map.run(values)),
        Command::Inspect(inspect) => inspect.run(),
        Command::Doctor(doctor) => doctor.run(),
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
        for command in CommandLine::command().get_subcommands() {
            let help = command
                .get_after_help()
                .map(ToString::to_string)
                .unwrap_or_default();
            assert!(help.contains("Examples:"), "{}", command.get_name());
        }
    }
}
