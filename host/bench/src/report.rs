//! The result of a run.

use std::io::IsTerminal;

use super::figure::{Figure, Measured, Subject, alternate};
use super::machine::Machine;
use super::peers::Peer;
use super::plan::Plan;
use super::say::note;
use super::targets::Target;

/// Everything that was measured.
pub struct Report {
    pub plan: Plan,
    pub machine: Machine,
    pub figures: Vec<Figure>,
    pub peers: Vec<Peer>,
    pub targets: Vec<Target>,
    /// Measurements that failed, and why.
    pub notes: Vec<String>,
    /// The duration of the run.
    pub seconds: f64,
}

impl Report {
    pub fn new(plan: Plan) -> Self {
        Report {
            plan,
            machine: Machine::look(),
            figures: Vec::new(),
            peers: Vec::new(),
            targets: Vec::new(),
            notes: Vec::new(),
            seconds: 0.0,
        }
    }

    /// Measures what belongs together.
    pub fn measure(&mut self, plan: &Plan, subjects: Vec<Subject<'_>>) {
        let figures = alternate(plan, subjects, &mut self.notes);
        self.figures.extend(figures);
    }

    /// Returns a result's value, or the default and a note that says why.
    pub fn or_note<T: Default>(&mut self, what: &str, had: Measured<T>) -> T {
        had.unwrap_or_else(|why| {
            self.notes
                .push(format!("{what} could not be measured: {why}"));
            T::default()
        })
    }

    /// Tells who waits what is being done.
    pub fn step(&self, what: &str) {
        if std::io::stderr().is_terminal() {
            note(&format!("measuring {what}"));
        }
    }

    /// The figure of this name.
    pub fn figure(&self, name: &str) -> Option<&Figure> {
        self.figures.iter().find(|figure| figure.name == name)
    }

    /// Its value.
    pub fn value(&self, name: &str) -> Option<f64> {
        self.figure(name).map(Figure::value)
    }

    /// Figures whose names begin so, in the order in which they were measured.
    pub fn named<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a Figure> {
        self.figures
            .iter()
            .filter(move |figure| figure.name.starts_with(prefix))
    }
}
