//! Pools that cannot work: an initializer that fails, workers that do not
//! start, settings that make no sense. Each says so, and nobody hangs.

use sandpool::{Error, Outcome, Pool, Sandbox, SettingError, Verdict};

use crate::support::{SOON, eventually, one_worker, open, pool, test, wat};

/// Counts its calls; its initializer sets the count, or traps on a negative.
const COUNTER: &str = r#"
(module
  (global $count (mut i32) (i32.const 0))
  (func (export "start-at") (param i32)
    (if (i32.lt_s (local.get 0) (i32.const 0)) (then unreachable))
    (global.set $count (local.get 0)))
  (func (export "next") (result i32)
    (global.set $count (i32.add (global.get $count) (i32.const 1)))
    (global.get $count)))
"#;

#[test]
fn an_initializer_runs_in_every_new_instance() {
    let _test = test();
    let pool = open(pool().processes(2).initializer("start-at", (40,)));
    let module = pool.wat(COUNTER);
    let outcomes = pool.map::<i32>(&module, "next", (0..20).map(|_| ()));
    for outcome in outcomes.expect("sent") {
        assert_eq!(outcome.value, Some(41), "{outcome}");
    }
}

/// As [`COUNTER`], with an initializer that takes every number.
const PATIENT: &str = r#"
(module
  (func (export "start-at") (param i32))
  (func (export "next") (result i32) (i32.const 7)))
"#;

fn assert_initializer_failed<T>(outcome: &Outcome<T>) {
    let text = outcome.error.as_deref().expect("a text");
    assert_eq!(outcome.verdict, Verdict::InternalError, "{text}");
    assert!(text.contains("the initializer failed"), "{text}");
    assert!(text.contains("unreachable"), "{text}");
}

#[test]
fn an_initializer_that_fails_breaks_its_key_and_no_other() {
    let _test = test();
    let pool = open(pool().processes(1).initializer("start-at", (-1,)));
    let module = pool.wat(COUNTER);
    let tasks = pool.map_async::<i32>(&module, "next", (0..20).map(|_| ()));
    let outcomes = tasks.expect("sent").get(Some(SOON)).expect("none hangs");
    outcomes.iter().for_each(assert_initializer_failed);
    let ran = outcomes.iter().filter(|outcome| outcome.attempts > 0);
    assert!(ran.count() < 20, "the others were not even tried");
    // Later ones end so as well, and other modules and streams go on.
    let later = pool.call(&module, "next").outcome().expect("sent");
    assert_eq!(later.attempts, 0);
    assert_initializer_failed(&later);
    let streamed = pool.imap::<i32>(&module, "next", (0..20).map(|_| ()));
    let streamed = streamed.expect("sent");
    streamed.for_each(|outcome| assert_initializer_failed(&outcome));
    let patient = pool.wat(PATIENT);
    assert_eq!(pool.apply::<i32>(&patient, "next", ()).expect("ok"), 7);
    assert_eq!(pool.broken(), None);
    pool.close();
    pool.join().expect("it is whole");
}

#[test]
fn an_initializer_that_is_not_there_or_does_not_fit_is_said_at_the_call() {
    let _test = test();
    let pool = open(crate::support::pool().processes(1).initializer("begin", ()));
    let module = pool.wat(COUNTER);
    let error = pool.apply::<i32>(&module, "next", ()).expect_err("unknown");
    assert!(matches!(error, Error::Function(_)), "{error:?}");
    let pool = open(
        crate::support::pool()
            .processes(1)
            .initializer("start-at", ("x",)),
    );
    let error = pool
        .apply::<i32>(&module, "next", ())
        .expect_err("no number");
    assert!(error.to_string().contains("i32"), "{error}");
}

#[test]
fn three_failed_worker_starts_break_the_pool_and_nobody_hangs() {
    let _test = test();
    let good = one_worker();
    let module = good.wat(wat::ADD);
    for binary in ["/bin/true", "/bin/false"] {
        let broken = Pool::builder().worker_binary(binary).processes(2);
        let broken = open(broken);
        let tasks: Vec<_> = (0..10)
            .map_while(|n| broken.apply_async::<i32>(&module, "add", (n, 1)).ok())
            .collect();
        assert!(!tasks.is_empty());
        for task in tasks {
            let outcome = task.outcome(Some(SOON)).expect("it does not hang");
            assert_eq!(outcome.verdict, Verdict::InternalError, "{outcome}");
            let text = outcome.error.as_deref().expect("a text");
            assert!(text.contains("worker"), "{text}");
        }
        let error = broken
            .apply::<i32>(&module, "add", (1, 1))
            .expect_err("broken");
        assert!(matches!(error, Error::Broken { .. }), "{error:?}");
        eventually("no process is left", || broken.worker_pids().is_empty());
        broken.close();
        assert!(matches!(broken.join(), Err(Error::Broken { .. })));
    }
    good.assert_whole();
}

#[test]
fn a_binary_that_is_none_of_ours_is_named() {
    let _test = test();
    let pool = open(Pool::builder().worker_binary("/bin/true").cache(false));
    let error = pool.load_bytes(wat::ADD).expect_err("it cannot compile");
    assert!(error.is_internal(), "{error}");
    assert!(error.to_string().contains("/bin/true"), "{error}");
    let none = Pool::builder()
        .worker_binary("/nonexistent/sandpool")
        .build();
    let error = none.expect_err("there is none");
    assert!(matches!(error, Error::WorkerBinary { .. }), "{error:?}");
    assert!(
        error.to_string().contains("/nonexistent/sandpool"),
        "{error}"
    );
}

#[test]
fn settings_that_make_no_sense_are_refused_when_the_pool_is_built() {
    let _test = test();
    let none = pool().processes(0).build().expect_err("none can work");
    assert_eq!(
        none.to_string(),
        "a pool has from 1 to 65535 processes, not `0`"
    );
    let never = pool()
        .maxtasksperchild(0)
        .build()
        .expect_err("none would run");
    let expected = matches!(never, Error::Setting(SettingError::MaxTasks));
    assert!(expected, "{never:?}");
    let strict = pool().sandbox(Sandbox::Strict).build();
    if let Err(error) = strict {
        assert!(matches!(error, Error::Sandbox { .. }), "{error:?}");
    }
}

#[test]
fn a_module_of_a_pool_with_other_settings_is_refused() {
    let _test = test();
    let plain = one_worker();
    let module = plain.wat(wat::ADD);
    let counting = open(pool().processes(1).fuel(1000));
    let error = counting
        .apply::<i32>(&module, "add", (1, 2))
        .expect_err("foreign");
    assert!(matches!(error, Error::ForeignModule { .. }), "{error:?}");
    let alike = one_worker();
    assert_eq!(alike.apply::<i32>(&module, "add", (1, 2)).expect("ok"), 3);
}
