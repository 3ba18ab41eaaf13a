//! The messages to the parent while and when tasks run: callbacks, log lines and
//! progress.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use sandpool::{Error, LogLevel, Pool, Value, Verdict};

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
        self.notes().push(note);
    }

    fn len(&self) -> usize {
        self.notes().len()
    }

    fn take(&self) -> Vec<T> {
        std::mem::take(&mut self.notes())
    }

    fn notes(&self) -> MutexGuard<'_, Vec<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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
            // Slow, or a `join` that does not wait for callbacks would pass.
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
    eventually("all lines are there", || logged.len() == 6);
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
