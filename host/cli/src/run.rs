//! `sandpool run`: a command module in one isolated process, as if it were a
//! program.
//!
//! Its stdin, stdout and stderr are ours, byte for byte, and we leave with its
//! exit code. Codes of our own are those of timeout(1).

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use sandpool::{Module, Outcome, Pool, Stdin, Value, Verdict};

use super::flags::{self, ModuleFlags, StartFlags, TaskFlags};
use super::interrupt::Interruption;
use super::loading;
use super::outcome::{self, Detail, LineWriter};
use super::report::{self, Failure, Kind};
use super::shell;

const EXAMPLES: &str = "\
All words after MODULE go to the guest, including those that begin with a dash.

Exit codes: the guest's own; otherwise 124 it ran past --timeout, 125 sandpool failed or
was used wrongly, 126 the module cannot be used, 127 the module does not exist,
130 interrupted, 134 it trapped, 137 it hit another limit, was refused, or its process died.

Examples:
  sandpool run wc.wasm -l < README.md
  sandpool run --dir .::/data --timeout 5s wc.wasm /data/README.md
  sandpool run --dir out::/out:rw --env HOME --memory 64MiB tool.wasm -o /out/x
  sandpool run --outcome why.json tool.wasm; jq .verdict why.json";

/// Run a command module as if it were a program
#[derive(Args, Debug)]
#[command(
    after_help = EXAMPLES,
    override_usage = "sandpool run [OPTIONS] MODULE [ARGS]..."
)]
pub struct Run {
    /// The module, and the arguments for it
    //
    // Two positionals would leave flags after MODULE to us.
    #[arg(required = true, trailing_var_arg = true, value_names = ["MODULE", "ARGS"], num_args = 1..)]
    words: Vec<OsString>,
    /// Write the outcome, with everything known about it, to this file as JSON
    #[arg(long, value_name = "FILE")]
    outcome: Option<PathBuf>,
    #[command(flatten)]
    task: TaskFlags,
    #[command(flatten)]
    start: StartFlags,
    #[command(flatten)]
    module: ModuleFlags,
}

impl Run {
    pub fn run(self) -> Result<ExitCode, Failure> {
        let (path, arguments) = self
            .words
            .split_first()
            .ok_or_else(|| Failure::usage("a module is missing"))?;
        let arguments = arguments.iter().map(text).collect::<Result<Vec<_>, _>>()?;
        // A guest does not run for an outcome that nobody will see.
        let file = self.outcome.as_deref().map(create_outcome).transpose()?;
        let builder = Pool::builder()
            .timeout(None::<Duration>)
            .measure_cpu_time(self.outcome.is_some());
        let pool = flags::build_passed_through(builder, &self.task, &self.start, &self.module)?;
        let interruption = Interruption::watch(&pool)?;
        let outcome = run(&pool, Path::new(path), arguments, self.module.quiet);
        // All that the guest wrote has been passed on when its outcome is
        // there; nothing of it is left running.
        pool.terminate();
        let outcome = outcome.map_err(|failure| interruption.explain(failure))?;
        if let (Some(path), Some(file)) = (&self.outcome, file) {
            write_outcome(path, file, &outcome)?;
        }
        if interruption.happened() && outcome.verdict == Verdict::Cancelled {
            return Err(Failure::interrupted());
        }
        if let Some(trouble) = pool.stdio_trouble() {
            return Err(Failure::new(Kind::Pool, anyhow::anyhow!("{trouble}")));
        }
        match outcome.verdict {
            Verdict::Ok => {}
            // The guest has said what it had to say; what it was refused may be why.
            Verdict::Exit => report::say_refusals(&outcome),
            _ => report::say_outcome(&outcome),
        }
        Ok(ExitCode::from(outcome::exit_code(
            outcome.verdict,
            outcome.exit_code,
        )))
    }
}

fn run(
    pool: &Pool,
    path: &Path,
    arguments: Vec<String>,
    quiet: bool,
) -> Result<Outcome<Value>, Failure> {
    let module = loading::load(pool, path, quiet)?;
    if !module.is_command() {
        return Err(no_command(path, &module));
    }
    Ok(pool
        .command(&module)
        .argv(arguments)
        .stdin(Stdin::Inherit)
        .outcome()?)
}

fn no_command(path: &Path, module: &Module) -> Failure {
    let path = path.display().to_string();
    let function = module.functions().first();
    let hint = match function {
        Some(function) => format!(
            "it has functions: `sandpool apply {} {}`",
            shell::quote(&path),
            shell::call(function)
        ),
        None => format!(
            "`sandpool inspect {}` shows its exports",
            shell::quote(&path)
        ),
    };
    Failure::unusable(format!(
        "`{path}` is not a command: it exports neither `wasi:cli/run` nor `_start`"
    ))
    .hint(hint)
}

/// A guest's arguments are Unicode.
fn text(word: &OsString) -> Result<String, Failure> {
    let text = word.to_str().map(str::to_owned);
    text.ok_or_else(|| Failure::usage(format!("the argument `{}` is not UTF-8", word.display())))
}

fn create_outcome(path: &Path) -> Result<File, Failure> {
    File::create(path).map_err(|error| unwritable(path, error))
}

fn write_outcome(path: &Path, mut file: File, outcome: &Outcome<Value>) -> Result<(), Failure> {
    let mut writer = LineWriter::default();
    let line =
        writer.line(|out| outcome::put_command_outcome(outcome, None, None, Detail::Full, out));
    file.write_all(line)
        .map_err(|error| unwritable(path, error))
}

fn unwritable(path: &Path, error: io::Error) -> Failure {
    let path = path.display();
    let text = format!("the outcome cannot be written to `{path}`");
    Failure::new(Kind::Pool, anyhow::Error::new(error).context(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser, Debug)]
    struct Line {
        #[command(flatten)]
        run: Run,
    }

    fn words(line: &[&str]) -> Result<Vec<OsString>, clap::Error> {
        Line::try_parse_from([&["run"], line].concat()).map(|line| line.run.words)
    }

    #[test]
    fn every_word_after_the_module_is_the_guests() {
        let line = [
            "--timeout",
            "1s",
            "wc.wasm",
            "-l",
            "--timeout",
            "--help",
            "--",
            "-j2",
            "x",
        ];
        assert_eq!(words(&line).unwrap(), line[2..]);
        assert_eq!(
            words(&["--", "-odd.wasm", "-l"]).unwrap(),
            ["-odd.wasm", "-l"]
        );
    }

    #[test]
    fn a_flag_before_the_module_must_be_ours() {
        assert!(words(&["--lines", "wc.wasm"]).is_err());
        assert!(words(&["-l", "wc.wasm"]).is_err());
        assert!(words(&[]).is_err());
    }
}
