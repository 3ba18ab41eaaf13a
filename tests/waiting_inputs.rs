//! Inputs of a stream gather while the workers have enough to do, and none of them
//! ever waits for the next.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use sandpool::{IMap, Module, Outcome, Retries, Value, Verdict};

use crate::support::{SOON, TestPool, eventually, open, pool, random, test, two_workers, wat};

/// A function that traps for 0, and gives back everything else.
const NOT_ZERO: &str = r#"
(module (func (export "same") (param i32) (result i32)
  (if (i32.eqz (local.get 0)) (then unreachable))
  (local.get 0)))
"#;

/// A stream whose inputs are sent to it, one at a time.
fn stream(
    pool: &TestPool,
    module: &Module,
    function: &str,
    ordered: bool,
) -> (Sender<(i32, i32)>, IMap<i32>) {
    let (give, items) = channel();
    let call = pool.call(module, function);
    let outcomes = match ordered {
        true => call.imap(items),
        false => call.imap_unordered(items),
    };
    (give, outcomes.expect("sent"))
}

fn next(outcomes: &mut IMap<i32>) -> Outcome<i32> {
    let next = outcomes.next_timeout(SOON).expect("it comes soon");
    next.expect("it comes")
}

#[test]
fn however_many_inputs_come_at_once_none_waits_for_the_next() {
    let _test = test();
    let pool = two_workers();
    let module = pool.wat(wat::ADD);
    let (seed, mut below) = random();
    for ordered in [true, false] {
        let (give, mut outcomes) = stream(&pool, &module, "add", ordered);
        let mut given = 0;
        for _ in 0..500 {
            let most = if below(9) == 0 { 900 } else { 12 };
            let burst = 1 + below(most) as i32;
            for n in given..given + burst {
                give.send((n, 1)).expect("it is taken");
            }
            // The feeder waits for more now, and gets none before these are there.
            let mut values: Vec<_> = (0..burst).map(|_| next(&mut outcomes).value).collect();
            if !ordered {
                values.sort_unstable();
            }
            let expected: Vec<_> = (given..given + burst).map(|n| Some(n + 1)).collect();
            assert_eq!(values, expected, "ordered: {ordered}, seed {seed}");
            given += burst;
        }
        assert!(outcomes.try_next_ready().is_none());
        drop(give);
        assert!(outcomes.next().is_none());
    }
    pool.assert_whole();
}

#[test]
fn inputs_that_depend_on_outcomes_before_them_come_to_an_end() {
    let _test = test();
    let pool = two_workers();
    let module = pool.wat(wat::ADD);
    for under_way in [1, 3, 4, 5, 100] {
        let (give, mut outcomes) = stream(&pool, &module, "add", true);
        for chain in 0..under_way {
            give.send((chain, 0)).expect("it is taken");
        }
        for step in 0..1000 {
            let value = next(&mut outcomes).value.expect("ok");
            assert_eq!(value, step % under_way + step / under_way);
            give.send((value, 1)).expect("it is taken");
        }
    }
}

#[test]
fn an_input_is_run_at_once_while_others_wait_to_be_run_again() {
    let _test = test();
    let pool = two_workers();
    let module = pool.wat(NOT_ZERO);
    let hour = Duration::from_secs(3600);
    let again = Retries::new(1).on([Verdict::Trap]).delay(hour);
    let (give, items) = channel::<i32>();
    let call = pool
        .call(&module, "same")
        .retries(again.longest_delay(hour));
    let mut outcomes: IMap<i32> = call.imap_unordered(items).expect("sent");
    // They count as tasks of the pool's, and nothing will happen to them.
    for _ in 0..50 {
        give.send(0).expect("it is taken");
    }
    for value in 1..200 {
        give.send(value).expect("it is taken");
        assert_eq!(next(&mut outcomes).value, Some(value));
    }
}

#[test]
fn inputs_that_have_gathered_get_their_verdicts_when_the_stream_or_the_pool_ends() {
    let _test = test();
    for finish in [true, false] {
        let pool = two_workers();
        let module = pool.wat(wat::ADD);
        // Nothing is drawn meanwhile.
        pool.pause();
        let (give, items) = channel::<(i32, i32)>();
        let pulled = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&pulled);
        let items = items.into_iter().inspect(move |_| {
            count.fetch_add(1, Ordering::Relaxed);
        });
        let mut outcomes = pool.imap::<i32>(&module, "add", items).expect("sent");
        for n in 0..100 {
            give.send((n, 1)).expect("it is taken");
        }
        eventually("all are pulled", || pulled.load(Ordering::Relaxed) == 100);
        // The feeder waits for a further one, and goes on waiting.
        match finish {
            true => outcomes.steering().finish(),
            false => pool.terminate(),
        }
        let mut ended = 0;
        while let Some(outcome) = outcomes.next_timeout(SOON).expect("it comes soon") {
            assert_eq!(outcome.verdict, Verdict::Cancelled);
            assert_eq!(outcome.index, ended);
            ended += 1;
        }
        // The last may not have been taken in yet.
        assert!((99..=100).contains(&ended), "{ended}");
        drop(give);
    }
}

#[test]
fn what_has_gathered_is_never_run_when_its_stream_is_gone() {
    let _test = test();
    let pool = two_workers();
    let sleeper = pool.guest("sleeper");
    let workers = pool.warm(&sleeper, "sleep-ms", 20);
    pool.pause();
    let (give, items) = channel::<(u32, u32)>();
    let outcomes = pool.imap::<u32>(&sleeper, "sleep-then", items);
    let outcomes = outcomes.expect("sent");
    for n in 0..100 {
        give.send((600_000, n)).expect("it is taken");
    }
    drop(outcomes);
    pool.resume();
    eventually("the feeder ends with the next", || {
        give.send((600_000, 0)).is_err()
    });
    let slept = pool.apply::<u32>(&sleeper, "sleep-then", (0u32, 3u32));
    assert_eq!(slept.expect("the workers are free"), 3);
    // One that ran such a task would have been ended.
    assert_eq!(pool.worker_pids(), workers);
}

#[test]
fn inputs_that_do_not_fit_leave_those_around_them_their_places() {
    let _test = test();
    let pool = two_workers();
    let math = pool.guest("math");
    pool.pause();
    let fits = |n: u64| !n.is_multiple_of(7);
    let items = (0..100u64).map(move |n| match fits(n) {
        true => (Value::U32(n as u32 % 40),),
        false => (Value::String("x".into()),),
    });
    let outcomes = pool.imap_unordered::<u64>(&math, "fib", items);
    let outcomes = outcomes.expect("sent");
    pool.resume();
    let fibs: Vec<u64> = (0..40u32)
        .map(|n| pool.apply(&math, "fib", (n,)).expect("ok"))
        .collect();
    let mut seen = [false; 100];
    for outcome in outcomes {
        assert!(!std::mem::replace(&mut seen[outcome.index as usize], true));
        match fits(outcome.index) {
            true => assert_eq!(outcome.value, Some(fibs[outcome.index as usize % 40])),
            false => assert_eq!(outcome.verdict, Verdict::InvalidArguments),
        }
    }
    assert_eq!(seen, [true; 100]);
}

#[test]
fn long_and_short_inputs_keep_their_bytes_and_their_order() {
    let _test = test();
    let pool = two_workers();
    let digest = pool.guest("digest");
    let (seed, mut below) = random();
    let sizes: Vec<usize> = (0..600)
        .map(|_| match below(20) {
            0 => below(300_000) as usize,
            1..4 => below(9_000) as usize,
            _ => below(60) as usize,
        })
        .collect();
    let input = |n: usize, size: usize| vec![n as u8; size];
    let given: Vec<_> = sizes
        .iter()
        .enumerate()
        .map(|(n, size)| input(n, *size))
        .collect();
    let items = given.clone().into_iter().map(|bytes| (bytes,));
    let outcomes = pool.imap::<Vec<u8>>(&digest, "echo", items).expect("sent");
    for (given, outcome) in given.into_iter().zip(outcomes) {
        let same = outcome.value == Some(given);
        assert!(same, "{}: {outcome}, seed {seed}", outcome.index);
    }
}

#[test]
fn a_stream_of_nothing_ends_at_once_though_the_queue_is_full() {
    let _test = test();
    let pool = open(pool().processes(1).queue_length(1));
    let add = pool.wat(wat::ADD);
    let _: i32 = pool.apply(&add, "add", (1, 2)).expect("ok");
    pool.pause();
    let waits = pool.apply_async::<i32>(&add, "add", (1, 2)).expect("sent");
    let nothing: [(i32, i32); 0] = [];
    let mut outcomes = pool.imap::<i32>(&add, "add", nothing).expect("sent");
    assert!(outcomes.next_timeout(SOON).expect("it ends").is_none());
    pool.resume();
    assert_eq!(waits.get(Some(SOON)).expect("ok"), 3);
}
