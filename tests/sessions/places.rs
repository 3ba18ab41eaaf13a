//! The places of a pool: calls of sessions and ordinary tasks share its `processes`.

use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use sandpool::Session;

use super::{counter, next, session};
use crate::support::{SOON, one_worker, test, test_alone, two_workers};

#[test]
fn idle_sessions_take_no_place_from_ordinary_tasks() {
    let _test = test();
    let pool = one_worker();
    let (first, module) = counter(&pool);
    let second = session(&pool, &module);
    for n in 1..4 {
        pool.assert_whole();
        assert_eq!((next(&first), next(&second)), (n, n));
    }
    assert_eq!(pool.worker_pids().len(), 3, "one worker and two sessions");
}

#[test]
fn a_running_call_takes_a_place_of_the_pool() {
    let _test = test_alone();
    let pool = one_worker();
    let sleeper = pool.guest("sleeper");
    let (first, second) = (session(&pool, &sleeper), session(&pool, &sleeper));
    // Everything is started beforehand.
    for session in [&first, &second] {
        session.call::<()>("sleep-ms", (1u32,)).expect("ok");
    }
    pool.apply::<()>(&sleeper, "sleep-ms", (1u32,)).expect("ok");
    let begun = Instant::now();
    let mut calls = Vec::new();
    for _ in 0..10 {
        for session in [&first, &second] {
            calls.push(
                session
                    .call_async::<()>("sleep-ms", (10u32,))
                    .expect("sent"),
            );
        }
        calls.push(
            pool.apply_async(&sleeper, "sleep-ms", (10u32,))
                .expect("sent"),
        );
    }
    for call in calls {
        call.get(Some(SOON)).expect("it ends well");
    }
    let took = begun.elapsed();
    assert!(
        took >= Duration::from_millis(300),
        "one at a time: {took:?}"
    );
}

#[test]
fn two_places_are_used_by_two_sessions() {
    let _test = test_alone();
    let pool = two_workers();
    let sleeper = pool.guest("sleeper");
    let sessions: Vec<Session> = (0..2).map(|_| session(&pool, &sleeper)).collect();
    for session in &sessions {
        session.call::<()>("sleep-ms", (1u32,)).expect("ok");
    }
    let begun = Instant::now();
    let calls = sessions
        .iter()
        .map(|it| it.call_async::<()>("sleep-ms", (1000u32,)));
    for call in calls.collect::<Vec<_>>() {
        call.expect("sent").get(Some(SOON)).expect("it ends well");
    }
    let took = begun.elapsed();
    assert!(took < Duration::from_millis(1900), "side by side: {took:?}");
}

/// Submits `count` ordinary tasks, then as many calls in each of two sessions, and returns
/// the order in which they ended: `true` for a call in a session.
fn order(count: usize, ms: u32) -> Vec<bool> {
    let pool = one_worker();
    let sleeper = pool.guest("sleeper");
    let sessions: Vec<Session> = (0..2).map(|_| session(&pool, &sleeper)).collect();
    for session in &sessions {
        session.call::<()>("sleep-ms", (1u32,)).expect("ok");
    }
    pool.apply::<()>(&sleeper, "sleep-ms", (1u32,)).expect("ok");
    let (sender, ended) = channel();
    let mut calls = Vec::new();
    for _ in 0..count {
        let sender = sender.clone();
        let call = pool.call(&sleeper, "sleep-ms").arg(ms);
        let call = call.callback(move |_| {
            let _ = sender.send(false);
        });
        calls.push(call.apply_async::<()>().expect("sent"));
    }
    for session in &sessions {
        for _ in 0..count {
            let sender = sender.clone();
            let call = session.run("sleep-ms").arg(ms);
            let call = call.callback(move |_| {
                let _ = sender.send(true);
            });
            calls.push(call.apply_async::<()>().expect("sent"));
        }
    }
    drop(sender);
    for call in calls {
        call.get(Some(SOON)).expect("it ends well");
    }
    ended.iter().collect()
}

#[test]
fn ordinary_tasks_and_sessions_take_turns_while_both_wait() {
    let _test = test_alone();
    for ms in [0, 3] {
        let order = order(60, ms);
        assert_eq!(order.len(), 180);
        // Some ordinary tasks may have run before the first call was made.
        let first = order
            .iter()
            .position(|in_session| *in_session)
            .expect("one");
        let both_wait = &order[first..first + 40_usize.min(2 * (60 - first))];
        let in_session = both_wait.iter().filter(|in_session| **in_session).count();
        let half = both_wait.len() / 2;
        assert!(in_session.abs_diff(half) <= 4, "{ms} ms: {both_wait:?}");
    }
}

#[test]
fn a_long_queue_of_ordinary_tasks_does_not_keep_a_session_waiting() {
    let _test = test_alone();
    let pool = one_worker();
    let (session, module) = counter(&pool);
    next(&session);
    let tasks = pool.map_async::<u32>(&module, "next", (0..20_000).map(|_| ()));
    let tasks = tasks.expect("sent");
    for n in 2..12 {
        assert_eq!(next(&session), n);
    }
    assert!(!tasks.ready(), "the session did not wait for the whole map");
    let outcomes = tasks.get(Some(SOON)).expect("they end");
    assert!(outcomes.iter().all(|outcome| outcome.value == Some(1)));
}

#[test]
fn a_long_call_in_a_session_takes_one_place_and_the_others_go_on() {
    let _test = test();
    let pool = two_workers();
    let (session, module) = counter(&pool);
    next(&session);
    let long = session.run("spin").timeout(None);
    let long = long.apply_async::<()>().expect("sent");
    let outcomes = pool.map::<u32>(&module, "next", (0..500).map(|_| ()));
    assert!(
        outcomes
            .expect("sent")
            .iter()
            .all(|outcome| outcome.is_ok())
    );
    pool.assert_whole();
    assert!(!long.ready());
    session.terminate();
}
