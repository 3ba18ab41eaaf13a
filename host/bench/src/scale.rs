//! Growth of costs: with the number of workers, and with the number of tasks that wait.
//! The figure of interest is the cost of a task in the host process.

use std::time::{Duration, Instant};

use super::Report;
use super::figure::{Figure, Measured, Unit};
use super::idle::own_cpu;
use super::plan::Plan;
use super::pools::{BenchPool, Tasks, Work, builder, kept};

pub fn measure(plan: &Plan, tasks: &Tasks, report: &mut Report) -> Measured<()> {
    if plan.wants_any(&["scale/workers/"]) {
        workers(plan, tasks, report)?;
    }
    if plan.wants_any(&["scale/queue/"]) {
        queue(plan, tasks, report)?;
    }
    Ok(())
}

/// The result of some runs with the same number of tasks.
#[derive(Default)]
struct Runs {
    rates: Vec<f64>,
    host_micros: Vec<f64>,
}

impl Runs {
    /// Runs a map of so many tasks as often as fits into a slice.
    fn take(&mut self, bench: &BenchPool, tasks: usize, slice: Duration) -> Measured<()> {
        let (begin, before) = (Instant::now(), own_cpu());
        let mut done = 0;
        while done == 0 || begin.elapsed() < slice {
            bench.map(Work::Empty, tasks)?;
            done += tasks;
        }
        let (wall, cpu) = (begin.elapsed().as_secs_f64(), own_cpu() - before);
        self.rates.push(done as f64 / wall);
        self.host_micros.push(cpu * 1e6 / done as f64);
        Ok(())
    }

    fn report(self, report: &mut Report, by: &str, what: &str, x: usize) {
        let name = |part: &str| format!("scale/{by}/{part}/{x}");
        let figure = |part: &str, label: &str, unit, values| {
            Figure::of(&name(part), &format!("{label}, {x} {what}"), unit, values).at(x as f64)
        };
        report.figures.extend([
            figure("rate", "empty tasks", Unit::PerSecond, self.rates),
            figure(
                "host",
                "CPU time of the host for a task",
                Unit::Micros,
                self.host_micros,
            ),
        ]);
    }
}

/// From one worker to 64, each with tasks enough.
fn workers(plan: &Plan, loaded: &Tasks, report: &mut Report) -> Measured<()> {
    for workers in [1_usize, 2, 4, 8, 16, 32, 64] {
        // A few milliseconds keep each worker busy while the next one starts.
        let busy = loaded.with_steps(loaded.spin_steps * 3);
        let bench = BenchPool::new(builder(plan).processes(workers), &busy)?;
        bench.warm(Work::Spin)?;
        let mut runs = Runs::default();
        let tasks = plan.either(2_000, 10_000).max(workers * 50);
        bench.map(Work::Empty, workers * 50)?;
        for round in 0..plan.either(1, 3) {
            if round == 0 || !plan.is_late() {
                runs.take(&bench, tasks, plan.slice)?;
            }
        }
        runs.report(report, "workers", "workers", workers);
    }
    Ok(())
}

/// From one task to a million at once, for the workers of the other figures.
fn queue(plan: &Plan, loaded: &Tasks, report: &mut Report) -> Measured<()> {
    let bench = BenchPool::new(builder(plan).isolation(kept()), loaded)?;
    bench.map(Work::Empty, 1_000)?;
    let most = plan.either(100_000, 1_000_000);
    let lengths = (0..=6).map(|power| 10_usize.pow(power));
    for tasks in lengths.take_while(|tasks| *tasks <= most) {
        let mut runs = Runs::default();
        let rounds = if tasks >= 100_000 {
            1
        } else {
            plan.either(1, 3)
        };
        for _ in 0..rounds {
            runs.take(&bench, tasks, plan.slice)?;
        }
        runs.report(report, "queue", "tasks at once", tasks);
    }
    Ok(())
}
