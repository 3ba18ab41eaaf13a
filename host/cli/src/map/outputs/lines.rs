//! Results as lines: of JSON, or of values alone.

use std::io;

use sandpool::{Outcome, Value};

use super::opened::{self, Opened};
use super::sink::Sink;
use super::{Output, ResultForm};
use crate::map::ledger::Finished;
use crate::outcome::{self, Detail, LineWriter};
use crate::{sanitize, show};

/// The form of a task's line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineContent {
    /// An object for each call.
    Calls(Detail),
    /// An object for each run of a script.
    Scripts(Detail),
    /// An object for each run of a command.
    Commands(Detail),
    /// The value of each call.
    Values,
    /// The standard output of each command.
    Outputs,
    /// The value of each call, as the JSON that its text is.
    OpenedValues,
    /// The value of each run of a script.
    ScriptValues,
    /// The standard output of each command, as the JSON that it is.
    OpenedOutputs,
}

/// Writes a line for each task.
pub struct LineOutput {
    sink: Sink,
    content: LineContent,
    /// True if line N of the output answers line N of the input, so that empty lines
    /// leave empty lines.
    by_place: bool,
    /// True if each line says what its input was.
    tag: bool,
    line: LineWriter,
    /// The number of texts that should be JSON but are not.
    unopened: u64,
}

impl LineOutput {
    pub fn new(sink: Sink, content: LineContent, by_place: bool, tag: bool) -> Self {
        LineOutput {
            sink,
            content,
            by_place,
            tag,
            line: LineWriter::default(),
            unopened: 0,
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

impl Output for LineOutput {
    fn write(&mut self, task: &mut Finished) -> io::Result<()> {
        self.blank(task.note.blank)?;
        let (content, outcome) = (self.content, &task.outcome);
        let tag = self.tag.then_some(task.note.label.as_str());
        let stored = task.stored.as_ref();
        let text = match content {
            LineContent::OpenedValues => opened::text_of(task, ResultForm::Value),
            LineContent::Scripts(_) | LineContent::ScriptValues => {
                opened::text_of(task, ResultForm::Json)
            }
            LineContent::OpenedOutputs => opened::text_of(task, ResultForm::Stdout),
            _ => None,
        };
        let opened = text.as_deref().and_then(|text| match content {
            LineContent::Scripts(_) | LineContent::ScriptValues => Opened::of_script(text),
            _ => Opened::read(text),
        });
        self.unopened += u64::from(text.is_some() && opened.is_none());
        let line = self.line.line(|json| match content {
            LineContent::Calls(detail) | LineContent::Scripts(detail) => {
                outcome::put_outcome(outcome, opened, tag, stored, detail, json);
            }
            LineContent::Commands(detail) => {
                outcome::put_command_outcome(outcome, tag, stored, detail, json);
            }
            _ => {
                if let Some(tag) = tag {
                    json.extend_from_slice(sanitize::line(tag).as_bytes());
                    json.push(b'\t');
                }
                match (stored, opened) {
                    (Some(stored), _) => outcome::put_place(stored, json),
                    (None, Some(opened)) => opened.put(json),
                    (None, None) => put_bare(content, outcome, json),
                }
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

    fn remark(&self) -> Option<String> {
        let texts = match self.unopened {
            0 => return None,
            1 => "1 result is not JSON text and is written as a string".to_owned(),
            n => format!(
                "{} results are not JSON text and are written as strings",
                show::count(n)
            ),
        };
        Some(texts)
    }
}

/// A value, or what a command printed, and nothing for a task that failed.
fn put_bare(content: LineContent, outcome: &Outcome<Value>, json: &mut Vec<u8>) {
    match (content, &outcome.value) {
        _ if !outcome.is_ok() => {}
        (LineContent::Outputs | LineContent::OpenedOutputs, _) => {
            outcome::put_output(outcome.stdout.as_deref().unwrap_or_default(), json);
        }
        (_, Some(value)) => outcome::put_value(value, json),
        (_, None) => {}
    }
}
