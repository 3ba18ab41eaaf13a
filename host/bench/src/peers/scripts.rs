//! Peers that are libraries of other languages: a script of a few lines calls
//! them, and is asked for one measurement after another.

use std::process::Command;
use std::time::Duration;

use serde_json::{Value as Json, json};
use tempfile::TempDir;

use super::PeerState;
use crate::child::{Conversation, on_path, program, run};
use crate::figure::{Measured, Round};

const PYTHON: &str = include_str!("peers.py");
const PISCINA: &str = include_str!("piscina.js");
const WORKER: &str = include_str!("worker.js");

/// The time that a script may take beyond the measurement that it is asked for.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);

/// A script that runs.
pub struct Script {
    conversation: Conversation,
    pub version: String,
    /// Files that the script reads, kept as long as it runs, for as long as it runs.
    _files: Option<TempDir>,
}

impl Script {
    pub fn python(kind: &str, processes: usize) -> Result<Self, PeerState> {
        let python = on_path("python3").ok_or(PeerState::NotInstalled)?;
        let mut command = program(python);
        command.args(["-c", PYTHON, kind, &processes.to_string()]);
        Script::start(&mut command, None)
    }

    pub fn piscina(processes: usize) -> Result<Self, PeerState> {
        let node = on_path("node").ok_or(PeerState::NotInstalled)?;
        let mut asked = program(&node);
        if run(
            asked.args(["-e", "require.resolve('piscina')"]),
            &[],
            ANSWER_TIMEOUT,
        )
        .is_err()
        {
            return Err(PeerState::NotInstalled);
        }
        let failed = |error: std::io::Error| PeerState::Failed(error.to_string());
        let files = tempfile::tempdir().map_err(failed)?;
        let worker = files.path().join("worker.js");
        std::fs::write(&worker, WORKER).map_err(failed)?;
        let mut command = program(node);
        command
            .args(["-e", PISCINA, "--", &processes.to_string()])
            .arg(worker);
        Script::start(&mut command, Some(files))
    }

    fn start(command: &mut Command, files: Option<TempDir>) -> Result<Self, PeerState> {
        let mut started = || -> Measured<(Conversation, Json)> {
            let mut conversation = Conversation::start(command)?;
            let hello = conversation.read_line(ANSWER_TIMEOUT)?;
            Ok((conversation, hello))
        };
        match started() {
            Ok((conversation, hello)) => Ok(Script {
                conversation,
                version: hello["version"].as_str().unwrap_or_default().to_owned(),
                _files: files,
            }),
            Err(why) => Err(PeerState::Failed(why)),
        }
    }

    /// One round of a measurement; what `extra` means depends on it.
    pub fn ask(&mut self, what: &str, of: &str, slice: Duration, extra: usize) -> Measured<Round> {
        self.request(&json!([what, of, slice.as_secs_f64(), extra]), slice)
    }

    /// The same, with what the library does when nobody says how.
    pub fn ask_without_extra(&mut self, what: &str, of: &str, slice: Duration) -> Measured<Round> {
        self.request(&json!([what, of, slice.as_secs_f64(), Json::Null]), slice)
    }

    fn request(&mut self, request: &Json, slice: Duration) -> Measured<Round> {
        let answer = self.conversation.ask(request, slice + ANSWER_TIMEOUT)?;
        let latencies = answer["latencies"].as_array();
        match (latencies, answer["value"].as_f64()) {
            (Some(taken), _) => Ok(Round::Latencies(
                taken.iter().filter_map(Json::as_f64).collect(),
            )),
            (None, Some(value)) => Ok(Round::Value(value)),
            (None, None) => Err(format!("it answered {answer}")),
        }
    }
}
