//! Sessions: one live instance, whose state is kept from call to call, in a worker of its
//! own that takes one of the pool's places only while a call runs.

mod ends;
mod places;
mod resources;

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use sandpool::{Error, Isolation, Module, Session, SessionEnd, Value, Verdict};

use crate::support::process::{cpu_ticks, exists};
use crate::support::{
    SOON, TestPool, eventually, one_worker, open, pool, test, test_alone, two_workers, wat,
};

/// A component that counts its calls, and fails in every way.
pub const COUNTER: &str = r#"
(component
  (core module $code
    (memory 1)
    (global $count (mut i32) (i32.const 0))
    (func $next (export "next") (result i32)
      (global.set $count (i32.add (global.get $count) (i32.const 1)))
      (global.get $count))
    (func (export "fails") (result i32)
      (drop (call $next))
      (i32.const 1))
    (func (export "trap") unreachable)
    (func (export "spin") (loop $again (br $again)))
    (func (export "grow") (param $pages i32)
      (if (i32.eq (i32.const -1) (memory.grow (local.get $pages))) (then unreachable))))
  (core instance $code (instantiate $code))
  (func (export "next") (result u32) (canon lift (core func $code "next")))
  (func (export "fails") (result (result)) (canon lift (core func $code "fails")))
  (func (export "trap") (canon lift (core func $code "trap")))
  (func (export "spin") (canon lift (core func $code "spin")))
  (func (export "grow") (param "pages" u32) (canon lift (core func $code "grow"))))
"#;

/// A session of [`COUNTER`], and its module.
pub fn counter(pool: &TestPool) -> (Session, Module) {
    let module = pool.wat(COUNTER);
    (session(pool, &module), module)
}

pub fn session(pool: &TestPool, module: &Module) -> Session {
    pool.session(module).open().expect("the session is opened")
}

pub fn next(session: &Session) -> u32 {
    session.call("next", ()).expect("the call ends well")
}

/// Asserts that the session is over with this verdict, that later calls say so, and that
/// its process is gone.
pub fn assert_failed(session: &Session, pid: u32, verdict: Verdict, words: &str) {
    eventually("the session is over", || session.ended().is_some());
    let end = session.ended().expect("it is over");
    let SessionEnd::Failed {
        verdict: by,
        reason,
    } = &end
    else {
        panic!("it ended in another way: {end:?}");
    };
    assert_eq!(*by, verdict, "{end}");
    assert!(reason.contains(words), "{end}");
    match session.call::<u32>("next", ()) {
        Err(Error::SessionEnded { reason }) => assert_eq!(reason, end),
        other => panic!("a call of an ended session: {other:?}"),
    }
    eventually("its process is gone", || !exists(pid));
    assert_eq!(session.pid(), None);
}

#[test]
fn state_is_kept_from_call_to_call_and_belongs_to_one_session() {
    let _test = test();
    let pool = two_workers();
    let (first, module) = counter(&pool);
    let second = session(&pool, &module);
    assert_eq!(first.pid(), None, "no process before the first call");
    assert_eq!([next(&first), next(&first), next(&first)], [1, 2, 3]);
    assert_eq!(next(&second), 1);
    assert_eq!(next(&first), 4);
    assert!(first.pid().is_some() && first.pid() != second.pid());
    let ordinary: u32 = pool.apply(&module, "next", ()).expect("a task");
    assert_eq!(ordinary, 1, "a task has an instance of its own");
    assert_eq!(first.ended(), None);
}

#[test]
fn calls_from_many_threads_run_one_after_the_other_each_thread_in_its_order() {
    let _test = test();
    let pool = two_workers();
    let (session, _) = counter(&pool);
    let session = Arc::new(session);
    let threads = (0..4).map(|_| {
        let session = Arc::clone(&session);
        thread::spawn(move || (0..100).map(|_| next(&session)).collect::<Vec<u32>>())
    });
    let threads: Vec<_> = threads.collect();
    let mut all = Vec::new();
    for thread in threads {
        let seen = thread.join().expect("it ends well");
        assert!(seen.is_sorted(), "{seen:?}");
        all.extend(seen);
    }
    all.sort_unstable();
    assert!(all.into_iter().eq(1..=400), "each number was given once");
}

#[test]
fn calls_that_are_sent_without_waiting_run_in_their_order() {
    let _test = test();
    let pool = two_workers();
    let (session, _) = counter(&pool);
    let calls = (0..200).map(|_| session.call_async::<u32>("next", ()).expect("sent"));
    let calls: Vec<_> = calls.collect();
    for (n, call) in (1..).zip(calls) {
        assert_eq!(call.get(Some(SOON)).expect("it ends well"), n);
    }
}

#[test]
fn a_call_is_awaited() {
    let _test = test();
    let pool = one_worker();
    let (session, _) = counter(&pool);
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.expect("built").block_on(async {
        let first: u32 = session
            .call_async("next", ())
            .expect("sent")
            .await
            .expect("ok");
        assert_eq!(first, 1);
        let pid = session.pid().expect("its process");
        session.close_async().await;
        assert!(!exists(pid));
    });
}

#[test]
fn a_call_has_limits_keywords_and_callbacks_of_its_own() {
    let _test = test();
    let pool = one_worker();
    let (session, module) = counter(&pool);
    next(&session);
    let (sender, outcomes) = std::sync::mpsc::channel();
    let call = session.run("grow").kwarg("pages", 1u32).name("growth");
    let call = call.callback(move |outcome| {
        let _ = sender.send(outcome.peak_memory);
    });
    let outcome = call.timeout(SOON).outcome().expect("sent");
    assert_eq!(outcome.verdict, Verdict::Ok, "{outcome}");
    assert_eq!(outcome.peak_memory, Some(2 * 65536));
    assert_eq!(outcomes.recv().expect("called"), outcome.peak_memory);
    assert_eq!(next(&session), 2);
    let refused = session.call::<u32>("grow", ("many",));
    assert!(matches!(refused, Err(Error::Arguments(_))), "{refused:?}");
    let refused = session.call::<u32>("nowhere", ());
    assert!(matches!(refused, Err(Error::Function(_))), "{refused:?}");
    assert_eq!(
        next(&session),
        3,
        "a call that was not sent changes nothing"
    );
    drop(module);
}

#[test]
fn neither_maxtasksperchild_nor_isolation_ends_a_session() {
    let _test = test();
    let pool = open(pool().processes(1).isolation(Isolation::ProcessPerTask));
    let (session, _) = counter(&pool);
    for n in 1..20 {
        assert_eq!(next(&session), n);
    }
}

#[test]
fn the_initializer_runs_once_within_the_first_call() {
    let _test = test();
    let pool = open(pool().processes(1).initializer("next", ()));
    let (session, _) = counter(&pool);
    assert_eq!([next(&session), next(&session)], [2, 3]);
}

#[test]
fn a_pool_has_no_more_sessions_than_it_may_until_one_ends() {
    let _test = test();
    let pool = open(pool().processes(1).sessions(2));
    let (first, module) = counter(&pool);
    let second = session(&pool, &module);
    let refused = pool.session(&module).open().map(drop);
    let Err(refused @ Error::SessionsFull { limit: 2 }) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(
        refused.to_string(),
        "the pool has 2 sessions already; close some, or raise the limit of sessions"
    );
    next(&first);
    first.close();
    let third = session(&pool, &module);
    assert_eq!((next(&second), next(&third)), (1, 1));
}

#[test]
fn a_module_without_functions_has_no_sessions() {
    let _test = test();
    let pool = one_worker();
    let command = pool.wat(wat::QUIET_COMMAND);
    let refused = pool.session(&command).open().map(drop);
    assert!(
        matches!(refused, Err(Error::WrongKind { .. })),
        "{refused:?}"
    );
}

#[test]
fn sixty_four_sessions_live_at_once_and_use_no_processor_while_they_are_idle() {
    let _test = test_alone();
    let pool = open(pool().processes(2));
    let math = pool.guest("math");
    let sessions: Vec<Session> = (0..64).map(|_| session(&pool, &math)).collect();
    let calls = sessions
        .iter()
        .map(|it| it.call_async::<u64>("fib", (10u32,)));
    let calls: Vec<_> = calls.map(|call| call.expect("sent")).collect();
    for call in calls {
        assert_eq!(call.get(Some(SOON)).expect("it ends well"), 55);
    }
    let pids: Vec<u32> = sessions.iter().filter_map(Session::pid).collect();
    assert_eq!(pids.len(), 64);
    // The workers share the pages of their binary, which Pss divides among them.
    let pss: u64 = pids.iter().map(|pid| pss(*pid)).sum();
    println!("64 idle sessions: {} KiB each", pss / 64);
    assert!(pss / 64 < 4 * 1024, "{} KiB each", pss / 64);
    let ticks = || pids.iter().filter_map(|pid| cpu_ticks(*pid)).sum::<u64>();
    let before = ticks();
    // Meanwhile the pool works for others.
    let begun = std::time::Instant::now();
    while begun.elapsed() < Duration::from_millis(500) {
        pool.assert_whole();
    }
    assert!(ticks() - before <= 2, "an idle session computes nothing");
    for session in &sessions {
        session.close();
    }
    assert!(pids.iter().all(|pid| !exists(*pid)), "no process is left");
}

/// The memory of a process in KiB, with its share of the pages that others have too.
fn pss(pid: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup"));
    let text = text.expect("the process is there");
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
    kib.and_then(|kib| kib.trim().parse().ok())
        .expect("a number")
}

#[test]
fn outcomes_of_calls_are_values_of_any_type() {
    let _test = test();
    let pool = one_worker();
    let session = session(&pool, &pool.guest("math"));
    let primes: Vec<u32> = session.call("primes-below", (12u32,)).expect("ok");
    assert_eq!(primes, [2, 3, 5, 7, 11]);
    let outcome = session.run("fib").arg(10u32).outcome().expect("sent");
    assert_eq!(outcome.value, Some(Value::U64(55)));
}

#[test]
fn a_session_that_is_dropped_makes_room_for_another_at_once() {
    let _test = test();
    let pool = open(pool().processes(1).sessions(1));
    let module = pool.wat(COUNTER);
    for n in 0..200 {
        let session = pool.session(&module).open();
        let session = session.unwrap_or_else(|error| panic!("{n}: {error}"));
        if n % 10 == 0 {
            assert_eq!(next(&session), 1);
        }
    }
}
