//! Deadlines of tasks, and of those who wait for them.

use std::num::NonZeroU64;
use std::time::{Duration, Instant};

use sandpool::{Error, Interrupt, Isolation, LimitName, Origin, SettingError, Verdict};

use crate::support::{eventually, one_worker, open, pool, test, test_alone, wat};

const SHORT: Duration = Duration::from_millis(100);

#[test]
fn a_task_that_spins_times_out_and_the_pool_outlives_it() {
    let _test = test();
    let pool = one_worker();
    let misbehave = pool.guest("misbehave");
    let before = pool.pid_of_a_task();
    let call = pool.call(&misbehave, "spin").timeout(SHORT);
    let outcome = call.outcome().expect("sent");
    assert_eq!(outcome.verdict, Verdict::Timeout, "{outcome}");
    assert_eq!(
        outcome.error.as_deref(),
        Some("ran past 100ms (set for this call); the setting `timeout` raises it")
    );
    let limit = outcome.limit.expect("a limit ended it");
    assert_eq!(limit.name, LimitName::Timeout);
    assert_eq!(
        (limit.value.as_str(), limit.origin),
        ("100ms", Origin::Call)
    );
    assert_eq!((outcome.value, outcome.attempts), (None, 1));
    let ran = outcome.run_time.expect("the host saw it run");
    assert!(ran >= SHORT && ran < Duration::from_secs(5), "{ran:?}");
    assert_ne!(pool.pid_of_a_task(), before);
    pool.assert_whole();
}

#[test]
fn with_epochs_the_worker_survives_the_timeout_and_says_where_the_guest_was() {
    let _test = test();
    let pool = open(
        pool()
            .processes(1)
            .interrupt(Interrupt::Epoch)
            .timeout(SHORT),
    );
    let misbehave = pool.guest("misbehave");
    let count = || {
        pool.call(&misbehave, "global-counter")
            .outcome()
            .expect("sent")
    };
    let mut worker = count().worker_pid;
    // On a machine that is very busy a worker may not come to answer in time, and
    // is killed after all.
    let mut survived = 0;
    for _ in 0..10 {
        let outcome = pool.call(&misbehave, "spin").outcome().expect("sent");
        assert_eq!(outcome.verdict, Verdict::Timeout, "{outcome}");
        let text = outcome.error.as_deref().expect("a text");
        assert!(text.contains("ran past 100ms (set for the pool)"), "{text}");
        assert_eq!(outcome.worker_pid, worker);
        let says_where = text.contains(", in `");
        let before = std::mem::replace(&mut worker, count().worker_pid);
        assert_eq!(says_where, worker == before, "{text}");
        survived += u32::from(says_where);
        if survived == 3 {
            return;
        }
    }
    panic!("it survived {survived} times of 10");
}

#[test]
fn a_core_module_that_loops_times_out_too() {
    let _test = test();
    for interrupt in [Interrupt::Kill, Interrupt::Epoch] {
        let pool = open(pool().processes(1).interrupt(interrupt).timeout(SHORT));
        let command = pool.wat(wat::ENDLESS_COMMAND);
        let outcome = pool.command(&command).outcome().expect("sent");
        assert_eq!(outcome.verdict, Verdict::Timeout, "{outcome}");
    }
}

#[test]
fn a_task_that_sleeps_in_a_host_call_times_out() {
    let _test = test();
    for interrupt in [Interrupt::Kill, Interrupt::Epoch] {
        let pool = open(pool().processes(1).interrupt(interrupt));
        let sleeper = pool.guest("sleeper");
        let begun = Instant::now();
        let call = pool.call(&sleeper, "sleep-ms").arg(30_000).timeout(SHORT);
        let outcome = call.outcome().expect("sent");
        assert_eq!(
            outcome.verdict,
            Verdict::Timeout,
            "{interrupt:?}: {outcome}"
        );
        assert!(
            begun.elapsed() < Duration::from_secs(10),
            "{:?}",
            begun.elapsed()
        );
        pool.assert_whole();
    }
}

#[test]
fn a_task_without_a_timeout_may_outlast_the_pools() {
    let _test = test();
    let pool = open(pool().processes(1).timeout(SHORT));
    let sleeper = pool.guest("sleeper");
    let call = pool.call(&sleeper, "sleep-then").args((300, 7));
    let value: u32 = call.timeout(None).apply().expect("no timeout");
    assert_eq!(value, 7);
}

#[test]
fn time_in_the_queue_does_not_count() {
    let _test = test();
    let pool = open(pool().processes(1).timeout(Duration::from_secs(2)));
    let sleeper = pool.guest("sleeper");
    // All ten together take longer than any one may.
    let items = (0..10).map(|n| (300, n));
    for outcome in pool
        .map::<u32>(&sleeper, "sleep-then", items)
        .expect("sent")
    {
        assert_eq!(outcome.verdict, Verdict::Ok, "{outcome}");
    }
}

#[test]
fn a_cpu_limit_ends_what_computes_and_not_what_sleeps() {
    let _test = test();
    let pool = open(pool().processes(1).cpu_time(SHORT));
    let misbehave = pool.guest("misbehave");
    let outcome = pool.call(&misbehave, "spin").outcome().expect("sent");
    assert_eq!(outcome.verdict, Verdict::CpuLimit, "{outcome}");
    assert_eq!(
        outcome.error.as_deref(),
        Some("used more CPU time than 100ms (set for the pool); the setting `cpu_time` raises it")
    );
    let sleeper = pool.guest("sleeper");
    let outcome = pool
        .call(&sleeper, "sleep-ms")
        .arg(300)
        .outcome()
        .expect("sent");
    assert_eq!(outcome.verdict, Verdict::Ok, "{outcome}");
    let used = outcome.cpu_time.expect("it is limited, so it is told");
    assert!(used < SHORT, "{used:?}");
}

#[test]
fn a_cpu_limit_counts_each_task_afresh() {
    let _test = test();
    let pool = open(pool().processes(1).cpu_time(Duration::from_millis(400)));
    let math = pool.guest("math");
    // Ten of them use far more together than one may.
    let outcomes = pool.map::<u64>(&math, "fib", (0..10).map(|_| (33,)));
    let mut used = Duration::ZERO;
    for outcome in outcomes.expect("sent") {
        assert_eq!(outcome.verdict, Verdict::Ok, "{outcome}");
        used += outcome.cpu_time.expect("told");
    }
    assert!(used > Duration::from_millis(1), "{used:?}");
}

#[test]
fn fuel_that_is_used_up_ends_the_task_and_only_that() {
    let _test = test();
    let pool = open(pool().processes(1).fuel(1_000_000));
    let math = pool.guest("math");
    let cheap = pool.call(&math, "fib").arg(5).outcome().expect("sent");
    assert_eq!(cheap.verdict, Verdict::Ok, "{cheap}");
    let used = cheap.fuel.expect("it is counted");
    assert!(used > 0 && used < 1_000_000, "{used}");
    let again = pool.call(&math, "fib").arg(5).outcome().expect("sent");
    assert_eq!(again.fuel, Some(used), "fuel is deterministic");
    let dear = pool.call(&math, "fib").arg(40).outcome().expect("sent");
    assert_eq!(dear.verdict, Verdict::OutOfFuel, "{dear}");
    assert_eq!(
        dear.error.as_deref(),
        Some("used more fuel than 1000000 (set for the pool); the setting `fuel` raises it")
    );
    assert_eq!(dear.worker_pid, cheap.worker_pid, "the worker lives on");
    let more = pool
        .call(&math, "fib")
        .arg(20)
        .fuel(1_000_000_000)
        .outcome();
    assert!(more.expect("sent").is_ok());
}

#[test]
fn fuel_for_a_call_needs_a_pool_that_counts_it() {
    let _test = test();
    let pool = one_worker();
    let math = pool.guest("math");
    let error = pool.call(&math, "fib").arg(5).fuel(1000).outcome();
    let error = error.expect_err("the pool does not count");
    let expected = matches!(error, Error::Setting(SettingError::FuelNotCounted));
    assert!(expected, "{error:?}");
}

#[test]
fn a_get_that_runs_out_leaves_the_task_running_and_can_be_asked_again() {
    let _test = test();
    let pool = one_worker();
    let sleeper = pool.guest("sleeper");
    let call = pool.call(&sleeper, "sleep-then").args((500, 42));
    let result = call.apply_async::<u32>().expect("sent");
    let error = result
        .get(Some(Duration::from_millis(20)))
        .expect_err("too soon");
    assert!(matches!(error, Error::Timeout), "{error:?}");
    assert!(!result.wait(Some(Duration::ZERO)));
    assert!(!result.ready());
    assert!(matches!(result.successful(), Err(Error::NotReady)));
    assert_eq!(result.get(None).expect("ok"), 42);
    assert_eq!(result.get(Some(Duration::ZERO)).expect("still there"), 42);
    assert!(result.ready() && result.successful().expect("ready"));
    let outcome = result.outcome(None).expect("ended");
    assert_eq!(outcome.attempts, 1, "it was never started again");
}

#[test]
fn many_timeouts_each_cost_their_own_task_alone() {
    let _test = test_alone();
    let pool = open(pool().processes(2).timeout(Duration::from_millis(200)));
    let math = pool.guest("math");
    // Every third one never ends.
    let never_ends = |i: u32| i.is_multiple_of(3);
    let n_of = |i: u32| if never_ends(i) { 90 } else { 10 };
    let outcomes = pool.map::<u64>(&math, "fib", (0..45).map(|i| (n_of(i),)));
    for (i, outcome) in (0..).zip(outcomes.expect("sent")) {
        let expected = if never_ends(i) {
            Verdict::Timeout
        } else {
            Verdict::Ok
        };
        assert_eq!(outcome.verdict, expected, "{outcome}");
        assert_eq!(outcome.attempts, 1, "{outcome}");
        if outcome.is_ok() {
            assert_eq!(outcome.value, Some(55));
        }
    }
    eventually("no more workers than processes", || {
        pool.worker_pids().len() <= 2
    });
    pool.assert_whole();
}

#[test]
fn a_kept_instance_that_timed_out_is_not_used_again() {
    let _test = test();
    let reuse = Isolation::ProcessReuse(NonZeroU64::new(1000).expect("not 0"));
    for interrupt in [Interrupt::Kill, Interrupt::Epoch] {
        let pool = open(pool().processes(1).isolation(reuse).interrupt(interrupt));
        let misbehave = pool.guest("misbehave");
        let count = || -> u32 { pool.apply(&misbehave, "global-counter", ()).expect("ok") };
        assert_eq!((count(), count()), (1, 2));
        let call = pool.call(&misbehave, "spin").timeout(SHORT);
        assert_eq!(call.outcome().expect("sent").verdict, Verdict::Timeout);
        assert_eq!((count(), count()), (1, 2));
    }
}

#[test]
fn times_without_end_and_times_of_nothing_are_both_fine() {
    let _test = test();
    let pool = open(pool().processes(1).timeout(Duration::MAX));
    let math = pool.guest("math");
    let task = pool.apply_async::<u64>(&math, "fib", (10,)).expect("sent");
    assert_eq!(task.get(Some(Duration::MAX)).expect("ok"), 55);
    let call = pool.call(&math, "fib").arg(90).timeout(Duration::ZERO);
    let outcome = call.outcome().expect("sent");
    assert_eq!(outcome.verdict, Verdict::Timeout, "{outcome}");
    let call = pool.call(&math, "fib").arg(10).cpu_time(Duration::MAX);
    assert_eq!(call.apply::<u64>().expect("ok"), 55);
}
