//! The tally of all tasks of the demo, and its table.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use sandpool::{Module, Outcome};

use crate::story::{heading, line};

/// The number of workers that the table names; there are many where cores are many, or
/// where hostile tasks cost some their lives.
const SHOWN_WORKERS: usize = 10;

/// Counts tasks by verdict and by worker.
#[derive(Default)]
pub struct Tally {
    /// Names of modules, by their hash.
    modules: HashMap<String, &'static str>,
    verdicts: BTreeMap<&'static str, usize>,
    /// By process id. A worker serves one module for life.
    workers: BTreeMap<u32, Worker>,
}

#[derive(Default)]
struct Worker {
    module: &'static str,
    tasks: usize,
    not_ok: usize,
}

impl Tally {
    /// Gives a module the name that the table shows.
    pub fn name(&mut self, module: &Module, name: &'static str) {
        self.modules.insert(module.hash().to_owned(), name);
    }

    pub fn record<T>(&mut self, outcome: &Outcome<T>) {
        *self.verdicts.entry(outcome.verdict.name()).or_default() += 1;
        if let Some(pid) = outcome.worker_pid {
            let name = self.modules.get(&*outcome.module_hash).copied();
            let worker = self.workers.entry(pid).or_default();
            worker.module = name.unwrap_or("?");
            worker.tasks += 1;
            worker.not_ok += usize::from(!outcome.is_ok());
        }
    }

    /// The workers that served other modules than this one.
    pub fn strangers_to(&self, module: &str) -> BTreeSet<u32> {
        let strangers = self.workers.iter().filter(|(_, w)| w.module != module);
        strangers.map(|(pid, _)| *pid).collect()
    }

    pub fn print(&self) {
        line(&format!("{:<14} {:>6}", "verdict", "tasks"));
        for (verdict, tasks) in &self.verdicts {
            line(&format!("{verdict:<14} {tasks:>6}"));
        }
        let all: usize = self.verdicts.values().sum();
        line(&format!("{:<14} {all:>6}", "together"));
        heading("Who ran them");
        line(&format!(
            "{} workers in all, since each serves one module for life and dies with a task that is killed",
            self.workers.len()
        ));
        line(&format!(
            "{:<8} {:<10} {:>6} {:>7}",
            "worker", "module", "tasks", "not ok"
        ));
        let mut workers: Vec<_> = self.workers.iter().collect();
        workers.sort_by_key(|(_, worker)| std::cmp::Reverse(worker.tasks));
        let (shown, rest) = workers.split_at(workers.len().min(SHOWN_WORKERS));
        for (pid, worker) in shown {
            line(&row(&pid.to_string(), worker.module, worker));
        }
        if !rest.is_empty() {
            let rest_of_all = Worker {
                module: "",
                tasks: rest.iter().map(|(_, worker)| worker.tasks).sum(),
                not_ok: rest.iter().map(|(_, worker)| worker.not_ok).sum(),
            };
            line(&row(&format!("{} more", rest.len()), "", &rest_of_all));
        }
    }
}

fn row(pid: &str, module: &str, worker: &Worker) -> String {
    let Worker { tasks, not_ok, .. } = worker;
    format!("{pid:<8} {module:<10} {tasks:>6} {not_ok:>7}")
}
