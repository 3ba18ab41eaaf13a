//! `sandpool map`: a call, or a run of a command, for each line of an input.
//!
//! Input and output are streams. The pool's feeder thread pulls the lines, a
//! bounded number of them ahead of the results; this thread writes each result
//! as it is ready. A million lines take no more memory than a thousand.

mod failures;
mod feed;
mod finished;
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

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::{Args, ValueEnum};
use sandpool::{IMap, Module, Pool, Value};

use super::flags::{self, ModuleFlags, TaskFlags, WorkerFlags};
use super::interrupt::Interruption;
use super::outcome::Detail;
use super::report::{self, Failure, Kind, TASK_FAILED};
use super::screen::BesideBar;
use super::{show, usage};
use failures::{FailureFlags, Halt};
use feed::Feed;
use finished::Ledger;
use inputs::open::{InputFlags, Inputs};
use inputs::words::Values;
use job::Job;
use joblog::identity::Identity;
use joblog::past::{Past, Which};
use joblog::{Joblog, JoblogFlags};
use outputs::lines::{Form, Lines};
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

With a TEMPLATE, the module is run as a command for each line, which stands where `{}`
is, or last.

Exit codes: 0 all ok, 1 a task did not end ok, 2 usage, 3 the module, the function or the
input cannot be used, 4 sandpool failed, 130 interrupted.

Examples:
  seq 1 30 | sandpool map math.wasm fib -j 2 --timeout 300ms
  sandpool map math.wasm add --input pairs.jsonl --unordered
  ls *.txt | sandpool map --dir . wc.wasm -- -l {}
  cut -f3 names.tsv | sandpool map text.wasm greet --to values | paste names.tsv -";

/// Call a function, or run a command module, for each line of an input
#[derive(Args, Debug)]
#[command(
    after_help = EXAMPLES,
    override_usage = "sandpool map [OPTIONS] MODULE [FUNCTION]\n       sandpool map [OPTIONS] MODULE -- TEMPLATE..."
)]
pub struct Map {
    /// The module: a component, a core module, a command, or WAT
    module: PathBuf,
    /// The function; not needed where there is only one
    #[arg(conflicts_with = "template")]
    function: Option<String>,
    /// The command's arguments, with `{}` where the line stands
    #[arg(last = true)]
    template: Vec<String>,
    #[command(flatten)]
    inputs: InputFlags,
    /// What to write for each line
    #[arg(long, value_enum, default_value_t = OutputForm::Jsonl)]
    to: OutputForm,
    /// Write all that is known of each task
    #[arg(long, conflicts_with = "to")]
    outcomes: bool,
    /// Write results as they are completed, not in input order
    #[arg(long)]
    unordered: bool,
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
    modules: ModuleFlags,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum OutputForm {
    /// A JSON object with index, verdict, and value or error
    Jsonl,
    /// The value alone as JSON; an empty line for a line that is empty or
    /// failed, so that line N answers line N
    Values,
}

/// What a loop over tasks works with.
struct TaskLoop<'a> {
    pool: &'a Pool,
    ledger: &'a Ledger,
    prepared: Prepared,
    interruption: &'a Interruption,
}

impl Map {
    /// Runs it, with what stood behind `:::`.
    pub fn run(self, values: Vec<Values>) -> Result<ExitCode, Failure> {
        let began = Instant::now();
        let quiet = self.modules.quiet;
        // Before a worker is started for nothing.
        let inputs = self.inputs.open(values, quiet)?;
        let ledger = Ledger::default();
        let builder = self.workers.apply(self.modules.apply(Pool::builder()));
        let builder = self
            .task
            .apply_to_many(builder.measure_cpu_time(self.outcomes))?;
        let names = ledger.clone();
        let builder = flags::show_logs_of(builder, quiet, move |index| names.seq(index));
        let (builder, prepared) = self.progress.prepare(builder, quiet);
        let pool = flags::build(builder)?;
        let interruption = Interruption::watch(&pool)?;
        let mut summary = Summary::default();
        let task_loop = TaskLoop {
            pool: &pool,
            ledger: &ledger,
            prepared,
            interruption: &interruption,
        };
        let ended = self.map(task_loop, inputs, &mut summary);
        // Before what is said at the end: of workers that are gone it is known
        // how much they used.
        pool.terminate();
        let (ended, halted) = ended.map_err(|failure| interruption.explain(failure))?;
        if ended == Ended::Unread {
            return Ok(ExitCode::from(report::QUIET_END));
        }
        let failure = ledger.failure();
        if !quiet && (summary.tasks() > 0 || failure.is_none()) {
            self.say(&summary, &ledger, halted, began, &interruption);
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
        } = with;
        let quiet = self.modules.quiet;
        let module = pool.load(&self.module)?;
        let job = Job::find(
            &module,
            &self.module,
            self.function.as_deref(),
            &self.template,
            &inputs.shape(),
        )?;
        let form = self.form(&job);
        let by_place = form.is_values() && !self.unordered;
        let (log, past) = self.open_log(&module, &job, &inputs, by_place)?;
        // What is on stdout is never cut, as a file of results is: others may
        // write there, too.
        let mut output = Lines::new(BesideBar::stdout(), form, by_place, None);
        let outcomes = self.start(pool, &module, job, inputs, past, ledger.clone())?;
        let steering = outcomes.steering();
        let stopping = Stopping::watch(pool, &steering, self.failures.halt(), interruption, quiet);
        let progress = self
            .progress
            .start(prepared, steering.clone(), ledger.clone(), quiet);
        let mut sinks = Sinks {
            output: &mut output,
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

    /// The log, and what it says of earlier runs.
    fn open_log(
        &self,
        module: &Module,
        job: &Job,
        inputs: &Inputs,
        by_place: bool,
    ) -> Result<(Option<Joblog>, Past), Failure> {
        let runs_again = matches!(
            self.joblog.which(),
            Some(Which::MissingAndFailed | Which::Failed)
        );
        if by_place && runs_again {
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
            output: "stdout".into(),
        };
        let Some((log, past)) = self.joblog.open(&identity)? else {
            return Ok((None, Past::none()));
        };
        if let Some(text) = past.identity.changed_limits(&identity).filter(|_| {
            // Of a new log nothing is known.
            past.last().is_some() && !self.modules.quiet
        }) {
            report::note(&text);
        }
        Ok((Some(log), past))
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

    fn form(&self, job: &Job) -> Form {
        let detail = if self.outcomes {
            Detail::Full
        } else {
            Detail::Short
        };
        match (self.to, job) {
            (OutputForm::Jsonl, Job::Call(_)) => Form::Calls(detail),
            (OutputForm::Jsonl, Job::Command(..)) => Form::Commands(detail),
            (OutputForm::Values, Job::Call(_)) => Form::Values,
            (OutputForm::Values, Job::Command(..)) => Form::Outputs,
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
        Ok(match self.unordered {
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
        assert_eq!((map.function, map.unordered), (None, true));
        assert_eq!(map.template, ["-l", "--timeout", "{}"]);
    }

    #[test]
    fn a_function_and_a_template_exclude_each_other() {
        assert!(read(&["m.wasm", "fib", "--", "{}"]).is_err());
        assert!(read(&["m.wasm", "fib", "--outcomes", "--to", "values"]).is_err());
        assert!(read(&["m.wasm", "fib", "--outcomes"]).is_ok());
    }
}
