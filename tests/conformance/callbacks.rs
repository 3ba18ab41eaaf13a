//! `callback` and `error_callback` of `apply_async`, `map_async` and
//! `starmap_async`.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use sandpool::{AsyncResult, Error, SettingError, Value, Verdict};

use crate::support::{SOON, one_worker, test, two_workers};

/// Returns the messages so far.
fn all<T>(told: &Receiver<T>) -> Vec<T> {
    told.try_iter().collect()
}

fn tell<T>(tell: &Sender<T>, what: T) {
    tell.send(what).expect("heard");
}

#[test]
fn callback_is_called_once_with_the_result_when_it_becomes_ready() {
    let _test = test();
    let pool = one_worker();
    let math = pool.guest("math");
    let (teller, told) = channel();
    let call = pool.call(&math, "add").args((1, 2));
    let call = call.callback(move |outcome| tell(&teller, outcome.value.clone()));
    let result = call.apply_async::<i32>().expect("sent");
    assert_eq!(result.get(Some(SOON)).expect("ok"), 3);
    pool.close();
    pool.join().expect("joined");
    assert_eq!(all(&told), [Some(Value::S32(3))]);
}

#[test]
fn callback_runs_in_the_parent() {
    let _test = test();
    let pool = one_worker();
    let math = pool.guest("math");
    let (teller, told) = channel();
    let call = pool.call(&math, "add").args((1, 2));
    let call = call.callback(move |outcome| {
        tell(&teller, (std::process::id(), outcome.worker_pid));
    });
    call.apply::<i32>().expect("ok");
    let (here, worker) = told.recv_timeout(SOON).expect("called");
    assert_eq!(here, std::process::id());
    assert_ne!(Some(here), worker);
}

#[test]
fn callback_of_a_function_without_a_result_gets_unit() {
    let _test = test();
    let pool = one_worker();
    let sleeper = pool.guest("sleeper");
    let (teller, told) = channel();
    let call = pool.call(&sleeper, "sleep-ms").arg(0);
    let call = call.callback(move |outcome| tell(&teller, outcome.value.clone()));
    let () = call.apply().expect("ok");
    assert_eq!(
        told.recv_timeout(SOON).expect("called"),
        Some(Value::unit())
    );
}

#[test]
fn error_callback_is_called_instead_when_the_call_failed() {
    let _test = test();
    let pool = one_worker();
    let text = pool.guest("text");
    let (teller, told) = channel();
    for name in ["bob", ""] {
        let (fine, failed) = (teller.clone(), teller.clone());
        let call = pool.call(&text, "greet").arg(name);
        let call = call.callback(move |outcome| tell(&fine, ("fine", outcome.verdict)));
        let call = call.error_callback(move |outcome| tell(&failed, ("failed", outcome.verdict)));
        drop(call.apply_async::<String>().expect("sent"));
    }
    pool.close();
    pool.join().expect("joined");
    let expected = [("fine", Verdict::Ok), ("failed", Verdict::Error)];
    assert_eq!(all(&told), expected);
}

#[test]
fn error_callback_alone_is_not_called_when_the_call_succeeded() {
    let _test = test();
    let pool = one_worker();
    let math = pool.guest("math");
    let (teller, told) = channel();
    let call = pool.call(&math, "add").args((1, 2));
    let call = call.error_callback(move |outcome| tell(&teller, outcome.verdict));
    call.apply::<i32>().expect("ok");
    assert_eq!(all(&told), []);
}

#[test]
fn the_result_becomes_ready_after_its_callback() {
    let _test = test();
    let pool = one_worker();
    let sleeper = pool.guest("sleeper");
    let (teller, told) = channel();
    let handle: Arc<OnceLock<AsyncResult<u32>>> = Arc::default();
    let seen = Arc::clone(&handle);
    let call = pool.call(&sleeper, "sleep-then").args((50, 1));
    let call = call.callback(move |_| tell(&teller, seen.wait().ready()));
    let result = handle.get_or_init(|| call.apply_async().expect("sent"));
    assert_eq!(result.get(Some(SOON)).expect("ok"), 1);
    assert_eq!(all(&told), [false]);
}

#[test]
fn callbacks_are_called_one_at_a_time() {
    let _test = test();
    let pool = two_workers();
    let math = pool.guest("math");
    let (teller, told) = channel();
    for n in 0..10 {
        let teller = teller.clone();
        let call = pool.call(&math, "add").args((n, 1)).callback(move |_| {
            tell(&teller, "begins");
            // Long enough for another to come between, if one could.
            thread::sleep(Duration::from_millis(3));
            tell(&teller, "ends");
        });
        drop(call.apply_async::<i32>().expect("sent"));
    }
    pool.close();
    pool.join().expect("joined");
    assert_eq!(all(&told), ["begins", "ends"].repeat(10));
}

#[test]
fn the_callback_of_map_async_is_called_once_with_the_whole_list() {
    let _test = test();
    let pool = two_workers();
    let math = pool.guest("math");
    let (teller, told) = channel();
    let call = pool.call(&math, "add").map_callback(move |outcomes| {
        let values: Vec<_> = outcomes.iter().map(|o| o.value.clone()).collect();
        tell(&teller, values);
    });
    let result = call.map_async::<i32>((0..100).map(|n| (n, 1)));
    assert!(result.expect("sent").wait(Some(SOON)));
    pool.close();
    pool.join().expect("joined");
    let expected: Vec<_> = (1..=100).map(|n| Some(Value::S32(n))).collect();
    assert_eq!(all(&told), [expected]);
}

#[test]
fn the_error_callback_of_map_async_is_called_instead_when_a_call_failed() {
    let _test = test();
    let pool = two_workers();
    let text = pool.guest("text");
    let (teller, told) = channel();
    for names in [["ann", "bob"], ["ann", ""]] {
        let (fine, failed) = (teller.clone(), teller.clone());
        let call = pool.call(&text, "greet");
        let call = call.map_callback(move |outcomes| tell(&fine, ("fine", outcomes.len())));
        let call = call.map_error_callback(move |outcomes| {
            assert!(outcomes[0].is_ok() && !outcomes[1].is_ok());
            tell(&failed, ("failed", outcomes.len()));
        });
        let result = call.starmap_async::<String>(names.map(|name| (name,)));
        assert!(result.expect("sent").wait(Some(SOON)));
    }
    assert_eq!(all(&told), [("fine", 2), ("failed", 2)]);
}

#[test]
fn the_result_of_a_map_becomes_ready_after_its_callback() {
    let _test = test();
    let pool = one_worker();
    let math = pool.guest("math");
    let (go, wait) = channel::<()>();
    let call = pool.call(&math, "add").map_callback(move |_| {
        let _ = wait.recv();
    });
    let result = call.map_async::<i32>([(1, 2)]).expect("sent");
    // The only worker has ended this one, so the map is behind it.
    pool.apply::<i32>(&math, "add", (1, 2)).expect("ok");
    assert!(!result.ready());
    drop(go);
    assert!(result.wait(Some(SOON)));
}

#[test]
fn join_waits_for_callbacks() {
    let _test = test();
    let pool = one_worker();
    let math = pool.guest("math");
    let (teller, told) = channel();
    let (one, whole) = (teller.clone(), teller);
    // Slow ones, or a `join` that does not wait for them would pass.
    let call = pool.call(&math, "add").args((1, 2)).callback(move |_| {
        thread::sleep(Duration::from_millis(50));
        tell(&one, "one");
    });
    drop(call.apply_async::<i32>().expect("sent"));
    let call = pool.call(&math, "add").map_callback(move |_| {
        thread::sleep(Duration::from_millis(50));
        tell(&whole, "map");
    });
    drop(call.map_async::<i32>([(1, 2), (3, 4)]).expect("sent"));
    pool.close();
    pool.join().expect("joined");
    assert_eq!(all(&told), ["one", "map"]);
}

#[test]
fn a_callback_that_nobody_would_call_is_an_error() {
    let _test = test();
    let pool = one_worker();
    let math = pool.guest("math");
    let single = || pool.call(&math, "add").callback(|_| ());
    let whole = || pool.call(&math, "add").map_error_callback(|_| ());
    let items = [(1, 2)];
    let errors = [
        (
            single().map_async::<i32>(items).err(),
            SettingError::CallbackOfOneTask,
        ),
        (
            single().imap::<i32>(items).err(),
            SettingError::CallbackOfOneTask,
        ),
        (
            whole().imap_unordered::<i32>(items).err(),
            SettingError::CallbackOfMap,
        ),
        (
            whole().args((1, 2)).apply_async::<i32>().err(),
            SettingError::CallbackOfMap,
        ),
    ];
    for (error, expected) in errors {
        let is_it = matches!(&error, Some(Error::Setting(error)) if *error == expected);
        assert!(is_it, "{error:?}");
    }
}
