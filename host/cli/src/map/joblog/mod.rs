//! `--joblog`: a line for each task that has ended, and what a later run needs
//! to go on from there.
//!
//! The columns of GNU parallel come first, so that what reads its logs reads
//! ours; behind them stand our own:
//!
//! ```text
//! Seq Host Starttime JobRuntime Send Receive Exitval Signal Command   GNU parallel's
//! Verdict    how it ended, in a word
//! Attempts   how often it was started
//! Input      fingerprint of the input
//! Inputs     fingerprint of all inputs up to this one
//! Output     where its result ends in the file of results, or `-`
//! ```
//!
//! `Seq` counts from 1, as theirs does. Lines that begin with `#` say what the
//! run is of; see [`identity`]. A result is in its file before its line is in
//! the log, so a run that is killed at any moment has results without a line at
//! most; a resumed run takes those back, and runs their inputs again. Of an input
//! that was run again the file keeps the last result alone; see [`spans`].
//!
//! Results in files of their own have lines that begin with `# files`: where they are,
//! whose, and how many bytes. An input whose files are not as its line says is run again,
//! as its line in the log came to the disk before them.

pub mod entry;
pub mod identity;
pub mod past;
pub mod reconcile;
mod spans;

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Seek as _, SeekFrom, Write as _};
use std::ops::Range;
use std::path::{Path, PathBuf};

use clap::Args;
use rustix::fs::{FlockOperation, flock};

use super::atomic_file::sync_folder;
use super::ledger::Finished;
use super::outputs::LeftFiles;
use super::outputs::append_target::AppendTarget;
use crate::report::{Failure, Kind};
use entry::Entry;
use identity::Identity;
use past::{FILES_IN, Past, ResumeScope};
use reconcile::ResultFormat;
use spans::{LogNote, Spans};

/// The log of a run, and going on from it.
#[derive(Args, Debug)]
pub struct JoblogFlags {
    /// Write a line to this log for each task that ends: the columns of GNU parallel,
    /// then further columns
    #[arg(long, value_name = "FILE", help_heading = "Log and resume")]
    joblog: Option<PathBuf>,
    /// Resume from the log: run the inputs that are not in it, and those whose result
    /// files are lost
    #[arg(
        long,
        requires = "joblog",
        conflicts_with_all = ["resume_failed", "retry_failed"],
        help_heading = "Log and resume"
    )]
    resume: bool,
    /// Resume from the log: run the inputs that are not in it, and those whose tasks
    /// did not end ok
    #[arg(
        long,
        requires = "joblog",
        conflicts_with = "retry_failed",
        help_heading = "Log and resume"
    )]
    resume_failed: bool,
    /// Run only the inputs whose tasks, by the log, did not end ok
    #[arg(long, requires = "joblog", help_heading = "Log and resume")]
    retry_failed: bool,
    /// Resume from the log although the module, a `--kwarg` or the TEMPLATE has
    /// changed: keep the results of tasks that ended ok; `--resume` then also runs
    /// failed tasks again
    #[arg(long, requires = "joblog", help_heading = "Log and resume")]
    changed_module: bool,
}

impl JoblogFlags {
    /// Returns whether a run that ended before its end can be gone on with.
    pub fn is_kept(&self) -> bool {
        self.joblog.is_some()
    }

    pub fn path(&self) -> Option<&Path> {
        self.joblog.as_deref()
    }

    /// Returns whether a run is to go on from a log that is not there, or is empty.
    pub fn goes_on_from_nothing(&self) -> bool {
        let says_something = |path: &Path| path.metadata().is_ok_and(|log| log.len() > 0);
        self.scope().is_some() && !self.path().is_some_and(says_something)
    }

    /// Returns the inputs to run, if an earlier run's log is used.
    pub fn scope(&self) -> Option<ResumeScope> {
        match () {
            () if self.resume && self.changed_module => Some(ResumeScope::MissingAndFailed),
            () if self.resume => Some(ResumeScope::Missing),
            () if self.resume_failed => Some(ResumeScope::MissingAndFailed),
            () if self.retry_failed => Some(ResumeScope::Failed),
            () => None,
        }
    }

    /// Refuses flags that contradict each other in ways that clap cannot know.
    pub fn check(&self) -> Result<(), Failure> {
        match self.changed_module && self.scope().is_none() {
            true => Err(Failure::usage(
                "`--changed-module` continues from a log: use it with `--resume`, \
                 `--resume-failed` or `--retry-failed`",
            )),
            false => Ok(()),
        }
    }

    /// Opens the log, if one is asked for, and reads the history of earlier runs from it, as
    /// far as their results are still there.
    pub fn open(
        &self,
        identity: &Identity,
        results: Option<(&AppendTarget, ResultFormat)>,
    ) -> Result<Option<(Joblog, Past)>, Failure> {
        let Some(path) = &self.joblog else {
            return Ok(None);
        };
        self.check_retry(path)?;
        Joblog::open(path, self.scope(), identity, self.changed_module, results).map(Some)
    }
}

impl JoblogFlags {
    /// Reads the history of earlier runs from the log, for a run that runs nothing: the
    /// log stays as it is.
    pub fn peek(&self, identity: &Identity) -> Result<Past, Failure> {
        let Some(path) = &self.joblog else {
            return Ok(Past::none());
        };
        self.check_retry(path)?;
        let unusable = |error| unusable(path, error);
        let found = match path.metadata() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Past::none()),
            found => found.map_err(unusable)?,
        };
        if !found.is_file() {
            return Err(irregular(path));
        }
        match self.scope() {
            _ if found.len() == 0 => Ok(Past::none()),
            None => Err(already_there(path)),
            Some(scope) => {
                let mut file = File::open(path).map_err(unusable)?;
                read_only(&mut file, path, scope, identity, self.changed_module)
            }
        }
    }

    /// Checks that the log lists a task, if only failed tasks are to be run again.
    fn check_retry(&self, path: &Path) -> Result<(), Failure> {
        if self.retry_failed && self.goes_on_from_nothing() {
            let text = format!("the log, `{}`, lists no task", path.display());
            return Err(Failure::unusable(text)
                .hint("`--resume` starts a log; without a log no task can be run again"));
        }
        Ok(())
    }
}

/// The number of bytes of log lines that may wait for their results to reach the file.
const MOST_WAITING: usize = 64 << 10;

/// A log that is being written.
#[derive(Debug)]
pub struct Joblog {
    file: File,
    path: PathBuf,
    waiting: Vec<u8>,
    /// The text before an input in the `Command` column.
    command: String,
    /// True if earlier runs are in it.
    goes_on: bool,
}

impl Joblog {
    fn open(
        path: &Path,
        scope: Option<ResumeScope>,
        identity: &Identity,
        may_change: bool,
        results: Option<(&AppendTarget, ResultFormat)>,
    ) -> Result<(Self, Past), Failure> {
        let unusable = |error| unusable(path, error);
        let mut file = open_alone(path)?;
        let is_new = file.metadata().map_err(unusable)?.len() == 0;
        if !is_new && scope.is_none() {
            return Err(already_there(path));
        }
        let mut past = Past::none();
        if let Some(scope) = scope.filter(|_| !is_new) {
            past = read(&mut file, path, scope, identity, may_change)?;
        }
        if past.has_head
            && let (Some(scope), Some((results, format))) = (scope, results)
        {
            let known = past.known();
            if results.is_new() && past.ends_in_a_file_of(0).is_some_and(|end| end > 0) {
                return Err(results_are_gone(results));
            }
            let is_changed = reconcile::reconcile(path, results.path(), format);
            if is_changed.map_err(|error| not_reconciled(path, results, error))? {
                // It may be another file by now.
                file = open_alone(path)?;
                past = read(&mut file, path, scope, identity, may_change)?;
                past.lost = known - past.known();
            }
        } else if !past.has_head
            && let Some((results, _)) = results
            && scope.is_some()
            && results.offset() > 0
        {
            return Err(nothing_in(path, results));
        }
        file.seek(SeekFrom::End(0)).map_err(unusable)?;
        let mut log = Joblog {
            file,
            path: path.to_owned(),
            waiting: Vec::new(),
            command: identity.command(),
            goes_on: past.has_head,
        };
        match log.goes_on {
            true => {
                let lines = identity.resumed(&past.identity);
                log.waiting.extend_from_slice(lines.as_bytes());
            }
            false => log.waiting.extend_from_slice(identity.head().as_bytes()),
        }
        log.write_waiting().map_err(unusable)?;
        if !log.goes_on {
            // Without its head, a log is none.
            log.file.sync_all().map_err(unusable)?;
            sync_folder(path);
        }
        Ok((log, past))
    }

    /// Syncs the log, so that it survives a crash of the machine.
    pub fn sync(&self) -> Result<(), Failure> {
        self.file
            .sync_all()
            .map_err(|error| unwritable(&self.path, error))
    }

    /// Notes where the results of this run begin in their file: before there is one, also
    /// on the disk, or it could not be told whether the file had shrunk before.
    pub fn begin(&mut self, offset: u64) -> Result<(), Failure> {
        self.waiting
            .extend_from_slice(LogNote::At(offset).write().as_bytes());
        self.flush()?;
        self.sync()
    }

    /// Where the results are in their file, if some of them are of inputs that were
    /// run again since.
    pub fn spans_if_superseded(&self) -> io::Result<Option<Spans>> {
        if !self.goes_on {
            // Each input was run once.
            return Ok(None);
        }
        Ok(Some(Spans::of(self.read()?)?).filter(Spans::has_superseded))
    }

    /// Gives each piece of the file of results, in order, with whether it stays.
    pub fn pieces(
        &self,
        spans: Spans,
        piece: impl FnMut(Range<u64>, bool) -> io::Result<()>,
    ) -> io::Result<()> {
        spans.each(self.read()?, piece)
    }

    fn read(&self) -> io::Result<BufReader<File>> {
        Ok(BufReader::new(File::open(&self.path)?))
    }

    /// Notes, before it comes about, that the file of results shrinks.
    pub fn shrinks_to(&mut self, size: u64) -> io::Result<()> {
        self.waiting
            .extend_from_slice(LogNote::Shrink(size).write().as_bytes());
        self.write_waiting()?;
        // The file must not be known to be smaller where this is not known.
        self.file.sync_data()
    }

    /// Notes where files of results are from now on.
    pub fn files_in(&mut self, place: &str) -> Result<(), Failure> {
        let line = format!("{FILES_IN}{place}\n");
        self.waiting.extend_from_slice(line.as_bytes());
        self.flush()
    }

    /// Notes, before it comes about, that a task leaves files: if this run is killed
    /// before the task's own line is here, the next one knows whose they are; and how
    /// many bytes they have, by which it knows whether they are whole.
    pub fn leaves_files(&mut self, seq: u64, files: LeftFiles) -> Result<(), Failure> {
        let bytes = files.bytes;
        let line = LogNote::Files { seq, bytes }.write();
        match files.is_named {
            // Other lines wait for their results to be in their file; this one must not.
            true => self
                .file
                .write_all(line.as_bytes())
                .map_err(|error| unwritable(&self.path, error)),
            false => {
                self.waiting.extend_from_slice(line.as_bytes());
                Ok(())
            }
        }
    }

    /// Notes a task that has ended; its result ends at `output`.
    pub fn add(&mut self, task: &Finished, output: Option<u64>) {
        Entry::of(task, output).write(&self.command, &mut self.waiting);
    }

    /// Returns whether enough waits to be written.
    pub fn is_full(&self) -> bool {
        self.waiting.len() >= MOST_WAITING
    }

    /// Writes what waits: whole lines, with one call.
    pub fn flush(&mut self) -> Result<(), Failure> {
        self.write_waiting()
            .map_err(|error| unwritable(&self.path, error))
    }

    fn write_waiting(&mut self) -> io::Result<()> {
        if !self.waiting.is_empty() {
            self.file.write_all(&self.waiting)?;
            self.waiting.clear();
        }
        Ok(())
    }
}

/// Opens a log, or makes it, that no other run may write meanwhile.
fn open_alone(path: &Path) -> Result<File, Failure> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .map_err(|error| unusable(path, error))?;
    if !file.metadata().is_ok_and(|found| found.is_file()) {
        return Err(irregular(path));
    }
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(_) => Err(Failure::unusable(format!(
            "the log, `{}`, is being written by another run",
            path.display()
        ))),
    }
}

/// Reads the history of earlier runs from a log, from its beginning. What is in pieces
/// at its end is cut off: it would spoil the next line.
fn read(
    file: &mut File,
    path: &Path,
    scope: ResumeScope,
    identity: &Identity,
    may_change: bool,
) -> Result<Past, Failure> {
    let past = read_only(file, path, scope, identity, may_change)?;
    file.set_len(past.good_bytes)
        .map_err(|error| unusable(path, error))?;
    Ok(past)
}

/// The same, but leaves the log as it is.
fn read_only(
    file: &mut File,
    path: &Path,
    scope: ResumeScope,
    identity: &Identity,
    may_change: bool,
) -> Result<Past, Failure> {
    let read = past::read(file, scope).map_err(|error| unusable(path, error))?;
    let past = read.map_err(|why| no_log(path, &why))?;
    if !past.has_head {
        return Ok(Past::none());
    }
    past.identity.check(identity, path, may_change)?;
    Ok(past)
}

fn irregular(path: &Path) -> Failure {
    let path = path.display();
    Failure::unusable(format!("the log, `{path}`, is not a regular file"))
}

fn unusable(path: &Path, error: io::Error) -> Failure {
    let text = format!("the log, `{}`, cannot be opened", path.display());
    Failure::new(Kind::Unusable, anyhow::Error::new(error).context(text))
}

fn unwritable(path: &Path, error: io::Error) -> Failure {
    let text = format!("the log, `{}`, cannot be written", path.display());
    Failure::new(Kind::Pool, anyhow::Error::new(error).context(text))
}

fn not_reconciled(path: &Path, results: &AppendTarget, error: io::Error) -> Failure {
    let text = format!(
        "the log, `{}`, cannot be compared with the results in {}",
        path.display(),
        results.shown()
    );
    Failure::new(Kind::Pool, anyhow::Error::new(error).context(text))
}

/// A file that is not there was taken away by somebody: its name is on the disk before
/// its first result is.
fn results_are_gone(results: &AppendTarget) -> Failure {
    Failure::unusable(format!(
        "{} was cut since the log was written, or removed: all results that the log lists are \
         missing from it",
        results.shown()
    ))
    .hint("restore the file; without the log, all inputs run again")
}

/// The refusal to take back results that no log knows.
pub fn nothing_in(path: &Path, results: &AppendTarget) -> Failure {
    Failure::unusable(format!(
        "the log, `{}`, is empty, but there are results in {}",
        path.display(),
        results.shown()
    ))
    .hint("name the log of these results; to start over, remove them")
}

fn already_there(path: &Path) -> Failure {
    let shown = path.display();
    Failure::usage(format!("the log, `{shown}`, exists already")).hint(
        "`--resume` continues from it, `--retry-failed` runs failed tasks again; to start over, remove it",
    )
}

fn no_log(path: &Path, why: &str) -> Failure {
    Failure::unusable(format!(
        "`{}` is not a log from which a run can continue: {why}",
        path.display()
    ))
}
