//! From a pool's beginning to its end: close, terminate, join and drop.

use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use sandpool::{Error, Verdict};

use crate::support::process::exists;
use crate::support::{SOON, eventually, one_worker, pool, test, two_workers, wat};

#[test]
fn a_closed_pool_finishes_what_it_has_and_takes_no_more() {
    let _test = test();
    let pool = two_workers();
    let sleeper = pool.guest("sleeper");
    let items = (0..20).map(|n| (20, n));
    let map = pool
        .map_async::<u32>(&sleeper, "sleep-then", items)
        .expect("sent");
    pool.close();
    let error = pool
        .apply::<u32>(&sleeper, "sleep-then", (0, 1))
        .expect_err("closed");
    assert!(matches!(error, Error::Closed), "{error:?}");
    let error = pool
        .imap::<u32>(&sleeper, "sleep-then", [(0, 1)])
        .map(|mut i| i.next());
    assert!(
        matches!(&error, Err(Error::Closed))
            || matches!(&error, Ok(Some(outcome)) if outcome.verdict == Verdict::Cancelled),
        "{error:?}"
    );
    pool.join().expect("joined");
    assert!(map.ready(), "join waits for all tasks");
    for (n, outcome) in (0..).zip(map.get(Some(Duration::ZERO)).expect("ready")) {
        assert_eq!(outcome.value, Some(n));
    }
    assert_eq!(pool.worker_pids(), [0u32; 0]);
    pool.join().expect("joining again is fine");
    pool.close();
    pool.terminate();
}

#[test]
fn joining_an_open_pool_is_an_error_and_not_a_hang() {
    let _test = test();
    let pool = one_worker();
    let error = pool.join().expect_err("open");
    assert!(matches!(error, Error::NotClosed), "{error:?}");
    assert!(
        error.to_string().contains("`close` or `terminate`"),
        "{error}"
    );
    pool.assert_whole();
}

#[test]
fn nobody_deadlocks_by_joining_before_reading() {
    let _test = test();
    let pool = two_workers();
    let digest = pool.guest("digest");
    // 64 MiB of results that nobody has read.
    let items = (0..64).map(|_| (vec![7u8; 1 << 20],));
    let map = pool
        .map_async::<Vec<u8>>(&digest, "echo", items)
        .expect("sent");
    pool.close();
    pool.join().expect("joined");
    for outcome in map.get(Some(Duration::ZERO)).expect("ready") {
        assert_eq!(
            outcome.value.map(|bytes| bytes.len()),
            Some(1 << 20),
            "{:?}",
            outcome.error
        );
    }
}

#[test]
fn terminate_cancels_what_has_not_ended_and_leaves_no_process() {
    let _test = test();
    let pool = two_workers();
    let sleeper = pool.guest("sleeper");
    let workers = pool.warm(&sleeper, "sleep-ms", 20);
    let items = (0..50).map(|n| (60_000, n));
    let map = pool
        .map_async::<u32>(&sleeper, "sleep-then", items)
        .expect("sent");
    let begun = Instant::now();
    pool.terminate();
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "{:?}",
        begun.elapsed()
    );
    assert!(
        workers.iter().all(|pid| !exists(*pid)),
        "none is left at once"
    );
    for outcome in map.get(Some(SOON)).expect("they have ended") {
        assert_eq!(outcome.verdict, Verdict::Cancelled, "{outcome}");
    }
    let error = pool
        .apply::<u32>(&sleeper, "sleep-then", (0, 1))
        .expect_err("over");
    assert!(matches!(error, Error::Terminated), "{error:?}");
    pool.join().expect("a terminated pool can be joined");
}

#[test]
fn dropping_the_last_handle_ends_the_pool() {
    let _test = test();
    let first = pool().processes(2).build().expect("built");
    let sleeper = first.load(crate::support::guest("sleeper")).expect("loads");
    let second = first.clone();
    let task = second
        .apply_async::<u32>(&sleeper, "sleep-then", (60_000, 1))
        .expect("sent");
    eventually("a worker is there", || !first.worker_pids().is_empty());
    let workers = first.worker_pids();
    drop(first);
    assert!(
        !task.wait(Some(Duration::from_millis(50))),
        "a handle is left"
    );
    assert!(workers.iter().all(|pid| exists(*pid)));
    drop(second);
    assert!(workers.iter().all(|pid| !exists(*pid)), "none is left");
    let outcome = task.outcome(Some(SOON)).expect("it does not hang");
    assert_eq!(outcome.verdict, Verdict::Cancelled, "{outcome}");
}

#[test]
fn a_stream_outlives_its_pool_without_hanging() {
    let _test = test();
    let pool = pool().processes(1).build().expect("built");
    let module = pool.load_bytes(wat::ADD).expect("loads");
    let items = (0..).map(|n| (n, 1));
    let mut outcomes = pool.imap::<i32>(&module, "add", items).expect("sent");
    assert_eq!(outcomes.next().expect("one comes").value, Some(1));
    drop(pool);
    // Finished tasks keep their outcomes, the others are cancelled, and then the stream
    // ends.
    for outcome in outcomes {
        assert!(
            matches!(outcome.verdict, Verdict::Ok | Verdict::Cancelled),
            "{outcome}"
        );
    }
}

#[test]
fn a_pool_that_is_never_used_starts_no_process() {
    let _test = test();
    let pool = two_workers();
    let _ = pool.guest("math");
    assert_eq!(pool.worker_pids(), [0u32; 0]);
    pool.close();
    pool.join().expect("joined");
}

#[test]
fn many_threads_share_a_pool() {
    let _test = test();
    let pool = two_workers();
    let math = pool.guest("math");
    let done = AtomicU32::new(0);
    thread::scope(|scope| {
        for thread in 0..16 {
            let (pool, math, done) = (&pool, &math, &done);
            scope.spawn(move || {
                for n in 0..100 {
                    let sum: i32 = pool.apply(math, "add", (thread, n)).expect("ok");
                    assert_eq!(sum, thread + n);
                    done.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!(done.load(Ordering::Relaxed), 1600);
    assert!(pool.worker_pids().len() <= 2);
}

#[test]
fn several_pools_work_at_once_and_end_on_their_own() {
    let _test = test();
    let pools: Vec<_> = (0..4).map(|_| one_worker()).collect();
    let modules: Vec<_> = pools.iter().map(|pool| pool.guest("math")).collect();
    let tasks: Vec<_> = pools
        .iter()
        .zip(&modules)
        .map(|(pool, math)| pool.apply_async::<u64>(math, "fib", (25,)).expect("sent"))
        .collect();
    for task in tasks {
        assert_eq!(task.get(Some(SOON)).expect("ok"), 75_025);
    }
    let mut pools = pools;
    let last = pools.pop().expect("four");
    drop(pools);
    last.assert_whole();
}
