//! `--dry-run`: the calls that a map would make, each checked against the function's types,
//! as lines to paste. Nothing is run.

use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

use sandpool::Input;
use sandpool::stdio::{self, Waiting};

use super::closing::known_before;
use super::feed::Feed;
use super::job::Job;
use super::ledger::Ledger;
use crate::replay_command::ReplayCommand;
use crate::report::{self, Failure, Kind, TASK_FAILED};
use crate::sanitize;

/// Prints a line for each input. An input that does not fit, or cannot be replayed, is a
/// comment.
pub fn run(
    start: &ReplayCommand,
    job: &Job,
    feed: Feed,
    ledger: &Ledger,
    quiet: bool,
) -> Result<ExitCode, Failure> {
    stdio::check_stdout().map_err(report::stdout_failure)?;
    let mut out = BufWriter::new(Waiting::new(io::stdout().lock()));
    let (mut calls, mut unfit) = (0u64, 0u64);
    for input in feed {
        let note = ledger.take(calls);
        let (seq, label) = note.map_or_else(Default::default, |note| (note.seq, note.label));
        let line = match &input {
            Input::Invalid(why) => {
                unfit += 1;
                format!("# {seq}: {}", sanitize::line(why))
            }
            _ => replay_command(start, job, &input).unwrap_or_else(|why| {
                let label = sanitize::line(&label);
                format!("# {seq}: {label}: no command line: {why}")
            }),
        };
        calls += 1;
        match writeln!(out, "{line}") {
            Ok(()) => {}
            Err(error) => return ended(error),
        }
    }
    if let Err(error) = out.flush() {
        return ended(error);
    }
    if let Some(error) = ledger.failure() {
        return Err(Failure::new(Kind::Unusable, error));
    }
    if !quiet {
        report::note(&summary(calls, unfit));
        if let Some(text) = known_before(ledger) {
            report::note(&text);
        }
    }
    Ok(match unfit {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::from(TASK_FAILED),
    })
}

fn replay_command(start: &ReplayCommand, job: &Job, input: &Input) -> Result<String, &'static str> {
    match (input, job) {
        (Input::Args(args), Job::Call(function)) => {
            // Words go by position, so those behind a keyword must be keywords too.
            let fixed = function.fixed().iter().position(Option::is_some);
            let named = fixed.unwrap_or(function.whole().params.len());
            let names = function.rest().params.iter().enumerate();
            let names = names.map(|(at, param)| (at >= named).then_some(param.name.as_str()));
            start.with_values(names.zip(&args.positional))
        }
        (Input::Args(args), Job::Script(_)) => {
            start.with_values(args.positional.iter().map(|value| (None, value)))
        }
        (Input::Command { argv, stdin }, _) => start.with_stdin(argv, stdin),
        _ => Err("it is not a call"),
    }
}

fn ended(error: io::Error) -> Result<ExitCode, Failure> {
    match error.kind() {
        io::ErrorKind::BrokenPipe => Ok(ExitCode::from(report::QUIET_END)),
        _ => Err(report::stdout_failure(error)),
    }
}

fn summary(calls: u64, unfit: u64) -> String {
    let inputs = if calls == 1 { "input" } else { "inputs" };
    match unfit {
        0 => format!("{calls} {inputs}, and all fit"),
        unfit => format!("{unfit} of {calls} {inputs} do not fit"),
    }
}
