//! Closures that call a pool: another, or the very one whose task they serve.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use sandpool::{CallContext, Error, Imports, Module, Pool, Session, Verdict};

use super::guests::CORE;
use crate::support::{open, pool, test};

/// Functions for [`CORE`]; `add` is this one.
fn core(add: impl Fn(i32, i32) -> i32 + Send + Sync + 'static) -> Imports {
    Imports::new()
        .func("add", add)
        .func("mix", |_: i64, _: f32, c: f64| c)
}

/// What a closure knows once it is there.
type Known<T> = Arc<OnceLock<T>>;

#[test]
fn a_closure_calls_another_pool() {
    let _test = test();
    let other = open(pool().processes(1));
    let inner = other.wat(crate::support::wat::ADD);
    let handle: Pool = Pool::clone(&other);
    let add = core(move |a, b| handle.apply(&inner, "add", (a, b)).unwrap_or(-1));
    let pool = open(pool().processes(1).import("env", add));
    let module = pool.wat(CORE);
    assert_eq!(
        pool.apply::<i32>(&module, "count", (10,)).expect("called"),
        10
    );
}

#[test]
fn a_closure_that_calls_its_own_full_pool_gets_an_answer() {
    let _test = test();
    let own: Arc<std::sync::OnceLock<(Pool, sandpool::Module)>> = Arc::default();
    let known = Arc::clone(&own);
    let add = core(move |a, b| match known.get() {
        Some((pool, module)) if b == 1 => pool.apply(module, "add", (a, 2)).unwrap_or(-1),
        _ => a + b,
    });
    let pool = open(pool().processes(1).import("env", add));
    let module = pool.wat(CORE);
    let _ = own.set((Pool::clone(&pool), module.clone()));
    let sum: i32 = pool.apply(&module, "add", (40, 1)).expect("called");
    assert_eq!(sum, 42);
    pool.terminate();
}

#[test]
fn closures_that_call_their_own_full_pool_from_many_threads_all_get_answers() {
    let _test = test();
    let own: Known<(Pool, Module)> = Arc::default();
    let known = Arc::clone(&own);
    // Each level asks the next, until the last.
    let add = core(move |a, b| match known.get() {
        Some((pool, module)) if b > 0 => pool.apply(module, "add", (a, b - 1)).unwrap_or(-1),
        _ => a,
    });
    let pool = open(pool().processes(2).import("env", add));
    let module = pool.wat(CORE);
    let _ = own.set((Pool::clone(&pool), module.clone()));
    let sums = pool.map_values::<i32>(&module, "add", (0..16).map(|n| (n, 3)));
    let sums = sums.expect("all end well");
    assert!(sums.into_iter().eq(0..16));
    pool.terminate();
}

#[test]
fn a_closure_that_waits_for_something_else_keeps_the_place_of_its_task() {
    let _test = test();
    let running = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let workers: Arc<Mutex<HashSet<u32>>> = Arc::default();
    let (count, highest, seen) = (
        Arc::clone(&running),
        Arc::clone(&most),
        Arc::clone(&workers),
    );
    let add = move |context: CallContext, a: i32, b: i32| {
        highest.fetch_max(count.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
        seen.lock().expect("no panic").insert(context.worker_pid());
        // As long as a slow server, far longer than a worker takes to start.
        let _ = context.wait_cancelled(Duration::from_millis(50));
        count.fetch_sub(1, Ordering::Relaxed);
        a + b
    };
    let imports = Imports::new()
        .func("add", add)
        .func("mix", |_: i64, _: f32, c: f64| c);
    let pool = open(pool().processes(2).import("env", imports));
    let module = pool.wat(CORE);
    let sums = pool.map_values::<i32>(&module, "add", (0..20).map(|n| (n, 1)));
    assert!(sums.expect("all end well").into_iter().eq(1..21));
    assert_eq!(
        most.load(Ordering::Relaxed),
        2,
        "as many as the pool has places"
    );
    assert_eq!(workers.lock().expect("no panic").len(), 2);
}

#[test]
fn a_closure_cannot_wait_for_what_waits_for_it() {
    let _test = test();
    type Knows = (Pool, Session);
    let own: Known<Knows> = Arc::default();
    let known = Arc::clone(&own);
    let add = core(move |a, b| {
        let Some((pool, session)) = known.get() else {
            return -1;
        };
        let refused = match b {
            0 => session.call::<i32>("add", (a, 1)).map(drop),
            _ => {
                pool.close();
                pool.join()
            }
        };
        i32::from(matches!(refused, Err(Error::WouldDeadlock)))
    });
    let pool = open(pool().processes(1).import("env", add));
    let module = pool.wat(CORE);
    let session = pool.session(&module).open().expect("opened");
    let other = pool.session(&module).open().expect("opened");
    assert!(own.set((Pool::clone(&pool), session)).is_ok());
    let (_, session) = own.get().expect("set");
    assert_eq!(
        session.call::<i32>("add", (0, 0)).ok(),
        Some(1),
        "its own session"
    );
    let called = other.call::<i32>("add", (0, 1));
    assert_eq!(called.expect("it ends well"), 1, "the end of its pool");
    pool.terminate();
}

#[test]
fn a_payload_that_panics_when_it_is_dropped_costs_its_task_alone() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            std::panic::panic_any("again");
        }
    }
    let _test = test();
    let add = core(|a, b| match b {
        0 => std::panic::panic_any(Bomb),
        _ => a + b,
    });
    let pool = open(pool().processes(1).host_call_threads(1).import("env", add));
    let module = pool.wat(CORE);
    for _ in 0..3 {
        let call = pool.call(&module, "add").args((1, 0));
        let outcome = call.outcome().expect("sent");
        assert_eq!(outcome.verdict, Verdict::Error, "{outcome}");
        assert_eq!(pool.apply::<i32>(&module, "add", (1, 1)).ok(), Some(2));
    }
}

#[test]
fn what_a_call_denies_to_its_initializer_breaks_nothing_for_others() {
    let _test = test();
    const MODULE: &str = r#"(module
      (import "env" "f" (func $f (result i32)))
      (global $n (mut i32) (i32.const 0))
      (func (export "init") (global.set $n (call $f)))
      (func (export "get") (result i32) (global.get $n)))"#;
    let imports = Imports::new().func("f", || 7_i32);
    let builder = pool().processes(1).import("env", imports);
    let pool = open(builder.initializer("init", ()));
    let module = pool.wat(MODULE);
    for _ in 0..5 {
        let call = pool.call(&module, "get");
        let outcome = call.import("env", Imports::denied()).outcome();
        let outcome = outcome.expect("sent");
        assert_eq!(outcome.verdict, Verdict::InternalError, "{outcome}");
        let said = outcome.error.unwrap_or_default();
        assert!(said.contains("it called what was not granted"), "{said}");
    }
    assert_eq!(pool.apply::<i32>(&module, "get", ()).ok(), Some(7));
}
