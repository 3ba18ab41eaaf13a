//! `sandpool map`: a call, or a run of a command, for each line of an input.
//!
//! Input and output are streams. The pool's feeder thread pulls the lines, a
//! bounded number of them ahead of the results; this thread writes each result
//! as it is ready. A million lines take no more memory than a thousand.

mod dry_run;
mod failures;
mod feed;
mod finished;
mod gate;
mod inputs;
mod job;
mod joblog;
mod outputs;
mod pace;
mod progress;
mod run;
mod stop;
mod summary;
mod template;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use sandpool::{IMap, Module, Pool, Value};

use super::flags::{self, ModuleFlags, TaskFlags, WorkerFlags};
use super::interrupt::Interruption;
use super::report::{self, Failure, Kind, TASK_FAILED};
use super::{show, usage};
use failures::{FailureFlags, Halt};
use feed::Feed;
use finished::Ledger;
use gate::GateFlags;
use inputs::open::{InputFlags, Inputs};
use inputs::words::Values;
use job::Job;
use joblog::identity::Identity;
use joblog::past::{Past, Which};
use joblog::{Joblog, JoblogFlags};
use outputs::destination::{Destination, Keeping};
use outputs::flags::OutputFlags;
use outputs::place::Place;
use pace::Pace;
use progress::{Prepared, ProgressFlags};
use run::{Ended, Sinks};
use stop::Stopping;
use summary::Summary;

pub use inputs::words::split_off;

const EXAMPLES: &str = "\
A line is read as JSON: an array is spread over the parameters, an object gives them by
name, anything else is the one argument. If the only parameter is a list, a record or
the like, the line is that; if it is a string, the line is its text. Empty lines are
skipped; a line that does not fit costs itself alone.

What stands behind `:::` is read as words are by `apply`, but `@` means nothing there.
Several `:::` are combined, the last changing fastest; `:::+` goes side by side with the
values before it; `:::: FILE` takes them from the lines of a file.

With a TEMPLATE, the module is run as a command for each input. In it stand:
  {}   the input; without any of these it comes last    {#}     its number, from 1
  {.}  without extension     {/}  without folders       {1}     the first value or column
  {//} its folder            {/.} without both          {NAME}  the column of that name

Exit codes: 0 all ok, 1 a task did not end ok, 2 usage, 3 the module, the function or the
input cannot be used, 4 sandpool failed, 130 interrupted.

Examples:
  seq 1 30 | sandpool map math.wasm fib -j 2 --timeout 300ms
  sandpool map math.wasm add --input pairs.jsonl --unordered
  sandpool map math.wasm add ::: 1 2 3 ::: 10 20
  sandpool map image.wasm dimensions --from files --to csv -o sizes.csv ::: *.jpg
  sandpool map text.wasm change-case --from csv --input names.csv --dry-run
  ls *.txt | sandpool map --dir . wc.wasm --to printed -- -l {}
  sandpool map wc.wasm --pipe --block 10M --input access.log -- -l
  cut -f3 names.tsv | sandpool map text.wasm greet --to values | paste names.tsv -";

/// Call a function, or run a command module, for each of many inputs
#[derive(Args, Debug)]
#[command(
    after_help = EXAMPLES,
    override_usage = "sandpool map [OPTIONS] MODULE [FUNCTION] [::: VALUES...]\n       sandpool map [OPTIONS] MODULE -- TEMPLATE... [::: VALUES...]"
)]
pub struct Map {
    /// The module: a component, a core module, a command, or WAT
    module: PathBuf,
    /// The function; not needed where there is only one
    #[arg(conflicts_with = "template")]
    function: Option<String>,
    /// The command's arguments, with `{}` where the input stands
    #[arg(last = true)]
    template: Vec<String>,
    #[command(flatten)]
    inputs: InputFlags,
    #[command(flatten)]
    outputs: OutputFlags,
    /// Print the calls that would be made, checked against the function's types
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    progress: ProgressFlags,
    #[command(flatten)]
    joblog: JoblogFlags,
    #[command(flatten)]
    failures: FailureFlags,
    #[command(flatten)]
    task: TaskFlags,
    #[command(flatten)]
    workers: WorkerFlags,
    #[command(flatten)]
    gate: GateFlags,
    #[command(flatten)]
    modules: ModuleFlags,
}

/// What a loop over tasks works with.
struct TaskLoop<'a> {
    pool: &'a Pool,
    ledger: &'a Ledger,
    prepared: Prepared,
    interruption: &'a Interruption,
    destination: &'a Destination,
}

impl Map {
    /// Runs it, with what stood behind `:::`.
    pub fn run(self, values: Vec<Values>) -> Result<ExitCode, Failure> {
        let began = Instant::now();
        let quiet = self.modules.quiet;
        // Before a worker is started for nothing.
        let inputs = self.inputs.open(values, quiet)?;
        if self.dry_run {
            return self.dry_run(inputs);
        }
        let destination = self
            .outputs
            .destination(self.keeping(), self.joblog.which().is_some())?;
        let ledger = Ledger::default();
        let builder = self.workers.apply(self.modules.apply(Pool::builder()));
        let builder = self
            .task
            .apply_to_many(builder.measure_cpu_time(self.outputs.measures_cpu_time()))?;
        let names = ledger.clone();
        let builder = flags::show_logs_of(builder, quiet, move |index| names.seq(index));
        let (builder, prepared) = self.progress.prepare(builder, quiet);
        let pool = flags::build(builder)?;
        let interruption = Interruption::watch(&pool)?;
        self.gate.watch(&pool, quiet)?;
        let mut summary = Summary::default();
        let task_loop = TaskLoop {
            pool: &pool,
            ledger: &ledger,
            prepared,
            interruption: &interruption,
            destination: &destination,
        };
        let ended = self.map(task_loop, inputs, &mut summary);
        // Before what is said at the end: of workers that are gone it is known
        // how much they used.
        pool.terminate();
        let failure = ledger.failure();
        let whole = ended.as_ref().is_ok_and(|(ended, halted)| {
            *ended == Ended::Done
                && failure.is_none()
                && halted.is_none_or(Halt::is_success)
                && !interruption.happened()
                && pool.broken().is_none()
        });
        let partial = match whole {
            true => destination.finish().map(|()| None)?,
            false => destination.leave(),
        };
        let (ended, halted) = ended.map_err(|failure| interruption.explain(failure))?;
        if ended == Ended::Unread {
            return Ok(ExitCode::from(report::QUIET_END));
        }
        if !quiet && (summary.tasks() > 0 || failure.is_none()) {
            self.say(&summary, &ledger, halted, began, &interruption);
        }
        if let Some(partial) = partial.filter(|_| !quiet) {
            let partial = partial.display();
            report::note(&format!("the results that there are are in `{partial}`"));
        }
        if let Some(error) = failure {
            return Err(Failure::new(Kind::Unusable, error));
        }
        if interruption.happened() {
            return Err(Failure::interrupted());
        }
        if let Some(reason) = pool.broken() {
            let text = anyhow::anyhow!("the pool is broken: {reason}");
            return Err(Failure::new(Kind::Pool, text).hint(
                "the input may not have been read to its end; what has no result was not run",
            ));
        }
        Ok(
            match summary.all_ok() || halted.is_some_and(Halt::is_success) {
                true => ExitCode::SUCCESS,
                false => ExitCode::from(TASK_FAILED),
            },
        )
    }

    /// Prints what it would run.
    fn dry_run(&self, inputs: Inputs) -> Result<ExitCode, Failure> {
        let quiet = self.modules.quiet;
        let builder = self.modules.apply(Pool::builder().processes(1));
        let pool = flags::build(self.task.apply_to_many(builder)?)?;
        let module = pool.load(&self.module)?;
        let job = self.job(&module, &inputs)?;
        dry_run::run(&self.module, &job, inputs.source(job.clone())?, quiet)
    }

    fn job(&self, module: &Module, inputs: &Inputs) -> Result<Job, Failure> {
        Job::find(
            module,
            &self.module,
            self.function.as_deref(),
            &self.template,
            &inputs.shape(),
        )
    }

    /// Runs a task for each input. Says how that ended, and what halted it.
    fn map(
        &self,
        with: TaskLoop<'_>,
        inputs: Inputs,
        summary: &mut Summary,
    ) -> Result<(Ended, Option<Halt>), Failure> {
        let TaskLoop {
            pool,
            ledger,
            prepared,
            interruption,
            destination,
        } = with;
        let quiet = self.modules.quiet;
        let module = pool.load(&self.module)?;
        let job = self.job(&module, &inputs)?;
        let by_place = self.outputs.by_place();
        let mut place = destination.place();
        let (log, past) = self.open_log(&module, &job, &inputs, &mut place)?;
        let offset = place.as_ref().map(Place::offset);
        let mut output = self.outputs.output(&job, destination, offset, quiet)?;
        let outcomes = self.start(pool, &module, job, inputs, past, ledger.clone())?;
        let steering = outcomes.steering();
        let stopping = Stopping::watch(pool, &steering, self.failures.halt(), interruption, quiet);
        let progress = self
            .progress
            .start(prepared, steering.clone(), ledger.clone(), quiet);
        let mut sinks = Sinks {
            output: output.as_mut(),
            destination: destination.name(),
            by_place,
            log,
            summary,
            progress,
            pace: self.task.percent_of_median().map(Pace::new),
            stopping,
            steering,
        };
        let ended = run::run(outcomes, ledger, &mut sinks)?;
        Ok((ended, sinks.stopping.halted()))
    }

    /// What becomes of a file of results that is there already.
    fn keeping(&self) -> Keeping {
        match self.joblog.is_kept() {
            true => Keeping::AsTheLogTells,
            false => Keeping::UntilTheEnd,
        }
    }

    /// The log, and what it says of earlier runs.
    fn open_log(
        &self,
        module: &Module,
        job: &Job,
        inputs: &Inputs,
        place: &mut Option<Place>,
    ) -> Result<(Option<Joblog>, Past), Failure> {
        let runs_again = matches!(
            self.joblog.which(),
            Some(Which::MissingAndFailed | Which::Failed)
        );
        if self.outputs.by_place() && runs_again {
            return Err(Failure::usage(
                "what is run again has no place among values that stand in the order of the input",
            )
            .hint("`--unordered`, or results with an index: `--to jsonl`"));
        }
        let identity = Identity {
            module_hash: module.hash().to_owned(),
            module: self.module.display().to_string(),
            job: job.describe(),
            inputs: inputs.describe(),
            limits: self.task.limits(),
            output: place.as_ref().map_or_else(
                || "stdout".into(),
                // Whose lines are all of one form.
                |place| format!("{} {}", self.outputs.form(), place.name()),
            ),
        };
        if let Some(place) = place {
            self.check_place(place, inputs)?;
        }
        let Some((log, past)) = self.joblog.open(&identity)? else {
            return Ok((None, Past::none()));
        };
        if let Some(text) = past.identity.changed_limits(&identity).filter(|_| {
            // Of a new log nothing is known.
            past.last().is_some() && !self.modules.quiet
        }) {
            report::note(&text);
        }
        // What a kill left there beyond the log would come twice; a file that
        // this log knows nothing of is emptied.
        if let (Some(place), Some(known)) = (place, past.output) {
            let bytes = place.take_back(known)?;
            if bytes > 0 && past.last().is_some() && !self.modules.quiet {
                let bytes = show::counted(bytes, "byte");
                report::note(&format!(
                    "took back {bytes} of results that the log does not know"
                ));
            }
        }
        Ok((Some(log), past))
    }

    /// Refuses a file of results that holds what nothing could bring back: it grows
    /// where it is, and is emptied if the log is new.
    fn check_place(&self, place: &Place, inputs: &Inputs) -> Result<(), Failure> {
        let log = self.joblog.path().map(|path| ("the log", path));
        let inputs = inputs.files().map(|path| ("an input", path));
        let module = ("the module", self.module.as_path());
        let mut others = log.into_iter().chain(inputs).chain([module]);
        if let Some((what, _)) = others.find(|(_, path)| place.is_of(path)) {
            return Err(Failure::usage(format!(
                "{} is {what}: results need a file of their own",
                place.shown()
            )));
        }
        if place.offset() > 0 && self.joblog.goes_on_from_nothing() {
            let log = self.joblog.path().unwrap_or(Path::new(""));
            return Err(Failure::unusable(format!(
                "there is nothing in the log, `{}`, and there are results in {}",
                log.display(),
                place.shown()
            ))
            .hint("name the log of these results; to begin anew, remove them"));
        }
        Ok(())
    }

    /// Says at the end what there is to say.
    fn say(
        &self,
        summary: &Summary,
        ledger: &Ledger,
        halted: Option<Halt>,
        began: Instant,
        interruption: &Interruption,
    ) {
        for line in summary.lines(began.elapsed(), usage::cpu_time_of_children()) {
            report::note(&line);
        }
        let skipped = ledger.extent().skipped;
        if skipped > 0 {
            let inputs = show::counted(skipped, "input");
            report::note(&format!("{inputs} not run: the log has them"));
        }
        if let Some(halt) = halted {
            report::note(&format!("halted by `--halt {halt}`"));
        }
        if (interruption.happened() || halted.is_some()) && self.joblog.is_kept() {
            report::note("the same command with `--resume` goes on from here");
        }
    }

    fn start(
        &self,
        pool: &Pool,
        module: &Module,
        job: Job,
        inputs: Inputs,
        past: Past,
        ledger: Ledger,
    ) -> Result<IMap<Value>, Failure> {
        let call = self.failures.apply(job.call(pool, module));
        let share = inputs.share();
        let feed = Feed::new(inputs.source(job)?, share, past, ledger);
        Ok(match self.outputs.is_unordered() {
            true => call.imap_unordered(feed)?,
            false => call.imap(feed)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser, Debug)]
    struct Words {
        #[command(flatten)]
        map: Map,
    }

    fn read(words: &[&str]) -> Result<Map, clap::Error> {
        Words::try_parse_from([&["map"], words].concat()).map(|words| words.map)
    }

    #[test]
    fn flags_may_stand_anywhere_before_the_template() {
        let map = read(&["m.wasm", "fib", "-j", "2", "--timeout", "300ms"]).unwrap();
        assert_eq!(
            (map.function.as_deref(), map.template.len()),
            (Some("fib"), 0)
        );
        let map = read(&["m.wasm", "--unordered", "--", "-l", "--timeout", "{}"]).unwrap();
        assert_eq!((map.function, map.outputs.is_unordered()), (None, true));
        assert_eq!(map.template, ["-l", "--timeout", "{}"]);
    }

    #[test]
    fn a_function_and_a_template_exclude_each_other() {
        assert!(read(&["m.wasm", "fib", "--", "{}"]).is_err());
        assert!(read(&["m.wasm", "fib", "--outcomes", "--to", "values"]).is_err());
        assert!(read(&["m.wasm", "fib", "--outcomes"]).is_ok());
    }
}
