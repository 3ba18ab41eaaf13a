//! `map(func, iterable, chunksize)`, `map_async`, `starmap`, `starmap_async`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::channel;

use sandpool::{Error, Outcome, Value, Verdict};

use super::{A_MOMENT, sleeps_on};
use crate::support::{SOON, one_worker, test, two_workers};

fn values<T>(outcomes: Result<Vec<Outcome<T>>, Error>) -> Vec<T> {
    let outcomes = outcomes.expect("sent").into_iter();
    outcomes
        .map(Outcome::into_result)
        .collect::<Result<_, _>>()
        .expect("all ok")
}

#[test]
fn map_applies_the_function_to_each_item_and_keeps_their_order() {
    let _test = test();
    let pool = two_workers();
    let math = pool.guest("math");
    let fibs = values(pool.map::<u64>(&math, "fib", 0..10u32));
    assert_eq!(fibs, [0, 1, 1, 2, 3, 5, 8, 13, 21, 34]);
}

#[test]
fn map_values_returns_values_alone_or_the_first_error() {
    let _test = test();
    let pool = two_workers();
    let math = pool.guest("math");
    let fibs = pool.map_values::<u64>(&math, "fib", 0..10u32);
    assert_eq!(fibs.expect("all ok"), [0, 1, 1, 2, 3, 5, 8, 13, 21, 34]);
    let many = pool.call(&math, "add").chunksize(1500);
    let many = many.map_values::<i32>((0..9000).map(|n| (n, 1)));
    assert_eq!(many.expect("all ok"), (1..=9000).collect::<Vec<_>>());

    let text = pool.guest("text");
    let names = ["ann", "", "bob", ""].map(|name| (name,));
    let mapped = pool.map_values::<String>(&text, "greet", names);
    let Err(Error::Failed(outcome)) = mapped else {
        panic!("{mapped:?}")
    };
    assert_eq!((outcome.index, outcome.verdict), (1, Verdict::Error));
    let (told, heard) = channel();
    let call = pool.call(&math, "fib").map_callback(move |outcomes| {
        let _ = told.send(outcomes.len());
    });
    assert_eq!(call.map_values::<u64>(0..3u32).expect("all ok"), [0, 1, 1]);
    assert_eq!(heard.recv_timeout(SOON), Ok(3));
    let wrong = pool.map_values::<String>(&math, "fib", 0..3u32);
    assert!(matches!(wrong, Err(Error::Convert(_))), "{wrong:?}");
}

#[test]
fn map_of_no_items_is_an_empty_list() {
    let _test = test();
    let pool = one_worker();
    let math = pool.guest("math");
    assert!(values(pool.map::<u64>(&math, "fib", [0u32; 0])).is_empty());
    let result = pool.map_async::<u64>(&math, "fib", [0u32; 0]);
    let result = result.expect("sent");
    assert!(result.ready() && result.successful().expect("ready"));
}

#[test]
fn map_takes_an_iterator_that_does_not_know_its_length() {
    let _test = test();
    let pool = two_workers();
    let math = pool.guest("math");
    let mut left = 5u32;
    let items = std::iter::from_fn(|| {
        left = left.checked_sub(1)?;
        Some(left)
    });
    let fibs = values(pool.map::<u64>(&math, "fib", items));
    assert_eq!(fibs, [3, 2, 1, 1, 0]);
}

#[test]
fn map_gives_the_same_results_with_every_chunksize() {
    let _test = test();
    let pool = two_workers();
    let math = pool.guest("math");
    for chunksize in [1, 3, 100, usize::MAX] {
        let call = pool.call(&math, "add").chunksize(chunksize);
        let sums = values(call.map::<i32>((0..50).map(|n| (n, 1))));
        assert_eq!(sums, (1..=50).collect::<Vec<_>>());
    }
    // Also where outcomes come together in several parts.
    for (items, chunksize) in [(4096, None), (10_000, None), (10_000, Some(1000))] {
        let call = pool.call(&math, "add");
        let call = chunksize.map_or_else(|| pool.call(&math, "add"), |size| call.chunksize(size));
        let sums = values(call.map::<i32>((0..items).map(|n| (n, 1))));
        assert_eq!(sums, (1..=items).collect::<Vec<_>>());
    }
}

#[test]
fn a_map_in_chunks_that_cannot_go_on_cancels_what_it_has_begun() {
    let _test = test();
    let pool = one_worker();
    let sleeper = pool.guest("sleeper");
    let long = || vec![Value::U32(600_000), Value::U32(1)];
    let wrong = [long(), vec![Value::String("no number".into())]];
    let mapped = pool.call(&sleeper, "sleep-then").chunksize(1);
    let mapped = mapped.timeout(None).map::<u32>(wrong);
    assert!(matches!(mapped, Err(Error::Arguments(_))), "{mapped:?}");
    let panics = (0..2).map(|n| {
        if n == 0 {
            long()
        } else {
            panic!("part of a test")
        }
    });
    let mapped = pool.call(&sleeper, "sleep-then").chunksize(1);
    let mapped = AssertUnwindSafe(|| mapped.timeout(None).map::<u32>(panics).map(drop));
    assert!(catch_unwind(mapped).is_err());
    // The only worker is free again.
    let slept = pool.call(&sleeper, "sleep-then").args((0u32, 2u32));
    let slept = slept.apply_async::<u32>().expect("sent").get(Some(SOON));
    assert_eq!(slept.expect("it does not wait"), 2);
}

#[test]
fn map_async_returns_a_result_at_once() {
    let _test = test();
    let pool = one_worker();
    let sleeper = pool.guest("sleeper");
    let _asleep = sleeps_on(&pool, &sleeper);
    let result = pool.map_async::<u32>(&sleeper, "sleep-then", [(0, 1), (0, 2)]);
    assert!(!result.expect("sent").wait(Some(A_MOMENT)));
}

#[test]
fn starmap_unpacks_its_items_as_arguments() {
    let _test = test();
    let pool = two_workers();
    let math = pool.guest("math");
    let pairs = [(1, 2), (3, 4)];
    assert_eq!(values(pool.starmap::<i32>(&math, "add", pairs)), [3, 7]);
    let call = pool.call(&math, "add").chunksize(2);
    assert_eq!(values(call.starmap::<i32>(pairs)), [3, 7]);
}

#[test]
fn starmap_async_is_starmap_without_waiting() {
    let _test = test();
    let pool = two_workers();
    let math = pool.guest("math");
    let result = pool.starmap_async::<i32>(&math, "add", [(1, 2), (3, 4)]);
    assert_eq!(values(result.expect("sent").get(Some(SOON))), [3, 7]);
}

#[test]
fn starmap_of_an_item_that_does_not_fit_is_an_error() {
    let _test = test();
    let pool = one_worker();
    let math = pool.guest("math");
    let error = pool.starmap::<i32>(&math, "add", [1, 2]);
    assert!(matches!(error, Err(Error::Arguments(_))), "{error:?}");
    assert!(pool.worker_pids().is_empty(), "and nothing was sent");
}

#[test]
fn map_after_partial_puts_the_arguments_of_the_call_before_each_item() {
    let _test = test();
    let pool = two_workers();
    let math = pool.guest("math");
    let add_40 = || pool.call(&math, "add").arg(40);
    assert_eq!(values(add_40().map::<i32>([1, 2])), [41, 42]);
    let outcomes = add_40().imap::<i32>([1, 2]).expect("sent").collect();
    assert_eq!(values(Ok(outcomes)), [41, 42]);
    let call = pool.call(&math, "add").kwarg("b", 40);
    assert_eq!(values(call.map::<i32>([1, 2])), [41, 42]);
}

#[test]
fn into_result_makes_of_a_map_all_values_or_the_first_error() {
    let _test = test();
    let pool = two_workers();
    let text = pool.guest("text");
    let names = ["ann", "", "bob"].map(|name| (name,));
    let outcomes = pool.map::<String>(&text, "greet", names).expect("sent");
    let outcomes = outcomes.into_iter().map(Outcome::into_result);
    let error = outcomes.collect::<Result<Vec<String>, Error>>();
    let Err(Error::Failed(outcome)) = error else {
        panic!("{error:?}")
    };
    assert_eq!((outcome.index, outcome.verdict), (1, Verdict::Error));
}

#[test]
fn map_of_an_iterator_that_panics_panics_here_and_the_pool_goes_on() {
    let _test = test();
    let pool = one_worker();
    let math = pool.guest("math");
    let items = (0..3u32).inspect(|n| assert!(*n < 2, "this panic is part of a test"));
    let mapped = catch_unwind(AssertUnwindSafe(|| {
        pool.map::<u64>(&math, "fib", items).map(drop)
    }));
    assert!(mapped.is_err());
    pool.assert_whole();
}
