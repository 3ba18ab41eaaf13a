//! The output of tasks, each task's in one piece: what GNU parallel writes. A file or a
//! pipe gets it as it is; to a terminal it would be commands, so there its control
//! codes are shown.

use std::borrow::Cow;
use std::io;

use super::Output;
use super::sink::Sink;
use crate::map::ledger::Finished;
use crate::{outcome, report, sanitize};
use sandpool::Verdict;

/// Passes on what each task has printed.
pub struct Printed {
    sink: Sink,
    /// True if each line begins with its input.
    tag: bool,
    /// True if a terminal shows it, which no task may steer.
    terminal: bool,
    quiet: bool,
    /// True if it was stderr that could not be written.
    is_stderr: bool,
}

impl Printed {
    pub fn new(sink: Sink, tag: bool, terminal: bool, quiet: bool) -> Self {
        Printed {
            sink,
            tag,
            terminal,
            quiet,
            is_stderr: false,
        }
    }

    /// Puts the tag before each line. The last one has an end then, or the next
    /// task's tag would stand in its midst.
    fn put_tagged(&mut self, tag: &str, bytes: &[u8]) -> io::Result<()> {
        let tag = sanitize::line(tag);
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.sink.put(tag.as_bytes())?;
            self.sink.put(b"\t")?;
            self.sink.put(line)?;
            if !line.ends_with(b"\n") {
                self.sink.put(b"\n")?;
            }
        }
        Ok(())
    }
}

impl Output for Printed {
    fn write(&mut self, task: &mut Finished) -> io::Result<()> {
        let outcome = &task.outcome;
        let mut stdout = Cow::from(outcome.stdout.as_deref().unwrap_or_default());
        if self.terminal {
            stdout = Cow::from(sanitize::text(&stdout).into_bytes());
        }
        match self.tag {
            true => self.put_tagged(&task.note.label, &stdout)?,
            false => self.sink.put(&stdout)?,
        }
        let stderr = outcome.stderr.as_deref().unwrap_or_default();
        let words = match outcome.verdict {
            Verdict::Ok => None,
            // Its own words are on stderr.
            Verdict::Exit => outcome.refused().map(|what| format!("refused: {what}")),
            verdict => Some(match outcome::traceback(outcome) {
                // It ends with the error's own line.
                Some(traceback) => {
                    let refused = outcome.refused();
                    let refused = refused.map(|what| format!("\n(refused: {what})"));
                    format!("{verdict}:\n{traceback}{}", refused.unwrap_or_default())
                }
                None => format!("{verdict}: {}", report::outcome_line(outcome)),
            }),
        };
        if stderr.is_empty() && words.is_none() {
            return Ok(());
        }
        // In the order in which the tasks come.
        self.sink.flush()?;
        self.is_stderr = true;
        report::show_guest_output(stderr)?;
        self.is_stderr = false;
        if let Some(words) = words.filter(|_| !self.quiet) {
            report::note(&format!("[{}] {words}", task.note.seq));
        }
        Ok(())
    }

    fn lost(&mut self, _: &Finished) -> io::Result<()> {
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }

    fn offset(&self) -> Option<u64> {
        self.sink.offset()
    }

    fn end(&mut self, _: u64) -> io::Result<()> {
        self.sink.flush()
    }

    fn name(&self) -> Option<String> {
        self.is_stderr.then(|| "stderr".to_owned())
    }
}
