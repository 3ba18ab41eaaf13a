//! The cost of idle workers: their memory, and the CPU time of an idle pool.

use std::thread;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use sandpool::Sandbox;

use super::Report;
use super::child::{cpu_time, proportional_memory};
use super::figure::{Figure, Measured, Unit};
use super::plan::Plan;
use super::pools::{BenchPool, BenchSessions, Tasks, Work, builder};

/// Workers whose memory is looked at.
const WORKERS: usize = 4;

/// Sessions whose memory is looked at.
const SESSIONS: usize = 64;

/// CPU time of this process so far, in seconds.
pub fn own_cpu() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

pub fn measure(plan: &Plan, tasks: &Tasks, report: &mut Report) -> Measured<()> {
    if !plan.wants_any(&["idle/"]) {
        return Ok(());
    }
    let bench = up(plan, tasks, Sandbox::Auto)?;
    memory(plan, tasks, &bench, report)?;
    sessions(plan, tasks, report)?;
    let workers = bench.pool.worker_pids();
    let used = || own_cpu() + workers.iter().filter_map(|pid| cpu_time(*pid)).sum::<f64>();
    // The workers have finished by now.
    thread::sleep(Duration::from_millis(200));
    let begin = Instant::now();
    let before = used();
    thread::sleep(plan.either(Duration::from_secs(1), Duration::from_secs(5)));
    // Asking costs a little itself: the second answer tells how much.
    let after = used();
    let asking = used() - after;
    let share = (after - before - asking).max(0.0) / begin.elapsed().as_secs_f64();
    report.figures.push(Figure::of(
        "idle/cpu",
        "CPU time of an idle pool, with its workers",
        Unit::Percent,
        vec![share * 100.0],
    ));
    Ok(())
}

/// Measures the memory of idle sessions.
fn sessions(plan: &Plan, tasks: &Tasks, report: &mut Report) -> Measured<()> {
    let look = |sandbox: Sandbox| -> Measured<Vec<f64>> {
        let bench = BenchPool::new(builder(plan).sandbox(sandbox), tasks)?;
        let open = || BenchSessions::open(&bench);
        // Each of these is two sessions.
        let sessions = (0..SESSIONS / 2)
            .map(|_| open())
            .collect::<Measured<Vec<_>>>()?;
        for session in &sessions {
            session.apply(Work::Empty)?;
            session.apply(Work::Sleep)?;
        }
        let pids = sessions.iter().flat_map(BenchSessions::worker_pids);
        Ok(mebibytes(pids))
    };
    let mut label = format!("memory of an idle session (PSS), {SESSIONS} open");
    let mut seen = look(Sandbox::Auto)?;
    if seen.is_empty() {
        seen = look(Sandbox::Off)?;
        label.push_str(", sandbox off: locked in they do not show it");
    }
    let figure = Figure::of("idle/sessions", &label, Unit::Mebibytes, seen);
    report.figures.push(figure);
    Ok(())
}

/// Returns the memory of processes, as far as it can be read.
fn mebibytes(pids: impl IntoIterator<Item = u32>) -> Vec<f64> {
    let bytes = pids.into_iter().filter_map(proportional_memory);
    bytes
        .map(|bytes| bytes as f64 / f64::from(1 << 20))
        .collect()
}

/// A pool of which every worker is up.
fn up(plan: &Plan, tasks: &Tasks, sandbox: Sandbox) -> Measured<BenchPool> {
    let builder = builder(plan).processes(WORKERS).sandbox(sandbox);
    let bench = BenchPool::new(builder, &tasks.with_steps(tasks.spin_steps * 3))?;
    bench.warm(Work::Spin)?;
    bench.map(Work::Empty, WORKERS * 100)?;
    Ok(bench)
}

fn memory(plan: &Plan, tasks: &Tasks, bench: &BenchPool, report: &mut Report) -> Measured<()> {
    let look = |bench: &BenchPool| mebibytes(bench.pool.worker_pids());
    let mut label = format!("memory of an idle worker (PSS), {WORKERS} up");
    let mut seen = look(bench);
    if seen.is_empty() {
        // A worker that is locked in shows an ordinary user nothing of itself.
        seen = look(&up(plan, tasks, Sandbox::Off)?);
        label.push_str(", sandbox off: locked in they do not show it");
    }
    if seen.is_empty() {
        return Err("the memory of workers cannot be read".into());
    }
    report
        .figures
        .push(Figure::of("idle/memory", &label, Unit::Mebibytes, seen));
    Ok(())
}
