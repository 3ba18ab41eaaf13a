//! Cancelling a task ends it wherever it is, and harms no other.

use std::time::{Duration, Instant};

use sandpool::{Error, Interrupt, Value, Verdict};

use crate::support::process::exists;
use crate::support::{SOON, eventually, one_worker, open, pool, test, two_workers, wat};

const SHORT: Duration = Duration::from_millis(100);

#[test]
fn a_running_task_is_cancelled_at_once_and_no_other_is_harmed() {
    let _test = test();
    for interrupt in [Interrupt::Kill, Interrupt::Epoch] {
        let pool = open(pool().processes(2).interrupt(interrupt));
        let misbehave = pool.guest("misbehave");
        let sleeper = pool.guest("sleeper");
        let endless = pool.call(&misbehave, "spin").timeout(None);
        let endless = endless.apply_async::<Value>().expect("sent");
        let others: Vec<_> = (0..20)
            .map(|n| {
                pool.apply_async::<u32>(&sleeper, "sleep-then", (20, n))
                    .expect("sent")
            })
            .collect();
        let spinning = pool.busy_worker();
        assert!(!endless.ready());
        let begun = Instant::now();
        endless.cancel();
        let outcome = endless.outcome(Some(SOON)).expect("it ends");
        assert_eq!(outcome.verdict, Verdict::Cancelled, "{outcome}");
        assert!(
            begun.elapsed() < Duration::from_secs(2),
            "{:?}",
            begun.elapsed()
        );
        assert_eq!(outcome.worker_pid, Some(spinning));
        for (n, other) in (0..).zip(others) {
            assert_eq!(other.get(Some(SOON)).expect("ok"), n);
        }
        endless.cancel();
        let still = endless.outcome(None).expect("ended");
        assert_eq!(still.verdict, Verdict::Cancelled);
    }
}

#[test]
fn a_task_that_waits_is_cancelled_and_never_runs() {
    let _test = test();
    let pool = one_worker();
    let sleeper = pool.guest("sleeper");
    let apply = |n: u32| {
        pool.apply_async::<u32>(&sleeper, "sleep-then", (300, n))
            .expect("sent")
    };
    let tasks: Vec<_> = (0..4).map(apply).collect();
    // Wherever they are now: queued, sent ahead or taken back.
    tasks[2].cancel();
    tasks[1].cancel();
    for n in [1, 2] {
        let outcome = tasks[n].outcome(Some(SOON)).expect("it ends");
        assert_eq!(outcome.verdict, Verdict::Cancelled, "{outcome}");
        assert_eq!(outcome.attempts, 0, "it never ran");
        assert_eq!(outcome.worker_pid, None);
    }
    assert!(!tasks[3].ready(), "cancelling waits for nobody");
    for n in [0, 3] {
        assert_eq!(tasks[n].get(Some(SOON)).expect("ok"), n as u32);
    }
}

#[test]
fn one_of_many_tiny_tasks_is_cancelled_wherever_it_is() {
    let _test = test();
    let pool = two_workers();
    let module = pool.wat(wat::ADD);
    for round in 0..20 {
        let tasks: Vec<_> = (0..200)
            .map(|n| {
                pool.apply_async::<i32>(&module, "add", (n, round))
                    .expect("sent")
            })
            .collect();
        let (some, other) = (&tasks[round as usize], &tasks[199 - round as usize]);
        some.cancel();
        other.cancel();
        for (n, task) in (0..).zip(&tasks) {
            let outcome = task.outcome(Some(SOON)).expect("it ends");
            let chosen = n == round || n == 199 - round;
            match outcome.verdict {
                Verdict::Ok => assert_eq!(outcome.value, Some(n + round)),
                // Cancelled in mid-run is possible: then its worker was killed.
                Verdict::Cancelled if chosen => assert!(outcome.attempts <= 1),
                _ => panic!("task {n} of round {round}: {outcome}"),
            }
        }
    }
}

#[test]
fn a_task_that_has_ended_keeps_its_outcome_when_it_is_cancelled() {
    let _test = test();
    let pool = one_worker();
    let math = pool.guest("math");
    let result = pool.apply_async::<u64>(&math, "fib", (10,)).expect("sent");
    assert_eq!(result.get(None).expect("ok"), 55);
    result.cancel();
    assert_eq!(result.get(None).expect("still ok"), 55);
}

#[test]
fn a_whole_map_is_cancelled() {
    let _test = test();
    let pool = two_workers();
    let sleeper = pool.guest("sleeper");
    let items = (0..100).map(|n| (30_000, n));
    let map = pool.map_async::<u32>(&sleeper, "sleep-then", items);
    let map = map.expect("sent");
    assert!(matches!(map.get(Some(SHORT)), Err(Error::Timeout)));
    map.cancel();
    for outcome in map.get(Some(SOON)).expect("all end") {
        assert_eq!(outcome.verdict, Verdict::Cancelled, "{outcome}");
    }
    pool.assert_whole();
}

#[test]
fn dropping_a_stream_ends_the_task_that_runs_for_it() {
    let _test = test();
    let pool = open(pool().processes(1).timeout(None));
    let math = pool.guest("math");
    let items = [(10,), (90,), (90,)];
    let mut outcomes = pool.imap::<u64>(&math, "fib", items).expect("sent");
    assert_eq!(outcomes.next().expect("one comes").value, Some(55));
    let busy = pool.busy_worker();
    drop(outcomes);
    eventually("its worker is ended", || !exists(busy));
    pool.assert_whole();
}

#[test]
fn the_handle_of_a_task_may_be_dropped_and_the_task_runs() {
    let _test = test();
    let pool = one_worker();
    let sleeper = pool.guest("sleeper");
    let (tell, told) = std::sync::mpsc::channel();
    let call = pool.call(&sleeper, "sleep-then").args((50, 1));
    let call = call.callback(move |outcome| tell.send(outcome.verdict).expect("heard"));
    drop(call.apply_async::<u32>().expect("sent"));
    assert_eq!(told.recv_timeout(SOON), Ok(Verdict::Ok));
}
