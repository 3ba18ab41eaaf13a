//! The figures that sandpool is built to reach, each beside the figure that it
//! is compared with in the same run.

use super::amount::number;
use super::interpreters;
use super::report::Report;

/// The demand on a number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

/// A promise, and what came of it.
#[derive(Clone, Debug)]
pub struct Target {
    pub name: &'static str,
    /// In words.
    pub what: &'static str,
    pub ours: Option<f64>,
    pub other: Option<f64>,
    /// The number that is judged: the ratio, or ours where there is no other.
    pub ratio: Option<f64>,
    pub wanted: Bound,
}

impl Target {
    /// Returns whether it is kept; `None` if it was not measured.
    pub fn held(&self) -> Option<bool> {
        self.ratio.map(|ratio| match self.wanted {
            Bound::AtLeast(least) => ratio >= least,
            Bound::AtMost(most) => ratio <= most,
        })
    }
}

impl std::fmt::Display for Bound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Bound::AtLeast(least) => write!(f, "at least {}", plain(*least)),
            Bound::AtMost(most) => write!(f, "at most {}", plain(*most)),
        }
    }
}

/// As one writes a number that one wants.
fn plain(value: f64) -> String {
    match value >= 1000.0 {
        true => number(value),
        false => value.to_string(),
    }
}

/// The way in which two figures make a ratio.
enum RatioKind {
    /// Ours is a rate, theirs too: ours over theirs.
    Ours(&'static str, &'static str),
    /// Ours is a time, theirs too: theirs over ours.
    Theirs(&'static str, &'static str),
    /// Ours is a time; ours over theirs.
    Dearer(&'static str, &'static str),
    /// The same, by the median of the ratios that the rounds had.
    DearerInRounds(&'static str, &'static str),
    /// Ours is a time, over the sum of two.
    DearerThanBoth(&'static str, [&'static str; 2]),
    /// A figure by itself, in so many of its units.
    Alone(&'static str, f64),
    /// So much of a figure's samples lie below this, in so many of its units.
    Quantile(&'static str, f64, f64),
}

use Bound::{AtLeast, AtMost};
use RatioKind::{Alone, Dearer, DearerInRounds, DearerThanBoth, Ours, Quantile, Theirs};

const MILLI: f64 = 1e-3;

/// Name, words, figures, what is wanted.
type Row = (&'static str, &'static str, RatioKind, Bound);

const TARGETS: [Row; 29] = [
    (
        "apply-vs-multiprocessing",
        "blocking apply, fresh instance: times faster than multiprocessing.Pool.apply",
        Theirs("apply/process/fresh/empty", "apply/mp/empty"),
        AtLeast(6.0),
    ),
    (
        "apply-vs-floor",
        "blocking apply, fresh instance: over a bare spinning round trip and a bare fresh call",
        DearerThanBoth(
            "apply/process/fresh/empty",
            ["floor/socket/spinning", "floor/wasmtime/fresh"],
        ),
        AtMost(1.5),
    ),
    (
        "apply-without-spin-vs-multiprocessing",
        "blocking apply without spinning: times faster than multiprocessing.Pool.apply",
        Theirs("apply/process/fresh/no-spin/empty", "apply/mp/empty"),
        AtLeast(2.0),
    ),
    (
        "fresh-throughput-vs-bare",
        "fresh instances: share of the throughput of bare processes that only loop",
        Ours("map/process/fresh/chunks/empty", "floor/processes/fresh"),
        AtLeast(0.85),
    ),
    (
        "fresh-throughput-vs-bare-guest",
        "fresh instances of the module given by `--guest`: share of the throughput of bare processes",
        Ours("map/process/fresh/chunks/guest", "floor/processes/guest"),
        AtLeast(0.85),
    ),
    (
        "fresh-throughput-vs-multiprocessing",
        "fresh instances: times multiprocessing.Pool.map(chunksize=1)",
        Ours("map/process/fresh/empty", "map/mp/empty"),
        AtLeast(4.0),
    ),
    (
        "reused-throughput",
        "reused instances: tasks a second",
        Alone("map/process/reused/empty", 1.0),
        AtLeast(1_000_000.0),
    ),
    (
        "reused-throughput-vs-multiprocessing",
        "reused instances: times multiprocessing.Pool.map(chunksize=1)",
        Ours("map/process/reused/empty", "map/mp/empty"),
        AtLeast(12.0),
    ),
    (
        "chunks-throughput",
        "reused instances in chunks as Python's map chooses them: tasks a second",
        Alone("map/process/reused/chunks/empty", 1.0),
        AtLeast(3_000_000.0),
    ),
    (
        "session-vs-reused",
        "a call in a session, over one with a kept instance",
        Dearer("apply/session/empty", "apply/process/reused/empty"),
        AtMost(1.1),
    ),
    (
        "host-call-vs-dict",
        "a task's call of a function of the host, over a get of a shared dictionary",
        Dearer("host-call/function", "host-call/dict"),
        AtMost(1.5),
    ),
    (
        "host-call-1KiB-vs-dict",
        "a task's call of a function of the host with 1 KiB in and out, over a get of a shared dictionary",
        Dearer("host-call/function/1KiB", "host-call/dict"),
        AtMost(2.0),
    ),
    (
        "cold-start",
        "worker, spawn to first result: ms",
        Alone("start/cold", MILLI),
        AtMost(3.0),
    ),
    (
        "cold-start-p95",
        "worker, spawn to first result, p95: ms",
        Quantile("start/cold", 0.95, MILLI),
        AtMost(5.0),
    ),
    (
        "cold-start-vs-python-spawn",
        "worker, spawn to first result: times faster than Python's spawn",
        Theirs("start/cold", "start/mp-spawn"),
        AtLeast(12.0),
    ),
    (
        "process-per-task-vs-bubblewrap",
        "a process for each task, over bubblewrap around /bin/true",
        Dearer("apply/process-per-task/empty", "start/bubblewrap"),
        AtMost(1.0),
    ),
    (
        "switch-vs-bubblewrap",
        "a worker's place to another module, over bubblewrap around /bin/true",
        Dearer("start/switch", "start/bubblewrap"),
        AtMost(1.0),
    ),
    (
        "switch",
        "a worker's place to another module: ms",
        Alone("start/switch", MILLI),
        AtMost(3.4),
    ),
    (
        "run-vs-wasmtime-run",
        "`sandpool run` as a whole process, over `wasmtime run`",
        Dearer("start/run", "start/wasmtime-run"),
        AtMost(1.0),
    ),
    (
        "run",
        "`sandpool run` as a whole process: ms",
        Alone("start/run", MILLI),
        AtMost(6.0),
    ),
    (
        "echo-1MiB-vs-multiprocessing",
        "echo of 1 MiB: times multiprocessing's bandwidth",
        Ours("echo/process/1MiB", "echo/mp/1MiB"),
        AtLeast(3.0),
    ),
    (
        "echo-64MiB-vs-multiprocessing",
        "echo of 64 MiB: times multiprocessing's bandwidth",
        Ours("echo/process/64MiB", "echo/mp/64MiB"),
        AtLeast(3.0),
    ),
    (
        "idle-memory",
        "memory of an idle worker, four up: MiB",
        Alone("idle/memory", 1.0),
        AtMost(8.0),
    ),
    (
        "session-memory",
        "memory of an idle session, 64 open: MiB",
        Alone("idle/sessions", 1.0),
        AtMost(4.0),
    ),
    (
        "map-lines",
        "`sandpool map` of a file: lines a second",
        Alone("lines/rate", 1.0),
        AtLeast(100_000.0),
    ),
    (
        "map-host-cpu",
        "`sandpool map`: the host's share of its CPU time, %",
        Alone("lines/host-cpu", 1.0),
        AtMost(50.0),
    ),
    (
        "map-memory-growth",
        "`sandpool map`: growth of the host's memory, second half over first, %",
        Alone("lines/memory-growth", 1.0),
        AtMost(10.0),
    ),
    (
        "idle-cpu",
        "CPU time of an idle pool with its workers, %",
        Alone("idle/cpu", 1.0),
        AtMost(0.02),
    ),
    (
        "host-cost-growth",
        "host's CPU time for a task with the most tasks at once, over with 1,000",
        Dearer("scale/queue/host/most", "scale/queue/host/1000"),
        AtMost(1.5),
    ),
];

/// Those of interpreters, which only a run that asks for interpreters has. `boa` is a module
/// that `--also` names: the guest for JavaScript that came before.
const INTERPRETERS: [Row; 7] = [
    (
        "python-call-vs-monty",
        "Python, a call in a session, over `add(1, 2)` in a session of pydantic-monty",
        DearerInRounds(
            "interpreters/python/call/sandpool",
            "interpreters/python/call/monty",
        ),
        AtMost(0.5),
    ),
    (
        "python-fib-vs-cpython",
        "Python, `fib(24)`, over native CPython",
        DearerInRounds(
            "interpreters/python/fib24/sandpool",
            "interpreters/python/fib24/cpython",
        ),
        AtMost(2.0),
    ),
    (
        "javascript-fresh-vs-boa",
        "JavaScript, a fresh interpreter, over the module `boa`",
        DearerInRounds(
            "interpreters/javascript/fresh/sandpool",
            "interpreters/javascript/fresh/boa",
        ),
        AtMost(0.15),
    ),
    (
        "javascript-fib-vs-boa",
        "JavaScript, `fib(24)`, over the module `boa`",
        DearerInRounds(
            "interpreters/javascript/fib24/sandpool",
            "interpreters/javascript/fib24/boa",
        ),
        AtMost(0.25),
    ),
    (
        "javascript-loop-vs-boa",
        "JavaScript, a loop of 10^6, over the module `boa`",
        DearerInRounds(
            "interpreters/javascript/loop/sandpool",
            "interpreters/javascript/loop/boa",
        ),
        AtMost(0.25),
    ),
    (
        "javascript-json-vs-boa",
        "JavaScript, 1 MB of JSON, transformed, over the module `boa`",
        DearerInRounds(
            "interpreters/javascript/json/sandpool",
            "interpreters/javascript/json/boa",
        ),
        AtMost(0.25),
    ),
    (
        "javascript-sort-vs-boa",
        "JavaScript, 10^5 numbers, made and sorted, over the module `boa`",
        DearerInRounds(
            "interpreters/javascript/sort/sandpool",
            "interpreters/javascript/sort/boa",
        ),
        AtMost(0.25),
    ),
];

/// All targets, with what was measured of them.
pub fn of(report: &Report) -> Vec<Target> {
    let has_interpreters = report.plan.asks_for(interpreters::PREFIX);
    let rows = TARGETS
        .iter()
        .chain(INTERPRETERS.iter().filter(|_| has_interpreters));
    rows.map(|(name, what, of, wanted)| {
        let (ours, other) = sides(report, of);
        let ratio = match (of, ours, other) {
            (Alone(..) | Quantile(..), ours, _) => ours,
            (Theirs(..), Some(ours), Some(theirs)) => Some(theirs / ours),
            (DearerInRounds(ours, theirs), ..) => report
                .figure(ours)
                .zip(report.figure(theirs))
                .map(|(ours, theirs)| interpreters::over(ours, theirs)),
            (_, Some(ours), Some(theirs)) => Some(ours / theirs),
            _ => None,
        };
        Target {
            name,
            what,
            ours,
            other,
            ratio: ratio.filter(|ratio| ratio.is_finite()),
            wanted: *wanted,
        }
    })
    .collect()
}

fn sides(report: &Report, of: &RatioKind) -> (Option<f64>, Option<f64>) {
    let value = |name: &str| match name {
        "scale/queue/host/most" => {
            let longest = report.named("scale/queue/host/").last();
            longest.map(super::figure::Figure::value)
        }
        name => report.value(name),
    };
    match of {
        Ours(ours, theirs)
        | Theirs(ours, theirs)
        | Dearer(ours, theirs)
        | DearerInRounds(ours, theirs) => (value(ours), value(theirs)),
        DearerThanBoth(ours, [a, b]) => {
            let both = value(a).zip(value(b)).map(|(a, b)| a + b);
            (value(ours), both)
        }
        Alone(ours, factor) => (value(ours).map(|ours| ours * factor), None),
        Quantile(ours, share, factor) => {
            let figure = report.figure(ours);
            (figure.map(|figure| figure.quantile(*share) * factor), None)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figure::{Figure, Unit};
    use crate::plan::Plan;

    fn held(figures: &[(&str, f64)], name: &str) -> Option<bool> {
        let mut report = Report::new(Plan::for_tests(1));
        for (name, value) in figures {
            report
                .figures
                .push(Figure::of(name, name, Unit::Micros, vec![*value]));
        }
        let targets = of(&report);
        targets
            .into_iter()
            .find(|target| target.name == name)
            .expect("a target of this name")
            .held()
    }

    #[test]
    fn a_target_holds_breaks_or_was_not_measured() {
        let (ours, theirs) = ("apply/process/fresh/empty", "apply/mp/empty");
        let name = "apply-vs-multiprocessing";
        assert_eq!(held(&[(ours, 10.0), (theirs, 60.0)], name), Some(true));
        assert_eq!(held(&[(ours, 10.1), (theirs, 60.0)], name), Some(false));
        assert_eq!(held(&[(ours, 10.0)], name), None);
        let floors = [
            (ours, 15.0),
            ("floor/socket/spinning", 4.0),
            ("floor/wasmtime/fresh", 6.0),
        ];
        assert_eq!(held(&floors, "apply-vs-floor"), Some(true));
        assert_eq!(held(&[("start/cold", 3100.0)], "cold-start"), Some(false));
        let queue = [
            ("scale/queue/host/1000", 1.0),
            ("scale/queue/host/100000", 1.4),
        ];
        assert_eq!(held(&queue, "host-cost-growth"), Some(true));
    }

    #[test]
    fn targets_of_interpreters_are_those_of_a_run_that_asks_for_them() {
        let name = "python-call-vs-monty";
        let has = |only: Vec<String>| {
            let report = Report::new(Plan::new(true, 1, only));
            of(&report).iter().any(|target| target.name == name)
        };
        assert!(has(vec!["interpreters/".into()]));
        assert!(!has(vec![]) && !has(vec!["apply/".into()]));
    }

    #[test]
    fn every_target_has_a_name_of_its_own() {
        let rows = TARGETS.iter().chain(&INTERPRETERS);
        let mut names: Vec<_> = rows.map(|row| row.0).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), TARGETS.len() + INTERPRETERS.len());
    }
}
