//! `apply(func, args, kwds)` and `apply_async(func, args, kwds)`.

use std::thread;

use sandpool::value::Kwargs;
use sandpool::{Error, Pool, Verdict};

use super::sleeps_on;
use crate::support::{SOON, one_worker, test, two_workers};

#[test]
fn apply_blocks_until_the_result_is_ready_and_returns_it() {
    let _test = test();
    let pool = two_workers();
    let math = pool.guest("math");
    let sum: i32 = pool.apply(&math, "add", (1, 2)).expect("ok");
    assert_eq!(sum, 3);
}

#[test]
fn apply_takes_args_and_kwds() {
    let _test = test();
    let pool = one_worker();
    let math = pool.guest("math");
    let kwds = Kwargs::new().set("b", 2).set("a", 40);
    assert_eq!(pool.apply::<i32>(&math, "add", kwds).expect("ok"), 42);
    let call = pool.call(&math, "add").arg(40).kwarg("b", 2);
    assert_eq!(call.apply::<i32>().expect("ok"), 42);
}

#[test]
fn apply_runs_the_function_in_one_of_the_workers_and_not_in_the_parent() {
    let _test = test();
    let pool = two_workers();
    let math = pool.guest("math");
    let call = pool.call(&math, "add").args((1, 2));
    let pid = call.outcome().expect("sent").worker_pid.expect("it ran");
    assert_ne!(pid, std::process::id());
    assert!(pool.worker_pids().contains(&pid));
}

#[test]
fn apply_reraises_the_error_of_the_function() {
    let _test = test();
    let pool = one_worker();
    let text = pool.guest("text");
    let error = pool.apply::<String>(&text, "greet", ("",));
    let Err(Error::Failed(outcome)) = error else {
        panic!("{error:?}")
    };
    assert_eq!(outcome.verdict, Verdict::Error, "{outcome}");
    assert!(outcome.error_value.is_some(), "its own error came along");
}

#[test]
fn apply_with_args_that_do_not_fit_is_an_error() {
    let _test = test();
    let pool = one_worker();
    let math = pool.guest("math");
    for call in [
        pool.call(&math, "add").arg(1),
        pool.call(&math, "add").args((1, 2, 3)),
        pool.call(&math, "add").arg(1).kwarg("c", 2),
        pool.call(&math, "add").args((1, 2)).kwarg("b", 2),
        pool.call(&math, "add").args((1, "two")),
    ] {
        let error = call.apply::<i32>().expect_err("does not fit");
        assert!(matches!(error, Error::Arguments(_)), "{error:?}");
    }
    assert!(pool.worker_pids().is_empty(), "and nothing was sent");
}

#[test]
fn apply_of_a_function_that_is_not_there_is_an_error() {
    let _test = test();
    let pool = one_worker();
    let math = pool.guest("math");
    let error = pool.apply::<i32>(&math, "multiply", (1, 2));
    assert!(matches!(error, Err(Error::Function(_))), "{error:?}");
}

#[test]
fn apply_async_returns_a_result_at_once() {
    let _test = test();
    let pool = one_worker();
    let sleeper = pool.guest("sleeper");
    let asleep = sleeps_on(&pool, &sleeper);
    let behind = pool.apply_async::<u32>(&sleeper, "sleep-then", (0, 1));
    assert!(!asleep.ready() && !behind.expect("sent").ready());
}

#[test]
fn apply_async_runs_tasks_in_parallel() {
    let _test = test();
    let pool = two_workers();
    let sleeper = pool.guest("sleeper");
    pool.warm(&sleeper, "sleep-ms", 20);
    let asleep = sleeps_on(&pool, &sleeper);
    // It ends although the one before it does not.
    let task = pool.apply_async::<u32>(&sleeper, "sleep-then", (1, 2));
    assert_eq!(task.expect("sent").get(Some(SOON)).expect("ok"), 2);
    assert!(!asleep.ready());
}

#[test]
fn apply_async_may_be_called_from_several_threads() {
    let _test = test();
    let pool = two_workers();
    let math = pool.guest("math");
    let add = |pool: &Pool, n: i32| -> i32 {
        let task = pool.apply_async(&math, "add", (n, 1)).expect("sent");
        task.get(Some(SOON)).expect("ok")
    };
    thread::scope(|scope| {
        for n in 0..8 {
            let (pool, add) = (&pool, &add);
            scope.spawn(move || assert_eq!(add(pool, n), n + 1));
        }
    });
}
