//! Writes `map`'s results as they are ready.
//!
//! Results that come thick are written in large pieces; as soon as the next
//! one has to be waited for, what is there is flushed.

use std::collections::BTreeMap;
use std::io::{self, BufWriter, Write};

use sandpool::{IMap, Outcome, Value, Verdict};

use super::lines::Progress;
use super::outcome::{self, Detail, LineWriter};

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

/// How many tasks did not end ok, by verdict.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failed {
    counts: BTreeMap<&'static str, u64>,
    tasks: u64,
}

impl Failed {
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// `3 of 60 tasks did not end ok: 2 timeout, 1 trap`.
    pub fn summary(&self) -> String {
        let failed: u64 = self.counts.values().sum();
        let counts: Vec<_> = self
            .counts
            .iter()
            .map(|(verdict, count)| format!("{count} {verdict}"))
            .collect();
        let tasks = if self.tasks == 1 { "task" } else { "tasks" };
        format!(
            "{failed} of {} {tasks} did not end ok: {}",
            self.tasks,
            counts.join(", ")
        )
    }
}

/// Writes the results of a map.
pub struct Results<W: Write> {
    out: BufWriter<W>,
    form: Form,
    /// Where empty input lines leave empty output lines.
    progress: Option<Progress>,
    line: LineWriter,
    failed: Failed,
}

impl<W: Write> Results<W> {
    pub fn new(out: W, form: Form, progress: Option<Progress>) -> Self {
        let out = BufWriter::with_capacity(64 << 10, out);
        Results {
            out,
            form,
            progress,
            line: LineWriter::default(),
            failed: Failed::default(),
        }
    }

    /// Writes every outcome, and flushes whenever there is none to write.
    pub fn write_all(&mut self, mut outcomes: IMap<Value>) -> io::Result<()> {
        loop {
            let outcome = match outcomes.try_next_ready() {
                Some(outcome) => outcome,
                None => {
                    self.out.flush()?;
                    match outcomes.next() {
                        Some(outcome) => outcome,
                        None => break,
                    }
                }
            };
            self.write(&outcome)?;
        }
        self.write_empty_lines()?;
        self.out.flush()
    }

    /// What did not end ok so far.
    pub fn failed(&self) -> Failed {
        self.failed.clone()
    }

    fn write(&mut self, outcome: &Outcome<Value>) -> io::Result<()> {
        // Nothing is known of a task that the end of the pool took away; only
        // where lines are counted does it leave one, for those behind it.
        if outcome.verdict == Verdict::Cancelled {
            return match self.progress {
                Some(_) => self
                    .write_empty_lines()
                    .and_then(|()| self.out.write_all(b"\n")),
                None => Ok(()),
            };
        }
        self.failed.tasks += 1;
        if !outcome.is_ok() {
            *self
                .failed
                .counts
                .entry(outcome.verdict.name())
                .or_default() += 1;
        }
        self.write_empty_lines()?;
        let form = self.form;
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
        self.out.write_all(line)
    }

    fn write_empty_lines(&mut self) -> io::Result<()> {
        let empty = self.progress.as_ref().map_or(0, Progress::next_empty);
        for _ in 0..empty {
            self.out.write_all(b"\n")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_counts_by_verdict() {
        let failed = Failed {
            counts: [("trap", 1), ("timeout", 2)].into(),
            tasks: 60,
        };
        assert_eq!(
            failed.summary(),
            "3 of 60 tasks did not end ok: 2 timeout, 1 trap"
        );
        assert!(Failed::default().is_empty());
    }
}
