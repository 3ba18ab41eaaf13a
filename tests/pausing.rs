//! A pool that is paused begins no task until it goes on.

use std::time::Duration;

use sandpool::Verdict;

use crate::support::{SOON, one_worker, test};

#[test]
fn a_paused_pool_ends_what_runs_and_begins_nothing_until_it_goes_on() {
    let _test = test();
    let pool = one_worker();
    let module = pool.wat(
        r#"(module
             (func (export "spin") (loop $l (br $l)))
             (func (export "same") (param i32) (result i32) (local.get 0)))"#,
    );
    let spin = pool.call(&module, "spin").timeout(Duration::from_secs(1));
    let running = spin.apply_async::<()>().expect("it is sent");
    pool.busy_worker();
    // Sent ahead or not, none of these has begun.
    let same = |value: i32| pool.apply_async::<i32>(&module, "same", (value,));
    let waiting: Vec<_> = (0..20).map(|value| same(value).expect("sent")).collect();
    pool.pause();
    let outcome = running.outcome(Some(SOON)).expect("it ends");
    assert_eq!(outcome.verdict, Verdict::Timeout);
    for later in &waiting {
        assert!(later.get(Some(Duration::from_millis(5))).is_err());
        assert!(!later.ready());
    }
    let cancelled = &waiting[3];
    cancelled.cancel();
    let outcome = cancelled
        .outcome(Some(SOON))
        .expect("it is cancelled at once");
    assert_eq!(outcome.verdict, Verdict::Cancelled);
    pool.resume();
    for (value, later) in (0..20).zip(&waiting).filter(|(value, _)| *value != 3) {
        assert_eq!(later.get(Some(SOON)).expect("it runs"), value);
    }
}

#[test]
fn a_pool_that_is_paused_from_the_start_starts_no_process() {
    let _test = test();
    let pool = one_worker();
    let math = pool.guest("math");
    pool.pause();
    let later = pool
        .apply_async::<u64>(&math, "fib", (10u32,))
        .expect("sent");
    assert!(later.get(Some(Duration::from_millis(100))).is_err());
    assert!(pool.worker_pids().is_empty());
    // Nor does it keep anybody from ending it.
    pool.terminate();
    assert!(later.get(Some(SOON)).is_err());
}
