//! `Pool(processes, initializer, initargs, maxtasksperchild, context)`.

use std::collections::HashSet;

use sandpool::{Error, Pool, SettingError, Value};

use crate::support::{SOON, one_worker, open, pool, test, two_workers, wat};

/// Returns the number that its initializer was given.
const REMEMBERS: &str = r#"
(module
  (global $given (mut i32) (i32.const 0))
  (func (export "remember") (param i32) (global.set $given (local.get 0)))
  (func (export "given") (result i32) (global.get $given)))
"#;

/// The processes that ran so many tasks, one after the other.
fn pids_of_tasks(pool: &Pool, tasks: usize) -> Vec<u32> {
    let module = pool.load_bytes(wat::ADD).expect("loads");
    let run = |_| {
        let call = pool.call(&module, "add").args((1, 1));
        call.outcome().expect("sent").worker_pid.expect("it ran")
    };
    (0..tasks).map(run).collect()
}

#[test]
fn processes_is_the_number_of_cores_if_it_is_not_given() {
    let _test = test();
    let pool = open(pool());
    let cores = std::thread::available_parallelism().expect("known");
    assert_eq!(pool.processes(), cores.get());
}

#[test]
fn processes_is_how_many_workers_there_are_at_most() {
    let _test = test();
    let pool = open(pool().processes(3));
    assert_eq!(pool.processes(), 3);
    let sleeper = pool.guest("sleeper");
    let outcomes = pool.map::<()>(&sleeper, "sleep-ms", (0..30).map(|_| (5,)));
    let pids: HashSet<_> = outcomes
        .expect("sent")
        .into_iter()
        .map(|outcome| outcome.worker_pid.expect("it ran"))
        .collect();
    assert!((1..=3).contains(&pids.len()), "{pids:?}");
    assert!(pool.worker_pids().len() <= 3);
}

#[test]
fn processes_below_1_is_an_error() {
    let _test = test();
    let error = pool().processes(0).build().expect_err("too few");
    assert!(
        matches!(
            &error,
            Error::Setting(SettingError::Processes { asked: 0, .. })
        ),
        "{error:?}"
    );
}

#[test]
fn initializer_is_called_with_initargs_before_the_first_task() {
    let _test = test();
    let pool = open(pool().processes(2).initializer("remember", (42,)));
    let module = pool.wat(REMEMBERS);
    let outcomes = pool.map::<i32>(&module, "given", (0..10).map(|_| ()));
    for outcome in outcomes.expect("sent") {
        assert_eq!(outcome.value, Some(42), "{outcome}");
    }
}

#[test]
fn initargs_that_do_not_fit_are_an_error_and_so_is_an_initializer_that_is_none() {
    let _test = test();
    for (name, args) in [
        ("remember", vec![Value::String("x".into())]),
        ("remember", vec![]),
        ("no such function", vec![]),
    ] {
        let pool = open(pool().processes(1).initializer(name, args));
        let module = pool.wat(REMEMBERS);
        let error = pool.apply::<i32>(&module, "given", ()).expect_err("no");
        let expected = matches!(error, Error::Arguments(_) | Error::Function(_));
        assert!(expected, "{error:?}");
        assert!(pool.worker_pids().is_empty(), "nothing was started");
    }
}

#[test]
fn maxtasksperchild_replaces_a_worker_after_so_many_tasks() {
    let _test = test();
    let pool = open(pool().processes(1).maxtasksperchild(2));
    let pids = pids_of_tasks(&pool, 6);
    let workers: HashSet<_> = pids.iter().collect();
    assert_eq!(workers.len(), 3, "{pids:?}");
    assert!(pids.chunks(2).all(|pair| pair[0] == pair[1]), "{pids:?}");
}

#[test]
fn maxtasksperchild_is_no_limit_if_it_is_not_given() {
    let _test = test();
    let pool = one_worker();
    let workers: HashSet<_> = pids_of_tasks(&pool, 50).into_iter().collect();
    assert_eq!(workers.len(), 1, "a worker lives as long as its pool");
}

#[test]
fn maxtasksperchild_below_1_is_an_error() {
    let _test = test();
    let error = pool().maxtasksperchild(0).build().expect_err("too few");
    let expected = matches!(error, Error::Setting(SettingError::MaxTasks));
    assert!(expected, "{error:?}");
}

#[test]
fn pools_side_by_side_do_not_share_their_workers() {
    let _test = test();
    let (one, other) = (two_workers(), two_workers());
    let (mine, yours) = (one.pid_of_a_task(), other.pid_of_a_task());
    assert_ne!(mine, yours);
    assert!(!other.worker_pids().contains(&mine));
    one.terminate();
    let sleeper = other.guest("sleeper");
    let task = other.apply_async::<u32>(&sleeper, "sleep-then", (1, 7));
    let value = task.expect("sent").get(Some(SOON));
    assert_eq!(value.expect("the end of one is not the other's"), 7);
}
