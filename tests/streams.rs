//! Maps of many items: all come, in order where that was asked for, and no
//! more is pulled than is needed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use sandpool::{Value, Verdict};

use crate::support::{eventually, one_worker, open, pool, test, two_workers, wat};

#[test]
fn an_imap_waits_for_room_in_a_short_queue() {
    let _test = test();
    let pool = open(pool().processes(2).queue_length(3));
    let module = pool.wat(wat::ADD);
    let items = (0..500).map(|n| (n, 1));
    let outcomes = pool.imap::<i32>(&module, "add", items).expect("sent");
    let sums: Vec<i32> = outcomes.map(|outcome| outcome.value.expect("ok")).collect();
    assert_eq!(sums, (1..=500).collect::<Vec<_>>());
}

/// Counts what is pulled from it, and says when it is dropped.
struct Endless {
    pulled: Arc<AtomicUsize>,
    dropped: Arc<AtomicBool>,
}

impl Iterator for Endless {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        Some(self.pulled.fetch_add(1, Ordering::Relaxed))
    }
}

impl Drop for Endless {
    fn drop(&mut self) {
        self.dropped.store(true, Ordering::Relaxed);
    }
}

fn endless() -> (Endless, Arc<AtomicUsize>, Arc<AtomicBool>) {
    let (pulled, dropped) = (Arc::default(), Arc::default());
    let inputs = Endless {
        pulled: Arc::clone(&pulled),
        dropped: Arc::clone(&dropped),
    };
    (inputs, pulled, dropped)
}

/// Waits until a count has stood still for a while, and returns it.
fn stands_still(count: &AtomicUsize) -> usize {
    let mut last = (count.load(Ordering::Relaxed), Instant::now());
    eventually("no more is pulled", || {
        let now = count.load(Ordering::Relaxed);
        if now != last.0 {
            last = (now, Instant::now());
        }
        last.1.elapsed() > Duration::from_millis(300)
    });
    last.0
}

#[test]
fn an_endless_input_is_pulled_only_so_far_ahead() {
    let _test = test();
    let pool = two_workers();
    let module = pool.wat(wat::ADD);
    let (inputs, pulled, dropped) = endless();
    let inputs = inputs.map(|n| (n as i32, 1));
    let mut outcomes = pool.imap::<i32>(&module, "add", inputs).expect("sent");
    assert_eq!(outcomes.next().expect("one comes").value, Some(1));
    let ahead = stands_still(&pulled);
    assert!(
        ahead <= 20_000,
        "{ahead} inputs were pulled for one that was taken"
    );
    for n in 1..30_000 {
        assert_eq!(outcomes.next().expect("more come").value, Some(n + 1));
    }
    let ahead = stands_still(&pulled);
    assert!((30_000..50_000).contains(&ahead), "{ahead}");
    drop(outcomes);
    eventually("the input is dropped with its stream", || {
        dropped.load(Ordering::Relaxed)
    });
    pool.assert_whole();
}

#[test]
fn large_inputs_are_pulled_by_their_bytes() {
    let _test = test();
    let pool = two_workers();
    let digest = pool.guest("digest");
    let (inputs, pulled, dropped) = endless();
    let inputs = inputs.map(|n| (vec![n as u8; 1 << 20],));
    let mut outcomes = pool.imap::<Vec<u8>>(&digest, "echo", inputs).expect("sent");
    for n in 0..10 {
        let outcome = outcomes.next().expect("more come");
        assert!(
            outcome.value == Some(vec![n; 1 << 20]),
            "{}",
            outcome.verdict
        );
    }
    let ahead = stands_still(&pulled);
    assert!(ahead <= 100, "{ahead} MiB of inputs were pulled for 10");
    drop(outcomes);
    eventually("the input is dropped with its stream", || {
        dropped.load(Ordering::Relaxed)
    });
}

#[test]
fn imap_keeps_the_order_and_imap_unordered_loses_none() {
    let _test = test();
    let pool = two_workers();
    let sleeper = pool.guest("sleeper");
    // Later ones end earlier.
    let items = || (0..60u32).map(|n| (if n % 10 == 0 { 60 } else { n % 5 }, n));
    let ordered = pool
        .imap::<u32>(&sleeper, "sleep-then", items())
        .expect("sent");
    let ordered: Vec<_> = ordered
        .map(|outcome| (outcome.index, outcome.value))
        .collect();
    assert_eq!(
        ordered,
        (0..60u32)
            .map(|n| (u64::from(n), Some(n)))
            .collect::<Vec<_>>()
    );
    let unordered = pool
        .imap_unordered::<u32>(&sleeper, "sleep-then", items())
        .expect("sent");
    let mut values: Vec<_> = unordered
        .map(|outcome| outcome.value.expect("ok"))
        .collect();
    assert_ne!(values, (0..60).collect::<Vec<_>>(), "as they are ready");
    values.sort();
    assert_eq!(values, (0..60).collect::<Vec<_>>());
}

#[test]
fn an_outcome_is_there_while_the_next_input_is_waited_for() {
    let _test = test();
    let pool = one_worker();
    let module = pool.wat(wat::ADD);
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let items = (0..2).map(move |n| {
        if n == 1 {
            let _ = wait.recv();
        }
        (n, 1)
    });
    let mut outcomes = pool.imap::<i32>(&module, "add", items).expect("sent");
    assert_eq!(outcomes.next().expect("comes at once").value, Some(1));
    assert!(outcomes.try_next_ready().is_none());
    go.send(()).expect("the input waits");
    assert_eq!(outcomes.next().expect("comes now").value, Some(2));
    assert!(outcomes.next().is_none());
}

#[test]
fn an_item_that_does_not_fit_costs_itself_alone() {
    let _test = test();
    let pool = one_worker();
    let math = pool.guest("math");
    let items = [Value::U32(10), Value::String("x".into()), Value::U32(11)];
    let outcomes: Vec<_> = pool
        .imap::<u64>(&math, "fib", items.map(|item| (item,)))
        .expect("sent")
        .collect();
    assert_eq!(outcomes[0].value, Some(55));
    assert_eq!(outcomes[1].verdict, Verdict::InvalidArguments);
    assert_eq!((outcomes[1].index, outcomes[1].attempts), (1, 0));
    let text = outcomes[1].error.as_deref().expect("a text");
    assert!(text.contains("`n`") && text.contains("u32"), "{text}");
    assert_eq!(outcomes[2].value, Some(89));
}

#[test]
fn one_failure_among_10_000_costs_no_other_its_result() {
    let _test = test();
    let pool = two_workers();
    let text = pool.guest("text");
    let name = |n: usize| {
        if n == 7777 {
            String::new()
        } else {
            n.to_string()
        }
    };
    let outcomes = pool
        .map::<String>(&text, "greet", (0..10_000).map(|n| (name(n),)))
        .expect("sent");
    assert_eq!(outcomes.len(), 10_000);
    for (n, outcome) in outcomes.into_iter().enumerate() {
        assert_eq!(outcome.index, n as u64);
        if n == 7777 {
            assert_eq!(outcome.verdict, Verdict::Error, "{outcome}");
        } else {
            assert_eq!(outcome.value, Some(format!("hello, {n}")));
        }
    }
}

#[test]
fn a_stream_that_began_before_the_pool_was_closed_is_finished() {
    let _test = test();
    let pool = two_workers();
    let module = pool.wat(wat::ADD);
    let items = (0..20_000).map(|n| (n, 1));
    let outcomes = pool.imap::<i32>(&module, "add", items).expect("sent");
    pool.close();
    let sums: Vec<i32> = outcomes.map(|outcome| outcome.value.expect("ok")).collect();
    assert_eq!(sums, (1..=20_000).collect::<Vec<_>>());
}

#[test]
fn joining_before_reading_a_stream_dead_locks_nobody() {
    let _test = test();
    let pool = two_workers();
    let module = pool.wat(wat::ADD);
    // More than a stream holds while somebody may still read.
    let items = (0..40_000).map(|n| (n, 1));
    let outcomes = pool.imap::<i32>(&module, "add", items).expect("sent");
    pool.close();
    pool.join().expect("it ends");
    assert_eq!(outcomes.filter(|outcome| outcome.is_ok()).count(), 40_000);
}

#[test]
fn large_outcomes_that_nobody_reads_are_bounded_by_their_bytes() {
    let _test = test();
    let pool = two_workers();
    let digest = pool.guest("digest");
    let (inputs, pulled, _) = endless();
    let megabyte = inputs.map(|_| (vec![7u8; 1 << 20],));
    let outcomes = pool
        .imap_unordered::<Vec<u8>>(&digest, "echo", megabyte)
        .expect("sent");
    let held = stands_still(&pulled);
    assert!((1..=200).contains(&held), "{held} MiB are held");
    drop(outcomes);
}
