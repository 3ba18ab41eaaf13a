//! Interpreters that are no modules: CPython and node themselves, and packages of Python's.
//! Each is a script in a process that is kept, and times itself there, so that no channel is
//! in its figures.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value as Json, json};

use super::cases::{Case, Language, Snippet};
use crate::child::{Conversation, first_line, on_path, program};
use crate::figure::{Measured, Round, latencies};
use crate::peers::PeerState;

const PYTHON: &str = include_str!("native.py");
const NODE: &str = include_str!("native.js");

/// The time that a script may take beyond the measurement that it is asked for.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);

/// An interpreter that is looked for.
pub struct Native {
    /// Its part of the figures' names.
    pub key: &'static str,
    pub name: &'static str,
    pub language: Language,
    /// The program on PATH.
    program: &'static str,
    args: &'static [&'static str],
    /// The argument before a snippet for a process of its own, and a snippet that prints 2,
    /// if the interpreter is a program.
    alone: Option<[&'static str; 2]>,
}

/// Those that are looked for.
pub const ALL: [Native; 4] = [
    Native {
        key: "cpython",
        name: "CPython",
        language: Language::Python,
        program: "python3",
        args: &["-c", PYTHON, "cpython"],
        alone: Some(["-c", "print(1 + 1)"]),
    },
    Native {
        key: "monty",
        name: "pydantic-monty",
        language: Language::Python,
        program: "python3",
        args: &["-c", PYTHON, "monty"],
        alone: None,
    },
    Native {
        key: "node",
        name: "node",
        language: Language::JavaScript,
        program: "node",
        args: &["-e", NODE],
        alone: Some(["-e", "console.log(1 + 1)"]),
    },
    Native {
        key: "quickjs",
        name: "quickjs (Python)",
        language: Language::JavaScript,
        program: "python3",
        args: &["-c", PYTHON, "quickjs"],
        alone: None,
    },
];

impl Native {
    /// Starts it in a process that is kept.
    pub fn start(&self) -> Result<Kept, PeerState> {
        let path = on_path(self.program).ok_or(PeerState::NotInstalled)?;
        let mut command = program(path);
        command.args(self.args);
        let mut conversation = Conversation::start(&mut command).map_err(PeerState::Failed)?;
        let hello = conversation.read_line(ANSWER_TIMEOUT);
        let hello = hello.map_err(PeerState::Failed)?;
        if hello["missing"] == true {
            return Err(PeerState::NotInstalled);
        }
        let text = |name: &str| hello[name].as_str().unwrap_or_default().to_owned();
        let alone = self.alone.map(|[flag, source]| Alone {
            // The file on PATH may be a script that starts the interpreter.
            program: text("program").into(),
            flag,
            source,
        });
        Ok(Kept {
            conversation,
            version: text("version"),
            alone,
        })
    }
}

/// A script that waits for its next snippet.
pub struct Kept {
    conversation: Conversation,
    pub version: String,
    pub alone: Option<Alone>,
}

impl Kept {
    /// Runs a snippet for the first time. Returns its value as JSON.
    pub fn prepare(&mut self, case: Case, snippet: &Snippet) -> Measured<String> {
        let Snippet {
            setup,
            source,
            call,
            input,
            ..
        } = snippet;
        let keeping = case.keeping().key();
        let request = json!(["prepare", case.key(), keeping, setup, source, call, input]);
        let answer = self.ask(&request, Duration::ZERO)?;
        match answer["text"].as_str() {
            Some(text) => Ok(text.to_owned()),
            None => Err(format!("it answered {answer}")),
        }
    }

    /// One round of a case that was prepared. The script looks at each value.
    pub fn measure(&mut self, case: Case, slice: Duration) -> Measured<Round> {
        let request = json!(["measure", case.key(), slice.as_secs_f64()]);
        let answer = self.ask(&request, slice)?;
        match answer["latencies"].as_array() {
            Some(taken) => Ok(Round::Latencies(
                taken.iter().filter_map(Json::as_f64).collect(),
            )),
            None => Err(format!("it answered {answer}")),
        }
    }

    fn ask(&mut self, request: &Json, slice: Duration) -> Measured<Json> {
        let answer = self.conversation.ask(request, slice + ANSWER_TIMEOUT)?;
        match answer["error"].as_str() {
            Some(error) => Err(error.to_owned()),
            None => Ok(answer),
        }
    }
}

/// An interpreter as a program, which is started for each snippet.
#[derive(Clone)]
pub struct Alone {
    program: PathBuf,
    flag: &'static str,
    source: &'static str,
}

impl Alone {
    /// One process after the other, each from its start to its end.
    pub fn measure(&self, slice: Duration) -> Measured<Round> {
        latencies(slice, || {
            let mut command = program(&self.program);
            let printed = first_line(command.args([self.flag, self.source]), ANSWER_TIMEOUT);
            match printed.as_deref() {
                Some("2") => Ok(()),
                other => Err(format!("it answers {other:?}")),
            }
        })
    }
}
