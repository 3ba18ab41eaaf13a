//! `AsyncResult`: `get`, `wait`, `ready`, `successful`, of one call and of a
//! map.

use std::thread;
use std::time::{Duration, Instant};

use sandpool::{Error, Verdict};

use super::{A_MOMENT, sleeps_on};
use crate::support::{SOON, one_worker, test, two_workers, wat};

#[test]
fn get_returns_the_result_when_it_arrives_and_again_later() {
    let _test = test();
    let pool = one_worker();
    let sleeper = pool.guest("sleeper");
    let result = pool.apply_async::<u32>(&sleeper, "sleep-then", (50, 7));
    let result = result.expect("sent");
    assert_eq!(result.get(None).expect("ok"), 7);
    assert_eq!(result.get(Some(Duration::ZERO)).expect("still"), 7);
}

#[test]
fn get_raises_timeout_error_if_the_result_does_not_arrive_in_time() {
    let _test = test();
    let pool = one_worker();
    let sleeper = pool.guest("sleeper");
    let result = sleeps_on(&pool, &sleeper);
    for timeout in [A_MOMENT, Duration::ZERO] {
        let error = result.get(Some(timeout)).expect_err("too soon");
        assert!(matches!(error, Error::Timeout), "{error:?}");
    }
}

#[test]
fn wait_for_a_task_that_runs_takes_no_longer_than_its_timeout() {
    let _test = test();
    let pool = one_worker();
    let endless = pool.wat(wat::ENDLESS_COMMAND);
    let endless = pool.command(&endless).timeout(None).apply_async::<()>();
    let endless = endless.expect("sent");
    pool.busy_worker();
    let took = |_| {
        let since = Instant::now();
        assert!(!endless.wait(Some(Duration::from_millis(2))));
        since.elapsed()
    };
    // The shortest of many: the machine may have other things to do.
    let took = (0..50).map(took).min();
    assert!(took < Some(Duration::from_millis(3)), "{took:?}");
}

#[test]
fn get_that_timed_out_loses_nothing_and_may_be_called_again() {
    let _test = test();
    let pool = one_worker();
    let sleeper = pool.guest("sleeper");
    let result = pool.apply_async::<u32>(&sleeper, "sleep-then", (200, 7));
    let result = result.expect("sent");
    assert!(matches!(result.get(Some(A_MOMENT)), Err(Error::Timeout)));
    assert_eq!(result.get(Some(SOON)).expect("the task went on"), 7);
}

#[test]
fn get_reraises_the_error_of_the_call_each_time() {
    let _test = test();
    let pool = one_worker();
    let text = pool.guest("text");
    let result = pool.apply_async::<String>(&text, "greet", ("",));
    let result = result.expect("sent");
    for _ in 0..2 {
        let error = result.get(Some(SOON)).expect_err("it failed");
        let failed = matches!(&error, Error::Failed(o) if o.verdict == Verdict::Error);
        assert!(failed, "{error:?}");
    }
}

#[test]
fn get_may_be_called_from_several_threads() {
    let _test = test();
    let pool = one_worker();
    let sleeper = pool.guest("sleeper");
    let result = pool.apply_async::<u32>(&sleeper, "sleep-then", (50, 7));
    let result = result.expect("sent");
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert_eq!(result.get(Some(SOON)).expect("ok"), 7));
        }
    });
}

#[test]
fn wait_waits_until_the_result_is_available_or_until_timeout() {
    let _test = test();
    let pool = one_worker();
    let sleeper = pool.guest("sleeper");
    let result = pool.apply_async::<u32>(&sleeper, "sleep-then", (200, 7));
    let result = result.expect("sent");
    assert!(!result.wait(Some(A_MOMENT)), "it says that it is not there");
    assert!(result.wait(None), "it says that it is there");
    assert!(result.ready());
}

#[test]
fn wait_does_not_raise_the_error_of_the_call() {
    let _test = test();
    let pool = one_worker();
    let misbehave = pool.guest("misbehave");
    let result = pool.apply_async::<()>(&misbehave, "trap", ());
    assert!(result.expect("sent").wait(Some(SOON)));
}

#[test]
fn ready_says_whether_the_call_has_completed() {
    let _test = test();
    let pool = one_worker();
    let math = pool.guest("math");
    let sleeper = pool.guest("sleeper");
    let result = pool.apply_async::<i32>(&math, "add", (1, 2)).expect("sent");
    assert!(result.wait(Some(SOON)));
    assert!(result.ready());
    assert!(!sleeps_on(&pool, &sleeper).ready());
}

#[test]
fn successful_says_whether_the_call_completed_without_an_error() {
    let _test = test();
    let pool = one_worker();
    let text = pool.guest("text");
    for (name, expected) in [("bob", true), ("", false)] {
        let result = pool.apply_async::<String>(&text, "greet", (name,));
        let result = result.expect("sent");
        assert!(result.wait(Some(SOON)));
        assert_eq!(result.successful().expect("ready"), expected);
    }
}

#[test]
fn successful_before_ready_is_an_error() {
    let _test = test();
    let pool = one_worker();
    let sleeper = pool.guest("sleeper");
    let error = sleeps_on(&pool, &sleeper).successful();
    assert!(matches!(error, Err(Error::NotReady)), "{error:?}");
}

#[test]
fn the_result_of_a_map_is_ready_when_all_its_tasks_have_completed() {
    let _test = test();
    let pool = two_workers();
    let sleeper = pool.guest("sleeper");
    let items = [(0, 1), (600_000, 2)];
    let result = pool.map_async::<u32>(&sleeper, "sleep-then", items);
    let result = result.expect("sent");
    assert!(!result.wait(Some(A_MOMENT)), "one still sleeps");
    assert!(!result.ready());
    assert!(matches!(result.successful(), Err(Error::NotReady)));
    assert!(matches!(result.get(Some(A_MOMENT)), Err(Error::Timeout)));
    result.cancel();
    assert!(result.wait(Some(SOON)) && result.ready());
    assert!(!result.successful().expect("ready"), "one failed");
    let outcomes = result.get(Some(Duration::ZERO)).expect("ready");
    assert_eq!(outcomes[1].verdict, Verdict::Cancelled);
}

#[test]
fn the_result_of_a_map_is_successful_if_all_its_tasks_were() {
    let _test = test();
    let pool = two_workers();
    let math = pool.guest("math");
    let result = pool.map_async::<i32>(&math, "add", (0..100).map(|n| (n, 1)));
    let result = result.expect("sent");
    assert!(result.wait(Some(SOON)));
    assert!(result.successful().expect("ready"));
    for _ in 0..2 {
        let outcomes = result.get(Some(Duration::ZERO)).expect("ready");
        assert_eq!(outcomes[99].value, Some(100), "and they stay there");
    }
}
