//! The output of a map for the tasks that have ended.

pub mod append_target;
pub mod compact;
pub mod destination;
pub mod flags;
mod in_place;
mod lines;
pub mod opened;
mod printed;
pub mod results;
mod sink;
mod table;

use std::io;

use super::ledger::Finished;

/// The form of a task's result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResultForm {
    /// The value that a function returns.
    Value,
    /// The value of a script, which is text that is JSON.
    Json,
    /// The bytes that a command writes to stdout.
    Stdout,
}

/// Files that a task leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeftFiles {
    /// The size of the files, in all, if there are to be some.
    pub bytes: Option<u64>,
    /// True if they are named after the input, so that only a log can tell them from
    /// those of others.
    pub is_named: bool,
}

/// Where results go.
pub trait Output {
    /// Writes what stands before all results, if it does not stand there yet. An output
    /// that is not begun here begins with its first result.
    ///
    /// # Errors
    /// As [`Output::write`].
    fn begin(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Writes what is to be known of a task that has ended.
    ///
    /// # Errors
    /// If it cannot be written; nothing more is then.
    fn write(&mut self, task: &mut Finished) -> io::Result<()>;

    /// The files that a task leaves, of which a log is to know.
    fn leaves_files(&self, _: &Finished) -> Option<LeftFiles> {
        None
    }

    /// Writes a task's files again, which are lost, and nothing else: what else is known
    /// of it stands where it belongs.
    ///
    /// # Errors
    /// As [`Output::write`].
    fn restore(&mut self, _: &mut Finished) -> io::Result<()> {
        Ok(())
    }

    /// A task of which nothing is known: it was taken away before it had ended.
    /// Where a place in the output answers a place in the input, it leaves one.
    ///
    /// # Errors
    /// As [`Output::write`].
    fn lost(&mut self, task: &Finished) -> io::Result<()>;

    /// All that was written is in the file.
    ///
    /// # Errors
    /// As [`Output::write`].
    fn flush(&mut self) -> io::Result<()>;

    /// Nothing more comes, but so many empty lines of the input.
    ///
    /// # Errors
    /// As [`Output::write`].
    fn end(&mut self, blank: u64) -> io::Result<()>;

    /// Where the next result begins, in a file that a resumed run continues:
    /// results behind the offset that the log holds are taken back then, since
    /// the log does not know them. `None` where nothing can be taken back, or
    /// need not, because the same task writes to the same place again.
    fn offset(&self) -> Option<u64> {
        None
    }

    /// Returns a remark about the results that were written.
    fn remark(&self) -> Option<String> {
        None
    }

    /// Returns the subject of the last error, if it was not where all results go.
    fn name(&self) -> Option<String> {
        None
    }
}
