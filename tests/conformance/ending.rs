//! `close`, `terminate`, `join`, and a pool as a context manager.

use std::time::{Duration, Instant};

use sandpool::{Error, Module, Pool, Verdict};

use super::sleeps_on;
use crate::support::process::exists;
use crate::support::{SOON, guest, one_worker, pool, test, two_workers};

/// Returns the errors of each method that sends tasks.
fn errors_of_all_methods(pool: &Pool, math: &Module) -> Vec<Option<Error>> {
    let (one, none) = ([(1, 2)], [(0, 0); 0]);
    vec![
        pool.apply::<i32>(math, "add", (1, 2)).err(),
        pool.apply_async::<i32>(math, "add", (1, 2)).err(),
        pool.map::<i32>(math, "add", one).err(),
        pool.map::<i32>(math, "add", none).err(),
        pool.map_async::<i32>(math, "add", one).err(),
        pool.starmap::<i32>(math, "add", one).err(),
        pool.starmap_async::<i32>(math, "add", one).err(),
        pool.imap::<i32>(math, "add", one).err(),
        pool.imap_unordered::<i32>(math, "add", one).err(),
    ]
}

#[test]
fn every_method_of_a_closed_pool_is_an_error() {
    let _test = test();
    let pool = one_worker();
    let math = pool.guest("math");
    pool.close();
    for error in errors_of_all_methods(&pool, &math) {
        assert!(matches!(error, Some(Error::Closed)), "{error:?}");
    }
}

#[test]
fn every_method_of_a_terminated_pool_is_an_error() {
    let _test = test();
    let pool = one_worker();
    let math = pool.guest("math");
    pool.terminate();
    for error in errors_of_all_methods(&pool, &math) {
        assert!(matches!(error, Some(Error::Terminated)), "{error:?}");
    }
}

#[test]
fn close_lets_all_tasks_be_completed_and_then_the_workers_exit() {
    let _test = test();
    let pool = two_workers();
    let sleeper = pool.guest("sleeper");
    let result = pool.map_async::<u32>(&sleeper, "sleep-then", (0..10).map(|n| (10, n)));
    pool.close();
    let outcomes = result.expect("sent").get(Some(SOON)).expect("in time");
    for (n, outcome) in (0..).zip(outcomes) {
        assert_eq!(outcome.value, Some(n), "{outcome}");
    }
    pool.join().expect("joined");
    assert!(pool.worker_pids().is_empty());
}

#[test]
fn close_terminate_and_join_may_be_called_again() {
    let _test = test();
    let pool = one_worker();
    pool.close();
    pool.close();
    pool.join().expect("joined");
    pool.join().expect("joined again");
    pool.terminate();
    pool.terminate();
    pool.close();
    pool.join().expect("a terminated pool can be joined too");
}

#[test]
fn join_before_close_or_terminate_is_an_error() {
    let _test = test();
    let pool = one_worker();
    let error = pool.join().expect_err("still running");
    assert!(matches!(error, Error::NotClosed), "{error:?}");
    pool.assert_whole();
}

#[test]
fn join_waits_for_the_workers_to_exit() {
    let _test = test();
    let pool = two_workers();
    let sleeper = pool.guest("sleeper");
    let workers = pool.warm(&sleeper, "sleep-ms", 20);
    let result = pool.apply_async::<u32>(&sleeper, "sleep-then", (200, 1));
    pool.close();
    pool.join().expect("joined");
    assert!(result.expect("sent").ready(), "all tasks have ended");
    assert!(workers.iter().all(|pid| !exists(*pid)), "none is left");
}

#[test]
fn terminate_stops_the_workers_without_completing_outstanding_work() {
    let _test = test();
    let pool = two_workers();
    let sleeper = pool.guest("sleeper");
    let workers = pool.warm(&sleeper, "sleep-ms", 20);
    let asleep: Vec<_> = (0..4).map(|_| sleeps_on(&pool, &sleeper)).collect();
    let begun = Instant::now();
    pool.terminate();
    assert!(begun.elapsed() < Duration::from_secs(5), "at once");
    assert!(workers.iter().all(|pid| !exists(*pid)), "none is left");
    assert!(asleep.iter().all(|result| result.wait(Some(SOON))));
}

#[test]
fn a_scope_that_is_left_terminates_its_pool_as_a_context_manager_does() {
    let _test = test();
    let (result, worker) = {
        let pool = pool().processes(1).build().expect("built");
        let sleeper = pool.load(guest("sleeper")).expect("loads");
        let call = pool.call(&sleeper, "sleep-then").args((0, 1));
        let worker = call.outcome().expect("sent").worker_pid;
        (sleeps_on(&pool, &sleeper), worker.expect("it ran"))
    };
    assert!(!exists(worker));
    let outcome = result.outcome(Some(SOON)).expect("it has ended");
    assert_eq!(outcome.verdict, Verdict::Cancelled, "{outcome}");
}
