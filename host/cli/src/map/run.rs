//! The loop that takes outcomes and hands each to all sinks.
//!
//! Outcomes that come in quick succession are written in large pieces. As soon as the loop
//! has to wait for the next, everything is flushed: the results first, then the log, so the
//! log never knows of a result that is not there.

use std::io;

use sandpool::{IMap, Steering, Value, Verdict};

use super::adaptive_timeout::AdaptiveTimeout;
use super::joblog::Joblog;
use super::ledger::{Finished, Ledger};
use super::outputs::Output;
use super::outputs::destination::unwritable;
use super::progress::Progress;
use super::stop::Stopping;
use super::summary::Summary;
use crate::report::Failure;

/// The receivers of tasks that have ended.
pub struct Sinks<'a> {
    pub output: &'a mut dyn Output,
    /// The name of the destination, for errors.
    pub destination: String,
    /// `true` if a position in the output answers a position in the input.
    pub by_place: bool,
    pub log: Option<Joblog>,
    pub summary: &'a mut Summary,
    pub progress: Progress,
    pub adaptive_timeout: Option<AdaptiveTimeout>,
    pub stopping: Stopping,
    pub steering: Steering,
}

/// The end of the loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoopEnd {
    /// Every outcome was taken.
    Done,
    /// Nobody reads the results any more.
    Unread,
}

/// Takes every outcome.
pub fn run(
    outcomes: IMap<Value>,
    ledger: &Ledger,
    sinks: &mut Sinks<'_>,
) -> Result<LoopEnd, Failure> {
    match take_all(outcomes, ledger, sinks) {
        Ok(()) => Ok(LoopEnd::Done),
        Err(Stuck::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            Ok(LoopEnd::Unread)
        }
        Err(Stuck::Output(error)) => {
            let name = sinks.output.name();
            Err(unwritable(
                &name.unwrap_or_else(|| sinks.destination.clone()),
                error,
            ))
        }
        Err(Stuck::Log(failure)) => Err(failure),
    }
}

/// The output that cannot be written.
enum Stuck {
    Output(io::Error),
    Log(Failure),
}

impl From<io::Error> for Stuck {
    fn from(error: io::Error) -> Self {
        Stuck::Output(error)
    }
}

impl From<Failure> for Stuck {
    fn from(failure: Failure) -> Self {
        Stuck::Log(failure)
    }
}

fn take_all(
    mut outcomes: IMap<Value>,
    ledger: &Ledger,
    sinks: &mut Sinks<'_>,
) -> Result<(), Stuck> {
    let mut has_hole = false;
    loop {
        let outcome = match outcomes.try_next_ready() {
            Some(outcome) => outcome,
            None => {
                sinks.flush()?;
                match outcomes.next() {
                    Some(outcome) => outcome,
                    None => break,
                }
            }
        };
        // All tasks are of inputs that were read.
        let Some(task) = ledger.finish(outcome) else {
            continue;
        };
        // Results behind a hole would move when the hole is filled; their inputs are run
        // again then.
        if has_hole {
            continue;
        }
        // The end of the pool took this task away, so nothing is known of it: a log that
        // has it would keep it from being run.
        let verdict = task.outcome.verdict;
        if verdict == Verdict::InternalError {
            sinks.summary.pool_failed(task.outcome.error.as_deref());
        }
        if matches!(verdict, Verdict::Cancelled | Verdict::InternalError) {
            has_hole = sinks.by_place && sinks.log.is_some();
            if !has_hole {
                sinks.output.lost(&task)?;
            }
            continue;
        }
        sinks.take(task)?;
    }
    if !has_hole {
        sinks.output.end(ledger.blank_at_end())?;
    }
    sinks.flush()
}

impl Sinks<'_> {
    fn take(&mut self, mut task: Finished) -> Result<(), Stuck> {
        let task = &mut task;
        self.summary.count(task);
        self.progress.count(task);
        if let Some(log) = &mut self.log
            && let Some(files) = self.output.leaves_files(task)
        {
            log.leaves_files(task.note.seq, files)?;
        }
        // Its line and its value have their place, where no other can be put.
        let has_place = task.note.is_lost && self.by_place;
        match has_place {
            true => self.output.restore(task)?,
            false => self.output.write(task)?,
        }
        if let Some(log) = self.log.as_mut().filter(|_| !has_place) {
            log.add(task, self.output.offset());
            if log.is_full() {
                self.flush()?;
            }
        }
        if let Some(adaptive_timeout) = &mut self.adaptive_timeout {
            adaptive_timeout.count(task, &self.steering);
        }
        self.stopping.look(self.summary);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Stuck> {
        self.output.flush()?;
        if let Some(log) = &mut self.log {
            log.flush()?;
        }
        Ok(())
    }
}
