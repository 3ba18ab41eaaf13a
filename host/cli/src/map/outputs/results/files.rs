//! A file for each task that ended ok, with what came of it and nothing else.

use std::io;

use sandpool::Value;

use super::super::{LeftFiles, Output};
use super::{How, LeftOut, Results, contents, length};
use crate::map::ledger::{Finished, Stored};

/// Writes files, and hands each task on to another output.
pub struct FileOutput {
    results: Results,
    next: Box<dyn Output>,
    how: How,
    /// The file that could not be written.
    failed: Option<String>,
}

impl FileOutput {
    pub fn new(results: Results, next: Box<dyn Output>, how: How) -> Self {
        FileOutput {
            results,
            next,
            how,
            failed: None,
        }
    }

    /// Returns the contents of a task's file.
    fn bytes(&self, task: &Finished) -> Option<Vec<u8>> {
        let outcome = &task.outcome;
        match self.how.value(outcome).as_deref() {
            _ if !outcome.is_ok() => None,
            _ if self.how.is_command() => Some(outcome.stdout.clone().unwrap_or_default()),
            // Nothing is not the same as nothing in it.
            Some(Value::Option(None)) => None,
            value => Some(value.map(contents).unwrap_or_default()),
        }
    }

    /// Puts the file there; says whether there is one.
    fn put(&self, task: &Finished, name: &str) -> io::Result<bool> {
        let replaces = self.how.begun.has(task.note.seq);
        let tree = &self.results.tree;
        match self.bytes(task) {
            Some(bytes) => tree.put(name, &bytes, replaces).map(|()| true),
            // Of an earlier run, that ended before its log had it.
            None if replaces => tree.remove(name).map(|()| false),
            None => Ok(false),
        }
    }
}

impl Output for FileOutput {
    fn begin(&mut self) -> io::Result<()> {
        self.next.begin()
    }

    fn leaves_files(&self, task: &Finished) -> Option<LeftFiles> {
        let outcome = &task.outcome;
        if task.note.name.is_none() || !outcome.is_ok() {
            return None;
        }
        let bytes = match (self.how.value(outcome).as_deref(), self.how.is_command()) {
            (_, true) => Some(outcome.stdout.as_ref().map_or(0, Vec::len) as u64),
            (Some(Value::Option(None)), false) => None,
            (value, false) => Some(value.map_or(0, length)),
        };
        Some(LeftFiles {
            bytes,
            is_named: true,
        })
    }

    fn write(&mut self, task: &mut Finished) -> io::Result<()> {
        self.restore(task)?;
        self.next.write(task)
    }

    fn restore(&mut self, task: &mut Finished) -> io::Result<()> {
        if let Some(name) = task.note.name.clone() {
            let shown = self.results.shown(&name);
            let put = self.put(task, &name);
            if put.is_err() {
                self.failed = Some(shown.clone());
            }
            if put? {
                match (self.how.left_out, self.how.is_command()) {
                    (LeftOut::All, true) => task.outcome.stdout = None,
                    (LeftOut::All, false) => task.outcome.value = None,
                    _ => self.how.take_bytes(task, || shown.clone()),
                }
                if self.how.left_out == LeftOut::All {
                    task.stored = Some(Stored::File(shown));
                }
            }
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
        match &self.failed {
            Some(name) => Some(format!("`{name}`")),
            None => self.next.name(),
        }
    }
}
