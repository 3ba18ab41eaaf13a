//! Workers that die or stand still: one task is lost at most, the others do
//! not notice, and nobody waits for ever.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use sandpool::{Outcome, Sandbox, Verdict};

use crate::support::process::{crash, exists, go_on, kill, program, stop};
use crate::support::{
    SOON, eventually, one_worker, open, pool, test, test_alone, two_workers, wat,
};

/// Longer than any test.
const ENDLESS: u32 = 90;

/// Sums of a map of `add(n, 1)`: how many tasks were lost, all others being
/// right and having run once.
fn count_lost(outcomes: impl IntoIterator<Item = Outcome<i32>>, items: usize) -> usize {
    let mut seen = HashSet::new();
    let mut lost = 0;
    for outcome in outcomes {
        assert!(seen.insert(outcome.index), "{outcome} came twice");
        assert_eq!(outcome.attempts, 1, "{outcome}");
        match outcome.verdict {
            Verdict::Ok => assert_eq!(outcome.value, Some(outcome.index as i32 + 1)),
            Verdict::WorkerLost => lost += 1,
            _ => panic!("{outcome}"),
        }
    }
    assert_eq!(seen.len(), items);
    lost
}

#[test]
fn a_worker_killed_anywhere_among_10_000_tasks_loses_one_at_most() {
    let _test = test();
    let pool = two_workers();
    let module = pool.wat(wat::ADD);
    for after in [1, 2500, 9000] {
        let items = (0..10_000).map(|n| (n, 1));
        let mut outcomes = pool
            .imap_unordered::<i32>(&module, "add", items)
            .expect("sent");
        let mut all: Vec<_> = outcomes.by_ref().take(after).collect();
        kill(pool.worker_pids()[0]);
        all.extend(outcomes);
        let lost = count_lost(all, 10_000);
        assert!(lost <= 1, "{lost} tasks were lost by one kill");
    }
}

#[test]
fn a_map_in_chunks_loses_one_task_at_most_for_each_worker_that_is_killed() {
    let _test = test();
    let pool = two_workers();
    let module = pool.wat(wat::ADD);
    let (mut victim, mut kills) = (None, 0);
    // Each chunk is begun while those before it run.
    let items = (0..200_000).map(|n| {
        match n % 20_000 {
            0 => victim = Some(pool.pid_of_a_task()),
            3000 => {
                victim.take().into_iter().for_each(kill);
                kills += 1;
            }
            _ => {}
        }
        (n, 1)
    });
    let call = pool.call(&module, "add").chunksize(1000);
    let outcomes = call.map::<i32>(items).expect("sent");
    let lost = count_lost(outcomes, 200_000);
    assert!(lost <= kills, "{lost} tasks were lost by {kills} kills");
    pool.assert_whole();
}

#[test]
fn a_caller_that_waits_is_told_at_whatever_moment_the_worker_is_killed() {
    let _test = test();
    for spin in [true, false] {
        let pool = open(pool().processes(1).spin(spin));
        let module = pool.wat(wat::ADD);
        let done = AtomicUsize::new(0);
        let call = || {
            let outcome = pool.call(&module, "add").args((1, 1)).outcome();
            let outcome = outcome.expect("sent");
            match outcome.verdict {
                Verdict::Ok => done.fetch_add(1, Ordering::Relaxed),
                Verdict::WorkerLost => return true,
                _ => panic!("{outcome}"),
            };
            false
        };
        thread::scope(|scope| {
            let caller = scope.spawn(|| (0..3000).filter(|_| call()).count());
            let mut kills = 0;
            while !caller.is_finished() {
                // Workers that are killed before they have worked break a pool.
                let before = done.load(Ordering::Relaxed);
                while done.load(Ordering::Relaxed) == before && !caller.is_finished() {
                    thread::yield_now();
                }
                // At another moment of the next call each time.
                (0..kills * 97 % 10_000).for_each(|_| std::hint::spin_loop());
                pool.worker_pids().into_iter().for_each(kill);
                kills += 1;
            }
            let lost = caller.join().expect("each call has an outcome");
            assert!(lost <= kills, "{lost} tasks were lost by {kills} kills");
        });
    }
}

#[test]
fn a_worker_that_crashes_is_not_said_to_have_made_a_forbidden_call() {
    let _test = test();
    for mode in [Sandbox::Auto, Sandbox::Off] {
        let pool = open(pool().processes(1).sandbox(mode));
        let math = pool.guest("math");
        let endless = pool.call(&math, "fib").arg(ENDLESS).timeout(None);
        let endless = endless.apply_async::<u64>().expect("sent");
        crash(pool.busy_worker());
        let outcome = endless.outcome(Some(SOON)).expect("it does not hang");
        assert_eq!(outcome.verdict, Verdict::WorkerLost, "{outcome}");
        assert_eq!(outcome.signal, Some(11), "{outcome}");
    }
}

#[test]
fn a_killed_worker_fails_the_task_it_runs_and_the_pool_goes_on() {
    let _test = test();
    let pool = one_worker();
    let math = pool.guest("math");
    let endless = pool.call(&math, "fib").arg(ENDLESS).timeout(None);
    let endless = endless.apply_async::<u64>().expect("sent");
    let busy = pool.busy_worker();
    kill(busy);
    let outcome = endless.outcome(Some(SOON)).expect("it does not hang");
    assert_eq!(outcome.verdict, Verdict::WorkerLost, "{outcome}");
    assert_eq!(outcome.signal, Some(9));
    assert_eq!(
        outcome.error.as_deref(),
        Some("the worker was killed by signal 9 (SIGKILL)")
    );
    assert_eq!((outcome.worker_pid, outcome.attempts), (Some(busy), 1));
    assert_eq!(
        (outcome.value, outcome.stdout),
        (None, None),
        "nobody knows"
    );
    assert!(outcome.run_time.is_some());
    pool.assert_whole();
    assert!(!exists(busy));
}

#[test]
fn the_one_task_that_ran_is_lost_of_10_000_and_no_other() {
    let _test = test();
    let pool = open(pool().processes(1).timeout(None));
    let math = pool.guest("math");
    // Task 5,000 runs without end; 4,999 others wait behind it.
    let items = (0..10_000).map(|i| (if i == 5000 { ENDLESS } else { 10 },));
    let mut outcomes = pool.imap::<u64>(&math, "fib", items).expect("sent");
    for index in 0..5000 {
        let outcome = outcomes.next().expect("10,000 come");
        assert_eq!((outcome.index, outcome.value), (index, Some(55)));
    }
    kill(pool.busy_worker());
    let lost = outcomes.next().expect("it does not hang");
    assert_eq!(lost.verdict, Verdict::WorkerLost, "{lost}");
    assert_eq!((lost.index, lost.attempts), (5000, 1));
    for index in 5001..10_000 {
        let outcome = outcomes.next().expect("10,000 come");
        assert_eq!(
            (outcome.index, outcome.value),
            (index, Some(55)),
            "{:?}",
            outcome.error
        );
        assert_eq!(outcome.attempts, 1, "task {index} ran once");
    }
    assert!(outcomes.next().is_none());
}

#[test]
fn of_two_workers_the_other_works_on_while_one_is_killed() {
    let _test = test();
    let pool = open(pool().processes(2).timeout(None));
    let math = pool.guest("math");
    // The inputs wait, so that only the endless task runs when it is killed.
    let (go, wait) = channel::<()>();
    let items = (0..10_000u32).map(move |i| {
        if i == 5001 {
            let _ = wait.recv();
        }
        (if i == 5000 { ENDLESS } else { 10 },)
    });
    let mut outcomes = pool
        .imap_unordered::<u64>(&math, "fib", items)
        .expect("sent");
    let mut seen: HashSet<u64> = (0..5000)
        .map(|_| {
            let outcome = outcomes.next().expect("10,000 come");
            assert_eq!(outcome.value, Some(55), "{outcome}");
            outcome.index
        })
        .collect();
    kill(pool.busy_worker());
    go.send(()).expect("the inputs wait");
    for outcome in outcomes {
        assert!(seen.insert(outcome.index), "{outcome} came twice");
        assert_eq!(outcome.attempts, 1, "{outcome}");
        if outcome.index == 5000 {
            assert_eq!(outcome.verdict, Verdict::WorkerLost, "{outcome}");
        } else {
            assert_eq!(outcome.value, Some(55), "{outcome}");
        }
    }
    assert_eq!(seen.len(), 10_000);
}

#[test]
fn every_kill_costs_one_task_at_most() {
    let _test = test();
    let pool = two_workers();
    let module = pool.wat(wat::ADD);
    let items = (0..6000).map(|n| (n, 1));
    let outcomes = pool
        .imap_unordered::<i32>(&module, "add", items)
        .expect("sent");
    let mut all = Vec::new();
    let mut killed = HashSet::new();
    for outcome in outcomes {
        // One that has answered is surely not one that is starting.
        let worker = outcome.worker_pid.expect("it ran");
        let due = all.len() % 500 == 250;
        all.push(outcome);
        if due && killed.insert(worker) {
            kill(worker);
        }
    }
    assert!(!killed.is_empty());
    let lost = count_lost(all, 6000);
    assert!(
        lost <= killed.len(),
        "{lost} lost by {} kills",
        killed.len()
    );
    pool.assert_whole();
}

#[test]
fn a_worker_that_is_killed_while_idle_is_replaced_and_nothing_is_lost() {
    let _test = test();
    let pool = one_worker();
    for _ in 0..5 {
        kill(pool.pid_of_a_task());
        // Without waiting: the next task may be sent to the dying worker.
        pool.assert_whole();
    }
}

#[test]
fn a_worker_that_is_killed_while_it_starts_costs_nothing() {
    let _test = test();
    let pool = one_worker();
    let math = pool.guest("math");
    for _ in 0..3 {
        let task = pool.apply_async::<u64>(&math, "fib", (10,)).expect("sent");
        // Polled as fast as possible, to meet the worker in its start.
        let begun = Instant::now();
        let pid = loop {
            match pool.worker_pids().first() {
                Some(pid) => break *pid,
                None => assert!(begun.elapsed() < SOON, "no worker is started"),
            }
        };
        kill(pid);
        let outcome = task.outcome(Some(SOON)).expect("it does not hang");
        if outcome.verdict != Verdict::Ok {
            assert_eq!(outcome.verdict, Verdict::WorkerLost, "{outcome}");
            assert_eq!(outcome.worker_pid, Some(pid), "it ran already");
        }
        pool.assert_whole();
        // So that the next round starts one again.
        let idle = pool.pid_of_a_task();
        kill(idle);
        eventually("the worker is reaped", || !exists(idle));
    }
}

#[test]
fn a_worker_stopped_in_mid_task_times_out() {
    let _test = test();
    let pool = open(pool().processes(1).timeout(Duration::from_secs(3)));
    let math = pool.guest("math");
    // Ends by itself well within its time, unless it is stopped.
    let task = pool.apply_async::<u64>(&math, "fib", (40,)).expect("sent");
    let worker = pool.busy_worker();
    stop(worker);
    let outcome = task.outcome(Some(SOON)).expect("it does not hang");
    assert_eq!(outcome.verdict, Verdict::Timeout, "{outcome}");
    assert_eq!(outcome.worker_pid, Some(worker));
    pool.assert_whole();
    assert!(!exists(worker), "a stopped worker is killed all the same");
}

#[test]
fn a_worker_stopped_while_idle_costs_the_others_a_second_at_most() {
    let _test = test_alone();
    let pool = two_workers();
    let module = pool.wat(wat::ADD);
    let math = pool.guest("math");
    for both in [false, true] {
        let workers = pool.warm(&math, "fib", 27);
        let stopped = if both { &workers[..] } else { &workers[..1] };
        stopped.iter().for_each(|pid| stop(*pid));
        let begun = Instant::now();
        let math_items = (0..100).map(|_| (15,));
        for outcome in pool.map::<u64>(&math, "fib", math_items).expect("sent") {
            assert_eq!(outcome.value, Some(610), "{outcome}");
            assert_eq!(outcome.attempts, 1, "{outcome}");
            assert!(!stopped.contains(&outcome.worker_pid.expect("it ran")));
        }
        let items = (0..100).map(|n| (n, 1));
        let sums = pool.map::<i32>(&module, "add", items).expect("sent");
        assert_eq!(count_lost(sums, 100), 0);
        let took = begun.elapsed();
        assert!(took < Duration::from_secs(3), "{took:?}");
        for pid in stopped {
            eventually("the stopped worker is replaced", || !exists(*pid));
        }
    }
}

#[test]
fn a_worker_that_is_stopped_for_a_moment_loses_nothing() {
    let _test = test();
    let pool = two_workers();
    let module = pool.wat(wat::ADD);
    let items = (0..10_000).map(|n| (n, 1));
    let mut outcomes = pool
        .imap_unordered::<i32>(&module, "add", items)
        .expect("sent");
    let mut all: Vec<_> = outcomes.by_ref().take(2000).collect();
    for pid in pool.worker_pids() {
        stop(pid);
        go_on(pid);
    }
    all.extend(outcomes);
    assert_eq!(count_lost(all, 10_000), 0);
}

#[test]
fn a_stopped_pool_is_terminated_all_the_same() {
    let _test = test();
    let pool = two_workers();
    let math = pool.guest("math");
    let workers = pool.warm(&math, "fib", 27);
    workers.iter().for_each(|pid| stop(*pid));
    let task = pool.apply_async::<u64>(&math, "fib", (10,)).expect("sent");
    pool.terminate();
    let outcome = task.outcome(Some(SOON)).expect("it does not hang");
    assert_eq!(outcome.verdict, Verdict::Cancelled, "{outcome}");
    assert!(workers.iter().all(|pid| !exists(*pid)));
}

#[test]
fn large_values_survive_the_loss_of_the_worker_they_were_sent_to() {
    let _test = test();
    let pool = two_workers();
    let digest = pool.guest("digest");
    let data = |n: u64| vec![n as u8; 100_000];
    let items = (0..400).map(move |n| (data(n),));
    let outcomes = pool
        .imap_unordered::<Vec<u8>>(&digest, "echo", items)
        .expect("sent");
    let (mut seen, mut lost, mut killed) = (0, 0, 0);
    for outcome in outcomes {
        seen += 1;
        if seen % 100 == 50 {
            killed += 1;
            kill(outcome.worker_pid.unwrap_or(pool.worker_pids()[0]));
        }
        match outcome.verdict {
            Verdict::Ok => assert!(outcome.value == Some(data(outcome.index))),
            Verdict::WorkerLost => lost += 1,
            _ => panic!("{}: {:?}", outcome.verdict, outcome.error),
        }
    }
    assert_eq!(seen, 400);
    assert!(lost <= killed, "{lost} of {killed}");
}

#[test]
fn a_command_whose_worker_is_killed_is_lost_and_the_next_one_runs() {
    let _test = test();
    let pool = open(pool().processes(1).timeout(None));
    let endless = pool.wat(wat::ENDLESS_COMMAND);
    let task = pool.command(&endless).apply_async::<()>().expect("sent");
    kill(pool.busy_worker());
    let outcome = task.outcome(Some(SOON)).expect("it does not hang");
    assert_eq!(outcome.verdict, Verdict::WorkerLost, "{outcome}");
    let quiet = pool.wat(wat::QUIET_COMMAND);
    assert!(pool.command(&quiet).outcome().expect("sent").is_ok());
}

/// A memory cgroup of the first version, gone at the end of its test.
struct Cgroup(std::path::PathBuf);

impl Cgroup {
    /// `None` where none can be made.
    fn of(bytes: u64) -> Option<Self> {
        let name = format!("sandpool-test-{}", std::process::id());
        let folder = std::path::Path::new("/sys/fs/cgroup/memory").join(name);
        std::fs::create_dir(&folder).ok()?;
        let cgroup = Cgroup(folder);
        let limit = cgroup.0.join("memory.limit_in_bytes");
        std::fs::write(limit, bytes.to_string()).ok()?;
        Some(cgroup)
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        eventually("its processes are gone", || {
            std::fs::remove_dir(&self.0).is_ok()
        });
    }
}

#[test]
fn a_worker_that_the_kernel_kills_for_memory_is_told_from_one_that_somebody_kills() {
    let _test = test();
    let Some(cgroup) = Cgroup::of(200 << 20) else {
        return;
    };
    let script = r#"echo $$ > "$1"/cgroup.procs && exec "$0" apply --memory none \
        --process-memory none --timeout none "$2" allocate 600000000"#;
    let output = program("sh")
        .args(["-c", script, env!("CARGO_BIN_EXE_sandpool")])
        .arg(&cgroup.0)
        .arg(crate::support::guest("misbehave"))
        .output()
        .expect("started");
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert_eq!(
        told,
        "error: worker_lost: the worker was killed by signal 9 (SIGKILL): the kernel killed it, \
         since its cgroup had no memory left (204800KiB)\n"
    );
}
