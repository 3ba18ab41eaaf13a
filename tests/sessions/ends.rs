//! The ways in which a session ends, and what its calls are told.

use std::time::Duration;

use sandpool::{AsyncResult, Error, Interrupt, MIB, Session, SessionEnd, Verdict};

use super::{assert_failed, counter, next, session};
use crate::support::process::{exists, go_on, kill, stop};
use crate::support::{SOON, TestPool, eventually, one_worker, open, pool, test, two_workers};

const SHORT: Duration = Duration::from_millis(60);

/// Begins a call that never ends by itself, and waits until it runs.
fn spin(session: &Session, pool: &TestPool) -> AsyncResult<()> {
    let call = session.run("spin").timeout(None);
    let call = call.apply_async::<()>().expect("sent");
    let pid = session.pid().expect("its process");
    assert_eq!(pool.busy_worker(), pid);
    call
}

/// Runs a call that ends the session, with another one behind it, and asserts what both and
/// all later ones are told.
fn assert_ends(session: &Session, function: &str, args: &[u32], verdict: Verdict, words: &str) {
    next(session);
    let pid = session.pid().expect("its process");
    let mut call = session.run(function).timeout(SHORT * 5);
    for arg in args {
        call = call.arg(*arg);
    }
    let last = call.apply_async::<sandpool::Value>().expect("sent");
    let waiting = session.call_async::<u32>("next", ());
    let outcome = last.outcome(Some(SOON)).expect("it ends");
    assert_eq!(outcome.verdict, verdict, "{outcome}");
    let why = match waiting {
        Ok(waiting) => {
            let waited = waiting.outcome(Some(SOON)).expect("it ends");
            assert_eq!(waited.verdict, Verdict::Cancelled, "{waited}");
            assert_eq!(waited.attempts, 0, "nothing is run again");
            waited.error.expect("a reason")
        }
        // The session was over before it could be sent.
        Err(Error::SessionEnded { reason }) => reason.to_string(),
        Err(error) => panic!("{error}"),
    };
    assert!(why.starts_with("session ended: "), "{why}");
    assert!(why.contains(words), "{why}");
    assert_failed(session, pid, verdict, words);
}

#[test]
fn an_error_leaves_the_session_as_it_is() {
    let _test = test();
    let pool = one_worker();
    let (session, _) = counter(&pool);
    next(&session);
    let pid = session.pid();
    let outcome = session.run("fails").outcome().expect("sent");
    assert_eq!(outcome.verdict, Verdict::Error, "{outcome}");
    assert_eq!(next(&session), 3, "what the failed call did is kept");
    assert_eq!((session.pid(), session.ended()), (pid, None));
}

#[test]
fn a_result_that_is_too_large_leaves_the_session_as_it_is() {
    let _test = test();
    let pool = one_worker();
    let math = session(&pool, &pool.guest("math"));
    let call = math.run("primes-below").arg(10_000u32).result_limit(100);
    let outcome = call.outcome().expect("sent");
    assert_eq!(outcome.verdict, Verdict::OutputLimit, "{outcome}");
    let (pid, worker) = (math.pid(), outcome.worker_pid);
    assert_eq!(math.call::<u64>("fib", (10u32,)).expect("ok"), 55);
    assert_eq!((math.pid(), math.ended()), (pid, None));
    assert_eq!(pid, worker);
}

#[test]
fn a_trap_a_timeout_and_a_memory_limit_end_the_session_with_the_reason() {
    let _test = test();
    let pool = open(pool().processes(2).memory(2 * MIB));
    for (function, args, verdict, words) in [
        ("trap", &[][..], Verdict::Trap, "unreachable"),
        ("spin", &[], Verdict::Timeout, "ran past 300ms"),
        ("grow", &[1000], Verdict::MemoryLimit, "2MiB"),
    ] {
        let (session, _) = counter(&pool);
        assert_ends(&session, function, args, verdict, words);
    }
    pool.assert_whole();
}

#[test]
fn an_interruption_by_epoch_ends_the_session_too() {
    let _test = test();
    let pool = open(pool().processes(1).interrupt(Interrupt::Epoch));
    let (session, _) = counter(&pool);
    assert_ends(&session, "spin", &[], Verdict::Timeout, "ran past 300ms");
    pool.assert_whole();
}

#[test]
fn a_call_that_is_cancelled_while_it_runs_ends_the_session_and_one_that_waits_does_not() {
    let _test = test();
    let pool = two_workers();
    let (session, _) = counter(&pool);
    next(&session);
    let running = spin(&session, &pool);
    let pid = session.pid().expect("its process");
    let waiting = session.call_async::<u32>("next", ()).expect("sent");
    waiting.cancel();
    let waited = waiting.outcome(Some(SOON)).expect("it ends");
    assert_eq!(waited.error.as_deref(), Some("cancelled before it ran"));
    assert_eq!(session.ended(), None);
    running.cancel();
    let outcome = running.outcome(Some(SOON)).expect("it ends");
    assert_eq!(outcome.verdict, Verdict::Cancelled, "{outcome}");
    assert_failed(&session, pid, Verdict::Cancelled, "cancelled while it ran");
}

#[test]
fn a_worker_that_is_killed_ends_the_session_whether_a_call_runs_or_not() {
    let _test = test();
    let pool = two_workers();
    let (running, module) = counter(&pool);
    next(&running);
    let call = spin(&running, &pool);
    let pid = running.pid().expect("its process");
    kill(pid);
    let outcome = call.outcome(Some(SOON)).expect("it ends");
    assert_eq!(outcome.verdict, Verdict::WorkerLost, "{outcome}");
    assert_failed(&running, pid, Verdict::WorkerLost, "SIGKILL");
    let idle = session(&pool, &module);
    next(&idle);
    let pid = idle.pid().expect("its process");
    kill(pid);
    assert_failed(&idle, pid, Verdict::WorkerLost, "SIGKILL");
    pool.assert_whole();
}

#[test]
fn a_worker_that_is_stopped_ends_the_session() {
    let _test = test();
    let pool = two_workers();
    let (session, _) = counter(&pool);
    next(&session);
    let pid = session.pid().expect("its process");
    stop(pid);
    let outcome = session.run("next").outcome().expect("sent");
    assert_eq!(outcome.verdict, Verdict::Cancelled, "{outcome}");
    assert_eq!(outcome.attempts, 0, "{outcome}");
    assert_failed(&session, pid, Verdict::WorkerLost, "took no task in time");
    pool.assert_whole();
}

#[test]
fn a_worker_that_is_stopped_for_a_moment_is_waited_for() {
    let _test = test();
    let pool = two_workers();
    let (session, _) = counter(&pool);
    next(&session);
    let pid = session.pid().expect("its process");
    stop(pid);
    let call = session.call_async::<u32>("next", ()).expect("sent");
    go_on(pid);
    assert_eq!(call.get(Some(SOON)).expect("it ends well"), 2);
}

#[test]
fn a_session_without_a_call_expires_and_a_busy_one_does_not() {
    let _test = test();
    let pool = open(pool().processes(2).session_idle(SHORT * 3));
    let (idle, module) = counter(&pool);
    let (busy, never_called) = (session(&pool, &module), session(&pool, &module));
    next(&idle);
    let pid = idle.pid().expect("its process");
    let call = busy.run("spin").timeout(SHORT * 10).apply_async::<()>();
    eventually("both are over", || {
        idle.ended().is_some() && never_called.ended().is_some()
    });
    assert_eq!(busy.ended(), None);
    let expired = idle.call::<u32>("next", ());
    let Err(expired @ Error::SessionEnded { .. }) = expired else {
        panic!("{expired:?}");
    };
    let text = "session expired: it had no call for 180ms";
    assert_eq!(expired.to_string(), text);
    eventually("its process is gone", || !exists(pid));
    let outcome = call.expect("sent").outcome(Some(SOON)).expect("it ends");
    assert_eq!(outcome.verdict, Verdict::Timeout, "{outcome}");
}

#[test]
fn a_closed_session_finishes_its_calls_and_leaves_no_process() {
    let _test = test();
    let pool = one_worker();
    let (session, _) = counter(&pool);
    let calls = (0..50).map(|_| session.call_async::<u32>("next", ()).expect("sent"));
    let calls: Vec<_> = calls.collect();
    session.close();
    assert_eq!(
        (session.ended(), session.pid()),
        (Some(SessionEnd::Closed), None)
    );
    let last = calls.last().expect("fifty calls");
    assert_eq!(last.get(Some(Duration::ZERO)).expect("it has ended"), 50);
    assert_eq!(pool.worker_pids(), [0; 0]);
    let refused = session.call::<u32>("next", ()).expect_err("it is over");
    assert_eq!(refused.to_string(), "session ended: it was closed");
}

#[test]
fn a_dropped_session_finishes_its_calls_and_leaves_no_process() {
    let _test = test();
    let pool = one_worker();
    let (session, _) = counter(&pool);
    next(&session);
    let pid = session.pid().expect("its process");
    let call = session.call_async::<u32>("next", ()).expect("sent");
    drop(session);
    assert_eq!(call.get(Some(SOON)).expect("it ends well"), 2);
    eventually("its process is gone", || !exists(pid));
}

#[test]
fn a_terminated_session_cancels_its_calls_and_leaves_no_process() {
    let _test = test();
    let pool = two_workers();
    let (session, _) = counter(&pool);
    next(&session);
    let running = spin(&session, &pool);
    let waiting = session.call_async::<u32>("next", ()).expect("sent");
    let pid = session.pid().expect("its process");
    session.terminate();
    assert!(!exists(pid));
    for verdict in [
        running.outcome(Some(SOON)).expect("it ends").verdict,
        waiting.outcome(Some(SOON)).expect("it ends").verdict,
    ] {
        assert_eq!(verdict, Verdict::Cancelled);
    }
    assert_eq!(session.ended(), Some(SessionEnd::Closed));
    pool.assert_whole();
}

#[test]
fn a_closed_pool_lets_sessions_finish_their_calls_and_takes_no_more() {
    let _test = test();
    let pool = one_worker();
    let (session, module) = counter(&pool);
    let calls = (0..50).map(|_| session.call_async::<u32>("next", ()).expect("sent"));
    let calls: Vec<_> = calls.collect();
    pool.close();
    let refused = session.call::<u32>("next", ());
    assert!(matches!(refused, Err(Error::Closed)), "{refused:?}");
    let refused = pool.session(&module).open().map(drop);
    assert!(matches!(refused, Err(Error::Closed)), "{refused:?}");
    pool.join().expect("it ends");
    for (n, call) in (1..).zip(calls) {
        assert_eq!(call.get(Some(Duration::ZERO)).expect("it has ended"), n);
    }
    assert_eq!(session.ended(), Some(SessionEnd::PoolEnded));
    session.close();
}

#[test]
fn a_terminated_pool_ends_its_sessions_and_their_calls() {
    let _test = test();
    let pool = two_workers();
    let (session, _) = counter(&pool);
    next(&session);
    let pid = session.pid().expect("its process");
    let running = spin(&session, &pool);
    let waiting = session.call_async::<u32>("next", ()).expect("sent");
    pool.terminate();
    assert!(!exists(pid));
    for verdict in [
        running.outcome(Some(SOON)).expect("it ends").verdict,
        waiting.outcome(Some(SOON)).expect("it ends").verdict,
    ] {
        assert_eq!(verdict, Verdict::Cancelled);
    }
    assert_eq!(session.ended(), Some(SessionEnd::PoolEnded));
}

#[test]
fn a_failing_initializer_ends_the_session_with_its_first_call() {
    let _test = test();
    let pool = open(pool().processes(1).initializer("fails", ()));
    let (session, _) = counter(&pool);
    let outcome = session.run("next").outcome().expect("sent");
    assert_eq!(outcome.verdict, Verdict::InternalError, "{outcome}");
    eventually("it is over", || session.ended().is_some());
    let end = session.ended().expect("it is over").to_string();
    assert!(end.contains("the initializer failed"), "{end}");
}
