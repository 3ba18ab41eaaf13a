//! `sandpool map`: a call, or a run of a command, for each line of an input.
//!
//! Input and output are streams. The pool's feeder thread pulls the lines, a
//! bounded number of them ahead of the results; this thread writes each result
//! as it is ready. A million lines take no more memory than a thousand.

mod feed;
mod finished;
mod inputs;
mod job;
mod outputs;
mod run;
mod summary;
mod template;

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use sandpool::{IMap, Module, Pool, Value};

use super::flags::{self, ModuleFlags, TaskFlags, WorkerFlags};
use super::interrupt::Interruption;
use super::outcome::Detail;
use super::report::{self, Failure, Kind, TASK_FAILED};
use feed::Feed;
use finished::Ledger;
use inputs::open::{InputFlags, Inputs};
use inputs::words::Values;
use job::Job;
use outputs::lines::{Form, Lines};
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

impl Map {
    /// Runs it, with what stood behind `:::`.
    pub fn run(self, values: Vec<Values>) -> Result<ExitCode, Failure> {
        // Before a worker is started for nothing.
        let inputs = self.inputs.open(values, self.modules.quiet)?;
        let builder = self.workers.apply(self.modules.apply(Pool::builder()));
        let builder = self.task.apply(builder.measure_cpu_time(self.outcomes))?;
        let pool = flags::build(flags::show_logs(builder, self.modules.quiet))?;
        let interruption = Interruption::watch(&pool)?;
        let ended = self.map(&pool, inputs, &interruption);
        pool.terminate();
        ended.map_err(|failure| interruption.explain(failure))
    }

    fn map(
        &self,
        pool: &Pool,
        inputs: Inputs,
        interruption: &Interruption,
    ) -> Result<ExitCode, Failure> {
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
        let mut output = Lines::new(io::stdout().lock(), form, by_place);
        let ledger = Ledger::default();
        let mut summary = Summary::default();
        let outcomes = self.start(pool, &module, job, inputs, ledger.clone())?;
        match run::run(outcomes, &ledger, &mut output, &mut summary) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                return Ok(ExitCode::from(report::QUIET_END));
            }
            Err(error) => return Err(report::stdout_failure(error)),
        }
        if let Some(error) = ledger.failure() {
            return Err(Failure::new(Kind::Unusable, error));
        }
        if interruption.happened() {
            return Err(Failure::interrupted());
        }
        if !summary.all_ok() && !self.modules.quiet {
            report::note(&summary.failures());
        }
        if let Some(reason) = pool.broken() {
            let text = anyhow::anyhow!("the pool is broken: {reason}");
            return Err(Failure::new(Kind::Pool, text).hint(
                "the input may not have been read to its end; what has no result was not run",
            ));
        }
        Ok(match summary.all_ok() {
            true => ExitCode::SUCCESS,
            false => ExitCode::from(TASK_FAILED),
        })
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
        ledger: Ledger,
    ) -> Result<IMap<Value>, Failure> {
        let call = job.call(pool, module);
        let feed = Feed::new(inputs.source(job)?, ledger);
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
