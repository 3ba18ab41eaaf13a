//! Where a map is, on stderr: a bar on a terminal, else a line every few
//! seconds; and a notice of each task that takes long.
//!
//! A thread of its own looks ten times a second at what others count. Tasks cost
//! it nothing: a million of them are two counters.

mod bar;
mod rate;
mod slow;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use sandpool::{PoolBuilder, ProgressReport, RunningTask, Steering};

use super::inputs::open::Total;
use super::ledger::{Extent, Finished, Ledger};
use crate::parse::{self, OrNone};
use crate::report;
use bar::Bar;
use rate::Rate;
use slow::Slow;

/// The display while tasks run.
#[derive(Args, Debug)]
pub struct ProgressFlags {
    /// Way to show progress on stderr: a bar on a terminal, otherwise a line every 5s
    /// (auto); always lines (plain); not at all (none) [default: auto]
    #[arg(
        long,
        value_name = "FORM",
        value_enum,
        hide_possible_values = true,
        help_heading = "Progress"
    )]
    progress: Option<ProgressMode>,
    /// Report a task as slow after it has run this long, and again after each further
    /// such time [default: 60s]
    #[arg(long, value_name = "TIME", value_parser = parse::duration, help_heading = "Progress")]
    slow_after: Option<OrNone<Duration>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ProgressMode {
    Auto,
    Plain,
    None,
}

/// The interval between two looks.
const TICK: Duration = Duration::from_millis(100);

/// The interval between two lines where there is no terminal.
const LINE_INTERVAL: Duration = Duration::from_secs(5);

const SLOW_AFTER: Duration = Duration::from_secs(60);

/// A task that has run for less is not named as the slowest.
const WORTH_NAMING: Duration = Duration::from_secs(1);

/// The counters of the tasks' own thread.
#[derive(Debug, Default)]
struct Counters {
    done: AtomicU64,
    failed: AtomicU64,
    ended: Arc<AtomicBool>,
}

/// The last progress reports of guests, by the pool's index.
type Reports = Arc<Mutex<HashMap<u64, ProgressReport>>>;

/// Shows where a map is, until it is dropped.
pub struct Progress {
    counters: Arc<Counters>,
    thread: Option<JoinHandle<()>>,
}

/// The parts for a map that has not begun yet.
#[derive(Clone, Default)]
pub struct Prepared {
    reports: Reports,
}

impl ProgressFlags {
    /// Has guests' reports heard, if anything is shown.
    pub fn prepare(&self, builder: PoolBuilder, quiet: bool) -> (PoolBuilder, Prepared) {
        let prepared = Prepared::default();
        if quiet || self.progress == Some(ProgressMode::None) {
            return (builder, prepared);
        }
        let reports = Arc::clone(&prepared.reports);
        let builder = builder.on_progress(move |report| {
            let mut reports = reports.lock().unwrap_or_else(PoisonError::into_inner);
            reports.insert(report.task_index, report);
        });
        (builder, prepared)
    }

    /// Begins to show.
    pub fn start(
        &self,
        prepared: Prepared,
        steering: Steering,
        ledger: Ledger,
        total: Total,
        quiet: bool,
    ) -> Progress {
        let counters = Arc::new(Counters::default());
        let counted = ledger.clone();
        match total {
            Total::Known(inputs) => counted.count(inputs),
            // Only for somebody who sees it.
            Total::Counted(counting) if !quiet && self.progress != Some(ProgressMode::None) => {
                let ended = Arc::clone(&counters.ended);
                counting.begin(ended, move |inputs| counted.count(inputs));
            }
            Total::Counted(_) | Total::Unknown => {}
        }
        if quiet {
            return Progress {
                counters,
                thread: None,
            };
        }
        let slow_after = self.slow_after.map_or(Some(SLOW_AFTER), |flag| flag.0);
        let progress = ProgressThread {
            counters: Arc::clone(&counters),
            steering,
            ledger,
            reports: prepared.reports,
            rate: Rate::new(Instant::now()),
            slow: slow_after.map(Slow::new),
        };
        let screen = match self.progress.unwrap_or(ProgressMode::Auto) {
            ProgressMode::None => Screen::None,
            ProgressMode::Auto if report::draws() => Screen::Bar(Bar::new()),
            ProgressMode::Auto | ProgressMode::Plain => Screen::Lines {
                due: Instant::now() + LINE_INTERVAL,
            },
        };
        let thread = thread::Builder::new().name("progress".into());
        Progress {
            counters,
            // Without a thread there is nothing to see; the tasks run on.
            thread: thread.spawn(move || progress.run(screen)).ok(),
        }
    }
}

impl Progress {
    /// Counts a task that has ended.
    pub fn count(&self, task: &Finished) {
        self.counters.done.fetch_add(1, Ordering::Relaxed);
        if !task.outcome.is_ok() {
            self.counters.failed.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.counters.ended.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}

enum Screen {
    None,
    Bar(Bar),
    Lines { due: Instant },
}

/// The thread's own things.
struct ProgressThread {
    counters: Arc<Counters>,
    steering: Steering,
    ledger: Ledger,
    reports: Reports,
    rate: Rate,
    slow: Option<Slow>,
}

/// Where the map is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct View {
    pub done: u64,
    pub failed: u64,
    pub running: u64,
    pub extent: Extent,
    pub per_second: f64,
    /// The task that runs for the longest time, with what its guest says.
    pub slowest: Option<String>,
}

impl ProgressThread {
    fn run(mut self, mut screen: Screen) {
        loop {
            thread::park_timeout(TICK);
            if self.counters.ended.load(Ordering::Relaxed) {
                break;
            }
            let now = Instant::now();
            let running = self.steering.running();
            if let Some(slow) = &mut self.slow {
                for (index, ran) in slow.look(&running, now) {
                    let (seq, label) = self.name(index);
                    report::warn(&slow::notice(seq, ran, &label));
                }
            }
            let view = self.view(&running, now);
            match &mut screen {
                Screen::None => {}
                Screen::Bar(bar) => bar.draw(&view),
                Screen::Lines { due } if now >= *due => {
                    *due = now + LINE_INTERVAL;
                    report::note(&bar::line(&view, false));
                }
                Screen::Lines { .. } => {}
            }
        }
    }

    fn view(&mut self, running: &[RunningTask], now: Instant) -> View {
        let done = self.counters.done.load(Ordering::Relaxed);
        View {
            done,
            failed: self.counters.failed.load(Ordering::Relaxed),
            running: running.len() as u64,
            extent: self.ledger.extent(),
            per_second: self.rate.at(now, done),
            slowest: self.slowest(running, now),
        }
    }

    fn slowest(&self, running: &[RunningTask], now: Instant) -> Option<String> {
        let mut reports = self.reports.lock().unwrap_or_else(PoisonError::into_inner);
        if !reports.is_empty() {
            reports.retain(|index, _| running.iter().any(|task| task.index == *index));
        }
        let task = running.first()?;
        let ran = now.saturating_duration_since(task.since);
        if ran < WORTH_NAMING {
            return None;
        }
        let (seq, label) = self.name(task.index);
        let report = reports.get(&task.index);
        Some(bar::slowest(seq, ran, &label, report))
    }

    fn name(&self, index: u64) -> (u64, String) {
        let label = self.ledger.label(index).unwrap_or_default();
        (self.ledger.seq(index), label)
    }
}
