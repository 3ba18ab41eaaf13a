//! `sandpool apply`: one call of a function.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use sandpool::value::{self, ArgumentError, Function, LookupError, ParseError, Type, Utf8};
use sandpool::{Module, Outcome, Pool, Value, Verdict, stdio};

use super::flags::{self, ModuleFlags, StartFlags, TaskFlags, WorkerFlags};
use super::interrupt::Interruption;
use super::loading;
use super::outcome::{self, LineWriter};
use super::parse::{self, Keyword};
use super::replay_command::{Given, ReplayCommand};
use super::report::{self, Failure, Kind, POOL_FAILED, TASK_FAILED};
use super::{sanitize, shell};

/// The most bytes of a file that `@FILE` reads; the limit on arguments says the
/// same, but only after all of it is in memory.
const LONGEST_FILE: u64 = 1 << 30;

const EXAMPLES: &str = "\
Each word is read by the type of its parameter: a string as it is, other types as JSON or
WAVE. A number outside the range of its type is refused; `1.0` is an integer. `@FILE` stands
for the contents of the file, `@-` for stdin, `@@` for a literal @. Negative numbers are
values; other words that begin with a dash stand after `--`.

Exit codes: 0 ok, 1 the task did not end ok, 2 usage, 3 the module, the function or the
arguments cannot be used, 4 sandpool failed, 130 interrupted.

Examples:
  sandpool apply math.wasm fib 30
  sandpool apply math.wasm add -1 2
  sandpool apply math.wasm fib --kwarg n=30 --timeout 500ms
  sandpool apply --raw image.wasm thumbnail @photo.jpg 128 > small.png
  sandpool apply text.wasm describe '{\"rectangle\":{\"width\":2,\"height\":3}}'";

/// Call one function of a module and print its result as JSON
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Apply {
    /// The module: a component, a core module, or WAT
    module: PathBuf,
    /// The function: `fib`, `arith#fib`, `demo:math/arith#fib`
    function: String,
    /// The arguments, in order
    #[arg(allow_negative_numbers = true)]
    words: Vec<OsString>,
    /// An argument by its parameter's name
    #[arg(long, value_name = "NAME=WORD", value_parser = parse::keywords())]
    kwarg: Vec<Keyword>,
    /// Replace bytes that are not valid UTF-8 in files that are read as strings
    #[arg(long)]
    lossy: bool,
    /// Print strings and bytes unquoted, as they are
    #[arg(long, conflicts_with = "format")]
    raw: bool,
    /// The form of the result
    #[arg(long, value_enum, default_value_t = Format::Json)]
    format: Format,
    /// Check the call against the function's types and print it, without running it
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    task: TaskFlags,
    #[command(flatten)]
    workers: WorkerFlags,
    #[command(flatten)]
    start: StartFlags,
    #[command(flatten)]
    modules: ModuleFlags,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Json,
    Wave,
}

impl Apply {
    pub fn run(self, given: &Given) -> Result<ExitCode, Failure> {
        let builder = self.workers.apply(self.modules.apply(Pool::builder()));
        let builder = self.start.apply(builder, self.modules.quiet);
        let builder = self.task.apply(builder)?;
        let pool = flags::build(flags::show_logs(builder, self.modules.quiet))?;
        let interruption = Interruption::watch(&pool)?;
        if self.dry_run {
            let line = self.line(&pool, given);
            pool.terminate();
            let line = line.map_err(|failure| interruption.explain(failure))?;
            return Ok(report::print(format!("{line}\n").as_bytes())?.unwrap_or(ExitCode::SUCCESS));
        }
        let outcome = self.call(&pool);
        pool.terminate();
        let outcome = outcome.map_err(|failure| interruption.explain(failure))?;
        let shown = match self.modules.quiet {
            true => Ok(()),
            false => show_output(&outcome).map_err(report::stderr_failure),
        };
        match &outcome.value {
            // The value is not to be lost to what cannot be shown beside it.
            Some(value) if outcome.is_ok() => {
                self.print(value).and_then(|code| shown.and(Ok(code)))
            }
            _ if interruption.happened() => Err(Failure::interrupted()),
            _ => {
                report::say_outcome(&outcome);
                Ok(ExitCode::from(match outcome.verdict {
                    Verdict::InternalError => POOL_FAILED,
                    _ => TASK_FAILED,
                }))
            }
        }
    }

    fn call(&self, pool: &Pool) -> Result<Outcome<Value>, Failure> {
        let module = loading::load(pool, &self.module, self.modules.quiet)?;
        let function = find(&module, &self.module, &self.function)?;
        Ok(pool
            .call(&module, &function.full_name())
            .values(self.values(function)?)
            .outcome()?)
    }

    /// The arguments, which fit the function.
    fn values(&self, function: &Function) -> Result<Vec<Value>, Failure> {
        value::parse_words(
            &self.words,
            &pairs(&self.kwarg),
            function,
            &read_file,
            utf8(self.lossy),
        )
        .map_err(|error| self.explain(error, function))
    }

    /// Explains arguments that do not fit.
    fn explain(&self, error: ArgumentError, function: &Function) -> Failure {
        let hint = match &error {
            ArgumentError::Unfit {
                parameter, problem, ..
            } => match **problem {
                ParseError::NotText { .. } => Some(NOT_TEXT.to_owned()),
                _ => function
                    .parameter(parameter)
                    .and_then(|place| self.file_hint(place, function)),
            },
            _ => None,
        };
        let failure = Failure::new(Kind::Unusable, error);
        match hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }

    /// Returns the advice to give a file's contents, if the word is a file's name or the
    /// parameter takes bytes.
    fn file_hint(&self, place: usize, function: &Function) -> Option<String> {
        let param = function.params.get(place)?;
        let by_name = || {
            let keyword = self
                .kwarg
                .iter()
                .find(|keyword| function.parameter(&keyword.name) == Some(place))?;
            Some(&keyword.word)
        };
        let word = self.words.get(place).or_else(by_name)?;
        if Path::new(word).is_file() {
            let mut file = OsString::from("@");
            file.push(word);
            return Some(format!(
                "`{}` stands for that file's contents",
                shell::quote_os(&file)
            ));
        }
        let of_bytes = match &param.ty {
            Type::Option(some) => some.is_bytes(),
            ty => ty.is_bytes(),
        };
        of_bytes.then(|| "`@FILE` stands for a file's contents".to_owned())
    }

    /// The line that makes this call, once it is known that it can be made.
    fn line(&self, pool: &Pool, given: &Given) -> Result<String, Failure> {
        let module = loading::load(pool, &self.module, self.modules.quiet)?;
        let function = find(&module, &self.module, &self.function)?;
        self.values(function)?;
        Ok(ReplayCommand::apply(given, &self.module, function).with_words(&self.words))
    }

    fn print(&self, value: &Value) -> Result<ExitCode, Failure> {
        let mut line = LineWriter::default();
        let printed = match self.format {
            _ if self.raw => report::print(&raw(value)),
            Format::Json => report::print(line.line(|out| outcome::put_value(value, out))),
            // An escape of ours is an escape of WAVE too.
            Format::Wave => report::print(
                line.line(|out| out.extend(sanitize::line(&value::to_wave(value)).bytes())),
            ),
        };
        Ok(printed?.unwrap_or(ExitCode::SUCCESS))
    }
}

/// Text and bytes as they are; only where a person looks at them, the prompt
/// that follows gets a line of its own.
fn raw(value: &Value) -> Vec<u8> {
    let mut bytes = value::raw(value);
    let text = matches!(value, Value::String(_) | Value::Char(_)) && io::stdout().is_terminal();
    let json =
        !matches!(value, Value::String(_) | Value::Char(_) | Value::Bytes(_)) && !value.is_unit();
    if json || (text && !bytes.ends_with(b"\n")) {
        bytes.push(b'\n');
    }
    bytes
}

/// Shows on stderr what the guest wrote; of a flood, its end.
fn show_output(outcome: &Outcome<Value>) -> io::Result<()> {
    const END: usize = 2048;
    for bytes in [&outcome.stdout, &outcome.stderr].into_iter().flatten() {
        let flood = outcome.verdict == Verdict::OutputLimit && bytes.len() > END;
        let shown = if flood {
            report::note(&format!(
                "of {} bytes of output, the last {END}:",
                bytes.len()
            ));
            &bytes[bytes.len() - END..]
        } else {
            bytes
        };
        report::show_guest_output(shown)?;
    }
    Ok(())
}

/// Finds the function, or says what there is.
pub fn find<'a>(module: &'a Module, path: &Path, asked: &str) -> Result<&'a Function, Failure> {
    let function = look_up(module, path, asked)?;
    match function.uncallable() {
        None => Ok(function),
        Some(why) => Err(Failure::unusable(format!(
            "`{}` cannot be called: {why}",
            sanitize::line(&function.name)
        ))),
    }
}

fn look_up<'a>(module: &'a Module, path: &Path, asked: &str) -> Result<&'a Function, Failure> {
    module.find(asked).map_err(|error| {
        let command = module.is_command() && module.functions().is_empty();
        let hint = match (&error, command) {
            (_, true) => format!(
                "it is a command: `sandpool run {}`",
                shell::quote_os(path.as_os_str())
            ),
            (
                LookupError::Unknown {
                    available,
                    suggestion: Some(near),
                    ..
                },
                _,
            ) => {
                format!(
                    "did you mean `{}`? the module has {}",
                    sanitize::line(near),
                    names(available)
                )
            }
            (LookupError::Unknown { available, .. }, _) if !available.is_empty() => {
                format!("it has {}", names(available))
            }
            _ => error.hint(),
        };
        Failure::from(error).hint(hint)
    })
}

/// Names of a guest's in a sentence; not all of ten thousand.
pub fn names(all: &[String]) -> String {
    const SHOWN: usize = 20;
    let mut text = all
        .iter()
        .take(SHOWN)
        .map(|name| format!("`{}`", sanitize::line(name)))
        .collect::<Vec<_>>()
        .join(", ");
    if all.len() > SHOWN {
        text.push_str(&format!(" and {} more", all.len() - SHOWN));
    }
    text
}

/// Keywords as the library takes them.
pub fn pairs(kwargs: &[Keyword]) -> Vec<(String, OsString)> {
    let pair = |Keyword { name, word }: &Keyword| (name.clone(), word.clone());
    kwargs.iter().map(pair).collect()
}

/// Reads the contents that `@FILE` and `@-` stand for.
pub fn read_file(name: &OsStr) -> io::Result<Vec<u8>> {
    match stdio::is_stdin(Path::new(name)) {
        true => read_whole(stdio::stdin()?),
        false => read_whole(File::open(name)?),
    }
}

/// Advice about text that is not UTF-8.
pub const NOT_TEXT: &str = "`--lossy` puts U+FFFD in place of bytes that are not";

/// Returns the treatment of invalid UTF-8 that `--lossy` asks for.
pub fn utf8(lossy: bool) -> Utf8 {
    match lossy {
        true => Utf8::Lossy,
        false => Utf8::Strict,
    }
}

/// All that there is to read, if it is not more than anyone would pass on.
pub fn read_whole(source: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = source.take(LONGEST_FILE + 1).read_to_end(&mut bytes)?;
    match read as u64 > LONGEST_FILE {
        true => Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            "it is larger than 1 GiB",
        )),
        false => Ok(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser, Debug)]
    struct Line {
        #[command(flatten)]
        apply: Apply,
    }

    fn read(words: &[&str]) -> Result<Apply, clap::Error> {
        Line::try_parse_from([&["apply"], words].concat()).map(|line| line.apply)
    }

    #[test]
    fn negative_numbers_are_values_and_flags_may_stand_anywhere() {
        let apply = read(&[
            "m.wasm",
            "add",
            "-1",
            "--timeout",
            "2s",
            "-2.5e3",
            "-j",
            "2",
        ])
        .unwrap();
        assert_eq!(apply.words, ["-1", "-2.5e3"]);
        let apply = read(&["--raw", "m.wasm", "f", "--", "-x", "--timeout"]).unwrap();
        assert_eq!(apply.words, ["-x", "--timeout"]);
        assert!(read(&["m.wasm", "f", "-x"]).is_err());
    }

    #[test]
    fn a_keyword_may_have_a_negative_value() {
        let apply = read(&["m.wasm", "add", "--kwarg", "a=-1", "--kwarg=b=2"]).unwrap();
        assert_eq!(
            apply.kwarg[0],
            Keyword {
                name: "a".into(),
                word: "-1".into()
            }
        );
        assert_eq!(apply.kwarg[1].word, "2");
    }

    #[test]
    fn not_all_names_of_a_large_module_are_listed() {
        let all: Vec<_> = (0..1000).map(|n| format!("f{n}")).collect();
        assert!(names(&all).ends_with("`f19` and 980 more"));
        assert_eq!(names(&["a\u{1b}".to_owned()]), "`a\\u{1b}`");
    }
}
