//! Killing a worker in the middle of a task, as an operator's mistake or the
//! kernel's OOM killer would.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};
use sandpool::{Pool, Verdict};

use crate::guests::{Durations, Guests};
use crate::story::{line, milliseconds};
use crate::tally::Tally;

/// The time limit of each step.
const STEP_TIMEOUT: Duration = Duration::from_secs(10);

pub fn kill_one(pool: &Pool, guests: &Guests, tally: &mut Tally) -> Result<()> {
    let Durations {
        function,
        long,
        short,
    } = guests.durations();
    let honest = vec![(short,); 4 * pool.processes()];
    // With a worker of this module up and idle, the long task is taken at once.
    let first = pool.call(&guests.sleeper, function).arg(short).outcome()?;
    tally.record(&first);
    let victim = pool
        .call(&guests.sleeper, function)
        .arg(long)
        .apply_async::<()>()?;

    // Whoever answers a short task is not busy with the long one. In the end
    // one worker is left that has not answered: that is the one.
    let begin = Instant::now();
    let strangers = tally.strangers_to("sleeper");
    let mut answered = BTreeSet::new();
    let mut others = 0;
    let pid = loop {
        for outcome in pool.map::<()>(&guests.sleeper, function, honest.iter().copied())? {
            ensure!(outcome.is_ok(), "an honest task failed: {outcome}");
            tally.record(&outcome);
            answered.extend(outcome.worker_pid);
            others += 1;
        }
        let busy: Vec<u32> = pool
            .worker_pids()
            .into_iter()
            .filter(|pid| !answered.contains(pid) && !strangers.contains(pid))
            .collect();
        if let [pid] = busy[..] {
            break pid;
        }
        ensure!(
            begin.elapsed() < STEP_TIMEOUT && !victim.ready(),
            "cannot tell which worker has the long task; it could be any of {busy:?}"
        );
    };

    let neighbours = pool.map_async::<()>(&guests.sleeper, function, honest.iter().copied())?;
    let process = i32::try_from(pid).ok().and_then(Pid::from_raw);
    kill_process(process.context("a worker's pid is a number")?, Signal::KILL)
        .context("cannot kill a worker")?;
    let killed = Instant::now();
    let lost = victim.outcome(Some(STEP_TIMEOUT))?;
    let told = killed.elapsed();
    tally.record(&lost);
    ensure!(
        lost.verdict == Verdict::WorkerLost && lost.worker_pid == Some(pid),
        "the task of the killed worker {pid} should be lost: {lost}"
    );
    for outcome in neighbours.get(Some(STEP_TIMEOUT))? {
        ensure!(
            outcome.is_ok(),
            "a neighbour of the lost task failed: {outcome}"
        );
        tally.record(&outcome);
        others += 1;
    }
    line(&format!(
        "kill -9 {pid}; {} later its task was told: {}: {}",
        milliseconds(told),
        lost.verdict,
        lost.error.as_deref().unwrap_or_default()
    ));
    line(&format!("the {others} tasks around it never noticed"));
    Ok(())
}
