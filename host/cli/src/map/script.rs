//! `--script`: a text in Python or JavaScript runs for each input, in place of a module and
//! its function.
//!
//! The interpreter is a built-in module, whose function `run` has the text and an input as
//! its arguments (`wit/script/script.wit`). An input is JSON there, as the result is; all
//! inputs are brought into that form here, and the interpreter reads them.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use sandpool::value::{self, Function, Utf8, quoted};
use sandpool::{Call, Input, Module, Pool, ToInput, Value, Verdict, stdio};
use sha2::{Digest, Sha256};

use crate::apply::{self, NOT_TEXT};
use crate::language::Language;
use crate::outcome;
use crate::replay_command::{Given, ReplayCommand};
use crate::report::{self, Failure, Kind};

/// The script that runs in place of a module.
#[derive(Args, Debug)]
pub struct ScriptFlags {
    /// Run this script for each input, in place of a module and its function. The ending of
    /// FILE says its language: .py is Python, .js and .mjs are JavaScript; `-` is stdin
    #[arg(long, value_name = "FILE", help_heading = "Scripts")]
    script: Option<PathBuf>,
    /// The language of the script [default: what the ending of FILE says]
    #[arg(
        long,
        value_name = "LANG",
        value_enum,
        requires = "script",
        hide_possible_values = false,
        help_heading = "Scripts"
    )]
    lang: Option<Language>,
}

/// A script that was read.
#[derive(Debug)]
pub struct Script {
    language: Language,
    path: PathBuf,
    text: String,
    /// SHA-256 of the text, in hex.
    hash: String,
}

/// The function of an interpreter that runs a script for an input.
const RUN: &str = "run";

/// The function of an interpreter that compiles a script.
const CHECK: &str = "check";

impl ScriptFlags {
    /// Returns the path of the script, if one is given.
    pub fn path(&self) -> Option<&Path> {
        self.script.as_deref()
    }

    /// Returns the path of the interpreter, if a script is given whose language is known.
    pub fn module(&self) -> Option<&'static Path> {
        let language = self.lang.or_else(|| Language::of_file(self.path()?))?;
        self.path().map(|_| Path::new(language.module()))
    }

    /// Reads the script, once. One that is larger than `limit` fits into no call.
    pub fn read(&self, limit: Option<u64>) -> Result<Option<Arc<Script>>, Failure> {
        let Some(path) = &self.script else {
            return Ok(None);
        };
        let Some(language) = self.lang.or_else(|| Language::of_file(path)) else {
            let shown = path.display();
            return Err(Failure::usage(format!(
                "the language of the script `{shown}` is not known by its ending"
            ))
            .hint("give it with `--lang python` or `--lang javascript`"));
        };
        let text = self.text(path, limit)?;
        let digest = Sha256::digest(text.as_bytes());
        Ok(Some(Arc::new(Script {
            language,
            path: path.clone(),
            hash: digest.iter().map(|byte| format!("{byte:02x}")).collect(),
            text,
        })))
    }

    fn text(&self, path: &Path, limit: Option<u64>) -> Result<String, Failure> {
        let shown = path.display();
        let read = match stdio::is_stdin(path) {
            true => stdio::stdin().and_then(apply::read_whole),
            false => File::open(path).and_then(apply::read_whole),
        };
        let bytes = read.map_err(|error| {
            let text = format!("the script `{shown}` cannot be read");
            Failure::new(Kind::Unusable, anyhow::Error::new(error).context(text))
        })?;
        if let Some(limit) = limit.filter(|limit| bytes.len() as u64 > *limit) {
            return Err(Failure::unusable(format!(
                "the script `{shown}` has {} bytes, but the arguments of a call may have {limit}",
                bytes.len()
            ))
            .hint("`--arguments-limit` raises the limit"));
        }
        let text = String::from_utf8(bytes).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            Failure::unusable(format!(
                "the script `{shown}` is not UTF-8, from byte {at} on"
            ))
        })?;
        // A byte order mark is no part of a text.
        Ok(match text.strip_prefix('\u{feff}') {
            Some(text) => text.to_owned(),
            None => text,
        })
    }
}

impl Script {
    /// Returns the path of the interpreter.
    pub fn module(&self) -> &'static Path {
        Path::new(self.language.module())
    }

    /// Returns the hash and the name of the script, for a log.
    pub fn describe(&self) -> String {
        format!("{} {}", self.hash, self.path.display())
    }

    fn is_stdin(&self) -> bool {
        stdio::is_stdin(&self.path)
    }

    /// Checks that the module has the functions for scripts, and that the script can be
    /// parsed: or every input would fail alike.
    pub fn check(&self, pool: &Pool, module: &Module) -> Result<(), Failure> {
        apply::find(module, self.module(), RUN)?;
        apply::find(module, self.module(), CHECK)?;
        let call = pool.call(module, CHECK).args((self.text.clone(),));
        let checked = call.outcome()?;
        if checked.verdict != Verdict::Error {
            // Any other end stops the inputs as well, and is told there.
            return Ok(());
        }
        let path = self.path.display();
        let why = match outcome::traceback(&checked) {
            Some(traceback) => traceback.to_owned(),
            None => report::outcome_text(&checked),
        };
        Err(Failure::unusable(format!(
            "the script `{path}` cannot be parsed\n{why}"
        )))
    }

    /// Returns the call that each input completes.
    pub fn call(&self, pool: &Pool, module: &Module) -> Call {
        let name = module.find(RUN).map(Function::full_name);
        let call = pool.call(module, name.as_deref().unwrap_or(RUN));
        // By name: an input is the only positional argument.
        call.kwarg("source", Value::String(self.text.clone()))
    }

    /// Returns the beginning of the command line that runs the script for one input.
    pub fn replay_command(&self, given: &Given) -> ReplayCommand {
        let script = (!self.is_stdin()).then_some(self.path.as_path());
        ReplayCommand::script(given, self.module(), script)
    }

    /// Returns the task for text that is JSON.
    pub fn json(&self, text: &str) -> Input {
        match not_json(text) {
            None => input(text.to_owned()),
            Some(why) => Input::Invalid(format!("{why} (`--from lines` takes it as text)")),
        }
    }

    /// Returns the task for words of the command line, each of which is JSON; several are a
    /// list.
    pub fn words(&self, words: &[&str]) -> Input {
        if let [word] = words {
            return self.json(word);
        }
        match words.iter().find_map(|word| not_json(word)) {
            None => input(format!("[{}]", words.join(","))),
            Some(why) => Input::Invalid(why),
        }
    }

    /// Returns the task for text that is a string.
    pub fn text(&self, text: &str) -> Input {
        input(json_string(text))
    }

    /// Returns the task for the cells of a row, which are a list of strings.
    pub fn cells(&self, cells: &[&str]) -> Input {
        let cells: Vec<String> = cells.iter().map(|cell| json_string(cell)).collect();
        input(format!("[{}]", cells.join(",")))
    }

    /// Returns the task for the cells of a row with a header, which are an object of
    /// strings.
    pub fn row(&self, header: &[String], cells: &[&str]) -> Input {
        let pairs = header.iter().zip(cells);
        let pairs: Vec<String> = pairs
            .map(|(name, cell)| format!("{}:{}", json_string(name), json_string(cell)))
            .collect();
        input(format!("{{{}}}", pairs.join(",")))
    }

    /// Returns the task for bytes that are text, such as a file's.
    pub fn contents(&self, bytes: Vec<u8>, name: &str, utf8: Utf8) -> Input {
        match utf8.read(bytes) {
            Some(text) => self.text(&text),
            None => Input::Invalid(format!("{} is not UTF-8 ({NOT_TEXT})", quoted(name))),
        }
    }
}

/// Returns the reason why text is not JSON, if it is not.
fn not_json(text: &str) -> Option<String> {
    let error = value::script::compact(text, &mut Vec::new()).err()?;
    Some(format!("{}: {error}", quoted(text)))
}

fn input(json: String) -> Input {
    vec![Value::String(json)].into_input()
}

fn json_string(text: &str) -> String {
    // A string can always be written.
    serde_json::to_string(text).unwrap_or_default()
}
