//! Workers that are killed all the time, also while they start: each kill costs one
//! task at most, every task has an outcome, nobody hangs, and the pool lives.
//!
//! `cargo xtask soak` runs this for a minute with a million tasks at a time.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use sandpool::{CallContext, Imports, Outcome, Verdict};

use crate::support::process::{Host, children, command, kill};
use crate::support::{eventually_within, open, pool, random, test_alone_for, two_workers, wat};

/// The pause between two kills.
const PAUSE: Duration = Duration::from_millis(4);

/// A number from the environment, for those who have more time.
fn setting(name: &str, default: u64) -> u64 {
    let value = std::env::var(name).ok();
    value.map_or(default, |value| value.parse().expect("a number"))
}

fn seconds() -> Duration {
    Duration::from_secs(setting("SANDPOOL_STORM_SECONDS", 3))
}

/// The rest of the work when the storm is over.
const CALM: Duration = Duration::from_secs(120);

/// Kills one of these processes every few milliseconds, until it is told to stop.
/// Says how many were hit.
fn storm(over: &AtomicBool, victims: impl Fn() -> Vec<u32>) -> usize {
    let (_, mut random) = random();
    let mut kills = 0;
    while !over.load(Ordering::Relaxed) {
        let pids = victims();
        if !pids.is_empty() {
            kill(pids[random(pids.len() as u64) as usize]);
            kills += 1;
        }
        thread::sleep(PAUSE);
    }
    kills
}

/// Returns the number of lost tasks; all others have their sum, and each came once.
fn lost(outcomes: impl Iterator<Item = Outcome<i32>>, tasks: usize) -> usize {
    let mut seen = HashSet::with_capacity(tasks);
    let mut lost = 0;
    for outcome in outcomes {
        assert!(seen.insert(outcome.index), "{outcome} came twice");
        match outcome.verdict {
            Verdict::Ok => assert_eq!(outcome.value, Some(outcome.index as i32 + 1)),
            Verdict::WorkerLost => lost += 1,
            _ => panic!("{outcome}"),
        }
    }
    assert_eq!(seen.len(), tasks);
    lost
}

#[test]
fn in_a_storm_of_kills_each_costs_one_task_at_most_and_the_pool_lives() {
    let _test = test_alone_for(seconds() + CALM);
    let tasks = usize::try_from(setting("SANDPOOL_STORM_TASKS", 50_000)).expect("a count");
    let pool = two_workers();
    let module = pool.wat(wat::ADD);
    let over = AtomicBool::new(false);
    let kills = AtomicUsize::new(0);
    let mut all_lost = 0;
    thread::scope(|scope| {
        scope.spawn(|| {
            let until = Instant::now() + seconds();
            let hit = thread::scope(|scope| {
                let storm = scope.spawn(|| storm(&over, || pool.worker_pids()));
                thread::sleep(until.saturating_duration_since(Instant::now()));
                over.store(true, Ordering::Relaxed);
                storm.join().expect("it kills")
            });
            kills.store(hit, Ordering::Relaxed);
        });
        while !over.load(Ordering::Relaxed) {
            let items = (0..tasks as i32).map(|n| (n, 1));
            let outcomes = pool.imap_unordered::<i32>(&module, "add", items);
            all_lost += lost(outcomes.expect("the pool takes tasks"), tasks);
        }
    });
    let kills = kills.into_inner();
    assert!(kills > 10, "{kills} kills are no storm");
    assert!(all_lost <= kills, "{all_lost} lost by {kills} kills");
    assert_eq!(pool.broken(), None);
    pool.assert_whole();
}

/// `count` adds 1 as often as it is told, each time by a function of the host.
const COUNTING: &str = r#"(module
  (import "env" "add" (func $add (param i32 i32) (result i32)))
  (func (export "count") (param $times i32) (result i32) (local $sum i32)
    (loop $next
      (local.set $sum (call $add (local.get $sum) (i32.const 1)))
      (br_if $next (local.tee $times (i32.sub (local.get $times) (i32.const 1)))))
    (local.get $sum)))"#;

#[test]
fn workers_that_are_killed_while_they_call_the_host_lose_no_call_of_others() {
    const TASKS: usize = 1000;
    const CALLS: i32 = 100;
    let _test = test_alone_for(CALM);
    let calls = Arc::new(AtomicUsize::new(0));
    let kills = Arc::new(AtomicUsize::new(0));
    let (victims, next_victim) = mpsc::channel();
    let (counted, killed) = (Arc::clone(&calls), Arc::clone(&kills));
    let (_, dice) = random();
    let dice = Mutex::new((dice, victims));
    // One call of a thousand loses its worker: at once, or a moment later.
    let add = move |context: CallContext, a: i32, b: i32| {
        counted.fetch_add(1, Ordering::Relaxed);
        let mut dice = dice.lock().expect("no panic");
        let (random, victims) = &mut *dice;
        if random(1000) == 0 {
            killed.fetch_add(1, Ordering::Relaxed);
            match random(2) {
                0 => kill(context.worker_pid()),
                _ => victims.send(context.worker_pid()).expect("somebody kills"),
            }
        }
        a + b
    };
    let pool = open(
        pool()
            .processes(2)
            .import("env", Imports::new().func("add", add)),
    );
    let killer = thread::spawn(move || next_victim.into_iter().for_each(kill));
    let module = pool.wat(COUNTING);
    let (mut left, mut lost) = (TASKS, 0);
    // Tasks whose workers were killed are sent again, until all have their counts.
    while left > 0 {
        let counts = pool.map::<i32>(&module, "count", (0..left).map(|_| (CALLS,)));
        for outcome in counts.expect("sent") {
            match outcome.verdict {
                Verdict::WorkerLost => lost += 1,
                _ => {
                    assert_eq!(outcome.value, Some(CALLS), "{outcome}");
                    left -= 1;
                }
            }
        }
    }
    let (calls, kills) = (calls.load(Ordering::Relaxed), kills.load(Ordering::Relaxed));
    assert!(calls >= TASKS * CALLS as usize, "{calls} calls");
    assert!(kills > 10, "{kills} kills are no storm");
    assert!(lost <= kills, "{lost} lost by {kills} kills");
    pool.assert_whole();
    drop((module, pool));
    killer.join().expect("no panic");
}

#[test]
fn in_a_storm_of_kills_the_command_answers_every_input() {
    let _test = test_alone_for(seconds() + CALM);
    let lines = setting("SANDPOOL_STORM_TASKS", 50_000);
    let folder = tempfile::tempdir().expect("a folder");
    let (module, input) = (folder.path().join("add.wat"), folder.path().join("input"));
    std::fs::write(&module, wat::ADD).expect("written");
    let text: String = (0..lines).map(|n| format!("[{n},1]\n")).collect();
    std::fs::write(&input, text).expect("written");
    // Compiled beforehand: the storm is for workers.
    let cache = folder.path().join("cache");
    std::fs::create_dir(&cache).expect("made");
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    std::fs::set_permissions(&cache, private).expect("private");
    let sandpool = |words: &[&str]| {
        let mut command = command();
        command.args(words).current_dir(folder.path());
        command.env("SANDPOOL_CACHE_DIR", &cache);
        command
    };
    let warm = sandpool(&["apply", "add.wat", "add", "1", "1"]).output();
    assert!(warm.expect("started").status.success());
    let words = ["map", "-q", "-j2", "add.wat", "add", "--input", "input"];
    let words = words.iter().copied().chain(["-o", "output"]);
    let mut host = Host::of(&mut sandpool(&words.collect::<Vec<_>>()));
    let pid = host.pid();
    let over = AtomicBool::new(false);
    let kills = thread::scope(|scope| {
        let storm = scope.spawn(|| storm(&over, || children(pid)));
        let until = Instant::now() + seconds();
        while Instant::now() < until && host.child().try_wait().expect("waits").is_none() {
            thread::sleep(PAUSE);
        }
        over.store(true, Ordering::Relaxed);
        storm.join().expect("it kills")
    });
    let mut status = None;
    eventually_within(CALM, "the command has ended", || {
        status = host.child().try_wait().expect("waits");
        status.is_some()
    });
    let code = status.and_then(|status| status.code()).expect("by itself");
    let results = std::fs::read_to_string(folder.path().join("output")).expect("results");
    let results: Vec<&str> = results.lines().collect();
    assert_eq!(results.len() as u64, lines, "every input is answered");
    let bad = |line: &&&str| !line.contains(r#""verdict":"ok""#);
    let lost: Vec<_> = results.iter().filter(bad).collect();
    assert!(lost.iter().all(|line| line.contains("worker_lost")));
    assert!(lost.len() <= kills, "{} lost by {kills} kills", lost.len());
    assert_eq!(code, i32::from(!lost.is_empty()));
}
