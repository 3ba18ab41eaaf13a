//! The plan of a run: durations, repetitions, and the figures wanted.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::interpreters::Also;

/// Settings of a run.
#[derive(Clone, Debug)]
pub struct Plan {
    pub quick: bool,
    pub processes: usize,
    /// Rounds in which what is compared alternates.
    pub rounds: usize,
    /// The time for which one thing is measured in one round.
    pub slice: Duration,
    /// From then on one round has to do: a busy machine takes its time, and who
    /// waits was told how long.
    pub late: Instant,
    /// Parts of names; nothing is everything.
    pub only: Vec<String>,
    /// A module of the user's own, with a function `empty: func(n: u32) -> u32`.
    pub guest: Option<PathBuf>,
    /// Interpreters of the user's own.
    pub also: Vec<Also>,
}

impl Plan {
    pub fn new(quick: bool, processes: usize, only: Vec<String>) -> Self {
        let (rounds, millis, seconds) = if quick { (3, 25, 15) } else { (5, 110, 100) };
        Plan {
            quick,
            processes,
            rounds,
            slice: Duration::from_millis(millis),
            late: Instant::now() + Duration::from_secs(seconds),
            only,
            guest: None,
            also: Vec::new(),
        }
    }

    #[cfg(test)]
    pub fn for_tests(rounds: usize) -> Self {
        Plan {
            rounds,
            slice: Duration::from_millis(1),
            ..Plan::new(true, 1, Vec::new())
        }
    }

    /// One number for a quick run, another for a whole one.
    pub fn either<T>(&self, quick: T, whole: T) -> T {
        if self.quick { quick } else { whole }
    }

    /// The same with other rounds and slices.
    pub fn with(&self, rounds: usize, slice: Duration) -> Self {
        Plan {
            rounds,
            slice,
            ..self.clone()
        }
    }

    /// Returns whether the time for more than one round is over.
    pub fn is_late(&self) -> bool {
        Instant::now() > self.late
    }

    /// Returns whether a figure of this name is to be measured.
    pub fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|part| name.contains(part.as_str()))
    }

    /// Returns whether a figure whose name begins so may be.
    pub fn wants_any(&self, prefixes: &[&str]) -> bool {
        let may = |part: &String| {
            prefixes
                .iter()
                .any(|prefix| part.starts_with(prefix) || prefix.contains(part.as_str()))
        };
        self.only.is_empty() || self.only.iter().any(may)
    }

    /// Returns whether the user asked for figures whose names begin so. A run of everything
    /// asks for none by name.
    pub fn asks_for(&self, prefix: &str) -> bool {
        !self.only.is_empty() && self.wants_any(&[prefix])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_parts_of_names() {
        let plan = Plan::new(true, 2, vec!["echo/process".into(), "cold".into()]);
        assert!(plan.wants("echo/process/1MiB") && plan.wants("start/cold"));
        assert!(!plan.wants("echo/mp/1MiB"));
        assert!(plan.wants_any(&["echo/"]) && plan.wants_any(&["cold"]));
        assert!(!plan.wants_any(&["floor/"]));
        assert!(plan.asks_for("echo/") && !plan.asks_for("floor/"));
        let all = Plan::new(true, 2, vec![]);
        assert!(all.wants("anything") && !all.asks_for("anything"));
    }
}
