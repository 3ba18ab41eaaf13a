//! `--dry-run`: the calls that a map would make, each checked against the
//! function's types, as lines to paste. Nothing is run.

use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::process::ExitCode;

use sandpool::Input;
use sandpool::stdio::{self, Waiting};
use sandpool::value::quoted;

use super::inputs::{Item, Source};
use super::job::{Job, Named};
use super::outputs::results::naming::{Name, Naming};
use super::outputs::results::taken::Taken;
use crate::pasted::Line;
use crate::report::{self, Failure, Kind, TASK_FAILED};
use crate::sanitize;

/// Prints a line for each input; what does not fit, or cannot be pasted, is a
/// comment.
pub fn run(
    start: &Line,
    job: &Named,
    mut source: Box<dyn Source>,
    quiet: bool,
) -> Result<ExitCode, Failure> {
    stdio::check_stdout().map_err(report::stdout_failure)?;
    let mut out = BufWriter::new(Waiting::new(io::stdout().lock()));
    let (mut calls, mut unfit) = (0u64, 0u64);
    let mut taken = Taken::default();
    loop {
        let item = source
            .next()
            .map_err(|error| Failure::new(Kind::Unusable, error))?;
        let Some(mut item) = item else {
            break;
        };
        let named = can_be_named(item.name.take(), &job.naming, &mut taken);
        if let (Err(why), Input::Args(_) | Input::Command { .. }) = (named, &item.input) {
            item.input = Input::Invalid(why);
        }
        let line = match &item.input {
            Input::Invalid(why) => {
                unfit += 1;
                format!("# {}: {}", calls, sanitize::line(why))
            }
            _ => pasted(start, job, &item).unwrap_or_else(|why| {
                let label = sanitize::line(&item.label);
                format!("# {calls}: {label}: no line to paste: {why}")
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
    if !quiet {
        report::note(&summary(calls, unfit));
    }
    Ok(match unfit {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::from(TASK_FAILED),
    })
}

/// That the result of an input can have its name.
fn can_be_named(name: Option<Name>, naming: &Naming, taken: &mut Taken) -> Result<(), String> {
    let Some(name) = name.transpose()? else {
        return Ok(());
    };
    let shown = naming.shown(&name);
    let is_there = Path::new(&shown).symlink_metadata().is_ok();
    let why = match taken.take(&name) {
        Err(why) => why,
        Ok(()) if is_there => "there is something of that name already",
        Ok(()) => return Ok(()),
    };
    Err(format!("its result would be {}, and {why}", quoted(&shown)))
}

fn pasted(start: &Line, job: &Job, item: &Item) -> Result<String, &'static str> {
    match (&item.input, job) {
        (Input::Args(args), Job::Call(function)) => {
            // Words go by position, so those behind a keyword are keywords as well.
            let fixed = function.fixed().iter().position(Option::is_some);
            let named = fixed.unwrap_or(function.whole().params.len());
            let names = function.rest().params.iter().enumerate();
            let names = names.map(|(at, param)| (at >= named).then_some(param.name.as_str()));
            start.with_values(names.zip(&args.positional))
        }
        (Input::Command { argv, stdin }, _) => start.with_stdin(argv, stdin),
        _ => Err("it is no call"),
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
