//! Python and JavaScript in the sandbox: snippets of the kind that models write have the
//! value that the native interpreter gives, and hostile ones get their verdict.
//!
//! The snippets are files in `interpreters/`. The guests are built by `cargo xtask guests`
//! where Python 3 is; without it these tests say that they are skipped. CI has it.

#[path = "interpreters/agreement.rs"]
mod agreement;
#[path = "interpreters/library.rs"]
mod library;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use sandpool::value::FromValue;
use sandpool::{AsyncResult, MIB, Module, Outcome, Pool, Value, Verdict};

use crate::support::{TestPool, is_built, open, pool, test_alone_for};

/// The time for a whole corpus.
const PATIENT: Duration = Duration::from_secs(300);

/// A language: its guest, its files, and the program that runs a snippet natively.
struct Language {
    name: &'static str,
    extension: &'static str,
    comment: &'static str,
    native: &'static str,
    runner: &'static str,
}

const PYTHON: Language = Language {
    name: "python",
    extension: "py",
    comment: "# ",
    native: "python3",
    runner: "native.py",
};

const JAVASCRIPT: Language = Language {
    name: "javascript",
    extension: "js",
    comment: "// ",
    native: "node",
    runner: "native.js",
};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

impl Language {
    fn file(&self) -> PathBuf {
        repository().join(format!("target/guests/{}.wasm", self.name))
    }

    /// Returns `true` if the guest is built. Where it is not, says that the test is skipped.
    fn is_built(&self) -> bool {
        is_built(self.name)
    }

    /// Returns a pool and the guest; nothing where it is not built.
    fn guest(&self) -> Option<(TestPool, Module)> {
        if !self.is_built() {
            return None;
        }
        let builder = pool().processes(2).timeout(Duration::from_secs(20));
        let pool = open(builder);
        let module = pool
            .load(self.file())
            .unwrap_or_else(|error| panic!("{error}"));
        Some((pool, module))
    }

    /// Returns the snippets of a folder, each with its name and its text.
    fn snippets(&self, folder: &str) -> Vec<(PathBuf, String)> {
        let folder = repository()
            .join("tests/interpreters")
            .join(folder)
            .join(self.name);
        let entries = fs::read_dir(&folder).expect("a folder of snippets");
        let files = entries.map(|entry| entry.expect("an entry").path());
        let mut files: Vec<_> = files
            .filter(|file| file.extension().is_some_and(|it| it == self.extension))
            .collect();
        files.sort();
        files
            .into_iter()
            .map(|file| {
                let text = fs::read_to_string(&file).expect("text");
                (file, text)
            })
            .collect()
    }

    /// Returns what a snippet's first lines say of this.
    fn told<'a>(&self, text: &'a str, what: &str) -> Option<&'a str> {
        let lines = text
            .lines()
            .take_while(|line| line.starts_with(self.comment.trim_end()));
        let mut told = lines.filter_map(|line| {
            let rest = line.strip_prefix(self.comment)?;
            rest.strip_prefix(what)?.strip_prefix(": ")
        });
        told.next()
    }

    fn has_native(&self) -> bool {
        let version = program(self.native).arg("--version").output();
        version.is_ok_and(|output| output.status.success())
    }

    /// Returns the value that the native interpreter gives, as its runner prints it.
    fn native_value(&self, file: &Path) -> String {
        let runner = repository().join("tests/interpreters").join(self.runner);
        let ran = program(self.native).arg(runner).arg(file).output();
        let ran = ran.expect("it is installed");
        let text = String::from_utf8(ran.stdout).expect("text");
        text.lines().last().unwrap_or_default().to_owned()
    }

    fn send(&self, pool: &Pool, module: &Module, text: &str) -> AsyncResult<Value> {
        let call = pool
            .call(module, "eval")
            .args((text.to_owned(), None::<String>));
        call.apply_async().expect("sent")
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "an interpreter, which ends by itself"
)]
fn program(name: &str) -> Command {
    let mut program = Command::new(name);
    program.stdin(Stdio::null());
    program
}

fn ended<T: FromValue>(sent: &AsyncResult<T>) -> Outcome<T> {
    sent.outcome(Some(PATIENT)).expect("it ends")
}

fn agree(language: &Language, least: usize) {
    let _test = test_alone_for(PATIENT);
    let Some((pool, module)) = language.guest() else {
        return;
    };
    let snippets = language.snippets("");
    assert!(snippets.len() >= least, "{} snippets", snippets.len());
    let native = language.has_native();
    if !native {
        eprintln!("SKIPPED: no `{}` here to compare with", language.native);
    }
    let sent: Vec<_> = snippets
        .iter()
        .map(|(_, text)| language.send(&pool, &module, text))
        .collect();
    let mut wrong = Vec::new();
    for ((file, _), sent) in snippets.iter().zip(&sent) {
        let outcome = ended(sent);
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let Some(Value::String(value)) = &outcome.value else {
            wrong.push(format!("{name}: {outcome}"));
            continue;
        };
        if native {
            let expected = language.native_value(file);
            if expected != *value {
                wrong.push(format!("{name}: {value} here, {expected} natively"));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

fn hostile(language: &Language, least: usize) {
    let _test = test_alone_for(PATIENT);
    let Some((pool, module)) = language.guest() else {
        return;
    };
    let snippets = language.snippets("hostile");
    assert!(snippets.len() >= least, "{} snippets", snippets.len());
    let send = |text: &str| {
        let call = pool
            .call(&module, "eval")
            .args((text.to_owned(), None::<String>));
        let call = call.timeout(Duration::from_secs(2)).memory(128 * MIB);
        call.apply_async::<Value>().expect("sent")
    };
    let sent: Vec<_> = snippets.iter().map(|(_, text)| send(text)).collect();
    let mut wrong = Vec::new();
    for ((file, text), sent) in snippets.iter().zip(&sent) {
        let outcome = ended(sent);
        let verdict = language.told(text, "verdict").expect("a verdict");
        let said = outcome.error.clone().unwrap_or_default();
        let right = outcome.verdict.name() == verdict
            && language
                .told(text, "error")
                .is_none_or(|part| said.contains(part))
            && language.told(text, "value").is_none_or(
                |value| matches!(&outcome.value, Some(Value::String(text)) if text == value),
            );
        if !right {
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            wrong.push(format!("{name}: {verdict} wanted, {outcome}"));
        }
    }
    // Nobody has harmed anybody else.
    let honest = ended(&language.send(&pool, &module, "1 + 1"));
    assert_eq!(honest.verdict, Verdict::Ok, "{honest}");
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn python_snippets_have_the_value_that_native_python_gives() {
    agree(&PYTHON, 75);
}

#[test]
fn javascript_snippets_have_the_value_that_node_gives() {
    agree(&JAVASCRIPT, 75);
}

#[test]
fn hostile_python_gets_its_verdict() {
    hostile(&PYTHON, 40);
}

#[test]
fn hostile_javascript_gets_its_verdict() {
    hostile(&JAVASCRIPT, 40);
}
