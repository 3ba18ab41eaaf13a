//! Closures that fail, block, or call their own pool; tasks that end while a call runs.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use sandpool::{CallContext, Imports, LimitName, Pool, Verdict};

use super::guests::{self, CORE, LOOKUP, POKE, REVERSE};
use crate::support::{SOON, TestPool, eventually, open, pool, process, test};

const STORE: &str = "acme:kv/store@0.1.0";

fn poking(imports: Imports) -> (TestPool, sandpool::Module) {
    let pool = open(pool().processes(1).import(STORE, imports));
    let module = pool.wat(&guests::passing(STORE, &[POKE]));
    (pool, module)
}

/// Functions for [`CORE`]; `add` is this one.
fn core(add: impl Fn(i32, i32) -> i32 + Send + Sync + 'static) -> Imports {
    Imports::new()
        .func("add", add)
        .func("mix", |_: i64, _: f32, c: f64| c)
}

#[test]
fn a_panic_and_an_err_end_the_task_with_error_and_nothing_else() {
    let _test = test();
    let failing = Imports::new().func("poke", || -> Result<(), String> { Err("no".into()) });
    let (pool, module) =
        poking(Imports::new().func("poke", || -> Result<(), String> { panic!("oh\u{1b}[31m") }));
    let outcome = pool.call(&module, "poke").outcome().expect("sent");
    assert_eq!(outcome.verdict, Verdict::Error, "{outcome}");
    let text = "`acme:kv/store@0.1.0#poke` panicked: oh\\u{1b}[31m";
    assert_eq!(outcome.error.as_deref(), Some(text));
    let pid = outcome.worker_pid;
    let outcome = pool.call(&module, "poke").import(STORE, failing).outcome();
    let outcome = outcome.expect("sent");
    assert_eq!(outcome.verdict, Verdict::Error, "{outcome}");
    let text = "`acme:kv/store@0.1.0#poke` failed: no";
    assert_eq!(outcome.error.as_deref(), Some(text));
    assert_eq!(outcome.worker_pid, pid, "the worker lives on");
    let fine = Imports::new().func("poke", || {});
    let outcome = pool.call(&module, "poke").import(STORE, fine).outcome();
    assert_eq!(outcome.expect("sent").verdict, Verdict::Ok);
}

#[test]
fn a_closure_learns_which_task_calls_it() {
    let _test = test();
    let (sender, seen) = mpsc::channel();
    let sender = Mutex::new(sender);
    let (pool, module) = poking(Imports::new().func("poke", move |context: CallContext| {
        let seen = (
            context.name().to_owned(),
            context.tenant().map(str::to_owned),
            context.module().hash().to_owned(),
            context.worker_pid(),
            context.cancelled(),
        );
        let _ = sender.lock().expect("not poisoned").send(seen);
    }));
    let call = pool.call(&module, "poke").name("a job").tenant("t1");
    let outcome = call.outcome().expect("sent");
    let (name, tenant, hash, pid, cancelled) = seen.recv_timeout(SOON).expect("called");
    assert_eq!((name.as_str(), tenant.as_deref()), ("a job", Some("t1")));
    assert_eq!(hash, module.hash());
    assert_eq!(Some(pid), outcome.worker_pid);
    assert!(!cancelled);
}

#[test]
fn a_closure_that_blocks_costs_a_timeout_and_one_thread_and_is_told() {
    let _test = test();
    let (sender, told) = mpsc::channel();
    let sender = Mutex::new(sender);
    let (pool, module) = poking(Imports::new().func("poke", move |context: CallContext| {
        let sender = sender.lock().expect("not poisoned");
        let _ = sender.send(false);
        let _ = sender.send(context.wait_cancelled(SOON));
    }));
    let call = pool
        .call(&module, "poke")
        .timeout(Duration::from_millis(200));
    let outcome = call.outcome().expect("sent");
    assert_eq!(outcome.verdict, Verdict::Timeout, "{outcome}");
    assert_eq!(told.recv_timeout(SOON), Ok(false), "it began");
    assert_eq!(told.recv_timeout(SOON), Ok(true), "after a timeout");

    let task = pool.call(&module, "poke").timeout(None).apply_async::<()>();
    let task = task.expect("sent");
    assert_eq!(told.recv_timeout(SOON), Ok(false), "it began");
    task.cancel();
    let outcome = task.outcome(Some(SOON)).expect("it ends");
    assert_eq!(outcome.verdict, Verdict::Cancelled, "{outcome}");
    assert_eq!(told.recv_timeout(SOON), Ok(true), "after a cancel");
    pool.assert_whole();
}

#[test]
fn a_future_is_dropped_when_its_task_ends() {
    let _test = test();
    let (sender, told) = mpsc::channel::<()>();
    let sender = Arc::new(Mutex::new(Some(sender)));
    let imports = Imports::new().func_async("poke", move || {
        let held = sender.lock().expect("not poisoned").take();
        async move {
            std::future::pending::<()>().await;
            drop(held);
        }
    });
    let (pool, module) = poking(imports);
    let call = pool.call(&module, "poke");
    let outcome = call.timeout(Duration::from_millis(200)).outcome();
    let outcome = outcome.expect("sent");
    assert_eq!(outcome.verdict, Verdict::Timeout, "{outcome}");
    let dropped = told.recv_timeout(SOON);
    assert_eq!(dropped, Err(mpsc::RecvTimeoutError::Disconnected));
    pool.assert_whole();
}

#[test]
fn a_closure_is_told_that_its_worker_was_killed() {
    let _test = test();
    let (sender, told) = mpsc::channel();
    let sender = Mutex::new(sender);
    let (pool, module) = poking(Imports::new().func("poke", move |context: CallContext| {
        process::kill(context.worker_pid());
        let _ = sender
            .lock()
            .expect("not poisoned")
            .send(context.wait_cancelled(SOON));
    }));
    let outcome = pool.call(&module, "poke").outcome().expect("sent");
    assert_eq!(outcome.verdict, Verdict::WorkerLost, "{outcome}");
    assert_eq!(told.recv_timeout(SOON), Ok(true));
}

#[test]
fn a_call_beyond_the_threads_of_the_pool_fails_at_once() {
    let _test = test();
    let (release, wait) = mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    let begun = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&begun);
    let blocking = Imports::new().func("poke", move || {
        counted.fetch_add(1, Ordering::Relaxed);
        let _ = wait.lock().expect("not poisoned").recv();
    });
    let pool = open(
        pool()
            .processes(2)
            .host_call_threads(1)
            .import(STORE, blocking),
    );
    let module = pool.wat(&guests::passing(STORE, &[POKE]));
    let first = pool.apply_async::<()>(&module, "poke", ()).expect("sent");
    eventually("the first runs", || begun.load(Ordering::Relaxed) == 1);
    let outcome = pool.call(&module, "poke").outcome().expect("sent");
    assert_eq!(outcome.verdict, Verdict::Error, "{outcome}");
    let text = "1 calls of the host are under way, the most that this pool may have; the setting \
                `host_call_threads` raises it";
    assert_eq!(outcome.error.as_deref(), Some(text));
    drop(release);
    first.get(Some(SOON)).expect("it ends");
    assert!(Pool::builder().host_call_threads(0).build().is_err());
}

#[test]
fn arguments_and_results_beyond_their_limits_end_the_task() {
    let _test = test();
    let imports = Imports::new()
        .func("reverse", |bytes: Vec<u8>| bytes)
        .func("lookup", |_: String| Some("x".repeat(2000)));
    let pool = open(pool().processes(1).import(STORE, imports));
    let module = pool.wat(&guests::passing(STORE, &[REVERSE, LOOKUP]));
    let outcome = pool
        .call(&module, "reverse")
        .arg(vec![7u8; (1 << 20) + 1])
        .outcome();
    let outcome = outcome.expect("sent");
    assert_eq!(outcome.verdict, Verdict::OutputLimit, "{outcome}");
    let limit = outcome.limit.as_ref().map(|limit| limit.name);
    assert_eq!(limit, Some(LimitName::HostCallArguments));
    let line = "called a function of the host with more than 1MiB (default); the setting \
                `host_call_arguments` raises it";
    assert_eq!(outcome.error.as_deref(), Some(line));
    let call = pool.call(&module, "reverse").arg(vec![7u8; (1 << 20) + 1]);
    let outcome = call.host_call_arguments(None).outcome().expect("sent");
    assert_eq!(outcome.verdict, Verdict::Ok, "{outcome}");
    let call = pool
        .call(&module, "lookup")
        .arg("key")
        .host_call_results(1000);
    let outcome = call.outcome().expect("sent");
    assert_eq!(outcome.verdict, Verdict::Error, "{outcome}");
    let line = "`acme:kv/store@0.1.0#lookup` failed: a function of the host returned more than \
                1000B (set for this call); the setting `host_call_results` raises it";
    assert_eq!(outcome.error.as_deref(), Some(line));
}

#[test]
fn many_calls_from_two_workers_are_all_answered() {
    let _test = test();
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let add = core(move |a, b| {
        counted.fetch_add(1, Ordering::Relaxed);
        a + b
    });
    let pool = open(pool().processes(2).import("env", add));
    let module = pool.wat(CORE);
    let sums = pool
        .map::<i32>(&module, "count", (0..20).map(|_| (500,)))
        .expect("sent");
    for outcome in sums {
        assert_eq!(outcome.value, Some(500), "{outcome}");
    }
    assert_eq!(calls.load(Ordering::Relaxed), 10_000);
}

#[test]
fn no_call_is_left_waiting_when_the_host_stops_looking() {
    let _test = test();
    let pool = open(pool().processes(1).import("env", core(|a, b| a + b)));
    let module = pool.wat(CORE);
    // Each task is sent when the last has ended, so the host sleeps and wakes many times.
    for _ in 0..40 {
        let call = pool.call(&module, "count").args((1000,));
        let outcome = call.timeout(SOON).outcome().expect("sent");
        assert_eq!(outcome.value, Some(sandpool::Value::S32(1000)), "{outcome}");
        let took = outcome.run_time;
        assert!(took < Some(SOON / 2), "a call waited: {took:?}");
    }
}
