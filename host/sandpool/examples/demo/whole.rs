//! A check that the pool still works after the demo and leaves nothing.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use sandpool::Pool;

use crate::guests::Guests;
use crate::honest::fib;
use crate::story::{line, rate};
use crate::tally::Tally;

/// Small tasks for taking the time.
const MANY: u32 = 10_000;

/// The longest time that the last worker may take to start.
const START_TIMEOUT: Duration = Duration::from_secs(5);

/// Every worker works, and the answers are right.
pub fn works(pool: &Pool, guests: &Guests, tally: &mut Tally) -> Result<()> {
    let begin = Instant::now();
    // Workers start when there is work for them: enough of it, and all do.
    loop {
        let work = vec![(25u32,); 4 * pool.processes()];
        for outcome in pool.map::<u64>(&guests.math, "fib", work)? {
            tally.record(&outcome);
            ensure!(outcome.value == Some(75_025), "fib(25) is 75025: {outcome}");
        }
        let workers = pool.worker_pids().len();
        if workers == pool.processes() {
            break;
        }
        if begin.elapsed() > START_TIMEOUT {
            bail!("{workers} of {} workers are there", pool.processes());
        }
    }
    line(&format!(
        "fib(25) = 75025, and all {} workers are there",
        pool.processes()
    ));

    let begin = Instant::now();
    let numbers = (0..MANY).map(|n| (n % 20,));
    for (n, outcome) in (0..MANY).zip(pool.imap::<u64>(&guests.math, "fib", numbers)?) {
        tally.record(&outcome);
        ensure!(
            outcome.value == Some(fib(n % 20)),
            "fib({}) is {}: {outcome}",
            n % 20,
            fib(n % 20)
        );
    }
    let rate = rate(MANY as usize, begin.elapsed());
    line(&format!(
        "{MANY} small tasks, each in a fresh instance: {rate}"
    ));
    Ok(())
}

/// After `join`, no child of this process is left.
pub fn ends(pool: &Pool) -> Result<()> {
    pool.close();
    pool.join()?;
    let left = children()?;
    ensure!(left.is_empty(), "processes {left:?} were left behind");
    line("closed and joined: no process is left");
    Ok(())
}

/// The children of this process, those included that nobody has waited for.
fn children() -> Result<Vec<u32>> {
    let own = std::process::id().to_string();
    let mut children = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let entry = entry?;
        let pid = entry.file_name().to_str().and_then(|n| n.parse().ok());
        let Some(pid) = pid else { continue };
        // A process may end while this looks at it.
        let Ok(stat) = fs::read_to_string(entry.path().join("stat")) else {
            continue;
        };
        // `pid (name) state parent ...`, where the name may hold anything.
        let parent = stat
            .rsplit_once(')')
            .and_then(|(_, rest)| rest.split_whitespace().nth(1));
        if parent == Some(own.as_str()) {
            children.push(pid);
        }
    }
    Ok(children)
}
