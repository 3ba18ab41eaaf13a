//! A folder for each task, with its value, what it printed, and how it ended.
//!
//! ```text
//! DIR/0/value          what a function returned: text and bytes as they are, else JSON
//! DIR/0/stdout
//! DIR/0/stderr
//! DIR/0/outcome.json   all else that is known of the task
//! ```
//!
//! It is made under another name, so that one that is there is whole.

use std::fs;
use std::io;

use super::super::{LeftFiles, Output};
use super::naming::UNFINISHED;
use super::tree::Tree;
use super::{How, LeftOut, Results, contents, length};
use crate::map::ledger::{Finished, Stored};
use crate::outcome::{self, LineWriter};

const VALUE: &str = "value";
const STDOUT: &str = "stdout";
const STDERR: &str = "stderr";
const OUTCOME: &str = "outcome.json";

/// Returns the size of a task's folder, but for what is known of the task, which is
/// never of the same length; `None` if that is not there.
pub fn bytes_in(tree: &Tree, name: &str) -> Option<u64> {
    let size = |file: &str| tree.size(&format!("{name}/{file}"));
    size(OUTCOME).filter(|bytes| *bytes > 0)?;
    Some([VALUE, STDOUT, STDERR].into_iter().filter_map(size).sum())
}

/// Writes folders, and hands each task on to another output.
pub struct Folders {
    results: Results,
    next: Box<dyn Output>,
    how: How,
    line: LineWriter,
    failed: bool,
}

impl Folders {
    pub fn new(results: Results, next: Box<dyn Output>, how: How) -> Self {
        Folders {
            results,
            next,
            how,
            line: LineWriter::default(),
            failed: false,
        }
    }

    /// Returns the name of the task's folder; nothing, if it can have none.
    fn name_of(&self, task: &Finished) -> Option<String> {
        match self.results.pattern {
            Some(_) => task.note.name.as_deref().map(str::to_owned),
            None => Some(task.note.seq.to_string()),
        }
    }

    fn put(&mut self, task: &Finished, name: &str) -> io::Result<()> {
        let seq = task.note.seq;
        let draft = match self.results.pattern {
            // Other runs may put theirs into the same folder at the same time.
            Some(_) => format!("{UNFINISHED}{}-{seq}", std::process::id()),
            None => format!("{UNFINISHED}{seq}"),
        };
        let unfinished = self.results.folder.join(&draft);
        // From a run that was killed.
        absent(fs::remove_dir_all(&unfinished))?;
        fs::create_dir(&unfinished)?;
        let outcome = &task.outcome;
        if let Some(value) = self.how.value(outcome) {
            fs::write(unfinished.join(VALUE), contents(&value))?;
        }
        for (name, bytes) in [(STDOUT, &outcome.stdout), (STDERR, &outcome.stderr)] {
            if let Some(bytes) = bytes {
                fs::write(unfinished.join(name), bytes)?;
            }
        }
        let label = &task.note.label;
        let record = self
            .line
            .line(|out| outcome::put_record(outcome, label, out));
        fs::write(unfinished.join(OUTCOME), record)?;
        let tree = &self.results.tree;
        // A task that is run again leaves what came of it last; its index is its own.
        if self.results.pattern.is_none() || self.how.begun.has(seq) {
            let old = format!("{draft}-old");
            tree.take_out(name, &old)?;
            absent(fs::remove_dir_all(self.results.folder.join(old)))?;
        }
        tree.put_folder(&draft, name)
    }
}

/// Accepts the failure to remove a file that is not there.
fn absent(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

impl Output for Folders {
    fn begin(&mut self) -> io::Result<()> {
        self.next.begin()
    }

    fn leaves_files(&self, task: &Finished) -> Option<LeftFiles> {
        self.name_of(task)?;
        let outcome = &task.outcome;
        let mut bytes = self.how.value(outcome).map_or(0, |value| length(&value));
        for printed in [&outcome.stdout, &outcome.stderr].into_iter().flatten() {
            bytes += printed.len() as u64;
        }
        Some(LeftFiles {
            bytes: Some(bytes),
            is_named: self.results.pattern.is_some(),
        })
    }

    fn write(&mut self, task: &mut Finished) -> io::Result<()> {
        self.restore(task)?;
        self.next.write(task)
    }

    fn restore(&mut self, task: &mut Finished) -> io::Result<()> {
        if let Some(name) = self.name_of(task) {
            self.failed = true;
            self.put(task, &name)?;
            self.failed = false;
            let shown = || self.results.shown(&name);
            if self.how.left_out == LeftOut::All {
                task.outcome.value = None;
                task.outcome.stdout = None;
                task.outcome.stderr = None;
                task.stored = Some(Stored::Folder(shown()));
            }
            let of_result = if self.how.is_command() { STDOUT } else { VALUE };
            self.how
                .take_bytes(task, || format!("{}/{of_result}", shown()));
        }
        Ok(())
    }

    fn lost(&mut self, task: &Finished) -> io::Result<()> {
        self.next.lost(task)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.next.flush()
    }

    fn offset(&self) -> Option<u64> {
        self.next.offset()
    }

    fn end(&mut self, blank: u64) -> io::Result<()> {
        self.next.end(blank)
    }

    fn remark(&self) -> Option<String> {
        self.next.remark()
    }

    fn name(&self) -> Option<String> {
        match self.failed {
            true => Some(format!("a folder in `{}`", self.results.folder.display())),
            false => self.next.name(),
        }
    }
}
