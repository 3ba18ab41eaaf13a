//! Which worker runs what, and when: nobody waits behind a long task, nobody
//! shares a process with a stranger, and nothing is pulled without bound.

use std::collections::{HashMap, HashSet};
use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use sandpool::{AsyncResult, Error, Isolation, Outcome, Value, Verdict};

use crate::support::process::exists;
use crate::support::{
    SOON, TestPool, eventually, one_worker, open, pool, test, test_alone, two_workers, wat,
};

/// Submits 1,001 calls, of which the one at `place` is long, and returns how
/// long it took until all short ones were done. The long one is cancelled.
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
            let ms = if long { 3000 } else { 1 };
            pool.apply_async(&sleeper, "sleep-ms", (ms,)).expect("sent")
        });
        assert!(
            took < Duration::from_millis(1500),
            "long at {place}: {took:?}"
        );
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
        assert!(
            took < Duration::from_millis(1500),
            "long at {place}: {took:?}"
        );
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

#[test]
fn several_modules_share_a_pool_and_never_more_workers_live_than_processes() {
    let _test = test();
    let pool = two_workers();
    let (math, text, digest) = (pool.guest("math"), pool.guest("text"), pool.guest("digest"));
    let done = AtomicBool::new(false);
    let most = thread::scope(|scope| {
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
        done.store(true, Ordering::Relaxed);
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
fn an_imap_waits_for_room_in_a_short_queue() {
    let _test = test();
    let pool = open(pool().processes(2).queue_length(3));
    let module = pool.wat(wat::ADD);
    let items = (0..500).map(|n| (n, 1));
    let outcomes = pool.imap::<i32>(&module, "add", items).expect("sent");
    let sums: Vec<i32> = outcomes.map(|outcome| outcome.value.expect("ok")).collect();
    assert_eq!(sums, (1..=500).collect::<Vec<_>>());
}

/// Counts what is pulled from it, and says when it is dropped.
struct Endless {
    pulled: Arc<AtomicUsize>,
    dropped: Arc<AtomicBool>,
}

impl Iterator for Endless {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        Some(self.pulled.fetch_add(1, Ordering::Relaxed))
    }
}

impl Drop for Endless {
    fn drop(&mut self) {
        self.dropped.store(true, Ordering::Relaxed);
    }
}

fn endless() -> (Endless, Arc<AtomicUsize>, Arc<AtomicBool>) {
    let (pulled, dropped) = (Arc::default(), Arc::default());
    let inputs = Endless {
        pulled: Arc::clone(&pulled),
        dropped: Arc::clone(&dropped),
    };
    (inputs, pulled, dropped)
}

/// Waits until a count has stood still for a while, and returns it.
fn stands_still(count: &AtomicUsize) -> usize {
    let mut last = (count.load(Ordering::Relaxed), Instant::now());
    eventually("no more is pulled", || {
        let now = count.load(Ordering::Relaxed);
        if now != last.0 {
            last = (now, Instant::now());
        }
        last.1.elapsed() > Duration::from_millis(300)
    });
    last.0
}

#[test]
fn an_endless_input_is_pulled_only_so_far_ahead() {
    let _test = test();
    let pool = two_workers();
    let module = pool.wat(wat::ADD);
    let (inputs, pulled, dropped) = endless();
    let inputs = inputs.map(|n| (n as i32, 1));
    let mut outcomes = pool.imap::<i32>(&module, "add", inputs).expect("sent");
    assert_eq!(outcomes.next().expect("one comes").value, Some(1));
    let ahead = stands_still(&pulled);
    assert!(
        ahead <= 20_000,
        "{ahead} inputs were pulled for one that was taken"
    );
    for n in 1..30_000 {
        assert_eq!(outcomes.next().expect("more come").value, Some(n + 1));
    }
    let ahead = stands_still(&pulled);
    assert!((30_000..50_000).contains(&ahead), "{ahead}");
    drop(outcomes);
    eventually("the input is dropped with its stream", || {
        dropped.load(Ordering::Relaxed)
    });
    pool.assert_whole();
}

#[test]
fn large_inputs_are_pulled_by_their_bytes() {
    let _test = test();
    let pool = two_workers();
    let digest = pool.guest("digest");
    let (inputs, pulled, dropped) = endless();
    let inputs = inputs.map(|n| (vec![n as u8; 1 << 20],));
    let mut outcomes = pool.imap::<Vec<u8>>(&digest, "echo", inputs).expect("sent");
    for n in 0..10 {
        let outcome = outcomes.next().expect("more come");
        assert!(
            outcome.value == Some(vec![n; 1 << 20]),
            "{}",
            outcome.verdict
        );
    }
    let ahead = stands_still(&pulled);
    assert!(ahead <= 100, "{ahead} MiB of inputs were pulled for 10");
    drop(outcomes);
    eventually("the input is dropped with its stream", || {
        dropped.load(Ordering::Relaxed)
    });
}

#[test]
fn imap_keeps_the_order_and_imap_unordered_loses_none() {
    let _test = test();
    let pool = two_workers();
    let sleeper = pool.guest("sleeper");
    // Later ones end earlier.
    let items = || (0..60u32).map(|n| (if n % 10 == 0 { 60 } else { n % 5 }, n));
    let ordered = pool
        .imap::<u32>(&sleeper, "sleep-then", items())
        .expect("sent");
    let ordered: Vec<_> = ordered
        .map(|outcome| (outcome.index, outcome.value))
        .collect();
    assert_eq!(
        ordered,
        (0..60u32)
            .map(|n| (u64::from(n), Some(n)))
            .collect::<Vec<_>>()
    );
    let unordered = pool
        .imap_unordered::<u32>(&sleeper, "sleep-then", items())
        .expect("sent");
    let mut values: Vec<_> = unordered
        .map(|outcome| outcome.value.expect("ok"))
        .collect();
    assert_ne!(values, (0..60).collect::<Vec<_>>(), "as they are ready");
    values.sort();
    assert_eq!(values, (0..60).collect::<Vec<_>>());
}

#[test]
fn an_outcome_is_there_while_the_next_input_is_waited_for() {
    let _test = test();
    let pool = one_worker();
    let module = pool.wat(wat::ADD);
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let items = (0..2).map(move |n| {
        if n == 1 {
            let _ = wait.recv();
        }
        (n, 1)
    });
    let mut outcomes = pool.imap::<i32>(&module, "add", items).expect("sent");
    assert_eq!(outcomes.next().expect("comes at once").value, Some(1));
    assert!(outcomes.try_next_ready().is_none());
    go.send(()).expect("the input waits");
    assert_eq!(outcomes.next().expect("comes now").value, Some(2));
    assert!(outcomes.next().is_none());
}

#[test]
fn an_item_that_does_not_fit_costs_itself_alone() {
    let _test = test();
    let pool = one_worker();
    let math = pool.guest("math");
    let items = [Value::U32(10), Value::String("x".into()), Value::U32(11)];
    let outcomes: Vec<_> = pool
        .imap::<u64>(&math, "fib", items.map(|item| (item,)))
        .expect("sent")
        .collect();
    assert_eq!(outcomes[0].value, Some(55));
    assert_eq!(outcomes[1].verdict, Verdict::InvalidArguments);
    assert_eq!((outcomes[1].index, outcomes[1].attempts), (1, 0));
    let text = outcomes[1].error.as_deref().expect("a text");
    assert!(text.contains("`n`") && text.contains("u32"), "{text}");
    assert_eq!(outcomes[2].value, Some(89));
}

#[test]
fn one_failure_among_10_000_costs_no_other_its_result() {
    let _test = test();
    let pool = two_workers();
    let text = pool.guest("text");
    let name = |n: usize| {
        if n == 7777 {
            String::new()
        } else {
            n.to_string()
        }
    };
    let outcomes = pool
        .map::<String>(&text, "greet", (0..10_000).map(|n| (name(n),)))
        .expect("sent");
    assert_eq!(outcomes.len(), 10_000);
    for (n, outcome) in outcomes.into_iter().enumerate() {
        assert_eq!(outcome.index, n as u64);
        if n == 7777 {
            assert_eq!(outcome.verdict, Verdict::Error, "{outcome}");
        } else {
            assert_eq!(outcome.value, Some(format!("hello, {n}")));
        }
    }
}
