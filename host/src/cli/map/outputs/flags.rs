//! The flags that say what is written for each task and where, and the output
//! that they make.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::Output;
use super::destination::{Destination, Keeping};
use super::folders::{self, Folders};
use super::lines::{Form, Lines};
use super::printed::Printed;
use super::sink::Sink;
use super::table::Table;
use crate::cli::map::job::Job;
use crate::cli::map::joblog::reconcile::Look;
use crate::cli::outcome::Detail;
use crate::cli::report::Failure;

/// What is written for each task, and where.
#[derive(Args, Debug)]
pub struct OutputFlags {
    /// What to write for each input
    #[arg(long, value_enum, default_value_t = To::Jsonl, help_heading = "Outputs")]
    to: To,
    /// Write all that is known of each task
    #[arg(long, conflicts_with = "to", help_heading = "Outputs")]
    outcomes: bool,
    /// Say with each result what its input was
    #[arg(long, help_heading = "Outputs")]
    tag: bool,
    /// Write results as they are completed, not in input order
    #[arg(long, help_heading = "Outputs")]
    unordered: bool,
    /// Write to a file, which is replaced once all results are there; with a log
    /// it grows where it is, and of what is run again keeps the last result
    /// [default: stdout]
    #[arg(short, long, value_name = "FILE", help_heading = "Outputs")]
    output: Option<PathBuf>,
    /// Make a folder for each task, with its value, stdout, stderr and outcome.json
    #[arg(long, value_name = "DIR", help_heading = "Outputs")]
    results: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum To {
    /// A JSON object with index, verdict, and value or error
    Jsonl,
    /// The value alone as JSON; an empty line for a line that is empty or
    /// failed, so that line N answers line N
    Values,
    /// A table with a header
    Csv,
    /// What tasks print, each task's in one piece: as it is, but on a terminal
    /// with its control codes shown
    Printed,
}

impl OutputFlags {
    pub fn is_unordered(&self) -> bool {
        self.unordered
    }

    /// What a result looks like, in words: for a log.
    pub fn form(&self) -> String {
        let form = self.to.to_possible_value();
        let form = match (self.outcomes, &form) {
            (false, Some(form)) => form.get_name(),
            _ => "outcomes",
        };
        let tagged = if self.tag { "tagged " } else { "" };
        format!("{tagged}{form} in")
    }

    /// By what a result in a file is known to be whole.
    pub fn look(&self) -> Look {
        match self.to {
            To::Jsonl => Look::Objects,
            To::Csv => Look::Rows,
            To::Values => Look::Lines,
            To::Printed => Look::Raw,
        }
    }

    /// Whether the CPU time of each task is asked for.
    pub fn measures_cpu_time(&self) -> bool {
        self.outcomes || self.results.is_some()
    }

    /// Whether a place in the output answers a place in the input.
    pub fn by_place(&self) -> bool {
        self.to == To::Values && !self.unordered
    }

    /// Opens what results go to; before a worker is started for nothing. A run
    /// that `goes_on` finds results there.
    pub fn destination(&self, keeping: Keeping, goes_on: bool) -> Result<Destination, Failure> {
        if let Some(folder) = &self.results {
            folders::make(folder, goes_on)?;
        }
        Destination::open(self.output.as_deref(), keeping)
    }

    /// What writes them there, from this offset on if it is a file.
    pub fn output(
        &self,
        job: &Job,
        destination: &Destination,
        offset: Option<u64>,
        quiet: bool,
    ) -> Result<Box<dyn Output>, Failure> {
        let sink = Sink::new(destination.writer()?, offset);
        let terminal = destination.is_terminal();
        let lines = |sink, form| Box::new(Lines::new(sink, form, self.by_place(), self.tag));
        let detail = match self.outcomes {
            true => Detail::Full,
            false => Detail::Short,
        };
        let output: Box<dyn Output> = match (self.to, job) {
            (To::Jsonl, Job::Call(_)) => lines(sink, Form::Calls(detail)),
            (To::Jsonl, Job::Command(_)) => lines(sink, Form::Commands(detail)),
            (To::Values, Job::Call(_)) => lines(sink, Form::Values),
            (To::Values, Job::Command(_)) => lines(sink, Form::Outputs),
            (To::Csv, job) => Box::new(Table::new(sink, job, self.tag, terminal)),
            (To::Printed, _) => Box::new(Printed::new(sink, self.tag, terminal, quiet)),
        };
        Ok(match &self.results {
            Some(folder) => Box::new(Folders::new(folder, output)),
            None => output,
        })
    }
}
