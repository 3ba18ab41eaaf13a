//! From a pool's beginning to its end: close, terminate, join and drop,
//! callbacks, the initializer, and pools that cannot work.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use sandpool::{Error, LogLevel, Pool, Sandbox, Value, Verdict};

use crate::support::process::exists;
use crate::support::{SOON, eventually, one_worker, open, pool, test, two_workers, wat};

/// A list that callbacks and their test share.
struct Notes<T>(Arc<Mutex<Vec<T>>>);

impl<T> Clone for Notes<T> {
    fn clone(&self) -> Self {
        Notes(Arc::clone(&self.0))
    }
}

impl<T> Notes<T> {
    fn new() -> Self {
        Notes(Arc::default())
    }

    fn add(&self, note: T) {
        let mut notes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        notes.push(note);
    }

    fn take(&self) -> Vec<T> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[test]
fn a_closed_pool_finishes_what_it_has_and_takes_no_more() {
    let _test = test();
    let pool = two_workers();
    let sleeper = pool.guest("sleeper");
    let items = (0..20).map(|n| (20, n));
    let map = pool
        .map_async::<u32>(&sleeper, "sleep-then", items)
        .expect("sent");
    pool.close();
    let error = pool
        .apply::<u32>(&sleeper, "sleep-then", (0, 1))
        .expect_err("closed");
    assert!(matches!(error, Error::Closed), "{error:?}");
    let error = pool
        .imap::<u32>(&sleeper, "sleep-then", [(0, 1)])
        .map(|mut i| i.next());
    assert!(
        matches!(&error, Err(Error::Closed))
            || matches!(&error, Ok(Some(outcome)) if outcome.verdict == Verdict::Cancelled),
        "{error:?}"
    );
    pool.join().expect("joined");
    assert!(map.ready(), "join waits for all tasks");
    for (n, outcome) in (0..).zip(map.get(Some(Duration::ZERO)).expect("ready")) {
        assert_eq!(outcome.value, Some(n));
    }
    assert_eq!(pool.worker_pids(), [0u32; 0]);
    pool.join().expect("joining again is fine");
    pool.close();
    pool.terminate();
}

#[test]
fn joining_an_open_pool_is_an_error_and_not_a_hang() {
    let _test = test();
    let pool = one_worker();
    let error = pool.join().expect_err("open");
    assert!(matches!(error, Error::NotClosed), "{error:?}");
    assert!(
        error.to_string().contains("`close` or `terminate`"),
        "{error}"
    );
    pool.assert_whole();
}

#[test]
fn nobody_deadlocks_by_joining_before_reading() {
    let _test = test();
    let pool = two_workers();
    let digest = pool.guest("digest");
    // 64 MiB of results that nobody has read.
    let items = (0..64).map(|_| (vec![7u8; 1 << 20],));
    let map = pool
        .map_async::<Vec<u8>>(&digest, "echo", items)
        .expect("sent");
    pool.close();
    pool.join().expect("joined");
    for outcome in map.get(Some(Duration::ZERO)).expect("ready") {
        assert_eq!(
            outcome.value.map(|bytes| bytes.len()),
            Some(1 << 20),
            "{:?}",
            outcome.error
        );
    }
}

#[test]
fn terminate_cancels_what_has_not_ended_and_leaves_no_process() {
    let _test = test();
    let pool = two_workers();
    let sleeper = pool.guest("sleeper");
    let workers = pool.warm(&sleeper, "sleep-ms", 20);
    let items = (0..50).map(|n| (60_000, n));
    let map = pool
        .map_async::<u32>(&sleeper, "sleep-then", items)
        .expect("sent");
    let begun = Instant::now();
    pool.terminate();
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "{:?}",
        begun.elapsed()
    );
    assert!(
        workers.iter().all(|pid| !exists(*pid)),
        "none is left at once"
    );
    for outcome in map.get(Some(SOON)).expect("they have ended") {
        assert_eq!(outcome.verdict, Verdict::Cancelled, "{outcome}");
    }
    let error = pool
        .apply::<u32>(&sleeper, "sleep-then", (0, 1))
        .expect_err("over");
    assert!(matches!(error, Error::Terminated), "{error:?}");
    pool.join().expect("a terminated pool can be joined");
}

#[test]
fn dropping_the_last_handle_ends_the_pool() {
    let _test = test();
    let first = pool().processes(2).build().expect("built");
    let sleeper = first.load(crate::support::guest("sleeper")).expect("loads");
    let second = first.clone();
    let task = second
        .apply_async::<u32>(&sleeper, "sleep-then", (60_000, 1))
        .expect("sent");
    eventually("a worker is there", || !first.worker_pids().is_empty());
    let workers = first.worker_pids();
    drop(first);
    assert!(
        !task.wait(Some(Duration::from_millis(50))),
        "a handle is left"
    );
    assert!(workers.iter().all(|pid| exists(*pid)));
    drop(second);
    assert!(workers.iter().all(|pid| !exists(*pid)), "none is left");
    let outcome = task.outcome(Some(SOON)).expect("it does not hang");
    assert_eq!(outcome.verdict, Verdict::Cancelled, "{outcome}");
}

#[test]
fn a_stream_outlives_its_pool_without_hanging() {
    let _test = test();
    let pool = pool().processes(1).build().expect("built");
    let module = pool.load_bytes(wat::ADD).expect("loads");
    let items = (0..).map(|n| (n, 1));
    let mut outcomes = pool.imap::<i32>(&module, "add", items).expect("sent");
    assert_eq!(outcomes.next().expect("one comes").value, Some(1));
    drop(pool);
    // What was done is done, the rest is cancelled, and then it ends.
    for outcome in outcomes {
        assert!(
            matches!(outcome.verdict, Verdict::Ok | Verdict::Cancelled),
            "{outcome}"
        );
    }
}

#[test]
fn callbacks_run_in_the_parent_on_one_thread_and_join_waits_for_them() {
    let _test = test();
    let pool = two_workers();
    let sleeper = pool.guest("sleeper");
    let notes = Notes::new();
    for n in 0..10u32 {
        let notes = notes.clone();
        let call = pool.call(&sleeper, "sleep-then").args((10 * (n % 3), n));
        let call = call.callback(move |outcome| {
            thread::sleep(Duration::from_millis(10));
            notes.add((
                std::process::id(),
                thread::current().id(),
                outcome.value.clone(),
            ));
        });
        drop(call.apply_async::<u32>().expect("sent"));
    }
    pool.close();
    pool.join().expect("joined");
    let notes = notes.take();
    assert_eq!(notes.len(), 10, "join waits for callbacks");
    let mut values: Vec<_> = notes.iter().map(|note| format!("{:?}", note.2)).collect();
    values.sort();
    assert_eq!(values[3], "Some(U32(3))");
    for (process, thread, _) in &notes {
        assert_eq!((process, thread), (&std::process::id(), &notes[0].1));
        assert_ne!(*thread, thread::current().id());
    }
}

#[test]
fn callbacks_run_in_completion_order_and_before_the_result_is_handed_over() {
    let _test = test();
    let pool = two_workers();
    let sleeper = pool.guest("sleeper");
    pool.warm(&sleeper, "sleep-ms", 20);
    let notes = Notes::new();
    let send = |ms: u32| {
        let notes = notes.clone();
        let call = pool.call(&sleeper, "sleep-then").args((ms, ms));
        let call = call.callback(move |_| notes.add(ms));
        call.apply_async::<u32>().expect("sent")
    };
    let (slow, fast) = (send(600), send(10));
    fast.get(Some(SOON)).expect("ok");
    assert_eq!(notes.take(), [10]);
    slow.get(Some(SOON)).expect("ok");
    assert_eq!(notes.take(), [600]);
}

#[test]
fn an_error_callback_is_called_instead_of_the_callback_when_a_task_fails() {
    let _test = test();
    let pool = one_worker();
    let text = pool.guest("text");
    let notes = Notes::new();
    for name in ["bob", ""] {
        let (fine, failed) = (notes.clone(), notes.clone());
        let call = pool.call(&text, "greet").arg(name);
        let call = call.callback(move |outcome| fine.add(("fine", outcome.verdict)));
        let call = call.error_callback(move |outcome| failed.add(("failed", outcome.verdict)));
        let task = call.apply_async::<Value>().expect("sent");
        assert!(task.wait(Some(SOON)));
    }
    assert_eq!(
        notes.take(),
        [("fine", Verdict::Ok), ("failed", Verdict::Error)]
    );
}

#[test]
fn a_callback_that_panics_ends_neither_the_result_nor_the_pool() {
    let _test = test();
    let pool = one_worker();
    let math = pool.guest("math");
    for _ in 0..3 {
        let call = pool.call(&math, "fib").arg(10);
        let call = call.callback(|_| panic!("this panic is part of a test"));
        let task = call.apply_async::<u64>().expect("sent");
        assert_eq!(task.get(Some(SOON)).expect("ok"), 55);
    }
    let called = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&called);
    let call = pool.call(&math, "fib").arg(10);
    let call = call.callback(move |_| seen.store(true, Ordering::Relaxed));
    assert_eq!(call.apply::<u64>().expect("ok"), 55);
    assert!(called.load(Ordering::Relaxed), "later callbacks are called");
    pool.close();
    pool.join().expect("joined");
}

#[test]
fn a_callback_that_joins_its_own_pool_is_told_so() {
    let _test = test();
    let pool = one_worker();
    let math = pool.guest("math");
    let notes = Notes::new();
    let (inner, seen) = (Pool::clone(&pool), notes.clone());
    let call = pool.call(&math, "fib").arg(10).callback(move |_| {
        inner.close();
        seen.add(inner.join());
    });
    assert_eq!(call.apply::<u64>().expect("ok"), 55);
    let notes = notes.take();
    assert!(matches!(notes[0], Err(Error::WouldDeadlock)), "{notes:?}");
    pool.join().expect("joined from outside");
}

#[test]
fn a_callback_may_submit_further_tasks() {
    let _test = test();
    let pool = one_worker();
    let math = pool.guest("math");
    let notes = Notes::new();
    let (inner, module, seen) = (Pool::clone(&pool), math.clone(), notes.clone());
    let call = pool.call(&math, "fib").arg(10).callback(move |_| {
        seen.add(inner.apply_async::<u64>(&module, "fib", (11,)));
    });
    assert_eq!(call.apply::<u64>().expect("ok"), 55);
    let second = notes.take().remove(0).expect("sent from the callback");
    assert_eq!(second.get(Some(SOON)).expect("ok"), 89);
}

#[test]
fn the_last_handle_may_be_dropped_in_a_callback() {
    let _test = test();
    let pool = pool().processes(1).build().expect("built");
    let module = pool.load_bytes(wat::ADD).expect("loads");
    let inner = pool.clone();
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let call = pool.call(&module, "add").args((1, 2)).callback(move |_| {
        let _ = wait.recv();
        drop(inner);
    });
    let task = call.apply_async::<i32>().expect("sent");
    eventually("a worker is there", || !pool.worker_pids().is_empty());
    let workers = pool.worker_pids();
    drop(pool);
    go.send(()).expect("the callback waits");
    assert_eq!(task.get(Some(SOON)).expect("ok"), 3);
    eventually("none is left", || workers.iter().all(|pid| !exists(*pid)));
}

#[test]
fn log_lines_and_progress_reach_their_handlers_in_order() {
    let _test = test();
    let (logged, reported) = (Notes::new(), Notes::new());
    let (log, progress) = (logged.clone(), reported.clone());
    let pool = open(
        pool()
            .processes(1)
            .on_log(move |record| log.add((record.function, record.level, record.message)))
            .on_progress(move |report| progress.add((report.done, report.total, report.message))),
    );
    let sleeper = pool.guest("sleeper");
    let () = pool.apply(&sleeper, "chat", (6,)).expect("ok");
    eventually("all lines are there", || {
        let mut lines = logged.take();
        let all = lines.len() == 6;
        lines.drain(..).for_each(|line| logged.add(line));
        all
    });
    let lines = logged.take();
    assert_eq!(
        lines[0],
        ("chat".into(), LogLevel::Trace, "line 1 of 6".into())
    );
    assert_eq!(
        lines[4],
        ("chat".into(), LogLevel::Error, "line 5 of 6".into())
    );
    assert_eq!(
        lines[5],
        ("chat".into(), LogLevel::Trace, "line 6 of 6".into())
    );
    pool.close();
    pool.join().expect("joined");
    let reports = reported.take();
    assert_eq!(reports.len(), 6);
    assert_eq!(reports[5], (6, Some(6), Some("line 6 of 6".into())));
}

#[test]
fn a_log_line_knows_the_task_it_came_from() {
    let _test = test();
    let logged = Notes::new();
    let log = logged.clone();
    let pool = pool()
        .processes(1)
        .on_log(move |record| log.add(record.task_index));
    let pool = open(pool);
    let sleeper = pool.guest("sleeper");
    let outcomes = pool.map::<()>(&sleeper, "chat", (0..200).map(|_| (2,)));
    for outcome in outcomes.expect("sent") {
        assert_eq!(outcome.verdict, Verdict::Ok, "{outcome}");
    }
    pool.close();
    pool.join().expect("joined");
    let expected: Vec<u64> = (0..400).map(|line| line / 2).collect();
    assert_eq!(logged.take(), expected);
}

/// Counts its calls; its initializer sets the count, or traps on a negative.
const COUNTER: &str = r#"
(module
  (global $count (mut i32) (i32.const 0))
  (func (export "start-at") (param i32)
    (if (i32.lt_s (local.get 0) (i32.const 0)) (then unreachable))
    (global.set $count (local.get 0)))
  (func (export "next") (result i32)
    (global.set $count (i32.add (global.get $count) (i32.const 1)))
    (global.get $count)))
"#;

#[test]
fn an_initializer_runs_in_every_new_instance() {
    let _test = test();
    let pool = open(pool().processes(2).initializer("start-at", (40,)));
    let module = pool.wat(COUNTER);
    let outcomes = pool.map::<i32>(&module, "next", (0..20).map(|_| ()));
    for outcome in outcomes.expect("sent") {
        assert_eq!(outcome.value, Some(41), "{outcome}");
    }
}

#[test]
fn an_initializer_that_fails_breaks_the_pool_and_says_so() {
    let _test = test();
    let pool = open(pool().processes(1).initializer("start-at", (-1,)));
    let module = pool.wat(COUNTER);
    let tasks = pool.map_async::<i32>(&module, "next", (0..20).map(|_| ()));
    for outcome in tasks.expect("sent").get(Some(SOON)).expect("none hangs") {
        assert_eq!(outcome.verdict, Verdict::InternalError, "{outcome}");
        let text = outcome.error.as_deref().expect("a text");
        assert!(text.contains("the initializer failed"), "{text}");
        assert!(text.contains("unreachable"), "{text}");
    }
    eventually("the pool is broken", || {
        match pool.apply::<i32>(&module, "next", ()) {
            Err(Error::Broken { reason }) => reason.contains("the initializer failed"),
            _ => false,
        }
    });
    pool.close();
    let error = pool.join().expect_err("a broken pool says so");
    assert!(matches!(error, Error::Broken { .. }), "{error:?}");
}

#[test]
fn an_initializer_that_is_not_there_or_does_not_fit_is_said_at_the_call() {
    let _test = test();
    let pool = open(crate::support::pool().processes(1).initializer("begin", ()));
    let module = pool.wat(COUNTER);
    let error = pool.apply::<i32>(&module, "next", ()).expect_err("unknown");
    assert!(matches!(error, Error::Function(_)), "{error:?}");
    let pool = open(
        crate::support::pool()
            .processes(1)
            .initializer("start-at", ("x",)),
    );
    let error = pool
        .apply::<i32>(&module, "next", ())
        .expect_err("no number");
    assert!(error.to_string().contains("s32"), "{error}");
}

#[test]
fn three_failed_worker_starts_break_the_pool_and_nobody_hangs() {
    let _test = test();
    let good = one_worker();
    let module = good.wat(wat::ADD);
    for binary in ["/bin/true", "/bin/false"] {
        let broken = Pool::builder().worker_binary(binary).processes(2);
        let broken = open(broken);
        let tasks: Vec<_> = (0..10)
            .map_while(|n| broken.apply_async::<i32>(&module, "add", (n, 1)).ok())
            .collect();
        assert!(!tasks.is_empty());
        for task in tasks {
            let outcome = task.outcome(Some(SOON)).expect("it does not hang");
            assert_eq!(outcome.verdict, Verdict::InternalError, "{outcome}");
            let text = outcome.error.as_deref().expect("a text");
            assert!(text.contains("worker"), "{text}");
        }
        let error = broken
            .apply::<i32>(&module, "add", (1, 1))
            .expect_err("broken");
        assert!(matches!(error, Error::Broken { .. }), "{error:?}");
        eventually("no process is left", || broken.worker_pids().is_empty());
        broken.close();
        assert!(matches!(broken.join(), Err(Error::Broken { .. })));
    }
    good.assert_whole();
}

#[test]
fn a_binary_that_is_none_of_ours_is_named() {
    let _test = test();
    let pool = open(Pool::builder().worker_binary("/bin/true").cache(false));
    let error = pool.load_bytes(wat::ADD).expect_err("it cannot compile");
    assert!(error.is_internal(), "{error}");
    assert!(error.to_string().contains("/bin/true"), "{error}");
    let none = Pool::builder()
        .worker_binary("/nonexistent/sandpool")
        .build();
    let error = none.expect_err("there is none");
    assert!(matches!(error, Error::NoWorkerBinary { .. }), "{error:?}");
    assert!(
        error.to_string().contains("/nonexistent/sandpool"),
        "{error}"
    );
}

#[test]
fn settings_that_make_no_sense_are_refused_when_the_pool_is_built() {
    let _test = test();
    let none = pool().processes(0).build().expect_err("none can work");
    assert_eq!(none.to_string(), "a pool needs at least 1 process, not `0`");
    let never = pool()
        .maxtasksperchild(0)
        .build()
        .expect_err("none would run");
    assert!(matches!(never, Error::Setting { .. }), "{never:?}");
    let strict = pool().sandbox(Sandbox::Strict).build();
    if let Err(error) = strict {
        assert!(matches!(error, Error::Sandbox { .. }), "{error:?}");
    }
}

#[test]
fn a_module_of_a_pool_with_other_settings_is_refused() {
    let _test = test();
    let plain = one_worker();
    let module = plain.wat(wat::ADD);
    let counting = open(pool().processes(1).fuel(1000));
    let error = counting
        .apply::<i32>(&module, "add", (1, 2))
        .expect_err("foreign");
    assert!(matches!(error, Error::ForeignModule { .. }), "{error:?}");
    let alike = one_worker();
    assert_eq!(alike.apply::<i32>(&module, "add", (1, 2)).expect("ok"), 3);
}

#[test]
fn a_pool_that_is_never_used_starts_no_process() {
    let _test = test();
    let pool = two_workers();
    let _ = pool.guest("math");
    assert_eq!(pool.worker_pids(), [0u32; 0]);
    pool.close();
    pool.join().expect("joined");
}

#[test]
fn many_threads_share_a_pool() {
    let _test = test();
    let pool = two_workers();
    let math = pool.guest("math");
    let done = AtomicU32::new(0);
    thread::scope(|scope| {
        for thread in 0..16 {
            let (pool, math, done) = (&pool, &math, &done);
            scope.spawn(move || {
                for n in 0..100 {
                    let sum: i32 = pool.apply(math, "add", (thread, n)).expect("ok");
                    assert_eq!(sum, thread + n);
                    done.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!(done.load(Ordering::Relaxed), 1600);
    assert!(pool.worker_pids().len() <= 2);
}

#[test]
fn several_pools_work_at_once_and_end_on_their_own() {
    let _test = test();
    let pools: Vec<_> = (0..4).map(|_| one_worker()).collect();
    let modules: Vec<_> = pools.iter().map(|pool| pool.guest("math")).collect();
    let tasks: Vec<_> = pools
        .iter()
        .zip(&modules)
        .map(|(pool, math)| pool.apply_async::<u64>(math, "fib", (25,)).expect("sent"))
        .collect();
    for task in tasks {
        assert_eq!(task.get(Some(SOON)).expect("ok"), 75_025);
    }
    let mut pools = pools;
    let last = pools.pop().expect("four");
    drop(pools);
    last.assert_whole();
}
