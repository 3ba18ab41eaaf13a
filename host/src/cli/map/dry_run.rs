//! `--dry-run`: the calls that a map would make, each checked against the
//! function's types, as lines to paste. Nothing is run.

use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::process::ExitCode;

use sandpool::{Input, Value};

use super::inputs::{Item, Source};
use super::job::Job;
use crate::cli::report::{self, Failure, Kind, TASK_FAILED};
use crate::cli::{outcome, sanitize, shell};

/// Prints a line for each input; what does not fit is a comment.
pub fn run(
    module: &Path,
    job: &Job,
    mut source: Box<dyn Source>,
    quiet: bool,
) -> Result<ExitCode, Failure> {
    let start = match job {
        Job::Call(function) => format!(
            "apply {} {}",
            quoted(module),
            shell::quote(&function.full_name())
        ),
        Job::Command(_) => format!("run {}", quoted(module)),
    };
    let mut out = BufWriter::new(io::stdout().lock());
    let (mut calls, mut unfit) = (0u64, 0u64);
    loop {
        let item = source
            .next()
            .map_err(|error| Failure::new(Kind::Unusable, error))?;
        let Some(item) = item else {
            break;
        };
        let line = match &item.input {
            Input::Invalid(why) => {
                unfit += 1;
                format!("# {}: {}", calls, sanitize::line(why))
            }
            _ => format!("sandpool {start}{}", words(&item)),
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

fn quoted(module: &Path) -> String {
    shell::quote(&module.display().to_string()).into_owned()
}

/// The words for an input, each behind a space.
fn words(item: &Item) -> String {
    match &item.input {
        Input::Args(args) => call(args.positional.iter().map(word)),
        Input::Command { argv, stdin } => {
            let mut line: String = argv
                .iter()
                .map(|word| format!(" {}", shell::quote(word)))
                .collect();
            if !stdin.is_empty() {
                line.push_str(&format!(" # {} bytes on stdin", stdin.len()));
            }
            line
        }
        _ => String::new(),
    }
}

fn call(words: impl Iterator<Item = String>) -> String {
    let words: Vec<String> = words.collect();
    // Or it would be taken for a flag.
    let dashed = words
        .iter()
        .any(|word| word.starts_with('-') && word.parse::<f64>().is_err());
    let mut line = String::from(if dashed { " --" } else { "" });
    for word in words {
        line.push(' ');
        line.push_str(&shell::quote(&word));
    }
    line
}

/// The word that `apply` reads as this value.
fn word(value: &Value) -> String {
    match value {
        Value::String(text) if text.starts_with('@') => format!("@{text}"),
        Value::String(text) | Value::Enum(text) => text.clone(),
        Value::Char(c) => c.to_string(),
        Value::Option(Some(value)) if !matches!(**value, Value::Option(_)) => word(value),
        value => {
            let mut json = Vec::new();
            outcome::put_value(value, &mut json);
            String::from_utf8(json).unwrap_or_default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sandpool::ToInput;

    fn line(values: Vec<Value>) -> String {
        words(&Item {
            label: String::new(),
            hash: 0,
            input: values.into_input(),
            blank: 0,
        })
    }

    #[test]
    fn values_are_words_as_apply_reads_them() {
        let text = |text: &str| Value::String(text.into());
        assert_eq!(
            line(vec![Value::U8(3), text("it's"), Value::none()]),
            r" 3 'it'\''s' null"
        );
        assert_eq!(line(vec![Value::S8(-3)]), " -3");
        assert_eq!(line(vec![text("-x"), Value::S8(1)]), " -- -x 1");
        assert_eq!(line(vec![Value::some(text("@x"))]), " @@x");
        assert_eq!(line(vec![Value::List(vec![Value::U8(1)])]), " '[1]'");
    }
}
