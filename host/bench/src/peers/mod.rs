//! Others who do what a pool does, measured beside ours in the same rounds.
//! Small scripts stand in for their users; those that are not installed are
//! named.

mod jobs;
mod scripts;

use std::cell::RefCell;
use std::time::Duration;

use super::child::{first_line, on_path, program};
use super::figure::{Figure, Subject, Unit};
use super::payloads;
use super::plan::Plan;
use super::pools::Work;
use jobs::Jobs;
use scripts::Script;

/// The result of looking for a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeerState {
    /// With its version, as far as it tells.
    Measured(String),
    NotInstalled,
    /// It is there and does not work; why.
    Failed(String),
}

/// A peer, and what came of looking for it.
#[derive(Clone, Debug)]
pub struct Peer {
    pub name: &'static str,
    pub state: PeerState,
}

/// All of them, started where they have to be; by default none.
#[derive(Default)]
pub struct Peers {
    pub found: Vec<Peer>,
    multiprocessing: Option<RefCell<Script>>,
    executor: Option<RefCell<Script>>,
    piscina: Option<RefCell<Script>>,
    jobs: Vec<Jobs>,
}

impl Peers {
    /// Looks for them and starts those that are asked line by line.
    pub fn find(plan: &Plan) -> Self {
        let mut found = Vec::new();
        let mut keep = |name, started: Result<Script, PeerState>| match started {
            Ok(script) => {
                let state = PeerState::Measured(script.version.clone());
                found.push(Peer { name, state });
                Some(RefCell::new(script))
            }
            Err(state) => {
                found.push(Peer { name, state });
                None
            }
        };
        let processes = plan.processes;
        let multiprocessing = keep(
            "Python multiprocessing.Pool",
            Script::python("mp", processes),
        );
        let executor = keep(
            "Python ProcessPoolExecutor",
            Script::python("executor", processes),
        );
        let piscina = keep("Node piscina", Script::piscina(processes));
        let mut jobs = Vec::new();
        for job in Jobs::all(processes) {
            let state = job.state();
            found.push(Peer {
                name: job.name,
                state: state.clone(),
            });
            if matches!(state, PeerState::Measured(_)) {
                jobs.push(job);
            }
        }
        // Measured with what else begins a process; see `starts.rs`.
        found.push(Peer {
            name: "wasmtime run",
            state: version("wasmtime"),
        });
        Peers {
            found,
            multiprocessing,
            executor,
            piscina,
            jobs,
        }
    }

    /// Calls and maps of those that have functions.
    pub fn subjects<'a>(&'a self, plan: &'a Plan, work: Work) -> Vec<Subject<'a>> {
        let mut subjects = Vec::new();
        let pools = [
            ("mp", "multiprocessing.Pool", &self.multiprocessing),
            ("executor", "ProcessPoolExecutor", &self.executor),
            ("piscina", "piscina", &self.piscina),
        ];
        for (name, label, script) in pools {
            let Some(script) = script else { continue };
            let figure = |what: &str, how: &str, unit| {
                Figure::new(
                    format!("{what}/{name}/{}", work.name()),
                    format!("{label}{how}, {}", work.label()),
                    unit,
                )
            };
            let apply = figure("apply", "", Unit::Micros);
            subjects.push(Subject::new(apply, move |slice| {
                script.borrow_mut().ask("apply", work.name(), slice, 0)
            }));
            let map = figure("map", ", one by one", Unit::PerSecond);
            subjects.push(Subject::new(map, move |slice| {
                script.borrow_mut().ask("map", work.name(), slice, 1)
            }));
        }
        if let (Work::Empty, Some(script)) = (work, &self.multiprocessing) {
            let label = "multiprocessing.Pool, in chunks, empty task";
            let chunks = Figure::new("map/mp/chunks/empty", label, Unit::PerSecond);
            subjects.push(Subject::new(chunks, move |slice| {
                script.borrow_mut().ask_without_extra("map", "empty", slice)
            }));
        }
        if work == Work::Empty {
            let jobs = self.jobs.iter().filter(|job| job.many);
            subjects.extend(jobs.map(|job| job.map(plan)));
        }
        subjects
    }

    /// A process of its own for each job.
    pub fn starts(&self) -> Vec<Subject<'_>> {
        let mut subjects = Vec::new();
        if let Some(script) = &self.multiprocessing {
            let label = "multiprocessing.Process, spawn to end";
            let figure = Figure::new("start/mp-spawn", label, Unit::Micros);
            subjects.push(Subject::new(figure, move |slice| {
                script.borrow_mut().ask("spawn", "empty", slice, 0)
            }));
        }
        let single = self.jobs.iter().filter(|job| !job.many);
        subjects.extend(single.map(Jobs::start));
        subjects
    }

    pub fn echoes(&self, size: (&'static str, usize)) -> Vec<Subject<'_>> {
        let Some(script) = &self.multiprocessing else {
            return Vec::new();
        };
        let figure = payloads::figure("mp", "multiprocessing.Pool", size);
        vec![Subject::new(figure, move |slice| {
            script.borrow_mut().ask("echo", "echo", slice, size.1)
        })]
    }
}

/// Returns whether a program is there, and what it says of itself.
fn version(name: &str) -> PeerState {
    match on_path(name) {
        None => PeerState::NotInstalled,
        Some(path) => {
            let line = first_line(program(path).arg("--version"), Duration::from_secs(10));
            PeerState::Measured(line.unwrap_or_default())
        }
    }
}
