//! `--results`: a folder for each task, with its value, what it printed, and how it
//! ended.
//!
//! ```text
//! DIR/0/value          what a function returned: text and bytes as they are, else JSON
//! DIR/0/stdout
//! DIR/0/stderr
//! DIR/0/outcome.json   all else that is known of the task
//! ```
//!
//! A folder is named by the task's index, never by anything of the input. It is
//! made under another name, so that one that is there is whole.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sandpool::value;

use super::Output;
use crate::cli::map::finished::Finished;
use crate::cli::outcome::{self, LineWriter};
use crate::cli::report::{Failure, Kind};

/// Writes folders, and hands each task on to another output.
pub struct Folders {
    folder: PathBuf,
    next: Box<dyn Output>,
    line: LineWriter,
    failed: bool,
}

impl Folders {
    /// Writes into a folder that was [made](make).
    pub fn new(folder: &Path, next: Box<dyn Output>) -> Self {
        Folders {
            folder: folder.to_owned(),
            next,
            line: LineWriter::default(),
            failed: false,
        }
    }

    fn put(&mut self, task: &Finished) -> io::Result<()> {
        let name = task.note.seq.to_string();
        let unfinished = self.folder.join(format!(".{name}"));
        let finished = self.folder.join(&name);
        // From a run that was killed.
        absent(fs::remove_dir_all(&unfinished))?;
        fs::create_dir(&unfinished)?;
        let outcome = &task.outcome;
        if let Some(value) = &outcome.value {
            fs::write(unfinished.join("value"), value::raw(value))?;
        }
        for (name, bytes) in [("stdout", &outcome.stdout), ("stderr", &outcome.stderr)] {
            if let Some(bytes) = bytes {
                fs::write(unfinished.join(name), bytes)?;
            }
        }
        let label = &task.note.label;
        let record = self
            .line
            .line(|out| outcome::put_record(outcome, label, out));
        fs::write(unfinished.join("outcome.json"), record)?;
        // A task that is run again leaves what came of it last.
        absent(fs::remove_dir_all(&finished))?;
        fs::rename(&unfinished, &finished)
    }
}

/// Makes the folder for all others. One with something in it is only taken if a
/// run is gone on with: what is there would else be mixed with what comes.
pub fn make(folder: &Path, goes_on: bool) -> Result<(), Failure> {
    let shown = folder.display();
    let made = fs::create_dir_all(folder).and_then(|()| fs::read_dir(folder)?.next().transpose());
    let entry = made.map_err(|error| {
        let text = format!("the folder for results, `{shown}`, cannot be made");
        Failure::new(Kind::Unusable, anyhow::Error::new(error).context(text))
    })?;
    match entry {
        Some(_) if !goes_on => Err(Failure::unusable(format!(
            "the folder for results, `{shown}`, is not empty"
        ))
        .hint("name another, or remove it first")),
        _ => Ok(()),
    }
}

/// That something is not there is no failure to remove it.
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

    fn write(&mut self, task: &Finished) -> io::Result<()> {
        self.failed = true;
        self.put(task)?;
        self.failed = false;
        self.next.write(task)
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

    fn name(&self) -> Option<String> {
        match self.failed {
            true => Some(format!("a folder in `{}`", self.folder.display())),
            false => self.next.name(),
        }
    }
}
