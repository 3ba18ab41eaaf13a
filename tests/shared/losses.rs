//! The fate of a dead or failed task's locks and items, and of those who wait for them:
//! the guides promise it.

use std::time::Duration;

use sandpool::{Acquired, Manager, SharedError, Verdict};

use super::perform;
use crate::support::process::kill;
use crate::support::{SOON, eventually, one_worker, test, two_workers};

#[test]
fn a_lock_comes_back_from_a_task_that_failed_and_is_said_to_be_abandoned() {
    let _test = test();
    let pool = one_worker();
    let sharing = pool.guest("sharing");
    let manager = Manager::new();
    for (kind, lock) in [("lock", manager.lock()), ("rlock", manager.rlock())] {
        let acquire = format!("{kind} k acquire -");
        for (how, last) in [("by a trap", "trap"), ("killed", "sleep 60000")] {
            let steps = [acquire.as_str(), last];
            let call = perform(&pool, &sharing, &steps).share("k", &lock);
            let task = call.timeout(None).apply_async::<Vec<String>>();
            let task = task.expect("sent");
            if how == "killed" {
                eventually("the task holds the lock", || {
                    let acquired = lock.acquire(Duration::ZERO);
                    if acquired.is_ok() {
                        lock.release().expect("just acquired");
                    }
                    acquired == Err(SharedError::Timeout)
                });
                kill(pool.worker_pids()[0]);
            }
            let outcome = task.outcome(None).expect("there");
            assert!(!outcome.is_ok(), "{how}: {outcome}");
            let acquired = lock.acquire(SOON);
            assert_eq!(acquired, Ok(Acquired::Abandoned), "{kind}, {how}");
            lock.release().expect("held");
            assert_eq!(lock.acquire(SOON), Ok(Acquired::Clean), "said once");
            lock.release().expect("held");
        }
    }
}

#[test]
fn one_who_waits_for_a_lock_gets_it_from_a_task_that_is_killed() {
    let _test = test();
    let pool = two_workers();
    let sharing = pool.guest("sharing");
    let lock = Manager::new().lock();
    let hold = ["lock k acquire -", "sleep 60000"];
    let hold = perform(&pool, &sharing, &hold).share("k", &lock);
    let holder = hold.timeout(None).apply_async::<Vec<String>>();
    let holder = holder.expect("sent");
    eventually("the first has the lock", || {
        let acquired = lock.acquire(Duration::ZERO);
        if acquired.is_ok() {
            lock.release().expect("just acquired");
        }
        acquired.is_err()
    });
    let wait = ["lock k acquire -", "lock k release"];
    let wait = perform(&pool, &sharing, &wait).share("k", &lock);
    let waiter = wait.apply_async::<Vec<String>>().expect("sent");
    assert!(!waiter.wait(Some(Duration::from_millis(50))));
    holder.cancel();
    assert_eq!(waiter.get(Some(SOON)).expect("ok"), ["abandoned", "ok"]);
}

#[test]
fn permits_come_back_from_a_task_that_is_killed() {
    let _test = test();
    let pool = one_worker();
    let sharing = pool.guest("sharing");
    let semaphore = Manager::new().bounded_semaphore(3);
    let steps = [
        "semaphore s acquire -",
        "semaphore s acquire -",
        "sleep 60000",
    ];
    let call = perform(&pool, &sharing, &steps).share("s", &semaphore);
    let task = call.timeout(None).apply_async::<Vec<String>>();
    let task = task.expect("sent");
    eventually("two are taken", || semaphore.permits() == 1);
    kill(pool.worker_pids()[0]);
    let outcome = task.outcome(None).expect("there");
    assert_eq!(outcome.verdict, Verdict::WorkerLost, "{outcome}");
    eventually("they are back", || semaphore.permits() == 3);
    assert_eq!(semaphore.release(), Err(SharedError::OverRelease));
}

#[test]
fn a_barrier_is_broken_for_all_when_one_who_waits_is_killed() {
    let _test = test();
    let pool = two_workers();
    let sharing = pool.guest("sharing");
    let barrier = Manager::new().barrier(3);
    let send = || {
        let call = perform(&pool, &sharing, &["barrier b wait -"]).share("b", &barrier);
        call.timeout(None).apply_async::<Vec<String>>()
    };
    let (one, other) = (send().expect("sent"), send().expect("sent"));
    eventually("both wait", || barrier.n_waiting() == 2);
    one.cancel();
    assert_eq!(other.get(Some(SOON)).expect("ok"), ["error broken"]);
    assert!(barrier.is_broken());
    assert_eq!(barrier.wait(SOON), Err(SharedError::Broken));
}

#[test]
fn a_condition_is_given_up_by_a_task_that_is_killed_while_it_waits() {
    let _test = test();
    let pool = two_workers();
    let sharing = pool.guest("sharing");
    let manager = Manager::new();
    let (condition, count) = (manager.condition(), manager.value(&0).expect("JSON"));
    let steps = [
        "condition c acquire -",
        "value v add 1",
        "condition c wait -",
    ];
    let send = || {
        let call = perform(&pool, &sharing, &steps);
        let call = call.share("c", &condition).share("v", &count);
        call.timeout(None).apply_async::<Vec<String>>()
    };
    let (one, other) = (send().expect("sent"), send().expect("sent"));
    eventually("both have come", || count.get() == Ok(2));
    // Free: both wait.
    assert_eq!(condition.acquire(SOON), Ok(Acquired::Clean));
    condition.release().expect("held");
    one.cancel();
    one.wait(Some(SOON));
    // One notification is enough: it is not lost on the one that is gone.
    assert_eq!(condition.acquire(SOON), Ok(Acquired::Clean));
    condition.notify(1).expect("held");
    condition.release().expect("held");
    let results = other.get(Some(SOON)).expect("ok");
    assert_eq!([&results[0], &results[2]], ["clean", "true"]);
}
