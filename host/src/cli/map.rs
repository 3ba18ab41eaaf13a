//! `sandpool map`: a call, or a run of a command, for each line of an input.
//!
//! Input and output are streams. The pool's feeder thread pulls the lines, a
//! bounded number of them ahead of the results; this thread writes each result
//! as it is ready. A million lines take no more memory than a thousand.

use std::fs::File;
use std::io::{self, BufReader, IsTerminal, Read};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use sandpool::value::{self, Function, LineFormat};
use sandpool::{IMap, Input, Module, Pool, ToInput, Value};

use super::apply;
use super::flags::{self, ModuleFlags, TaskFlags, WorkerFlags};
use super::interrupt::Interruption;
use super::lines::{Line, Lines, Progress};
use super::outcome::Detail;
use super::report::{self, Failure, Kind, TASK_FAILED};
use super::results::{Form, Results};
use super::shell;
use super::template::Template;

/// The longest line that is read; a longer one is `invalid_arguments`.
const LONGEST_LINE: usize = 64 << 20;

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
    /// Where the lines are [default: stdin]
    #[arg(
        short,
        long,
        value_name = "FILE",
        default_value = "-",
        hide_default_value = true
    )]
    input: PathBuf,
    /// What a line is
    #[arg(long, value_enum, default_value_t = InputForm::Auto)]
    from: InputForm,
    /// Read a line as JSON and spread it over the parameters, also where there is only one
    #[arg(long)]
    spread: bool,
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
enum InputForm {
    /// JSON, or plain text for a function of one string
    Auto,
    /// JSON, always
    Jsonl,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum OutputForm {
    /// A JSON object with index, verdict, and value or error
    Jsonl,
    /// The value alone as JSON; an empty line for a line that is empty or
    /// failed, so that line N answers line N
    Values,
}

/// What is done for each line.
enum Job {
    Call(Function),
    /// The command's own name, and the words after it.
    Command(Template),
}

impl Map {
    pub fn run(self) -> Result<ExitCode, Failure> {
        // Before a worker is started for nothing.
        let input = self.open_input()?;
        let builder = self.workers.apply(self.modules.apply(Pool::builder()));
        let builder = self.task.apply(builder.measure_cpu_time(self.outcomes))?;
        let pool = flags::build(flags::show_logs(builder, self.modules.quiet))?;
        let interruption = Interruption::watch(&pool)?;
        let ended = self.map(&pool, input, &interruption);
        pool.terminate();
        ended.map_err(|failure| interruption.explain(failure))
    }

    fn map(
        &self,
        pool: &Pool,
        input: Box<dyn Read + Send>,
        interruption: &Interruption,
    ) -> Result<ExitCode, Failure> {
        let module = pool.load(&self.module)?;
        let job = self.job(&module)?;
        let form = self.form(&job);
        let progress = Progress::default();
        let ordered_values = form.is_values() && !self.unordered;
        let input = BufReader::with_capacity(64 << 10, input);
        let lines = Lines::new(input, LONGEST_LINE, ordered_values, progress.clone());
        let outcomes = self.start(pool, &module, job, lines)?;
        let mut results = Results::new(
            io::stdout().lock(),
            form,
            ordered_values.then_some(progress.clone()),
        );
        let written = results.write_all(outcomes);
        let failed = results.failed();
        match written {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                return Ok(ExitCode::from(report::QUIET_END));
            }
            Err(error) => return Err(report::stdout_failure(error)),
        }
        if let Some(error) = progress.failure() {
            return Err(self.unreadable(error));
        }
        if interruption.happened() {
            return Err(Failure::interrupted());
        }
        if !failed.is_empty() && !self.modules.quiet {
            report::note(&failed.summary());
        }
        if let Some(reason) = pool.broken() {
            let text = anyhow::anyhow!("the pool is broken: {reason}");
            return Err(Failure::new(Kind::Pool, text).hint(
                "the input may not have been read to its end; what has no result was not run",
            ));
        }
        if failed.is_empty() {
            return Ok(ExitCode::SUCCESS);
        }
        Ok(ExitCode::from(TASK_FAILED))
    }

    fn open_input(&self) -> Result<Box<dyn Read + Send>, Failure> {
        if self.input.as_os_str() != "-" {
            let file = File::open(&self.input).map_err(|error| self.unreadable(error))?;
            return Ok(Box::new(file));
        }
        if io::stdin().is_terminal() && !self.modules.quiet {
            report::note("reading lines from the terminal; Ctrl-D ends them");
        }
        Ok(Box::new(io::stdin()))
    }

    fn unreadable(&self, error: io::Error) -> Failure {
        let name = match self.input.as_os_str() == "-" {
            true => "stdin".to_owned(),
            false => format!("`{}`", self.input.display()),
        };
        Failure::new(
            Kind::Unusable,
            anyhow::Error::new(error).context(format!("the input, {name}, cannot be read")),
        )
    }

    /// What to do for each line of this module.
    fn job(&self, module: &Module) -> Result<Job, Failure> {
        let path = self.module.display().to_string();
        let quoted = shell::quote(&path);
        if !self.template.is_empty() {
            if !module.is_command() {
                let first = module
                    .functions()
                    .first()
                    .map_or("FUNCTION", |function| &function.name);
                return Err(Failure::unusable(format!(
                    "`{path}` is no command, so words after `--` mean nothing to it"
                ))
                .hint(format!("`sandpool map {quoted} {}`", shell::quote(first))));
            }
            return Ok(Job::Command(Template::new(self.template.clone())));
        }
        if let Some(asked) = &self.function {
            return match apply::find(module, &self.module, asked) {
                Ok(function) => Ok(Job::Call(function.clone())),
                Err(_) if module.is_command() && module.functions().is_empty() => {
                    Err(command_needs_template(&path))
                }
                Err(failure) => Err(failure),
            };
        }
        match module.functions() {
            _ if module.is_command() => Err(command_needs_template(&path)),
            [only] => Ok(Job::Call(only.clone())),
            [] => Err(Failure::unusable(format!(
                "`{path}` exports nothing that can be called"
            ))),
            several => {
                let all: Vec<_> = several
                    .iter()
                    .map(|function| function.name.clone())
                    .collect();
                Err(
                    Failure::usage(format!("`{path}` has several functions; say which"))
                        .hint(format!("it has {}", apply::names(&all))),
                )
            }
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

    fn start<R: io::BufRead + Send + 'static>(
        &self,
        pool: &Pool,
        module: &Module,
        job: Job,
        lines: Lines<R>,
    ) -> Result<IMap<Value>, Failure> {
        let call = match &job {
            Job::Call(function) => pool.call(module, &function.full_name()),
            Job::Command(..) => pool.command(module),
        };
        let format = self.format();
        let inputs = lines.map(move |line| job.input(line, format));
        Ok(match self.unordered {
            true => call.imap_unordered(inputs)?,
            false => call.imap(inputs)?,
        })
    }

    fn format(&self) -> LineFormat {
        match (self.from, self.spread) {
            (InputForm::Auto, false) => LineFormat::Auto,
            (_, spread) => LineFormat::Jsonl { spread },
        }
    }
}

impl Job {
    /// The task that a line asks for.
    fn input(&self, line: Line, format: LineFormat) -> Input {
        let line = match line {
            Line::Text(line) => line,
            Line::Unreadable(why) => return Input::Invalid(why),
        };
        match self {
            Job::Call(function) => match value::parse_line(&line, function, format) {
                Ok(values) => values.into_input(),
                Err(error) => Input::Invalid(error.to_string()),
            },
            Job::Command(..) if line.contains('\0') => {
                Input::Invalid("an argument cannot hold a NUL character".into())
            }
            Job::Command(template) => Input::Command {
                argv: template.fill(&line).into_iter().collect(),
                stdin: Vec::new(),
            },
        }
    }
}

fn command_needs_template(path: &str) -> Failure {
    Failure::unusable(format!(
        "`{path}` is a command, and what it gets for a line stands after `--`"
    ))
    .hint(format!(
        "`sandpool map {} -- {{}}` gives it the line as its only word",
        shell::quote(path)
    ))
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
