//! `sandpool map`: a call, or a run of a command or a script, for each line of an input.
//!
//! Input and output are streams. The pool's feeder thread pulls the lines, a
//! bounded number of them ahead of the results; this thread writes each result
//! as it is ready. A million lines take no more memory than a thousand.

mod adaptive_timeout;
mod atomic_file;
mod closing;
mod dry_run;
mod failures;
mod feed;
mod gate;
mod inputs;
mod job;
mod joblog;
mod ledger;
mod outputs;
mod progress;
mod resume;
mod run;
mod script;
mod stop;
mod summary;
mod template;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use clap::Args;
use sandpool::{IMap, Module, Pool, Value, stdio};

use super::flags::{self, ModuleFlags, StartFlags, TaskFlags, WorkerFlags};
use super::interrupt::Interruption;
use super::parse::{self, Keyword};
use super::replay_command::{Given, ReplayCommand};
use super::report::{self, Failure, Kind, TASK_FAILED};
use super::show;
use adaptive_timeout::AdaptiveTimeout;
use closing::RemainingInputs;
use failures::{FailureFlags, Halt};
use feed::Feed;
use gate::GateFlags;
use inputs::open::{InputFlags, Inputs};
use inputs::stream::Share;
use inputs::words::Values;
use job::{Constants, Job, Named};
use joblog::JoblogFlags;
use ledger::Ledger;
use outputs::append_target::AppendTarget;
use outputs::destination::Destination;
use outputs::flags::OutputFlags;
use outputs::results::Results;
use progress::{Prepared, ProgressFlags};
use run::{LoopEnd, Sinks};
use script::{Script, ScriptFlags};
use stop::Stopping;
use summary::Summary;

pub use inputs::words::split_off;
pub use ledger::Stored;
pub use outputs::opened::Opened;

const EXAMPLES: &str = "\
Each line is read as JSON: an array is spread over the parameters, an object gives the
arguments by name, any other value is the only argument. If the only parameter is of a
compound type (a list, a record, ...), the whole line is its value; if it is a string, the
line is its text. Empty lines are skipped. A line that does not fit the parameters fails,
and the other lines run. With `--kwarg`, inputs give only the other parameters.

Values after `:::` are read like the words of `apply`, but `@` has no meaning there.
Several `:::` are combined, the last changing fastest; `:::+` is paired with the values
before it; `:::: FILE` reads the values from the lines of a file.

With a TEMPLATE, the module is run as a command for each input. Its placeholders:
  {}   the input; appended if no placeholder is there   {#}     its number, from 1
  {.}  without extension     {/}  without folders       {1}     the first value or column
  {//} its folder            {/.} without both          {NAME}  the column of that name

With `--script FILE`, a script in Python or JavaScript is run for each input: a line is read as
JSON and is its variable `input`. The result is that of `main(input)` if the script defines a
function `main` that has a parameter, else the value of its last expression. A script is
run from its beginning for each input; where instances are kept (`--isolation
process-reuse=N`), one with `main` is run once, and what it defines stays.

Ctrl-C, SIGTERM or SIGHUP lets running tasks end, then prints the summary and how many
inputs were not run. A second signal ends everything at once. With a log, `--resume`
continues from there.

Exit codes: 0 all ok, 1 a task did not end ok, 2 usage, 3 the module, the function or the
input cannot be used, 4 sandpool failed, 130 interrupted.

Examples:
  seq 1 30 | sandpool map math.wasm fib -j 2 --timeout 300ms
  sandpool map math.wasm add --input pairs.jsonl --unordered
  sandpool map math.wasm add ::: 1 2 3 ::: 10 20
  sandpool map image.wasm dimensions --from files --to csv -o sizes.csv ::: *.jpg
  sandpool map image.wasm thumbnail --from files --kwarg max-side=128 \\
    --results 'small/{/.}.png' ::: *.jpg
  sandpool map text.wasm change-case --from csv --input names.csv --dry-run
  ls *.txt | sandpool map --dir . wc.wasm --to printed -- -l {}
  sandpool map wc.wasm --pipe --block 10M --input access.log -- -l
  sandpool map --script clean.py --input rows.jsonl --isolation process-reuse=1000
  cut -f3 names.tsv | sandpool map text.wasm greet --to values | paste names.tsv -";

/// Call a function, or run a command module or a script, for each of many inputs
#[derive(Args, Debug)]
#[command(
    after_help = EXAMPLES,
    override_usage = "sandpool map [OPTIONS] MODULE [FUNCTION] [::: VALUES...]\n       sandpool map [OPTIONS] MODULE -- TEMPLATE... [::: VALUES...]\n       sandpool map [OPTIONS] --script FILE [::: VALUES...]"
)]
pub struct Map {
    /// The module: a component, a core module, a command, or WAT
    #[arg(required_unless_present = "script")]
    module: Option<PathBuf>,
    /// The function; may be left out if the module exports only one
    #[arg(conflicts_with = "template")]
    function: Option<String>,
    /// The command's arguments; `{}` stands for the input
    #[arg(last = true)]
    template: Vec<String>,
    /// A constant argument for all calls, by its parameter's name; the inputs give the
    /// other arguments. `@FILE` stands for the contents of the file
    #[arg(long, value_name = "NAME=WORD", value_parser = parse::keywords())]
    kwarg: Vec<Keyword>,
    #[command(flatten)]
    script: ScriptFlags,
    #[command(flatten)]
    inputs: InputFlags,
    #[command(flatten)]
    outputs: OutputFlags,
    /// Check each call against the function's types and print it, without running it;
    /// with `--resume`, only the calls that are missing from the log
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
    start: StartFlags,
    #[command(flatten)]
    gate: GateFlags,
    #[command(flatten)]
    modules: ModuleFlags,
}

/// The parts that a loop over tasks needs.
struct TaskLoop<'a> {
    pool: &'a Pool,
    ledger: &'a Ledger,
    prepared: Prepared,
    interruption: &'a Interruption,
    destination: &'a Destination,
    results: Option<Results>,
    script: Option<Arc<Script>>,
}

impl Map {
    /// Runs it, with what stood behind `:::`.
    pub fn run(self, values: Vec<Values>, given: &Given) -> Result<ExitCode, Failure> {
        let began = Instant::now();
        let quiet = self.modules.quiet;
        // Before a worker is started for nothing.
        self.joblog.check()?;
        self.outputs.check()?;
        let script = self.script()?;
        let inputs = self.inputs.open(values, quiet)?;
        self.share_no_stdin(&inputs)?;
        if self.dry_run {
            return self.dry_run(script, inputs, given);
        }
        let goes_on = self.joblog.scope().is_some();
        let results = self.outputs.results(&inputs.shape(), goes_on)?;
        let destination = self.outputs.destination(self.write_mode())?;
        if let Some(notice) = destination.notice().filter(|_| !quiet) {
            report::note(&notice);
        }
        let ledger = Ledger::default();
        let builder = self.workers.apply(self.modules.apply(Pool::builder()));
        let builder = self.start.apply(builder, quiet);
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
            results,
            script,
        };
        let ended = self.map(task_loop, inputs, &mut summary);
        // Before what is said at the end: of workers that are gone it is known
        // how much they used.
        pool.terminate();
        let failure = ledger.failure();
        let is_interrupted = interruption.happened();
        let broken = pool.broken().or_else(|| summary.pool_failure());
        let whole = ended.as_ref().is_ok_and(|(ended, halted)| {
            *ended == LoopEnd::Done
                && failure.is_none()
                && halted.is_none_or(Halt::is_success)
                && !is_interrupted
                && broken.is_none()
        });
        let partial = match whole {
            true => destination.finish().map(|()| None)?,
            // Why the run ended early is said as well.
            false => destination.leave().unwrap_or_else(|failure| {
                failure.say();
                None
            }),
        };
        // Results of a run that failed are named with `--quiet` as well, or they would
        // have to be looked for.
        if let Some(partial) = &partial {
            let partial = partial.display();
            report::note(&format!("the results so far are in `{partial}`"));
        }
        let is_cut_short = match &ended {
            Ok((ended, _)) => *ended == LoopEnd::Done && broken.is_some(),
            Err(failure) => failure.kind == Kind::Pool,
        };
        let is_halted = matches!(&ended, Ok((_, Some(_))));
        let wait = match is_cut_short && !is_interrupted {
            true => Some(closing::COUNT_TIME),
            false => (is_interrupted || is_halted).then_some(closing::SHORT_COUNT_TIME),
        };
        let remaining = wait.map(|wait| RemainingInputs::of(&ledger, &summary, wait));
        summary.leave(remaining.map_or(0, |remaining| remaining.inputs));
        let (ended, halted) = ended.map_err(|failure| {
            if let Some(remaining) = remaining.filter(|_| is_interrupted) {
                self.say_interrupted(remaining, &summary);
            }
            let failure = match remaining.filter(|remaining| remaining.inputs > 0) {
                Some(remaining) => failure.hint_if_none(self.how_to_go_on(remaining)),
                None => failure,
            };
            match is_interrupted {
                true => Failure::interrupted(),
                false => failure,
            }
        })?;
        if ended == LoopEnd::Unread {
            return Ok(ExitCode::from(report::QUIET_END));
        }
        if !quiet && (summary.tasks() > 0 || failure.is_none()) {
            self.say(&summary, &ledger, halted, began, is_interrupted);
        }
        if let Some(error) = failure {
            return Err(Failure::new(Kind::Unusable, error));
        }
        if is_interrupted {
            if let Some(remaining) = remaining {
                self.say_interrupted(remaining, &summary);
            }
            return Err(Failure::interrupted());
        }
        if let Some((reason, remaining)) = broken.zip(remaining) {
            return Err(self.cut_short(reason, remaining));
        }
        Ok(
            match summary.all_ok() || halted.is_some_and(Halt::is_success) {
                true => ExitCode::SUCCESS,
                false => ExitCode::from(TASK_FAILED),
            },
        )
    }

    /// Prints what it would run.
    fn dry_run(
        &self,
        script: Option<Arc<Script>>,
        inputs: Inputs,
        given: &Given,
    ) -> Result<ExitCode, Failure> {
        let quiet = self.modules.quiet;
        let builder = self.modules.apply(Pool::builder().processes(1));
        let pool = flags::build(self.task.apply_to_many(builder)?)?;
        let module = pool.load(self.module_path())?;
        let goes_on = self.joblog.scope().is_some();
        let results = self.outputs.results_if_there(&inputs.shape(), goes_on)?;
        let naming = self.outputs.naming(&inputs.shape())?;
        let job = self.job(script, &module, &inputs)?;
        let past = self.peek_log(&module, &job, &inputs)?;
        let line = match &job {
            Job::Call(function) => {
                ReplayCommand::apply(given, self.module_path(), function.whole())
            }
            Job::Script(script) => script.replay_command(given),
            Job::Command(_) => ReplayCommand::run(given, self.module_path()),
        };
        let named = Named {
            job: job.clone(),
            naming: naming.clone(),
        };
        let ledger = Ledger::default();
        // Nobody waits for what was not read.
        let share = Share::default();
        let feed = Feed::new(inputs.source(named)?, share, past, ledger.clone());
        dry_run::run(&line, &job, feed.named(naming, results), &ledger, quiet)
    }

    /// Returns the path of the module: that of the interpreter, for a script.
    fn module_path(&self) -> &Path {
        let module = self.module.as_deref().or_else(|| self.script.module());
        // Nothing was loaded yet where there is neither.
        module.unwrap_or(Path::new(""))
    }

    /// Reads the script, if one runs in place of a module.
    fn script(&self) -> Result<Option<Arc<Script>>, Failure> {
        let Some(path) = self.script.path() else {
            return Ok(None);
        };
        let refused = |what: &str| {
            let path = path.display();
            Failure::usage(format!("{what}, but `--script {path}` runs a script"))
        };
        if let Some(module) = &self.module {
            let module = module.display();
            return Err(
                refused(&format!("`{module}` stands in the place of MODULE"))
                    .hint("inputs stand after `:::`, or are read from `--input FILE`"),
            );
        }
        if !self.template.is_empty() {
            return Err(refused("a TEMPLATE is for commands"));
        }
        if !self.kwarg.is_empty() {
            return Err(refused("`--kwarg` is for functions"));
        }
        self.inputs.check_for_script()?;
        self.script.read(self.task.longest_arguments())
    }

    fn job(
        &self,
        script: Option<Arc<Script>>,
        module: &Module,
        inputs: &Inputs,
    ) -> Result<Job, Failure> {
        if let Some(script) = script {
            return Ok(Job::Script(script));
        }
        Job::find(
            module,
            self.module_path(),
            self.function.as_deref(),
            &self.template,
            Constants {
                words: &self.kwarg,
                utf8: inputs.utf8(),
            },
            &inputs.shape(),
        )
    }

    /// Checks that inputs and what is one for all of them are not both read from stdin.
    fn share_no_stdin(&self, inputs: &Inputs) -> Result<(), Failure> {
        if self.script.path().is_some_and(stdio::is_stdin) && inputs.read_stdin() {
            return Err(
                Failure::usage("both the script and the inputs are read from stdin")
                    .hint("give the inputs with `--input FILE` or `:::`"),
            );
        }
        let constant = self.kwarg.iter().find(|keyword| keyword.word == "@-");
        match constant {
            Some(Keyword { name, .. }) if inputs.read_stdin() => Err(Failure::usage(format!(
                "both `--kwarg {name}=@-` and the inputs read stdin"
            ))
            .hint("give the inputs with `--input FILE` or `:::`")),
            _ => Ok(()),
        }
    }

    /// Runs a task for each input. Says how that ended, and what halted it.
    fn map(
        &self,
        with: TaskLoop<'_>,
        mut inputs: Inputs,
        summary: &mut Summary,
    ) -> Result<(LoopEnd, Option<Halt>), Failure> {
        let TaskLoop {
            pool,
            ledger,
            prepared,
            interruption,
            destination,
            results,
            script,
        } = with;
        let quiet = self.modules.quiet;
        let module = pool.load(self.module_path())?;
        if let Some(script) = &script {
            script.check(pool, &module)?;
        }
        let job = self.job(script, &module, &inputs)?;
        let by_place = self.outputs.by_place();
        let mut place = destination.place();
        let (mut log, past) = self.open_log(&module, &job, &inputs, &mut place)?;
        let offset = place.as_ref().map(AppendTarget::offset);
        let mut output = self.outputs.printed(&job, destination, offset, quiet)?;
        if let Some(results) = &results {
            output = results.output(output, self.outputs.how(&job, past.files.clone()));
        }
        resume::begin(log.as_mut(), output.as_mut(), destination)?;
        resume::begin_files(log.as_mut(), &past, results.as_ref())?;
        let share = inputs.share();
        let total = inputs.take_total();
        let naming = results.as_ref().map(Results::naming).unwrap_or_default();
        let named = Named {
            job: job.clone(),
            naming: naming.clone(),
        };
        let feed = Feed::new(inputs.source(named)?, share, past, ledger.clone())
            .named(naming, results.clone());
        let outcomes = self.start(pool, &module, &job, feed.timed(log.is_some()))?;
        let steering = outcomes.steering();
        let stopping = Stopping::watch(pool, &steering, self.failures.halt(), interruption, quiet);
        let progress =
            self.progress
                .start(prepared, steering.clone(), ledger.clone(), total, quiet);
        let mut sinks = Sinks {
            output: output.as_mut(),
            destination: destination.name(),
            by_place,
            log,
            summary,
            progress,
            adaptive_timeout: self.task.percent_of_median().map(AdaptiveTimeout::new),
            stopping,
            steering,
        };
        let ended = run::run(outcomes, ledger, &mut sinks)?;
        if let Some(remark) = sinks.output.remark().filter(|_| !quiet) {
            report::note(&remark);
        }
        resume::keep_last_results(sinks.log.as_mut(), destination, results.as_ref())?;
        let lost = ledger.lost();
        if let Some(results) = results.filter(|_| lost > 0 && !quiet) {
            let inputs = show::counted(lost, "input");
            let folder = results.folder().display();
            report::note(&format!(
                "the files of {inputs} in the log were incomplete in `{folder}`, as after a power \
                 cut; these inputs counted as not run"
            ));
        }
        Ok((ended, sinks.stopping.halted()))
    }

    fn start(
        &self,
        pool: &Pool,
        module: &Module,
        job: &Job,
        feed: Feed,
    ) -> Result<IMap<Value>, Failure> {
        let call = self.failures.apply(job.call(pool, module));
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
