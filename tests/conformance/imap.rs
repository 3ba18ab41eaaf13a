//! `imap(func, iterable, chunksize)`, `imap_unordered`, and `next(timeout)`.

use std::sync::mpsc::channel;
use std::time::Duration;

use sandpool::{Error, Outcome, Verdict};

use super::A_MOMENT;
use crate::support::{SOON, one_worker, open, pool, test, two_workers};

#[test]
fn imap_yields_the_results_in_the_order_of_the_items() {
    let _test = test();
    let pool = two_workers();
    let sleeper = pool.guest("sleeper");
    // Later ones end earlier.
    let items = [(60, 0), (0, 1), (0, 2)];
    let outcomes = pool.imap::<u32>(&sleeper, "sleep-then", items);
    let values: Vec<_> = outcomes.expect("sent").map(|o| o.value).collect();
    assert_eq!(values, [Some(0), Some(1), Some(2)]);
}

#[test]
fn imap_unordered_yields_the_results_as_they_are_ready() {
    let _test = test();
    let pool = two_workers();
    let sleeper = pool.guest("sleeper");
    pool.warm(&sleeper, "sleep-ms", 20);
    let items = [(600_000, 0), (0, 1), (0, 2)];
    let call = pool.call(&sleeper, "sleep-then");
    let call = call.timeout(Duration::from_secs(700));
    let outcomes = call.imap_unordered::<u32>(items).expect("sent");
    let mut values: Vec<_> = outcomes.take(2).filter_map(|o| o.value).collect();
    values.sort();
    assert_eq!(values, [1, 2], "the first one sleeps on");
}

#[test]
fn imap_unordered_keeps_the_order_if_there_is_only_one_worker() {
    let _test = test();
    let pool = one_worker();
    let math = pool.guest("math");
    let outcomes = pool.imap_unordered::<i32>(&math, "add", (0..500).map(|n| (n, 1)));
    let values: Vec<_> = outcomes.expect("sent").filter_map(|o| o.value).collect();
    assert_eq!(values, (1..=500).collect::<Vec<_>>());
}

#[test]
fn next_with_a_timeout_raises_timeout_error_and_loses_nothing() {
    let _test = test();
    let pool = one_worker();
    let sleeper = pool.guest("sleeper");
    let mut outcomes = pool
        .imap::<u32>(&sleeper, "sleep-then", [(200, 1), (0, 2)])
        .expect("sent");
    for timeout in [Duration::ZERO, A_MOMENT] {
        let error = outcomes.next_timeout(timeout).expect_err("too soon");
        assert!(matches!(error, Error::Timeout), "{error:?}");
    }
    let mut next = || outcomes.next_timeout(SOON).expect("in time");
    assert_eq!(next().and_then(|o| o.value), Some(1));
    assert_eq!(next().and_then(|o| o.value), Some(2));
    assert!(next().is_none(), "the end is no timeout");
    assert!(next().is_none(), "and stays the end");
}

#[test]
fn an_error_is_yielded_in_its_place_and_the_rest_follows() {
    let _test = test();
    let pool = two_workers();
    let text = pool.guest("text");
    let names = ["ann", "", "bob"].map(|name| (name,));
    let outcomes = pool.imap::<String>(&text, "greet", names).expect("sent");
    let verdicts: Vec<_> = outcomes.map(|outcome| outcome.verdict).collect();
    assert_eq!(verdicts, [Verdict::Ok, Verdict::Error, Verdict::Ok]);
}

#[test]
fn an_iterator_that_panics_is_yielded_as_an_error_in_its_place_and_ends_the_stream() {
    let _test = test();
    let pool = two_workers();
    let math = pool.guest("math");
    for chunksize in [1, 10] {
        let items = (0..9u32).inspect(|n| assert!(*n < 2, "this panic is part of a test"));
        let call = pool.call(&math, "fib").chunksize(chunksize);
        let outcomes: Vec<Outcome<u64>> = call.imap(items).expect("sent").collect();
        assert_eq!(outcomes.len(), 3);
        assert_eq!((outcomes[0].value, outcomes[1].value), (Some(0), Some(1)));
        assert_eq!(outcomes[2].verdict, Verdict::InvalidArguments);
        let text = outcomes[2].error.as_deref().expect("a text");
        assert!(text.contains("this panic is part of a test"), "{text}");
    }
    pool.assert_whole();
}

#[test]
fn imap_gives_the_same_results_with_every_chunksize() {
    let _test = test();
    for queue_length in [None, Some(3)] {
        let pool = open(pool().processes(2).queue_length(queue_length));
        let math = pool.guest("math");
        // Some are more than may be on their way at once.
        for chunksize in [1, 2, 7, 100_000, usize::MAX] {
            let call = pool.call(&math, "add").chunksize(chunksize);
            let outcomes = call.imap::<i32>((0..2000).map(|n| (n, 1)));
            let values: Vec<_> = outcomes.expect("sent").filter_map(|o| o.value).collect();
            assert_eq!(values, (1..=2000).collect::<Vec<_>>(), "by {chunksize}");
        }
    }
}

#[test]
fn chunksize_keeps_items_back_until_there_are_so_many() {
    let _test = test();
    let pool = one_worker();
    let math = pool.guest("math");
    let (give, items) = channel::<u32>();
    let call = pool.call(&math, "fib").chunksize(2);
    let mut outcomes = call.imap::<u64>(items).expect("sent");
    give.send(10).expect("taken");
    let early = outcomes.next_timeout(A_MOMENT);
    assert!(matches!(early, Err(Error::Timeout)), "{early:?}");
    give.send(11).expect("taken");
    assert_eq!(outcomes.next().and_then(|o| o.value), Some(55));
    assert_eq!(outcomes.next().and_then(|o| o.value), Some(89));
    give.send(12).expect("taken");
    drop(give);
    let last = outcomes.next().and_then(|o| o.value);
    assert_eq!(last, Some(144), "the last chunk may be short");
    assert!(outcomes.next().is_none());
}

#[test]
fn chunksize_below_1_is_an_error() {
    let _test = test();
    let pool = one_worker();
    let math = pool.guest("math");
    let call = || pool.call(&math, "fib").chunksize(0);
    let errors = [
        call().imap::<u64>([1u32]).err(),
        call().imap_unordered::<u64>([1u32]).err(),
    ];
    for error in errors {
        let text = error.map(|error| error.to_string());
        let expected = "a chunk has at least 1 item, not `0`";
        assert_eq!(text.as_deref(), Some(expected));
    }
}
