//! Results as lines: of JSON, or of values alone.

use std::io::{self, BufWriter, Write};

use super::Output;
use crate::cli::map::finished::Finished;
use crate::cli::outcome::{self, Detail, LineWriter};

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

impl Form {
    /// Whether a line of the output holds a value and nothing else.
    pub fn is_values(self) -> bool {
        matches!(self, Form::Values | Form::Outputs)
    }
}

/// Writes a line for each task.
pub struct Lines<W: Write> {
    out: BufWriter<W>,
    form: Form,
    /// Whether line N of the output answers line N of the input, so that empty
    /// lines leave empty lines.
    by_place: bool,
    line: LineWriter,
    /// Where the next line begins, in a file.
    offset: Option<u64>,
}

impl<W: Write> Lines<W> {
    /// Writes to `out`, which is a file at this offset, if it is one.
    pub fn new(out: W, form: Form, by_place: bool, offset: Option<u64>) -> Self {
        Lines {
            out: BufWriter::with_capacity(64 << 10, out),
            form,
            by_place,
            line: LineWriter::default(),
            offset,
        }
    }

    fn blank(&mut self, lines: u64) -> io::Result<()> {
        if self.by_place {
            for _ in 0..lines {
                self.out.write_all(b"\n")?;
            }
            self.offset = self.offset.map(|offset| offset + lines);
        }
        Ok(())
    }
}

impl<W: Write> Output for Lines<W> {
    fn write(&mut self, task: &Finished) -> io::Result<()> {
        self.blank(task.note.blank)?;
        let (form, outcome) = (self.form, &task.outcome);
        let line = self.line.line(|json| match form {
            Form::Calls(detail) => outcome::put_outcome(outcome, detail, json),
            Form::Commands(detail) => outcome::put_command_outcome(outcome, detail, json),
            Form::Values | Form::Outputs if !outcome.is_ok() => {}
            Form::Values => outcome
                .value
                .iter()
                .for_each(|value| outcome::put_value(value, json)),
            Form::Outputs => {
                outcome::put_output(outcome.stdout.as_deref().unwrap_or_default(), json)
            }
        });
        self.out.write_all(line)?;
        self.offset = self.offset.map(|offset| offset + line.len() as u64);
        Ok(())
    }

    fn lost(&mut self, task: &Finished) -> io::Result<()> {
        // The line that was lost is one, too.
        self.blank(task.note.blank + 1)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    fn offset(&self) -> Option<u64> {
        self.offset
    }

    fn end(&mut self, blank: u64) -> io::Result<()> {
        self.blank(blank)?;
        self.out.flush()
    }
}
