//! Peers that start a program for each job.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use super::{PeerState, version};
use crate::child::{on_path, program, run};
use crate::figure::{Figure, Subject, Unit, latencies, rate};
use crate::plan::Plan;

/// No run of theirs takes as long.
const DEADLINE: Duration = Duration::from_secs(30);

/// Jobs that do nothing.
const NOTHING: &str = "true";

/// One of them.
pub struct Jobs {
    pub name: &'static str,
    /// The name of its figures.
    key: &'static str,
    label: &'static str,
    program: &'static str,
    args: Vec<String>,
    /// True if it is given many jobs at once, a line each; else it is one job.
    pub many: bool,
}

impl Jobs {
    pub fn all(processes: usize) -> [Jobs; 3] {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        let at_once = processes.to_string();
        [
            Jobs {
                name: "GNU parallel",
                key: "parallel",
                label: "GNU parallel",
                program: "parallel",
                args: words(&["-j", &at_once, "--will-cite", NOTHING]),
                many: true,
            },
            Jobs {
                name: "xargs",
                key: "xargs",
                label: "xargs -P",
                program: "xargs",
                args: words(&["-P", &at_once, "-n", "1", NOTHING]),
                many: true,
            },
            Jobs {
                name: "bubblewrap",
                key: "bubblewrap",
                label: "bubblewrap, every namespace, around a native process",
                program: "bwrap",
                args: words(&[
                    "--unshare-all",
                    "--die-with-parent",
                    "--ro-bind",
                    "/",
                    "/",
                    "--proc",
                    "/proc",
                    "--dev",
                    "/dev",
                    "/bin/true",
                ]),
                many: false,
            },
        ]
    }

    /// Returns whether it is there and works.
    pub fn state(&self) -> PeerState {
        let Some(path) = on_path(self.program) else {
            return PeerState::NotInstalled;
        };
        match run(&mut self.command(path), b"1\n", DEADLINE) {
            Ok(()) => version(self.program),
            Err(why) => PeerState::Failed(why),
        }
    }

    fn command(&self, path: PathBuf) -> Command {
        let mut command = program(path);
        command.args(&self.args);
        command
    }

    /// Jobs in a second.
    pub fn map<'a>(&'a self, plan: &Plan) -> Subject<'a> {
        let mut count = plan.processes * 4;
        let figure = Figure::new(
            format!("map/{}/empty", self.key),
            format!("{}, a process for each job", self.label),
            Unit::PerSecond,
        );
        Subject::new(figure, move |slice| {
            let path = on_path(self.program).ok_or("it is gone")?;
            rate(slice, &mut count, 10_000, |jobs| {
                let lines: String = (0..jobs).map(|job| format!("{job}\n")).collect();
                run(&mut self.command(path.clone()), lines.as_bytes(), DEADLINE)
            })
        })
    }

    /// One job, from its start to its end.
    pub fn start(&self) -> Subject<'_> {
        let figure = Figure::new(format!("start/{}", self.key), self.label, Unit::Micros);
        Subject::new(figure, move |slice| {
            let path = on_path(self.program).ok_or("it is gone")?;
            latencies(slice, || {
                run(&mut self.command(path.clone()), &[], DEADLINE)
            })
        })
    }
}
