//! The flags that say what is written for each task and where, and the output
//! that they make.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, ValueEnum};

use super::Output;
use super::destination::{self, Destination, WriteMode};
use super::lines::{LineContent, LineOutput};
use super::printed::Printed;
use super::results::naming::{Naming, Pattern};
use super::results::{How, LeftOut, Results};
use super::sink::Sink;
use super::table::{self, TableOutput};
use crate::map::inputs::Shape;
use crate::map::job::Job;
use crate::map::joblog::past::Marks;
use crate::map::joblog::reconcile::ResultFormat;
use crate::outcome::Detail;
use crate::report::Failure;

/// The form and the place of the results.
#[derive(Args, Debug)]
pub struct OutputFlags {
    /// The form of the results
    #[arg(long, value_enum, default_value_t = To::Jsonl, help_heading = "Outputs")]
    to: To,
    /// Write everything that is known about each task
    #[arg(long, conflicts_with = "to", help_heading = "Outputs")]
    outcomes: bool,
    /// With `--to csv`, write a column for each of these keys, taken from results that
    /// are records or JSON objects as text; other results go to the column of values
    #[arg(
        long,
        value_name = "KEY,...",
        value_delimiter = ',',
        help_heading = "Outputs"
    )]
    columns: Vec<String>,
    /// Write the input beside each result
    #[arg(long, help_heading = "Outputs")]
    tag: bool,
    /// Write results in the order in which they are completed
    #[arg(long, help_heading = "Outputs")]
    unordered: bool,
    /// Write the results to this file, which is replaced once all results are written.
    /// With `--joblog`, results are appended as they come; if an input is run again,
    /// only its last result is kept [default: stdout]
    #[arg(short, long, value_name = "FILE", help_heading = "Outputs")]
    output: Option<PathBuf>,
    /// Make a folder in DIR for each task, named by the task's index, with its value,
    /// stdout, stderr and outcome.json. 'out/{/.}/' names the folder after the input;
    /// 'out/{/.}.png' writes only the value, to a file. JSON lines name the folder or
    /// file instead of the value; other forms have {"file":...} in place of a value
    /// that is bytes
    #[arg(long, value_name = "DIR", help_heading = "Outputs")]
    results: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum To {
    /// A JSON object with index, verdict, and value or error
    Jsonl,
    /// Only the value, as JSON; an empty line if the input is empty or its task failed,
    /// so that line N of the output answers line N of the input
    Values,
    /// Like `values`, but text that is JSON is written as JSON; other text stays a
    /// string
    JsonValues,
    /// A table with a header
    Csv,
    /// The output of the tasks, one task after the other, unchanged; on a terminal,
    /// control codes are escaped
    Printed,
}

impl OutputFlags {
    pub fn is_unordered(&self) -> bool {
        self.unordered
    }

    /// Returns the form of a result, in words: for a log.
    pub fn form(&self) -> String {
        let form = self.to.to_possible_value();
        let form = match (self.outcomes, &form) {
            (false, Some(form)) => form.get_name(),
            _ => "outcomes",
        };
        let tagged = if self.tag { "tagged " } else { "" };
        format!("{tagged}{form} in")
    }

    /// The columns of a table of results, if that is what they are.
    pub fn header(&self, job: &Job) -> Option<String> {
        Some(table::header(job, self.tag, self.columns()?).join(","))
    }

    /// By what a result in a file is known to be whole.
    pub fn result_format(&self) -> ResultFormat {
        match self.to {
            To::Jsonl => ResultFormat::Objects,
            To::Csv => ResultFormat::Rows,
            To::Values | To::JsonValues => ResultFormat::Lines,
            To::Printed => ResultFormat::Raw,
        }
    }

    /// Returns whether the CPU time of each task is asked for.
    pub fn measures_cpu_time(&self) -> bool {
        self.outcomes || self.results.is_some()
    }

    /// Returns whether a place in the output answers a place in the input.
    pub fn by_place(&self) -> bool {
        self.has_bare_values() && !self.unordered
    }

    /// Returns whether a result says nothing of why a task failed.
    pub fn has_bare_values(&self) -> bool {
        matches!(self.to, To::Values | To::JsonValues) && !self.outcomes
    }

    /// Refuses flags that contradict each other in ways that clap cannot know.
    pub fn check(&self) -> Result<(), Failure> {
        if !self.columns.is_empty() && self.columns().is_none() {
            return Err(Failure::usage("`--columns` is for `--to csv`"));
        }
        if self.columns.iter().any(String::is_empty) {
            return Err(Failure::usage(
                "`--columns` takes names of keys, as in `--columns id,size`, but one is empty",
            ));
        }
        let twice = |(at, key): (usize, &String)| self.columns[..at].contains(key);
        match self.columns.iter().enumerate().find(|named| twice(*named)) {
            Some((_, key)) => Err(Failure::usage(format!("`--columns` has `{key}` twice"))),
            None => Ok(()),
        }
    }

    /// The keys that are columns of a table, if results are one.
    fn columns(&self) -> Option<&[String]> {
        (self.to == To::Csv && !self.outcomes).then_some(&self.columns)
    }

    /// Opens what results go to; before a worker is started for nothing.
    pub fn destination(&self, write_mode: WriteMode) -> Result<Destination, Failure> {
        Destination::open(self.output.as_deref(), write_mode)
    }

    /// Returns the names of additional result files, for a run that writes none.
    pub fn naming(&self, shape: &Shape) -> Result<Naming, Failure> {
        let text = self.results.as_deref().and_then(Path::to_str);
        let pattern = text.map(|text| Pattern::read(text, shape)).transpose()?;
        Ok(Naming::new(pattern.flatten().map(Arc::new)))
    }

    /// Where results go besides. A run that `goes_on` finds results there.
    pub fn results(&self, shape: &Shape, goes_on: bool) -> Result<Option<Results>, Failure> {
        let asked = self.results.as_deref();
        asked
            .map(|asked| Results::open(asked, shape, goes_on))
            .transpose()
    }

    /// The same, but makes no folder: `None` if there is none yet.
    pub fn results_if_there(
        &self,
        shape: &Shape,
        goes_on: bool,
    ) -> Result<Option<Results>, Failure> {
        match self.results.as_deref() {
            Some(asked) => Results::find(asked, shape, goes_on),
            None => Ok(None),
        }
    }

    /// Returns the log's name for the file of results, if it is one or is to be one.
    pub fn file_name(&self) -> Option<String> {
        destination::name_in_log(self.output.as_deref()?)
    }

    /// Returns the output that writes the results, from this offset on if it is a file.
    pub fn printed(
        &self,
        job: &Job,
        destination: &Destination,
        offset: Option<u64>,
        quiet: bool,
    ) -> Result<Box<dyn Output>, Failure> {
        let sink = Sink::new(destination.writer()?, offset);
        let terminal = destination.is_terminal();
        let lines =
            |sink, content| Box::new(LineOutput::new(sink, content, self.by_place(), self.tag));
        let detail = match self.outcomes {
            true => Detail::Full,
            false => Detail::Short,
        };
        let output: Box<dyn Output> = match (self.to, job) {
            (To::Jsonl, Job::Call(_)) => lines(sink, LineContent::Calls(detail)),
            (To::Jsonl, Job::Script(_)) => lines(sink, LineContent::Scripts(detail)),
            (To::Jsonl, Job::Command(_)) => lines(sink, LineContent::Commands(detail)),
            (To::Values, Job::Call(_)) => lines(sink, LineContent::Values),
            (To::Values, Job::Command(_)) => lines(sink, LineContent::Outputs),
            (To::Values | To::JsonValues, Job::Script(_)) => lines(sink, LineContent::ScriptValues),
            (To::JsonValues, Job::Call(_)) => lines(sink, LineContent::OpenedValues),
            (To::JsonValues, Job::Command(_)) => lines(sink, LineContent::OpenedOutputs),
            (To::Csv, job) => {
                let columns = table::of_job(job, self.tag, &self.columns);
                Box::new(TableOutput::new(sink, columns, job.result_form(), terminal))
            }
            (To::Printed, _) => Box::new(Printed::new(sink, self.tag, terminal, quiet)),
        };
        Ok(output)
    }

    /// Returns the way in which additional result files are written, which may be there
    /// for the tasks that were `begun` before. Another form than JSON lines is asked
    /// for by its name, and has the values as well, but for bytes.
    pub fn how(&self, job: &Job, begun: Marks) -> How {
        How {
            form: job.result_form(),
            left_out: match self.to {
                To::Jsonl => LeftOut::All,
                To::Values | To::JsonValues | To::Csv => LeftOut::Bytes,
                To::Printed => LeftOut::Nothing,
            },
            begun,
        }
    }
}
