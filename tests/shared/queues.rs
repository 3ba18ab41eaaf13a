//! Queues with several guests at both ends, and guests that die.

use std::time::{Duration, Instant};

use sandpool::{Queue, SharedError, Verdict};

use super::perform;
use crate::support::process::kill;
use crate::support::{SOON, eventually, open, pool, test, two_workers};

#[test]
fn each_item_of_two_producers_reaches_one_of_two_consumers_once() {
    let _test = test();
    let pool = open(pool().processes(4));
    let sharing = pool.guest("sharing");
    let (source, target) = (Queue::<u32>::new(0), Queue::<u32>::new(0));
    let movers: Vec<_> = (0..2)
        .map(|_| {
            let call = pool.call(&sharing, "move-numbers").args((&source, &target));
            call.timeout(None).apply_async::<u32>().expect("sent")
        })
        .collect();
    let producers: Vec<_> = (0..2u32)
        .map(|part| {
            let call = pool.call(&sharing, "put-numbers");
            let call = call.args((&source, part * 10_000, 10_000));
            call.timeout(None).apply_async::<()>().expect("sent")
        })
        .collect();
    for producer in producers {
        producer.get(None).expect("ok");
    }
    source.close();
    let moved: u32 = movers.iter().map(|task| task.get(None).expect("ok")).sum();
    assert_eq!(moved, 20_000);
    let mut numbers = target.get_many(100_000, Duration::ZERO).expect("there");
    assert!(target.is_empty());
    numbers.sort_unstable();
    assert!(numbers.into_iter().eq(0..20_000));
}

#[test]
fn one_consumer_sees_the_items_in_the_order_of_their_producer() {
    let _test = test();
    let pool = two_workers();
    let sharing = pool.guest("sharing");
    for maxsize in [0, 1, 2, 10, 1000] {
        let (source, target) = (Queue::<u32>::new(maxsize), Queue::<u32>::new(0));
        let call = pool.call(&sharing, "move-numbers").args((&source, &target));
        let mover = call.apply_async::<u32>().expect("sent");
        let () = pool
            .apply(&sharing, "put-numbers", (&source, 0, 3000))
            .expect("ok");
        source.close();
        assert_eq!(mover.get(None).expect("ok"), 3000, "maxsize {maxsize}");
        let numbers = target.get_many(100_000, Duration::ZERO).expect("there");
        assert!(numbers.into_iter().eq(0..3000), "maxsize {maxsize}");
    }
}

#[test]
fn a_bounded_queue_never_holds_more_than_it_may() {
    let _test = test();
    let pool = two_workers();
    let sharing = pool.guest("sharing");
    let queue = Queue::<u32>::new(10);
    let producers: Vec<_> = (0..2)
        .map(|part| {
            let call = pool.call(&sharing, "put-numbers").args((&queue, part, 500));
            call.apply_async::<()>().expect("sent")
        })
        .collect();
    for _ in 0..1000 {
        assert!(queue.qsize() <= 10);
        queue.get().expect("there");
    }
    for producer in producers {
        producer.get(None).expect("ok");
    }
    assert_eq!(queue.try_get(), Err(SharedError::Empty));
}

#[test]
fn what_a_killed_consumer_had_not_received_comes_back() {
    let _test = test();
    let pool = two_workers();
    let sharing = pool.guest("sharing");
    let queue = Queue::<u32>::new(0);
    queue
        .put_many(&(0..100).collect::<Vec<_>>(), None)
        .expect("room");
    let received = Queue::<u32>::new(0);
    let steps = ["queue q get", "queue q get", "queue r put 2", "sleep 60000"];
    let call = perform(&pool, &sharing, &steps).share("q", &queue);
    let task = call
        .share("r", &received)
        .timeout(None)
        .apply_async::<Vec<String>>()
        .expect("sent");
    assert_eq!(received.get_timeout(SOON), Ok(2));
    assert_eq!(queue.qsize(), 98);
    kill(pool.worker_pids()[0]);
    let outcome = task.outcome(None).expect("there");
    assert_eq!(outcome.verdict, Verdict::WorkerLost, "{outcome}");
    let rest = queue.get_many(1000, None).expect("there");
    assert_eq!(rest, (2..100).collect::<Vec<_>>());
}

#[test]
fn what_a_task_put_stays_when_it_fails() {
    let _test = test();
    let pool = two_workers();
    let sharing = pool.guest("sharing");
    let queue = Queue::<u32>::new(0);
    let mut steps: Vec<String> = (0..50).map(|n| format!("queue q put {n}")).collect();
    steps.push("trap".into());
    let steps: Vec<&str> = steps.iter().map(String::as_str).collect();
    let outcome = perform(&pool, &sharing, &steps)
        .share("q", &queue)
        .outcome();
    assert_eq!(outcome.expect("sent").verdict, Verdict::Trap);
    let items = queue.get_many(1000, Duration::ZERO).expect("there");
    assert!(items.into_iter().eq(0..50));
}

#[test]
fn items_of_any_size_travel_whole() {
    let _test = test();
    let pool = two_workers();
    let sharing = pool.guest("sharing");
    let queue = Queue::<u32>::new(0);
    for size in [0usize, 1, 4096, 4097, 300_000, 5_000_000] {
        let put = format!("queue q put-bytes {size}");
        let steps = [put.as_str(), "queue q size"];
        let call = perform(&pool, &sharing, &steps).share("q", &queue);
        assert_eq!(call.apply::<Vec<String>>().expect("ok"), ["ok", "1"]);
        let back = queue.get_bytes(None).expect("there");
        assert!(back.len() == size && back.iter().all(|byte| *byte == b'x'));
        queue.put_bytes(back, None).expect("room");
        let call = perform(&pool, &sharing, &["queue q get-length"]).share("q", &queue);
        let length = size.to_string();
        assert_eq!(call.apply::<Vec<String>>().expect("ok"), [length]);
    }
}

#[test]
fn a_guest_that_waits_is_ended_by_its_deadline_and_by_cancelling() {
    let _test = test();
    let pool = two_workers();
    let sharing = pool.guest("sharing");
    let queue = Queue::<u32>::new(0);
    let waits = || perform(&pool, &sharing, &["queue q get"]).share("q", &queue);
    let outcome = waits().timeout(Duration::from_millis(100)).outcome();
    assert_eq!(outcome.expect("sent").verdict, Verdict::Timeout);
    let task = waits().apply_async::<Vec<String>>().expect("sent");
    eventually("it runs", || !pool.worker_pids().is_empty());
    task.cancel();
    let outcome = task.outcome(None).expect("there");
    assert_eq!(outcome.verdict, Verdict::Cancelled);
    // Nobody is left who would take an item.
    queue.put(&1).expect("room");
    assert_eq!(queue.try_get(), Ok(1));
}

#[test]
fn an_item_of_a_long_queue_costs_no_more_than_one_of_a_short_queue() {
    let _test = test();
    let queue = Queue::<u32>::new(0);
    let items: Vec<u32> = (0..300_000).collect();
    queue.put_many(&items, None).expect("room");
    let begin = Instant::now();
    for n in items {
        assert_eq!(queue.get(), Ok(n));
    }
    // Some 0.2 s; were all of it moved each time, many minutes.
    assert!(begin.elapsed() < Duration::from_secs(10));
}
