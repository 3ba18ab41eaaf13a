//! Going on from a log, and with the file of results that it is of.

use std::path::Path;

use sandpool::Module;

use super::Map;
use super::atomic_file::sync_folder;
use super::inputs::open::Inputs;
use super::job::Job;
use super::joblog::identity::Identity;
use super::joblog::past::{Past, ResumeScope};
use super::joblog::{self, Joblog};
use super::outputs::Output;
use super::outputs::append_target::AppendTarget;
use super::outputs::compact;
use super::outputs::destination::{Destination, WriteMode, unwritable};
use super::outputs::results::Results;
use super::script::Script;
use crate::parse::Keyword;
use crate::report::{self, Failure, Kind};
use crate::show;

impl Map {
    /// Returns the treatment of a file of results that exists already.
    pub fn write_mode(&self) -> WriteMode {
        match self.joblog.is_kept() {
            true => WriteMode::Continue,
            false => WriteMode::ReplaceAtEnd,
        }
    }

    /// The log, and what it says of earlier runs.
    pub fn open_log(
        &self,
        module: &Module,
        job: &Job,
        inputs: &Inputs,
        place: &mut Option<AppendTarget>,
    ) -> Result<(Option<Joblog>, Past), Failure> {
        self.check_by_place()?;
        let output = place.as_ref().map(AppendTarget::name);
        let identity = self.identity(module, job, inputs, output);
        if let Some(place) = place {
            self.check_place(place, inputs)?;
        }
        let results = place
            .as_ref()
            .map(|place| (place, self.outputs.result_format()));
        let Some((log, past)) = self.joblog.open(&identity, results)? else {
            return Ok((None, Past::none()));
        };
        if past.lost > 0 && !self.modules.quiet {
            let inputs = show::counted(past.lost, "input");
            report::note(&format!(
                "the results of {inputs} in the log are incomplete in {}, as after a power cut; \
                 these inputs count as not run",
                place.as_ref().map_or("their file", AppendTarget::shown)
            ));
        }
        // Of a new log nothing is known.
        if past.last().is_some() && !self.modules.quiet {
            let corrections = past.identity.corrections(&identity);
            for text in corrections
                .into_iter()
                .chain(past.identity.changes(&identity))
            {
                report::note(&text);
            }
        }
        // Results that a kill left beyond the log would come twice; a file of which
        // this log knows nothing is emptied.
        if let Some(place) = place
            && let Some(known) = past.ends_in_a_file_of(place.size())
        {
            let bytes = place.take_back(known)?;
            if bytes > 0 && past.last().is_some() && !self.modules.quiet {
                let bytes = show::counted(bytes, "byte");
                report::note(&format!(
                    "removed {bytes} of results that are not in the log"
                ));
            }
        }
        Ok((Some(log), past))
    }

    /// Returns the identity of a run whose results go to the file of this name, if to a
    /// file.
    fn identity(
        &self,
        module: &Module,
        job: &Job,
        inputs: &Inputs,
        output: Option<String>,
    ) -> Identity {
        Identity {
            module_hash: module.hash().to_owned(),
            module: self.module_path().display().to_string(),
            job: job.describe(),
            kind: job.kind().to_owned(),
            constants: self.constants(job),
            script: job.script().map(Script::describe).unwrap_or_default(),
            columns: self.outputs.header(job).unwrap_or_default(),
            inputs: inputs.describe(),
            limits: self.task.limits(),
            grants: self.task.grants(),
            output: output.map_or_else(
                || "stdout".into(),
                // All lines of the file have one form.
                |file| format!("{} {file}", self.outputs.form()),
            ),
        }
    }

    /// Reads the history of earlier runs from the log, for a run that runs nothing.
    pub fn peek_log(&self, module: &Module, job: &Job, inputs: &Inputs) -> Result<Past, Failure> {
        self.check_by_place()?;
        let output = self.outputs.file_name();
        self.joblog
            .peek(&self.identity(module, job, inputs, output))
    }

    /// Checks that no input is run again whose result already has its place.
    fn check_by_place(&self) -> Result<(), Failure> {
        let runs_again = matches!(
            self.joblog.scope(),
            Some(ResumeScope::MissingAndFailed | ResumeScope::Failed)
        );
        match self.outputs.by_place() && runs_again {
            true => Err(Failure::usage(
                "values in input order cannot hold the result of an input that is run again",
            )
            .hint("use `--unordered`, or results with an index: `--to jsonl`")),
            false => Ok(()),
        }
    }

    /// The arguments that are the same for all inputs, for a log: a fingerprint of
    /// their values, and the words that they were given as.
    fn constants(&self, job: &Job) -> String {
        /// So much of a word tells a reader which it was.
        const SHOWN: usize = 60;
        let Some(fingerprint) = job.constants() else {
            return "none".into();
        };
        let mut text = format!("{fingerprint:016x}");
        for Keyword { name, word } in &self.kwarg {
            text.push_str(&format!(
                " {name}={}",
                show::clip(&word.to_string_lossy(), SHOWN)
            ));
        }
        text
    }

    /// Refuses a file of results that holds what nothing could bring back: it grows
    /// where it is, and is emptied if the log is new.
    fn check_place(&self, place: &AppendTarget, inputs: &Inputs) -> Result<(), Failure> {
        let log = self.joblog.path().map(|path| ("the log", path));
        let inputs = inputs.files().map(|path| ("an input", path));
        let module = match self.script.path() {
            Some(script) => ("the script", script),
            None => ("the module", self.module_path()),
        };
        let mut others = log.into_iter().chain(inputs).chain([module]);
        if let Some((what, _)) = others.find(|(_, path)| place.is_of(path)) {
            return Err(Failure::usage(format!(
                "{} is {what}: results need a file of their own",
                place.shown()
            )));
        }
        if place.offset() > 0 && self.joblog.goes_on_from_nothing() {
            let log = self.joblog.path().unwrap_or(Path::new(""));
            return Err(joblog::nothing_in(log, place));
        }
        Ok(())
    }
}

/// Writes what stands before all results of a file, and notes where those of this
/// run begin: what a log is to know by itself.
pub fn begin(
    log: Option<&mut Joblog>,
    output: &mut dyn Output,
    destination: &Destination,
) -> Result<(), Failure> {
    let (Some(log), Some(_)) = (log, output.offset()) else {
        return Ok(());
    };
    if let Some((_, path)) = destination.growing() {
        sync_folder(path);
    }
    let begun = output.begin().and_then(|()| output.flush());
    begun.map_err(|error| unwritable(&destination.name(), error))?;
    output.offset().map_or(Ok(()), |offset| log.begin(offset))
}

/// Has a log know where files of results are, if it does not yet.
pub fn begin_files(
    log: Option<&mut Joblog>,
    past: &Past,
    results: Option<&Results>,
) -> Result<(), Failure> {
    match (log, results) {
        (Some(log), Some(results)) if !past.has_files_in(results.place()) => {
            log.files_in(results.place())
        }
        _ => Ok(()),
    }
}

/// Syncs the results and then the log, and reduces a continued file to one result for each
/// input.
pub fn keep_last_results(
    log: Option<&mut Joblog>,
    destination: &Destination,
    results: Option<&Results>,
) -> Result<(), Failure> {
    let Some(log) = log else {
        return Ok(());
    };
    if let Some(results) = results {
        results.sync()?;
    }
    let Some((file, path)) = destination.growing() else {
        return log.sync();
    };
    file.sync_all()
        .map_err(|error| unwritable(&destination.name(), error))?;
    sync_folder(path);
    log.sync()?;
    compact::compact(path, log).map_err(|error| {
        let text = format!(
            "outdated results cannot be removed from {}",
            destination.name()
        );
        Failure::new(Kind::Pool, anyhow::Error::new(error).context(text))
            .hint("run the same command with `--resume` to try again")
    })
}
