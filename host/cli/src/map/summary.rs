//! The counts of a map, and the summary at its end.
//!
//! It takes the same memory for a million tasks as for ten: run times go into a
//! histogram, and only the slowest tasks are known by name.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use hdrhistogram::Histogram;
use sandpool::{Refusal, Verdict};

use super::ledger::Finished;
use crate::{report, sanitize, show};

/// The number of tasks that are named as the slowest, or as poison.
const MAX_NAMED: usize = 5;

/// The number of tasks whose errors are shown.
const MAX_ERRORS: usize = 3;

/// The number of characters of an error that are shown.
const ERROR: usize = 240;

/// The number of characters of an input that are shown with its task.
const LABEL: usize = 24;

/// The endings of the tasks.
#[derive(Clone, Debug)]
pub struct Summary {
    /// The number of failures by verdict; `ok` is counted apart.
    failures: BTreeMap<&'static str, u64>,
    tasks: u64,
    failed: u64,
    /// The number of inputs that have no result, since the run was cut short.
    left: u64,
    /// The pool's error for the first of them.
    pool_failure: Option<String>,
    /// The number of starts beyond the first of each task that has ended.
    retries: u64,
    run_times: RunTimes,
    slowest: Vec<Slow>,
    poison: Vec<String>,
    poisoned: u64,
    refusals: Refusals,
    /// The errors of the first tasks that did not end ok.
    errors: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Slow {
    run_time: Duration,
    shown: String,
}

impl Default for Summary {
    fn default() -> Self {
        Summary {
            failures: BTreeMap::new(),
            tasks: 0,
            failed: 0,
            left: 0,
            pool_failure: None,
            retries: 0,
            run_times: RunTimes::default(),
            slowest: Vec::with_capacity(MAX_NAMED + 1),
            poison: Vec::new(),
            poisoned: 0,
            refusals: Refusals::default(),
            errors: Vec::new(),
        }
    }
}

impl Summary {
    pub fn count(&mut self, task: &Finished) {
        let outcome = &task.outcome;
        self.tasks += 1;
        self.retries += u64::from(outcome.attempts.saturating_sub(1));
        if outcome.verdict != Verdict::Ok {
            self.failed += 1;
            *self.failures.entry(outcome.verdict.name()).or_default() += 1;
            if self.errors.len() < MAX_ERRORS {
                self.errors.push(error(task));
            }
        }
        self.refusals.count(&outcome.refusals);
        if outcome.poison {
            self.poisoned += 1;
            if self.poison.len() < MAX_NAMED {
                self.poison.push(shown(task));
            }
        }
        if let Some(run_time) = outcome.run_time {
            self.run_times.add(run_time);
            self.place(task, run_time);
        }
    }

    fn place(&mut self, task: &Finished, run_time: Duration) {
        let is_full = self.slowest.len() == MAX_NAMED;
        if is_full
            && self
                .slowest
                .last()
                .is_some_and(|last| last.run_time >= run_time)
        {
            return;
        }
        let place = self
            .slowest
            .partition_point(|other| other.run_time >= run_time);
        let shown = match task.outcome.verdict {
            Verdict::Ok => format!("{} {}", show::time(run_time), shown(task)),
            verdict => format!("{} {verdict} {}", show::time(run_time), shown(task)),
        };
        self.slowest.insert(place, Slow { run_time, shown });
        self.slowest.truncate(MAX_NAMED);
    }

    /// Notes that the pool failed under a task, which has no result.
    pub fn pool_failed(&mut self, why: Option<&str>) {
        let why = why.unwrap_or("no error text");
        self.pool_failure.get_or_insert_with(|| why.to_owned());
    }

    /// Returns the pool's error, if it failed.
    pub fn pool_failure(&self) -> Option<String> {
        self.pool_failure.clone()
    }

    /// Notes the number of inputs that were not run.
    pub fn leave(&mut self, inputs: u64) {
        self.left = inputs;
    }

    pub fn tasks(&self) -> u64 {
        self.tasks
    }

    pub fn failed(&self) -> u64 {
        self.failed
    }

    pub fn all_ok(&self) -> bool {
        self.failed == 0
    }

    /// Returns the number of failed tasks, and the first errors: for results that do not
    /// include them.
    pub fn errors(&self) -> Vec<String> {
        let first = match (self.failed, self.errors.len() as u64) {
            (0, _) => return Vec::new(),
            (1, _) => "1 input failed:".to_owned(),
            (failed, told) if failed == told => format!("{failed} inputs failed:"),
            (failed, told) => {
                format!("{} inputs failed; the first {told}:", show::count(failed))
            }
        };
        std::iter::once(first)
            .chain(self.errors.iter().cloned())
            .collect()
    }

    /// Returns the whole summary, a line for each fact.
    pub fn lines(&self, wall: Duration, cpu: Duration) -> Vec<String> {
        let mut first = format!(
            "{}, {}{}, in {}",
            show::counted(self.tasks, "task"),
            self.verdicts(),
            self.refusals.told(),
            show::time(wall)
        );
        if self.retries > 0 {
            let noun = if self.retries == 1 {
                "retry"
            } else {
                "retries"
            };
            first += &format!("; {} {noun}", show::count(self.retries));
        }
        let mut lines = vec![first];
        if let Some([p50, p95, p99]) = self.run_times.percentiles() {
            lines.push(format!(
                "run time p50 {}, p95 {}, p99 {}; CPU time {:.2}s",
                show::time(p50),
                show::time(p95),
                show::time(p99),
                cpu.as_secs_f64(),
            ));
            let slowest: Vec<_> = self
                .slowest
                .iter()
                .map(|slow| slow.shown.as_str())
                .collect();
            lines.push(format!("slowest: {}", slowest.join(", ")));
        }
        if self.poisoned > 0 {
            let more = self.poisoned - self.poison.len() as u64;
            let more = match more {
                0 => String::new(),
                more => format!(" and {} more", show::count(more)),
            };
            lines.push(format!(
                "poison, because each lost three workers: {}{more}",
                self.poison.join(", ")
            ));
        }
        lines
    }

    /// Returns the counts by verdict: `57 ok, 2 timeout, 1 trap`.
    fn verdicts(&self) -> String {
        let ok = self.tasks - self.failed;
        let mut counts = vec![format!("{} ok", show::count(ok))];
        let failures = self.failures.iter();
        counts
            .extend(failures.map(|(verdict, count)| format!("{} {verdict}", show::count(*count))));
        if self.left > 0 {
            counts.push(format!("{} not run", show::count(self.left)));
        }
        counts.join(", ")
    }
}

/// The tasks with refusals, however they ended.
#[derive(Clone, Debug, Default)]
struct Refusals {
    tasks: u64,
    /// The number of tasks by the kind of the refusal, such as `file`.
    kinds: BTreeMap<String, u64>,
}

/// The number of kinds of refusals that are counted apart: a worker chooses the kinds.
const MAX_KINDS: usize = 16;

impl Refusals {
    fn count(&mut self, refusals: &[Refusal]) {
        if refusals.is_empty() {
            return;
        }
        self.tasks += 1;
        let kinds: BTreeSet<&str> = refusals.iter().map(|refusal| &*refusal.what).collect();
        for kind in kinds {
            if let Some(count) = self.kinds.get_mut(kind) {
                *count += 1;
            } else if self.kinds.len() < MAX_KINDS {
                self.kinds.insert(kind.to_owned(), 1);
            }
        }
    }

    /// Returns `, 3 with refusals (file: 2, memory: 1)`, or nothing.
    fn told(&self) -> String {
        if self.tasks == 0 {
            return String::new();
        }
        let kinds = self.kinds.iter();
        let kinds: Vec<_> = kinds
            .map(|(kind, count)| format!("{}: {}", sanitize::line(kind), show::count(*count)))
            .collect();
        format!(
            ", {} with refusals ({})",
            show::count(self.tasks),
            kinds.join(", ")
        )
    }
}

/// Returns `[17] 30: timeout: ran past 10s (default)`.
fn error(task: &Finished) -> String {
    let verdict = task.outcome.verdict.name();
    let text = report::outcome_text(&task.outcome);
    let text = text.lines().next().unwrap_or_default();
    format!("{}: {verdict}: {}", shown(task), show::clip(text, ERROR))
}

/// Returns `[17] 30`.
fn shown(task: &Finished) -> String {
    format!(
        "[{}] {}",
        task.note.seq,
        show::clip(&task.note.label, LABEL)
    )
}

/// Run times, to 0.1 %.
#[derive(Clone, Debug)]
pub struct RunTimes(Option<Histogram<u64>>);

impl Default for RunTimes {
    fn default() -> Self {
        // It grows with the longest time, to 300 KiB for a day. It can keep three digits.
        RunTimes(Histogram::new(3).ok())
    }
}

impl RunTimes {
    pub fn add(&mut self, time: Duration) {
        if let Some(histogram) = &mut self.0 {
            let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
            // It grows as needed, so every time has its place.
            let _ = histogram.record(nanos);
        }
    }

    fn at(&self, quantile: f64) -> Option<Duration> {
        let histogram = self.0.as_ref().filter(|histogram| !histogram.is_empty())?;
        // The upper end of a step, but never more than the longest.
        let nanos = histogram.value_at_quantile(quantile);
        Some(Duration::from_nanos(nanos.min(histogram.max())))
    }

    pub fn median(&self) -> Option<Duration> {
        self.at(0.5)
    }

    fn percentiles(&self) -> Option<[Duration; 3]> {
        Some([self.at(0.5)?, self.at(0.95)?, self.at(0.99)?])
    }
}

#[cfg(test)]
impl Summary {
    /// Returns a summary of this many failed tasks and ok tasks.
    pub fn of(failed: u64, ok: u64) -> Self {
        Summary {
            tasks: failed + ok,
            failed,
            ..Summary::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_counts_by_verdict() {
        let summary = Summary {
            failures: [("trap", 1), ("timeout", 2)].into(),
            retries: 1,
            ..Summary::of(3, 1_057)
        };
        assert_eq!(
            summary.lines(Duration::from_millis(4_210), Duration::ZERO),
            ["1,060 tasks, 1,057 ok, 2 timeout, 1 trap, in 4.21s; 1 retry"]
        );
    }

    #[test]
    fn inputs_that_were_not_run_are_counted_and_are_no_tasks() {
        let mut summary = Summary::of(1, 2);
        summary.failures = [("trap", 1)].into();
        summary.leave(599_872);
        assert_eq!(
            summary.lines(Duration::from_secs(1), Duration::ZERO)[0],
            "3 tasks, 2 ok, 1 trap, 599,872 not run, in 1.00s"
        );
    }

    #[test]
    fn the_first_line_counts_tasks_with_refusals() {
        let refusal = |what: &str, detail: &str| Refusal {
            what: what.into(),
            detail: detail.into(),
        };
        let mut summary = Summary::of(1, 3);
        let first_line = |summary: &Summary| {
            let lines = summary.lines(Duration::from_millis(4_210), Duration::ZERO);
            lines.first().cloned().unwrap()
        };
        assert_eq!(first_line(&summary), "4 tasks, 3 ok, in 4.21s");
        let files = [refusal("file", "/a"), refusal("file", "/b")];
        summary.refusals.count(&files);
        summary.refusals.count(&[]);
        summary
            .refusals
            .count(&[refusal("memory", "1 bytes"), refusal("file", "/a")]);
        assert_eq!(
            first_line(&summary),
            "4 tasks, 3 ok, 2 with refusals (file: 2, memory: 1), in 4.21s"
        );
        for n in 0..1000 {
            summary.refusals.count(&[refusal(&n.to_string(), "")]);
        }
        assert_eq!(
            summary.refusals.kinds.len(),
            MAX_KINDS,
            "a hostile worker's"
        );
    }

    #[test]
    fn run_times_are_told_by_percentiles() {
        let mut times = RunTimes::default();
        assert_eq!(times.median(), None);
        for milliseconds in 1..=1000 {
            times.add(Duration::from_millis(milliseconds));
        }
        let rounded = times.percentiles().unwrap().map(|time| time.as_secs_f64());
        for (time, expected) in rounded.into_iter().zip([0.5, 0.95, 0.99]) {
            assert!((time - expected).abs() < 0.002, "{time} {expected}");
        }
    }
}
