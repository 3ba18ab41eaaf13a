//! Tasks that are run again, and streams that are steered while they run.

use std::time::{Duration, Instant};

use sandpool::{IMap, Retries, RunningTask, Steering, Verdict};

use crate::support::process::kill;
use crate::support::{SOON, eventually, one_worker, test, two_workers, wat};

/// Retries at once, after a time that is up.
fn on_timeout(times: u32) -> Retries {
    Retries::new(times).on([Verdict::Timeout])
}

/// The tasks that a stream runs now, once there are so many.
fn running(steering: &Steering, number: usize) -> Vec<RunningTask> {
    let mut running = Vec::new();
    eventually("so many tasks run", || {
        running = steering.running();
        running.len() == number
    });
    running
}

#[test]
fn a_task_that_is_run_again_keeps_its_place_and_its_arguments() {
    let _test = test();
    let pool = one_worker();
    let sleeper = pool.guest("sleeper");
    let items = [(0_u32, 0_u32), (400, 1), (0, 2)];
    let outcomes: IMap<u32> = pool
        .call(&sleeper, "sleep-then")
        .retries(Retries::new(1))
        .imap(items)
        .expect("sent");
    let steering = outcomes.steering();
    eventually("the second runs", || {
        steering
            .running()
            .first()
            .is_some_and(|task| task.index == 1)
    });
    kill(pool.worker_pids()[0]);
    let outcomes: Vec<_> = outcomes.collect();
    let attempts: Vec<_> = outcomes.iter().map(|outcome| outcome.attempts).collect();
    let values: Vec<_> = outcomes.iter().map(|outcome| outcome.value).collect();
    assert_eq!(values, [Some(0), Some(1), Some(2)]);
    assert_eq!(attempts, [1, 2, 1]);
}

#[test]
fn the_outcome_is_that_of_the_last_run() {
    let _test = test();
    let pool = one_worker();
    let endless = pool.wat(wat::ENDLESS_COMMAND);
    let call = || pool.command(&endless).timeout(Duration::from_millis(20));
    let outcome = call().retries(on_timeout(2)).outcome().expect("sent");
    assert_eq!((outcome.verdict, outcome.attempts), (Verdict::Timeout, 3));
    assert!(!outcome.poison, "its worker did not die: it was ended");
    // By default it is the loss of the worker alone.
    let outcome = call().retries(Retries::new(2)).outcome().expect("sent");
    assert_eq!((outcome.verdict, outcome.attempts), (Verdict::Timeout, 1));
    pool.assert_whole();
}

#[test]
fn a_task_that_its_waiting_caller_saw_fail_is_run_again_in_time() {
    let _test = test();
    let pool = one_worker();
    let traps = pool.wat(r#"(module (func (export "trap") unreachable))"#);
    let retries = Retries::new(1).on([Verdict::Trap]);
    for _ in 0..100 {
        let retries = retries.clone().delay(Duration::from_millis(5));
        let call = pool.call(&traps, "trap").timeout(None).retries(retries);
        let result = call.apply_async::<()>().expect("sent");
        let outcome = result.outcome(Some(SOON)).expect("nobody sleeps past it");
        assert_eq!((outcome.verdict, outcome.attempts), (Verdict::Trap, 2));
    }
}

#[test]
fn while_a_task_waits_to_be_run_again_others_run() {
    let _test = test();
    let pool = one_worker();
    let math = pool.guest("math");
    let retries = on_timeout(1).delay(Duration::from_millis(700));
    let call = pool.call(&math, "fib").arg(90_u32);
    let call = call.timeout(Duration::from_millis(50)).retries(retries);
    let late = call.apply_async::<u64>().expect("sent");
    let since = Instant::now();
    let soon: u64 = pool.apply(&math, "fib", (20_u32,)).expect("it runs");
    assert_eq!(soon, 6765);
    assert!(
        since.elapsed() < Duration::from_millis(600),
        "{:?}",
        since.elapsed()
    );
    let outcome = late.outcome(None).expect("it ends");
    assert_eq!((outcome.verdict, outcome.attempts), (Verdict::Timeout, 2));
    assert!(
        since.elapsed() >= Duration::from_millis(700),
        "{:?}",
        since.elapsed()
    );
}

#[test]
fn a_closed_pool_waits_for_retries_and_a_terminated_one_does_not() {
    let _test = test();
    for ends_early in [false, true] {
        let pool = one_worker();
        let endless = pool.wat(wat::ENDLESS_COMMAND);
        let delay = Duration::from_millis(if ends_early { 600_000 } else { 300 });
        let call = pool.command(&endless).timeout(Duration::from_millis(20));
        let result = call
            .retries(on_timeout(1).delay(delay))
            .apply_async::<()>()
            .expect("sent");
        pool.close();
        if ends_early {
            eventually("its first worker is gone", || pool.worker_pids().is_empty());
            pool.terminate();
        }
        let outcome = result.outcome(None).expect("it ends");
        match ends_early {
            true => assert_eq!(outcome.verdict, Verdict::Cancelled),
            false => assert_eq!(outcome.attempts, 2),
        }
    }
}

#[test]
fn a_stream_that_is_finished_ends_what_runs_and_cancels_what_waits() {
    let _test = test();
    let pool = two_workers();
    let sleeper = pool.guest("sleeper");
    pool.warm(&sleeper, "sleep-ms", 1);
    let items = (0..).map(|n: u32| (500_u32, n));
    let outcomes: IMap<u32> = pool.imap(&sleeper, "sleep-then", items).expect("sent");
    let steering = outcomes.steering();
    let ran: Vec<_> = running(&steering, 2)
        .iter()
        .map(|task| task.index)
        .collect();
    steering.finish();
    let mut ended = 0;
    for outcome in outcomes {
        match outcome.verdict {
            Verdict::Ok => {
                assert!(ran.contains(&outcome.index), "{outcome}");
                ended += 1;
            }
            verdict => assert_eq!(verdict, Verdict::Cancelled, "{outcome}"),
        }
    }
    assert_eq!(ended, 2);
    pool.assert_whole();
}

#[test]
fn a_stream_whose_inputs_stand_still_ends_when_it_is_finished() {
    let _test = test();
    let pool = one_worker();
    let math = pool.guest("math");
    let (more, inputs) = std::sync::mpsc::channel::<(u32,)>();
    more.send((10,)).expect("heard");
    let mut outcomes: IMap<u64> = pool.imap(&math, "fib", inputs).expect("sent");
    assert_eq!(outcomes.next().and_then(|outcome| outcome.value), Some(55));
    let steering = outcomes.steering();
    let ends = std::thread::spawn(move || outcomes.count());
    steering.finish();
    eventually("the stream has ended", || ends.is_finished());
    assert_eq!(ends.join().expect("no panic"), 0);
    drop(more);
}

#[test]
fn a_wall_time_that_is_set_while_a_task_runs_ends_it() {
    let _test = test();
    let pool = one_worker();
    let sleeper = pool.guest("sleeper");
    let call = pool.call(&sleeper, "sleep-then").timeout(None);
    let items = [(600_000_u32, 0_u32), (1, 1)];
    let mut outcomes: IMap<u32> = call.imap(items).expect("sent");
    let steering = outcomes.steering();
    running(&steering, 1);
    steering.set_timeout(Some(Duration::from_millis(50)));
    let outcome = outcomes.next().expect("it comes");
    assert_eq!(outcome.verdict, Verdict::Timeout);
    let limit = outcome.limit.expect("a limit ended it");
    assert_eq!(limit.value, "50ms");
    let next = outcomes.next().expect("it comes");
    assert_eq!(next.value, Some(1), "{next}");
}
