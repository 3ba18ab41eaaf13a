//! Workers that cannot be started. What is wrong with a module breaks its key alone;
//! what comes from outside breaks nothing, and is told while it lasts.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use sandpool::{Error, Pool, StartTrouble, Verdict};

use crate::support::hostile::{ALL, Troupe};
use crate::support::process::{abort, cpu_time_of_threads, crash, kill, stop};
use crate::support::{SOON, TestPool, eventually, open, pool, test, test_alone, wat};

/// Kills every worker of a pool that it sees, until it is dropped.
struct Killer {
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Killer {
    fn of(pool: &Pool) -> Self {
        Self::of_all_but(pool, None)
    }

    fn of_all_but(pool: &Pool, spared: Option<u32>) -> Self {
        let pool = pool.clone();
        let over = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&over);
        let thread = thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                let pids = pool.worker_pids().into_iter();
                pids.filter(|pid| Some(*pid) != spared).for_each(kill);
                thread::sleep(Duration::from_millis(1));
            }
        });
        Killer {
            over,
            thread: Some(thread),
        }
    }
}

impl Drop for Killer {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().expect("it kills");
        }
    }
}

fn add(pool: &TestPool) -> sandpool::AsyncResult<i32> {
    let module = pool.wat(wat::ADD);
    pool.apply_async(&module, "add", (20, 22)).expect("sent")
}

/// Waits for the hostile process of this number; the worker's id.
fn further(troupe: &Troupe, pool: &TestPool, number: usize) -> u32 {
    // It may run before the pool has noted that it started it.
    eventually("a further one is started", || {
        troupe.started() == number && !pool.worker_pids().is_empty()
    });
    pool.worker_pids()[0]
}

#[test]
fn workers_that_are_killed_while_they_start_break_nothing() {
    let _test = test();
    // They never get ready by themselves.
    let troupe = Troupe::new("no-hello", 7);
    let pool = open(troupe.pool());
    let task = add(&pool);
    for number in 1..=7 {
        let pid = further(&troupe, &pool, number);
        kill(pid);
        eventually("it is gone", || !pool.worker_pids().contains(&pid));
    }
    let outcome = task.outcome(Some(SOON)).expect("it does not hang");
    assert_eq!(outcome.value, Some(42), "{outcome}");
    assert_eq!(outcome.attempts, 1, "no start is an attempt");
    assert_eq!(pool.broken(), None);
}

#[test]
fn a_signal_that_somebody_sends_is_no_crash_of_the_module() {
    let _test = test();
    let troupe = Troupe::new("no-hello", 8);
    let pool = open(troupe.pool());
    let task = add(&pool);
    for number in 1..=8 {
        let pid = further(&troupe, &pool, number);
        // Until it handles signals it may not notice.
        eventually("it is gone", || {
            if number % 2 == 0 {
                crash(pid);
            } else {
                abort(pid);
            }
            !pool.worker_pids().contains(&pid)
        });
    }
    let outcome = task.outcome(Some(SOON)).expect("it does not hang");
    assert_eq!(outcome.value, Some(42), "{outcome}");
    assert_eq!(pool.broken(), None);
}

#[test]
fn a_worker_that_is_stopped_while_it_starts_is_no_fault_of_its_module() {
    let _test = test();
    let troupe = Troupe::new("no-hello", 1);
    let pool = open(troupe.pool());
    let task = add(&pool);
    eventually("a worker is started", || !pool.worker_pids().is_empty());
    stop(pool.worker_pids()[0]);
    let outcome = task.outcome(Some(SOON)).expect("it does not hang");
    assert_eq!(outcome.value, Some(42), "{outcome}");
}

#[test]
fn a_pool_without_workers_says_so_once_and_can_still_be_used_and_ended() {
    let _test = test();
    let troupe = Troupe::new("no-hello", ALL);
    let (said, heard) = channel::<StartTrouble>();
    let pool = open(troupe.pool().on_start_trouble(move |trouble| {
        let _ = said.send(trouble);
    }));
    let (first, second) = (add(&pool), add(&pool));
    let killer = Killer::of(&pool);
    let trouble = heard.recv_timeout(SOON).expect("it is said");
    assert_eq!(trouble.waiting, 2);
    assert!(trouble.lasted >= Duration::from_secs(1), "{trouble}");
    let text = trouble.to_string();
    assert!(
        text.ends_with(
            "a worker cannot start: it was killed by signal 9 (SIGKILL), and not by sandpool"
        ),
        "{text}"
    );
    let late = first.get(Some(Duration::from_millis(50)));
    assert!(matches!(late, Err(Error::Timeout)), "{late:?}");
    first.cancel();
    let outcome = first.outcome(Some(SOON)).expect("it is cancelled");
    assert_eq!(outcome.verdict, Verdict::Cancelled, "{outcome}");
    let begun = Instant::now();
    pool.terminate();
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(2), "{took:?}");
    let outcome = second.outcome(Some(SOON)).expect("it ended");
    assert_eq!(outcome.verdict, Verdict::Cancelled, "{outcome}");
    drop(killer);
    assert_eq!(heard.try_iter().count(), 0, "said once");
}

#[test]
fn the_start_timeout_ends_the_wait_with_the_last_cause() {
    let _test = test();
    let troupe = Troupe::new("no-hello", ALL);
    let timeout = Duration::from_millis(1500);
    let pool = open(troupe.pool().start_timeout(timeout).on_start_trouble(drop));
    let task = add(&pool);
    let killer = Killer::of(&pool);
    let begun = Instant::now();
    let outcome = task.outcome(Some(SOON)).expect("it does not hang");
    assert!(begun.elapsed() >= Duration::from_secs(1));
    assert_eq!(outcome.verdict, Verdict::InternalError, "{outcome}");
    let text = outcome.error.expect("a text");
    assert!(
        text.contains("no worker could be started for 1.5s") && text.contains("SIGKILL"),
        "{text}"
    );
    drop(killer);
    assert_eq!(pool.broken(), Some(text));
}

#[test]
fn workers_killed_before_their_first_task_do_not_begin_the_start_timeout_anew() {
    let _test = test();
    let troupe = Troupe::new("never-claims", ALL);
    let timeout = Duration::from_secs(1);
    let pool = open(troupe.pool().start_timeout(timeout).on_start_trouble(drop));
    let task = add(&pool);
    let killer = Killer::of(&pool);
    let outcome = task.outcome(Some(SOON)).expect("it does not hang");
    drop(killer);
    assert_eq!(outcome.verdict, Verdict::InternalError, "{outcome}");
    let text = outcome.error.expect("a text");
    assert!(text.contains("no worker could be started for 1s"), "{text}");
}

#[test]
fn a_pool_that_was_given_up_uses_no_cpu() {
    let _test = test_alone();
    let troupe = Troupe::new("no-hello", ALL);
    let timeout = Duration::from_millis(500);
    let pool = open(troupe.pool().start_timeout(timeout).on_start_trouble(drop));
    let task = add(&pool);
    let killer = Killer::of(&pool);
    let outcome = task.outcome(Some(SOON)).expect("it does not hang");
    assert_eq!(outcome.verdict, Verdict::InternalError, "{outcome}");
    drop(killer);
    let used = || {
        let threads = cpu_time_of_threads(std::process::id());
        let own = threads.into_iter();
        let own = own.filter(|(name, _)| name.starts_with("sandpool-dispat"));
        own.map(|(_, time)| time).sum::<Duration>()
    };
    let before = used();
    thread::sleep(Duration::from_millis(500));
    let used = used() - before;
    assert!(used < Duration::from_millis(50), "{used:?} of 500 ms");
}

#[test]
fn the_time_for_which_a_pool_was_paused_is_no_time_without_workers() {
    let _test = test();
    let (said, heard) = channel::<StartTrouble>();
    let pool = pool().processes(1).start_timeout(Duration::from_secs(3));
    let pool = open(pool.on_start_trouble(move |trouble| {
        let _ = said.send(trouble);
    }));
    let troubled = Killer::of(&pool);
    let task = add(&pool);
    heard.recv_timeout(SOON).expect("no worker lives");
    pool.pause();
    drop(troubled);
    thread::sleep(Duration::from_secs(3));
    pool.resume();
    let outcome = task.outcome(Some(SOON)).expect("it does not hang");
    assert_eq!(outcome.value, Some(42), "{outcome}");
}

/// Another module than [`wat::ADD`].
const SEVEN: &str = r#"(module (func (export "seven") (result i32) (i32.const 7)))"#;

#[test]
fn an_artifact_that_does_not_load_breaks_its_key_until_it_is_loaded_anew() {
    let _test = test();
    let troupe = Troupe::compiler("compiler-with-a-lie");
    let pool = open(troupe.pool().cache(false));
    let bad = pool.wat(wat::ADD);
    let good = pool.wat(SEVEN);
    let tasks: Vec<_> = (0..10)
        .map(|n| pool.apply_async::<i32>(&bad, "add", (n, 1)).expect("sent"))
        .collect();
    for task in tasks {
        let outcome = task.outcome(Some(SOON)).expect("it does not hang");
        assert_eq!(outcome.verdict, Verdict::InternalError, "{outcome}");
        let text = outcome.error.expect("a text");
        assert!(text.starts_with("a worker cannot start: "), "{text}");
    }
    assert_eq!(pool.apply::<i32>(&good, "seven", ()).expect("ok"), 7);
    let later = pool.call(&bad, "add").args((1, 1)).outcome();
    let later = later.expect("sent");
    assert_eq!(
        (later.verdict, later.attempts),
        (Verdict::InternalError, 0),
        "{later}"
    );
    assert_eq!(pool.broken(), None);
    pool.assert_whole();
}

#[test]
fn a_session_whose_worker_cannot_be_started_ends_with_its_calls_and_says_why() {
    let _test = test();
    let pool = open(pool().processes(1));
    let module = pool.wat(wat::ADD);
    let session = pool.session(&module).open().expect("opened");
    let killer = Killer::of(&pool);
    let run = session.run("add").args((20, 22));
    let outcome = run.outcome().expect("it does not hang");
    assert_eq!(outcome.verdict, Verdict::InternalError, "{outcome}");
    let said = outcome.error.unwrap_or_default();
    assert!(said.contains("a worker cannot start"), "{said}");
    let later = session.call::<i32>("add", (1, 1));
    assert!(
        matches!(later, Err(Error::SessionEnded { .. })),
        "{later:?}"
    );
    drop(killer);
    let other = pool.session(&module).open().expect("opened");
    assert_eq!(other.call::<i32>("add", (20, 22)).ok(), Some(42));
}

#[test]
fn an_idle_session_does_not_hide_that_no_other_worker_can_be_started() {
    let _test = test();
    let (said, heard) = channel::<StartTrouble>();
    let builder = pool().processes(1).on_start_trouble(move |trouble| {
        let _ = said.send(trouble);
    });
    let pool = open(builder);
    let module = pool.wat(wat::ADD);
    let session = pool.session(&module).open().expect("opened");
    assert_eq!(session.call::<i32>("add", (20, 22)).ok(), Some(42));
    let killer = Killer::of_all_but(&pool, session.pid());
    let task = pool.apply_async::<i32>(&module, "add", (20, 22));
    let task = task.expect("sent");
    let trouble = heard.recv_timeout(SOON).expect("the pool says so");
    assert_eq!(trouble.waiting, 1, "{trouble}");
    drop(killer);
    assert_eq!(task.get(Some(SOON)).expect("it ends"), 42);
    assert_eq!(session.call::<i32>("add", (1, 1)).ok(), Some(2));
}
