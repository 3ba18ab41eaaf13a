//! The choice of a worker for a task, and its time: nobody waits behind a long task, and
//! nobody shares a process with a stranger.

use std::collections::{HashMap, HashSet};
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use sandpool::{AsyncResult, Error, Isolation, Outcome, Value, Verdict};

use crate::support::process::exists;
use crate::support::{
    SOON, TestPool, eventually, one_worker, open, pool, test, test_alone, two_workers, wat,
};

/// Submits 1,001 calls, of which the one at `place` is long, and returns how
/// long it took until all short ones were done: about a second, on a machine that
/// has nothing else to do. The long one, which lasts longer than they may take on
/// any, is cancelled.
fn short_ones_take(
    pool: &TestPool,
    place: usize,
    call: impl Fn(bool) -> AsyncResult<Value>,
) -> Duration {
    let begun = Instant::now();
    let mut tasks: Vec<_> = (0..1001).map(|i| call(i == place)).collect();
    let long = tasks.remove(place);
    for task in &tasks {
        let outcome = task.outcome(Some(SOON)).expect("it does not hang");
        assert_eq!(outcome.verdict, Verdict::Ok, "{outcome}");
    }
    let took = begun.elapsed();
    assert!(!long.ready(), "the long one was to outlast the short ones");
    long.cancel();
    assert!(long.wait(Some(SOON)));
    assert_eq!(pool.processes(), 2);
    took
}

#[test]
fn a_long_task_holds_up_none_of_1_000_short_ones_wherever_it_stands() {
    let _test = test_alone();
    let pool = two_workers();
    let sleeper = pool.guest("sleeper");
    pool.warm(&sleeper, "sleep-ms", 20);
    for place in [0, 500, 1000] {
        let took = short_ones_take(&pool, place, |long| {
            let ms = if long { 9000 } else { 1 };
            pool.apply_async(&sleeper, "sleep-ms", (ms,)).expect("sent")
        });
        assert!(took < Duration::from_secs(4), "long at {place}: {took:?}");
        pool.warm(&sleeper, "sleep-ms", 20);
    }
}

#[test]
fn a_long_task_that_computes_holds_up_none_either() {
    let _test = test_alone();
    let pool = two_workers();
    let math = pool.guest("math");
    pool.warm(&math, "fib", 27);
    for place in [0, 500, 1000] {
        let took = short_ones_take(&pool, place, |long| {
            let n = if long { 90 } else { 10 };
            pool.apply_async(&math, "fib", (n,)).expect("sent")
        });
        assert!(took < Duration::from_secs(4), "long at {place}: {took:?}");
        pool.warm(&math, "fib", 27);
    }
}

#[test]
fn a_long_task_that_ends_by_itself_has_its_value() {
    let _test = test();
    let pool = two_workers();
    let sleeper = pool.guest("sleeper");
    let items = (0..200).map(|n| (if n == 100 { 1000 } else { 1 }, n));
    let outcomes = pool
        .map::<u32>(&sleeper, "sleep-then", items)
        .expect("sent");
    for (n, outcome) in (0..).zip(outcomes) {
        assert_eq!((outcome.value, outcome.attempts), (Some(n), 1), "{n}");
    }
}

/// Ends a watching thread, also when its test panics.
struct SetAtEnd<'a>(&'a AtomicBool);

impl Drop for SetAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn several_modules_share_a_pool_and_never_more_workers_live_than_processes() {
    let _test = test();
    let pool = two_workers();
    let (math, text, digest) = (pool.guest("math"), pool.guest("text"), pool.guest("digest"));
    let done = AtomicBool::new(false);
    let most = thread::scope(|scope| {
        let ended = SetAtEnd(&done);
        let watcher = scope.spawn(|| {
            let mut most = 0;
            while !done.load(Ordering::Relaxed) {
                let pids = pool.worker_pids();
                assert_eq!(pids.len(), pids.iter().collect::<HashSet<_>>().len());
                most = most.max(pids.len());
                thread::sleep(Duration::from_micros(200));
            }
            most
        });
        let tasks: Vec<_> = (0..30u32)
            .map(|n| {
                let fib = pool.apply_async::<u64>(&math, "fib", (n,)).expect("sent");
                let name = n.to_string();
                let hello = pool
                    .apply_async::<String>(&text, "greet", (&name,))
                    .expect("sent");
                let data = vec![n as u8; 10];
                let echo = pool
                    .apply_async::<Vec<u8>>(&digest, "echo", (&data,))
                    .expect("sent");
                (n, fib, hello, echo)
            })
            .collect();
        let mut fibs = vec![0u64, 1];
        for (n, fib, hello, echo) in tasks {
            fibs.push(fibs[fibs.len() - 1] + fibs[fibs.len() - 2]);
            assert_eq!(fib.get(Some(SOON)).expect("ok"), fibs[n as usize]);
            assert_eq!(hello.get(Some(SOON)).expect("ok"), format!("hello, {n}"));
            assert_eq!(echo.get(Some(SOON)).expect("ok"), vec![n as u8; 10]);
        }
        drop(ended);
        watcher.join().expect("the watcher is fine")
    });
    assert!((1..=2).contains(&most), "{most} workers of 2");
}

#[test]
fn a_task_of_another_module_is_not_starved_by_a_long_queue() {
    let _test = test_alone();
    let pool = one_worker();
    let sleeper = pool.guest("sleeper");
    let module = pool.wat(wat::ADD);
    let items = (0..400).map(|n| (5, n));
    let flood = pool
        .map_async::<u32>(&sleeper, "sleep-then", items)
        .expect("sent");
    eventually("a worker is there", || !pool.worker_pids().is_empty());
    let begun = Instant::now();
    let sum: i32 = pool.apply(&module, "add", (1, 2)).expect("ok");
    let took = begun.elapsed();
    assert_eq!(sum, 3);
    assert!(!flood.ready(), "the flood takes two seconds at least");
    assert!(took < Duration::from_millis(1000), "{took:?}");
    assert!(
        flood
            .get(Some(SOON))
            .expect("all end")
            .iter()
            .all(Outcome::is_ok)
    );
}

#[test]
fn two_tenants_never_share_a_worker() {
    let _test = test();
    let pool = two_workers();
    let math = pool.guest("math");
    let mut tasks = Vec::new();
    for n in 0..60 {
        let tenant = ["anne", "bert", ""][n % 3];
        let call = pool.call(&math, "fib").arg(10);
        let call = if tenant.is_empty() {
            call
        } else {
            call.tenant(tenant)
        };
        tasks.push((tenant, call.apply_async::<u64>().expect("sent")));
    }
    let mut owner: HashMap<u32, &str> = HashMap::new();
    for (tenant, task) in tasks {
        let outcome = task.outcome(Some(SOON)).expect("it ends");
        assert_eq!(outcome.value, Some(55), "{outcome}");
        let pid = outcome.worker_pid.expect("it ran");
        assert_eq!(*owner.entry(pid).or_insert(tenant), tenant, "worker {pid}");
    }
    assert!(owner.len() >= 3, "{owner:?}");
}

#[test]
fn a_worker_is_replaced_after_its_number_of_tasks() {
    let _test = test();
    let pool = open(pool().processes(1).maxtasksperchild(5));
    let math = pool.guest("math");
    let outcomes = pool.map::<u64>(&math, "fib", (0..23).map(|_| (10,)));
    let mut tasks: HashMap<u32, u32> = HashMap::new();
    for outcome in outcomes.expect("sent") {
        assert_eq!((outcome.value, outcome.attempts), (Some(55), 1));
        *tasks
            .entry(outcome.worker_pid.expect("it ran"))
            .or_default() += 1;
    }
    let mut counts: Vec<u32> = tasks.values().copied().collect();
    counts.sort();
    assert_eq!(counts, [3, 5, 5, 5, 5]);
}

#[test]
fn with_a_process_per_task_each_has_a_pid_of_its_own() {
    let _test = test();
    let pool = open(pool().processes(2).isolation(Isolation::ProcessPerTask));
    let math = pool.guest("math");
    let outcomes = pool.map::<u64>(&math, "fib", (0..20).map(|_| (10,)));
    let pids: HashSet<u32> = outcomes
        .expect("sent")
        .into_iter()
        .map(|outcome| {
            assert_eq!(outcome.value, Some(55), "{outcome}");
            outcome.worker_pid.expect("it ran")
        })
        .collect();
    assert_eq!(pids.len(), 20);
    eventually("none that has served lives on", || {
        pids.iter().all(|pid| !exists(*pid))
    });
}

fn counters(pool: &TestPool, tasks: usize) -> Vec<u32> {
    let misbehave = pool.guest("misbehave");
    let items = (0..tasks).map(|_| ());
    let outcomes = pool.map::<u32>(&misbehave, "global-counter", items);
    let outcomes = outcomes.expect("sent").into_iter();
    outcomes.map(|outcome| outcome.value.expect("ok")).collect()
}

#[test]
fn every_task_has_a_fresh_instance_unless_told_otherwise() {
    let _test = test();
    let fresh = one_worker();
    assert_eq!(counters(&fresh, 20), [1; 20]);
    assert_eq!(fresh.worker_pids().len(), 1, "one worker ran them all");
    let three = Isolation::ProcessReuse(NonZeroU64::new(3).expect("not 0"));
    let kept = open(pool().processes(1).isolation(three));
    assert_eq!(counters(&kept, 8), [1, 2, 3, 1, 2, 3, 1, 2]);
}

#[test]
fn a_kept_instance_that_trapped_is_not_used_again() {
    let _test = test();
    let reuse = Isolation::ProcessReuse(NonZeroU64::new(1000).expect("not 0"));
    let pool = open(pool().processes(1).isolation(reuse));
    let misbehave = pool.guest("misbehave");
    assert_eq!(counters(&pool, 3), [1, 2, 3]);
    let outcome = pool.call(&misbehave, "trap").outcome().expect("sent");
    assert_eq!(outcome.verdict, Verdict::Trap, "{outcome}");
    assert_eq!(counters(&pool, 3), [1, 2, 3]);
}

#[test]
fn a_full_queue_is_an_error_and_has_room_again_later() {
    let _test = test();
    let pool = open(pool().processes(1).queue_length(4));
    let math = pool.guest("math");
    let sleeper = pool.guest("sleeper");
    let long = pool.apply_async::<u64>(&math, "fib", (90,)).expect("sent");
    pool.busy_worker();
    let mut waiting = Vec::new();
    let error = loop {
        assert!(waiting.len() < 20, "the queue never fills");
        match pool.apply_async::<u32>(&sleeper, "sleep-then", (0, 1)) {
            Ok(task) => waiting.push(task),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, Error::QueueFull { limit: 4 }), "{error:?}");
    assert_eq!(waiting.len(), 4);
    // All of a map get in, or none.
    let map = pool.map_async::<u32>(&sleeper, "sleep-then", (0..5).map(|n| (0, n)));
    assert!(matches!(map, Err(Error::QueueFull { .. })));
    long.cancel();
    for task in waiting {
        assert_eq!(task.get(Some(SOON)).expect("ok"), 1);
    }
    let value: u32 = pool
        .apply(&sleeper, "sleep-then", (0, 2))
        .expect("room again");
    assert_eq!(value, 2);
}

#[test]
fn large_values_behind_a_long_task_are_taken_back_and_leave_no_descriptor() {
    let _test = test();
    // So that the largest has a memory file.
    let pool = open(pool().processes(2).most_in_ring(1 << 20));
    let digest = pool.guest("digest");
    let small = vec![1u8; 100_000];
    let large = vec![2u8; 8 << 20];
    let round = || {
        let long = pool
            .apply_async::<String>(&digest, "sha256", (&large,))
            .expect("sent");
        let short: Vec<_> = (0..50)
            .map(|_| {
                pool.apply_async::<Vec<u8>>(&digest, "echo", (&small,))
                    .expect("sent")
            })
            .collect();
        for task in short {
            assert!(task.get(Some(SOON)).expect("ok") == small);
        }
        assert_eq!(long.get(Some(SOON)).expect("ok").len(), 64);
    };
    let open_in = |pid: u32| {
        let folder = std::fs::read_dir(format!("/proc/{pid}/fd"));
        folder.map_or(0, Iterator::count)
    };
    let most_open = || pool.worker_pids().into_iter().map(open_in).max();
    round();
    round();
    let before = most_open().expect("a worker");
    for _ in 0..10 {
        round();
    }
    let after = most_open().expect("a worker");
    assert!(after <= before + 4, "{before} descriptors became {after}");
}
