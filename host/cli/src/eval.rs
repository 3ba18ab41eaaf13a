//! `sandpool eval`: runs text as code, and prints its value.

use std::ffi::OsString;
use std::fmt;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{io, str};

use clap::Args;
use sandpool::value::script;
use sandpool::{Module, Outcome, Pool, Value, Verdict, stdio};

use super::apply::read_file;
use super::flags::{self, ModuleFlags, StartFlags, TaskFlags};
use super::interrupt::Interruption;
use super::language::{EVAL, Language};
use super::loading;
use super::outcome;
use super::report::{self, Failure, Kind, POOL_FAILED, TASK_FAILED};

const EXAMPLES: &str = "\
The value is that of the last expression, or that of the variable `result`; it is printed as
JSON, and not at all if it is None, null or undefined. Other values than JSON's are objects
with one key, such as {\"$bytes\":\"..\"} or {\"$tuple\":[..]}. What the code prints goes to
stdout and stderr as it is. Code that begins with a dash stands after `--`.

Exit codes: 0 ok, 1 the code failed or was ended, 2 usage, 3 the module or the input cannot be
used, 4 sandpool failed, 130 interrupted.

Examples:
  sandpool eval 'sum(n * n for n in range(10))'
  sandpool eval --lang javascript '[3, 1, 2].toSorted()'
  sandpool eval --input '{\"n\": 20}' 'input[\"n\"] + 1'
  sandpool eval -f report.py --input @data.json --dir data --timeout 5s
  echo 'print(\"hello\")' | sandpool eval -";

/// Run Python or JavaScript text in the sandbox and print its value as JSON
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Eval {
    /// The code; `-` reads it from stdin, and so does no CODE at all
    #[arg(allow_negative_numbers = true)]
    code: Option<OsString>,
    /// Read the code from this file
    #[arg(short, long, value_name = "FILE", conflicts_with = "code")]
    file: Option<PathBuf>,
    /// The language [default: that of the ending of FILE, else python]
    #[arg(long, value_enum)]
    lang: Option<Language>,
    /// The value of the variable `input`, as JSON; `@FILE` stands for the contents of the
    /// file, `@-` for stdin [default: null]
    #[arg(long, value_name = "JSON|@FILE")]
    input: Option<OsString>,
    /// Print a string unquoted, as it is
    #[arg(long)]
    raw: bool,
    #[command(flatten)]
    task: TaskFlags,
    #[command(flatten)]
    start: StartFlags,
    #[command(flatten)]
    modules: ModuleFlags,
}

impl Eval {
    pub fn run(self) -> Result<ExitCode, Failure> {
        let language = self.language();
        let input = self.input()?;
        let code = self.code()?;
        let (task, start) = (&self.task, &self.start);
        let pool = flags::build_passed_through(Pool::builder(), task, start, &self.modules)?;
        let interruption = Interruption::watch(&pool)?;
        let outcome = loading::load(&pool, Path::new(language.module()), self.modules.quiet)
            .map_err(Failure::from)
            .and_then(|module| run(&pool, &module, code, input));
        // All that the code wrote has been passed on when its outcome is there.
        pool.terminate();
        let outcome = outcome.map_err(|failure| interruption.explain(failure))?;
        if interruption.happened() && !outcome.is_ok() {
            return Err(Failure::interrupted());
        }
        if let Some(trouble) = pool.stdio_trouble() {
            return Err(Failure::new(Kind::Pool, anyhow::anyhow!("{trouble}")));
        }
        match &outcome.value {
            Some(value) if outcome.is_ok() => self.print(value),
            // `sys.exit()` is no failure.
            _ if outcome.exit_code == Some(0) => Ok(ExitCode::SUCCESS),
            _ => {
                say_failure(&outcome);
                Ok(ExitCode::from(match outcome.verdict {
                    Verdict::InternalError => POOL_FAILED,
                    _ => TASK_FAILED,
                }))
            }
        }
    }

    fn language(&self) -> Language {
        let of_file = self.file.as_deref().and_then(Language::of_file);
        self.lang.or(of_file).unwrap_or(Language::Python)
    }

    /// Returns the text of `input`, which is JSON.
    fn input(&self) -> Result<Option<String>, Failure> {
        let Some(word) = &self.input else {
            return Ok(None);
        };
        let bytes = match word.as_encoded_bytes() {
            [b'@', b'-'] if self.reads_code_from_stdin() => {
                return Err(Failure::usage(
                    "the code and the input cannot both be read from stdin",
                ));
            }
            [b'@', ..] => {
                let word = word.to_string_lossy();
                let name = &word[1..];
                read_file(name.as_ref()).map_err(|error| {
                    let text = format!("the input cannot be read from `{name}`");
                    Failure::new(Kind::Unusable, anyhow::Error::new(error).context(text))
                })?
            }
            bytes => bytes.to_vec(),
        };
        let text = text(bytes, "the input")?;
        script::compact(&text, &mut Vec::new()).map_err(|error| {
            let error = anyhow::Error::new(error).context("the input is not JSON");
            let failure = Failure::new(Kind::Unusable, error);
            match text.trim_start().starts_with(['[', '{', '"']) {
                true => failure,
                false => failure.hint("a string is JSON with its quotes: `--input '\"text\"'`"),
            }
        })?;
        Ok(Some(text))
    }

    fn reads_code_from_stdin(&self) -> bool {
        let from_file = self.file.as_deref().map(stdio::is_stdin);
        from_file.unwrap_or_else(|| self.code.as_ref().is_none_or(|code| code == "-"))
    }

    fn code(&self) -> Result<String, Failure> {
        match (&self.code, &self.file) {
            (Some(code), _) if code != "-" => text(code.as_encoded_bytes().to_vec(), "the code"),
            (None, None) if io::stdin().is_terminal() => Err(Failure::usage(
                "there is no code to run",
            )
            .hint("give it as a word, `-f FILE`, or `-` for stdin; `sandpool repl` is a prompt")),
            (_, file) => {
                let file = file.as_deref().unwrap_or(Path::new("-"));
                let bytes = read_file(file.as_os_str()).map_err(|error| {
                    let text = format!("the code cannot be read from `{}`", file.display());
                    Failure::new(Kind::Unusable, anyhow::Error::new(error).context(text))
                })?;
                text(bytes, "the code")
            }
        }
    }

    fn print(&self, value: &Value) -> Result<ExitCode, Failure> {
        let line = line(value, self.raw)?;
        Ok(report::print(&line)?.unwrap_or(ExitCode::SUCCESS))
    }
}

fn text(bytes: Vec<u8>, what: impl fmt::Display) -> Result<String, Failure> {
    let not_text = |_| Failure::unusable(format!("{what} is not UTF-8"));
    let text = String::from_utf8(bytes).map_err(not_text)?;
    // A byte order mark is no part of a text.
    Ok(match text.strip_prefix('\u{feff}') {
        Some(text) => text.to_owned(),
        None => text,
    })
}

fn run(
    pool: &Pool,
    module: &Module,
    code: String,
    input: Option<String>,
) -> Result<Outcome<Value>, Failure> {
    Ok(pool.call(module, EVAL).args((code, input)).outcome()?)
}

/// Returns the text that an interpreter returned.
pub fn text_of(value: &Value) -> Result<&str, Failure> {
    match value {
        Value::String(text) => Ok(text),
        _ => Err(Failure::unusable(
            "the module returns no string, as an interpreter does",
        )),
    }
}

/// Returns the line that shows a snippet's value; nothing for none. With `raw`, a string is
/// its text.
fn line(value: &Value, raw: bool) -> Result<Vec<u8>, Failure> {
    let text = text_of(value)?;
    if text == "null" {
        return Ok(Vec::new());
    }
    let mut line = Vec::new();
    if raw && let Ok(text) = serde_json::from_str::<String>(text) {
        line.extend_from_slice(text.as_bytes());
        if !io::stdout().is_terminal() || text.ends_with('\n') {
            return Ok(line);
        }
    } else {
        script::compact(text, &mut line).map_err(|error| {
            let error = anyhow::Error::new(error).context("the value that came back is not JSON");
            Failure::new(Kind::Pool, error)
        })?;
    }
    line.push(b'\n');
    Ok(line)
}

/// Says on stderr why a snippet has no value: its traceback where it has one.
pub fn say_failure(outcome: &Outcome<Value>) {
    match outcome::traceback(outcome) {
        Some(traceback) if outcome.verdict == Verdict::Error => {
            // When stderr is gone there is nobody left to tell.
            let _ = report::show_guest_output(traceback.trim_end().as_bytes());
            report::say_refusals(outcome);
        }
        _ => report::say_outcome(outcome),
    }
}
