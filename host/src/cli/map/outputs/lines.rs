//! Results as lines: of JSON, or of values alone.

use std::io;

use sandpool::{Outcome, Value};

use super::Output;
use super::sink::Sink;
use crate::cli::map::finished::Finished;
use crate::cli::outcome::{self, Detail, LineWriter};
use crate::cli::sanitize;

/// What is written for each task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// An object for each call.
    Calls(Detail),
    /// An object for each run of a command.
    Commands(Detail),
    /// The value of each call.
    Values,
    /// The standard output of each command.
    Outputs,
}

/// Writes a line for each task.
pub struct Lines {
    sink: Sink,
    form: Form,
    /// Whether line N of the output answers line N of the input, so that empty
    /// lines leave empty lines.
    by_place: bool,
    /// Whether each line says what its input was.
    tag: bool,
    line: LineWriter,
}

impl Lines {
    pub fn new(sink: Sink, form: Form, by_place: bool, tag: bool) -> Self {
        Lines {
            sink,
            form,
            by_place,
            tag,
            line: LineWriter::default(),
        }
    }

    fn blank(&mut self, lines: u64) -> io::Result<()> {
        if self.by_place {
            for _ in 0..lines {
                self.sink.put(b"\n")?;
            }
        }
        Ok(())
    }
}

impl Output for Lines {
    fn write(&mut self, task: &Finished) -> io::Result<()> {
        self.blank(task.note.blank)?;
        let (form, outcome) = (self.form, &task.outcome);
        let tag = self.tag.then_some(task.note.label.as_str());
        let line = self.line.line(|json| match form {
            Form::Calls(detail) => outcome::put_outcome(outcome, tag, detail, json),
            Form::Commands(detail) => outcome::put_command_outcome(outcome, tag, detail, json),
            Form::Values | Form::Outputs => {
                if let Some(tag) = tag {
                    json.extend_from_slice(sanitize::line(tag).as_bytes());
                    json.push(b'\t');
                }
                put_bare(form, outcome, json);
            }
        });
        self.sink.put(line)
    }

    fn lost(&mut self, task: &Finished) -> io::Result<()> {
        // The line that was lost is one, too.
        self.blank(task.note.blank + 1)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }

    fn offset(&self) -> Option<u64> {
        self.sink.offset()
    }

    fn end(&mut self, blank: u64) -> io::Result<()> {
        self.blank(blank)?;
        self.sink.flush()
    }
}

/// A value, or what a command printed, and nothing for a task that failed.
fn put_bare(form: Form, outcome: &Outcome<Value>, json: &mut Vec<u8>) {
    match (form, &outcome.value) {
        _ if !outcome.is_ok() => {}
        (Form::Outputs, _) => {
            outcome::put_output(outcome.stdout.as_deref().unwrap_or_default(), json);
        }
        (_, Some(value)) => outcome::put_value(value, json),
        (_, None) => {}
    }
}
