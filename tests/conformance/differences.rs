//! Deliberate differences from multiprocessing. Each test has its row in
//! `docs/multiprocessing.md`.

use std::sync::mpsc::channel;
use std::time::Duration;

use sandpool::{Error, Pool, SettingError, Value, Verdict};

use super::{A_MOMENT, sleeps_on};
use crate::support::process::kill;
use crate::support::{SOON, one_worker, open, pool, test, two_workers, wat};

/// There: `get` hangs for ever (bpo-22393).
#[test]
fn get_of_a_task_whose_worker_died_says_so() {
    let _test = test();
    let pool = one_worker();
    let sleeper = pool.guest("sleeper");
    let [worker] = pool.warm(&sleeper, "sleep-ms", 1)[..] else {
        panic!("there is one worker")
    };
    let result = sleeps_on(&pool, &sleeper);
    assert!(!result.wait(Some(A_MOMENT)));
    kill(worker);
    let outcome = result.outcome(Some(SOON)).expect("it does not hang");
    assert_eq!(outcome.verdict, Verdict::WorkerLost, "{outcome}");
    pool.assert_whole();
}

/// There: the first error is raised and all results are lost.
#[test]
fn map_loses_no_result_to_the_error_of_another() {
    let _test = test();
    let pool = two_workers();
    let text = pool.guest("text");
    let names = ["ann", "", "bob"].map(|name| (name,));
    let outcomes = pool.map::<String>(&text, "greet", names).expect("sent");
    assert_eq!(outcomes[0].value.as_deref(), Some("hello, ann"));
    assert_eq!(outcomes[1].verdict, Verdict::Error);
    assert_eq!(outcomes[2].value.as_deref(), Some("hello, bob"));
}

/// There: `get` of what was not done hangs for ever.
#[test]
fn get_after_terminate_says_that_the_task_was_cancelled() {
    let _test = test();
    let pool = one_worker();
    let sleeper = pool.guest("sleeper");
    let results: Vec<_> = (0..3).map(|_| sleeps_on(&pool, &sleeper)).collect();
    pool.terminate();
    for result in results {
        let outcome = result.outcome(Some(SOON)).expect("it does not hang");
        assert_eq!(outcome.verdict, Verdict::Cancelled, "{outcome}");
    }
}

/// There: a task that runs cannot be stopped.
#[test]
fn a_running_task_can_be_cancelled_and_has_a_deadline() {
    let _test = test();
    let pool = open(pool().processes(2).timeout(Duration::from_millis(100)));
    let sleeper = pool.guest("sleeper");
    let late = pool.apply_async::<u32>(&sleeper, "sleep-then", (60_000, 1));
    let asleep = sleeps_on(&pool, &sleeper);
    asleep.cancel();
    let verdict = asleep.outcome(Some(SOON)).map(|outcome| outcome.verdict);
    assert_eq!(verdict.expect("it ends"), Verdict::Cancelled);
    let verdict = late.expect("sent").outcome(Some(SOON));
    assert_eq!(verdict.expect("it ends").verdict, Verdict::Timeout);
}

/// There: the thread that handles results dies, and the whole pool hangs.
#[test]
fn a_callback_that_panics_ends_neither_its_result_nor_the_pool() {
    let _test = test();
    let pool = one_worker();
    let math = pool.guest("math");
    let call = pool.call(&math, "add").args((1, 2));
    let call = call.callback(|_| panic!("this panic is part of a test"));
    let result = call.apply_async::<i32>().expect("sent");
    assert_eq!(result.get(Some(SOON)).expect("ok"), 3);
    let call = pool.call(&math, "add");
    let call = call.map_callback(|_| panic!("this panic is part of a test"));
    let result = call.map_async::<i32>([(1, 2)]).expect("sent");
    assert!(result.wait(Some(SOON)) && result.successful().expect("ready"));
    pool.assert_whole();
    pool.close();
    pool.join().expect("joined");
}

/// There: a slow callback holds up every result.
#[test]
fn a_slow_callback_holds_up_no_result_without_one() {
    let _test = test();
    let pool = one_worker();
    let math = pool.guest("math");
    let (go, wait) = channel::<()>();
    let call = pool.call(&math, "add").args((1, 2)).callback(move |_| {
        let _ = wait.recv();
    });
    let held_up = call.apply_async::<i32>().expect("sent");
    let result = pool.apply_async::<i32>(&math, "add", (3, 4)).expect("sent");
    assert_eq!(result.get(Some(SOON)).expect("ok"), 7);
    assert!(!held_up.ready());
    drop(go);
    assert_eq!(held_up.get(Some(SOON)).expect("ok"), 3);
}

/// There: a callback that waits for such a result hangs the pool.
#[test]
fn a_callback_that_waits_for_a_later_callback_is_told_so() {
    let _test = test();
    let pool = one_worker();
    let math = pool.guest("math");
    let (tell, told) = channel();
    let (inner, module) = (Pool::clone(&pool), math.clone());
    let call = pool.call(&math, "add").args((1, 2)).callback(move |_| {
        let call = inner.call(&module, "add").args((1, 2)).callback(|_| ());
        let one = call.apply_async::<i32>().expect("sent");
        let call = inner.call(&module, "add").map_callback(|_| ());
        let whole = call.map_async::<i32>([(1, 2)]).expect("sent");
        let plain = inner.apply::<i32>(&module, "add", (1, 2));
        let errors = (one.get(None).err(), whole.get(None).err(), plain);
        tell.send(errors).expect("heard");
        assert!(!one.wait(None) && !whole.wait(None));
    });
    drop(call.apply_async::<i32>().expect("sent"));
    let (one, whole, plain) = told.recv_timeout(SOON).expect("it does not hang");
    assert!(matches!(one, Some(Error::WouldDeadlock)), "{one:?}");
    assert!(matches!(whole, Some(Error::WouldDeadlock)), "{whole:?}");
    assert_eq!(plain.expect("no callback, no need to wait for one"), 3);
}

/// There: without an `error_callback` nobody hears of an error.
#[test]
fn a_callback_without_an_error_callback_hears_of_errors_too() {
    let _test = test();
    let pool = one_worker();
    let text = pool.guest("text");
    let (tell, told) = channel();
    let whole = tell.clone();
    let call = pool.call(&text, "greet").arg("");
    let call = call.callback(move |outcome| tell.send(outcome.verdict).expect("heard"));
    drop(call.apply_async::<String>().expect("sent"));
    let call = pool.call(&text, "greet");
    let call = call.map_callback(move |all| whole.send(all[0].verdict).expect("heard"));
    drop(call.map_async::<String>([("",)]).expect("sent"));
    pool.close();
    pool.join().expect("joined");
    let verdicts: Vec<_> = told.iter().collect();
    assert_eq!(verdicts, [Verdict::Error, Verdict::Error]);
}

/// There: the callback of a map of no items is never called.
#[test]
fn the_callback_of_a_map_of_no_items_is_called_with_an_empty_list() {
    let _test = test();
    let pool = one_worker();
    let math = pool.guest("math");
    let (tell, told) = channel();
    let call = pool.call(&math, "fib");
    let call = call.map_callback(move |all| tell.send(all.len()).expect("heard"));
    let result = call.map_async::<u64>([0u32; 0]).expect("sent");
    assert!(result.wait(Some(SOON)));
    assert_eq!(told.iter().collect::<Vec<_>>(), [0]);
}

/// There: `map` with a chunksize of 0 returns a list of `None`.
#[test]
fn map_with_a_chunksize_of_0_is_an_error() {
    let _test = test();
    let pool = one_worker();
    let math = pool.guest("math");
    let error = pool.call(&math, "fib").chunksize(0).map::<u64>([1u32, 2]);
    let expected = matches!(error, Err(Error::Setting(SettingError::Chunksize)));
    assert!(expected, "{error:?}");
}

/// There: a chunk counts as one task for `maxtasksperchild`.
#[test]
fn maxtasksperchild_counts_items_and_not_chunks() {
    let _test = test();
    let pool = open(pool().processes(1).maxtasksperchild(2));
    let math = pool.guest("math");
    let call = pool.call(&math, "add").chunksize(4);
    let outcomes = call.map::<i32>((0..8).map(|n| (n, 1))).expect("sent");
    let mut pids: Vec<_> = outcomes.iter().map(|o| o.worker_pid).collect();
    pids.dedup();
    assert_eq!(pids.len(), 4, "{pids:?}");
}

/// There: a worker whose initializer fails is replaced, for ever.
#[test]
fn an_initializer_that_fails_breaks_the_pool() {
    let _test = test();
    let pool = open(pool().processes(1).initializer("fail", ()));
    let module = pool.wat(
        r#"(module
          (func (export "fail") unreachable)
          (func (export "run")))"#,
    );
    let result = pool.map_async::<Value>(&module, "run", (0..5).map(|_| ()));
    for outcome in result.expect("sent").get(Some(SOON)).expect("none hangs") {
        assert_eq!(outcome.verdict, Verdict::InternalError, "{outcome}");
    }
}

/// There: items that are in a chunk with an endless one wait for it.
#[test]
fn no_item_waits_for_another_of_its_chunk_while_a_worker_is_free() {
    let _test = test();
    let pool = two_workers();
    let sleeper = pool.guest("sleeper");
    let items = (0..20).map(|n| (if n == 0 { 600_000 } else { 0 }, n));
    let call = pool.call(&sleeper, "sleep-then").chunksize(20);
    let call = call.timeout(Duration::from_secs(700));
    let outcomes = call.imap_unordered::<u32>(items).expect("sent");
    assert_eq!(outcomes.take(19).filter(|o| o.is_ok()).count(), 19);
}

/// There: a generator that never goes on keeps the reader waiting.
#[test]
fn a_stream_ends_with_its_pool_even_while_its_next_item_is_waited_for() {
    let _test = test();
    let pool = one_worker();
    let module = pool.wat(wat::ADD);
    let (give, items) = channel::<(i32, i32)>();
    let call = pool.call(&module, "add").chunksize(10);
    let mut outcomes = call.imap::<i32>(items).expect("sent");
    give.send((1, 2)).expect("taken");
    assert!(outcomes.next_timeout(A_MOMENT).is_err());
    pool.terminate();
    let outcome = outcomes.next_timeout(SOON).expect("it does not hang");
    let verdict = outcome.map(|outcome| outcome.verdict);
    assert_eq!(verdict, Some(Verdict::Cancelled));
    assert!(outcomes.next_timeout(SOON).expect("the end").is_none());
}
