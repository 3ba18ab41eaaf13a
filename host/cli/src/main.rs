//! The `sandpool` command: what a user types, and what the terminal gets.
//!
//! One file a subcommand. Everything goes through the library's public
//! interface; nothing here knows workers or the channel. Results go to stdout,
//! all else to stderr. The same binary is its own worker and compiler: the
//! library starts it again under a hidden subcommand.

mod apply;
mod bench;
mod completions;
mod doctor;
mod eval;
mod flags;
mod inspect;
mod interrupt;
mod language;
mod loading;
mod man;
mod map;
mod misread;
mod new;
mod outcome;
mod parse;
mod repl;
mod replay_command;
mod report;
mod run;
mod sanitize;
mod screen;
mod shell;
mod show;
mod ulimit;
mod usage;
mod warm;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use replay_command::Given;
use report::{Failure, Kind};

const ABOUT: &str = "multiprocessing.Pool for code that you do not trust: runs WebAssembly modules in \
parallel, each task in an isolated process";

const EXAMPLES: &str = "\
Examples:
  sandpool eval 'sum(range(10))'                  Python text; --lang javascript too
  sandpool apply math.wasm fib 30                 one call
  seq 1 30 | sandpool map math.wasm fib -j 4      a call for each line
  sandpool run wc.wasm -l < README.md             a command, as if it were a program
  sandpool inspect math.wasm                      its exports, imports and grants
  sandpool doctor                                 which layers of the sandbox hold here
  sandpool bench                                  the cost of isolation here
  sandpool new word-count                         a project for a module of your own

`sandpool COMMAND --help` describes a command.";

#[derive(Parser, Debug)]
#[command(name = "sandpool", version, about = ABOUT, after_help = EXAMPLES, subcommand_required = true)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    Eval(eval::Eval),
    Repl(repl::Repl),
    Run(run::Run),
    Apply(apply::Apply),
    Map(Box<map::Map>),
    Warm(warm::Warm),
    Inspect(inspect::Inspect),
    Doctor(doctor::Doctor),
    Bench(sandpool_bench::Bench),
    New(new::New),
    Completions(completions::Completions),
    Man(man::Man),
}

/// All that the command line can be, for those who describe it.
fn command_line() -> clap::Command {
    CommandLine::command()
}

fn main() -> ExitCode {
    // Does not return in a child process.
    sandpool::worker_entry();
    run_command()
}

/// Runs the command that the process was started with.
fn run_command() -> ExitCode {
    sandpool::prepare_command();
    ulimit::survive_full_files();
    let mut words: Vec<OsString> = std::env::args_os().collect();
    // No command for users: the other end of a measurement.
    if words
        .get(1)
        .is_some_and(|word| word == sandpool_bench::BARE_LOOP)
    {
        return sandpool_bench::bare_loop();
    }
    let is_run = words.get(1).is_some_and(|word| word == "run");
    let code = |kind: Kind| if is_run { kind.run_code() } else { kind.code() };
    let values = match words.get(1).is_some_and(|word| word == "map") {
        true => map::split_off(&mut words),
        false => Ok(Vec::new()),
    };
    let read = command_line().try_get_matches_from(&words);
    let read = read.and_then(|matches| {
        let line = CommandLine::from_arg_matches(&matches)
            .map_err(|error| error.format(&mut command_line()))?;
        Ok((line.command, Given::new(matches)))
    });
    let (command, given) = match read {
        Ok(read) => read,
        Err(error) => {
            let error = match misread::explain(error, &words) {
                Ok(error) => error,
                Err(failure) => {
                    failure.say();
                    return ExitCode::from(code(failure.kind));
                }
            };
            let printed = report::print_words_of_clap(&error, code(Kind::Usage));
            return printed.unwrap_or_else(|failure| {
                failure.say();
                ExitCode::from(code(failure.kind))
            });
        }
    };
    let ended = match command {
        Command::Eval(eval) => eval.run(),
        Command::Repl(repl) => repl.run(),
        Command::Run(run) => run.run(),
        Command::Apply(apply) => apply.run(&given),
        Command::Map(map) => values.and_then(|values| map.run(values, &given)),
        Command::Warm(warm) => warm.run(),
        Command::Inspect(inspect) => inspect.run(),
        Command::Doctor(doctor) => doctor.run(),
        Command::Bench(command) => bench::run(command),
        Command::New(new) => new.run(),
        Command::Completions(completions) => completions.run(),
        Command::Man(man) => man.run(),
    };
    ended.unwrap_or_else(|failure: Failure| {
        failure.say();
        ExitCode::from(code(failure.kind))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        command_line().debug_assert();
    }

    #[test]
    fn every_subcommand_has_examples() {
        for command in command_line().get_subcommands() {
            let help = command
                .get_after_help()
                .map(ToString::to_string)
                .unwrap_or_default();
            assert!(help.contains("Examples:"), "{}", command.get_name());
        }
    }
}
