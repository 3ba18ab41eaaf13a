//! Snapshots: modules that begin where a function of theirs left an instance.

use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use sandpool::{
    CallContext, Imports, KIB, LimitName, LoadError, MIB, Module, Pool, Queue, Value, Verdict,
};

#[cfg(debug_assertions)]
use crate::support::hostile::Troupe;
use crate::support::{
    TestPool, eventually, one_worker, open, pool, test, test_alone, two_workers, wat,
};

/// The core of both modules below: `init` puts a number into memory and into a global, and
/// `bump` adds 1 to each and returns their sum.
const CORE: &str = r#"
  (memory (export "memory") 1)
  (global $n (mut i32) (i32.const 0))
  (global $wide (mut i64) (i64.const 0))
  (func (export "init") (param $n i32)
    ;; Far behind the first page, so the memory has to be as large as it was left.
    (drop (memory.grow (i32.const 2)))
    (i32.store (i32.const 131072) (local.get $n))
    (global.set $wide (i64.const 0x1_0000_0000))
    (global.set $n (local.get $n)))
  (func (export "bump") (result i32)
    (i32.store (i32.const 131072) (i32.add (i32.load (i32.const 131072)) (i32.const 1)))
    (global.set $n (i32.add (global.get $n) (i32.const 1)))
    (i32.add
      (i32.add (i32.load (i32.const 131072)) (global.get $n))
      (i32.wrap_i64 (i64.shr_u (global.get $wide) (i64.const 32)))))
  (func (export "trap") unreachable)
  (func (export "loop") (loop $again (br $again)))
  (func (export "grow")
    (if (i32.eq (memory.grow (i32.const 4096)) (i32.const -1)) (then unreachable)))
  (func (export "fail") (result i32) (i32.const 1))
"#;

fn core_module() -> String {
    format!("(module {CORE})")
}

fn component() -> String {
    let lifted = |name: &str, ty: &str| {
        format!(r#"(func (export "{name}") {ty} (canon lift (core func $i "{name}")))"#)
    };
    let functions = [
        lifted("init", r#"(param "n" u32)"#),
        lifted("bump", "(result u32)"),
        lifted("trap", ""),
        lifted("loop", ""),
        lifted("grow", ""),
        lifted("fail", "(result (result))"),
    ];
    let functions = functions.join("\n");
    format!("(component (core module $m {CORE}) (core instance $i (instantiate $m)) {functions})")
}

fn kinds() -> [(&'static str, String); 2] {
    [("core", core_module()), ("component", component())]
}

fn taken(pool: &Pool, module: &Module, n: u32) -> Module {
    let taken = pool.snapshot(module, "init", (n,));
    taken.unwrap_or_else(|error| panic!("{}", sandpool::value::with_causes(&error)))
}

/// Returns the error and its causes, in a line.
fn line(error: &LoadError) -> String {
    sandpool::value::with_causes(error)
}

#[test]
fn every_fresh_instance_begins_where_the_function_left_the_first_and_sees_no_other() {
    let _test = test();
    let pool = two_workers();
    for (kind, text) in kinds() {
        let module = pool.wat(&text);
        let snapshot = taken(&pool, &module, 20);
        let sums = pool.map_values::<u32>(&snapshot, "bump", (0..1000).map(|_| ()));
        let sums = sums.expect("all end well");
        assert!(sums.iter().all(|sum| *sum == 43), "{kind}: {sums:?}");
        assert_eq!(sums.len(), 1000);
        // The module itself is what it was, with a memory that ends before the number.
        let unprepared = pool.apply::<u32>(&module, "bump", ());
        assert!(unprepared.is_err(), "{kind}");
    }
}

#[test]
fn a_snapshot_is_a_module_with_its_functions_and_a_hash_of_its_own() {
    let _test = test();
    let pool = one_worker();
    for (kind, text) in kinds() {
        let module = pool.wat(&text);
        let (one, two) = (taken(&pool, &module, 1), taken(&pool, &module, 2));
        for snapshot in [&one, &two] {
            assert_eq!(snapshot.name(), module.name(), "{kind}");
            assert_eq!(snapshot.functions(), module.functions(), "{kind}");
            assert_eq!(snapshot.kind(), module.kind(), "{kind}");
            assert_ne!(snapshot.hash(), module.hash(), "{kind}");
        }
        assert_ne!(
            one.hash(),
            two.hash(),
            "{kind}: other arguments, another state"
        );
        assert_eq!(pool.apply::<u32>(&one, "bump", ()).ok(), Some(5), "{kind}");
        assert_eq!(pool.apply::<u32>(&two, "bump", ()).ok(), Some(7), "{kind}");
        // A snapshot of a snapshot; `bump` returns a number, which is dropped.
        let later = pool.snapshot(&one, "bump", ()).expect("taken");
        assert_eq!(
            pool.apply::<u32>(&later, "bump", ()).ok(),
            Some(7),
            "{kind}"
        );
    }
}

#[test]
fn a_guest_of_rust_is_saved_with_all_that_its_toolchain_brought_along() {
    let _test = test();
    let pool = one_worker();
    let math = pool.guest("math");
    let snapshot = pool.snapshot(&math, "fib", (10u32,));
    let snapshot = snapshot.unwrap_or_else(|error| panic!("{}", line(&error)));
    let fib = pool.apply::<u64>(&snapshot, "fib", (30u32,));
    assert_eq!(fib.expect("it works"), 832_040);
}

#[test]
fn a_function_that_does_not_end_well_leaves_no_snapshot_and_the_error_says_how_it_ended() {
    let _test = test();
    let pool = one_worker();
    for (kind, text) in kinds() {
        let module = pool.wat(&text);
        let fate = |function: &str| {
            let call = pool.call(&module, function).memory(4 * MIB);
            let error = call.timeout(Duration::from_millis(300)).snapshot();
            let error = error.expect_err("no snapshot");
            let said = line(&error);
            let begins = format!(
                "cannot load `module`: no snapshot can be taken of it: `{function}` ended with {}",
                error.verdict()
            );
            assert!(said.starts_with(&begins), "{kind}: {said}");
            assert!(!said.contains('\n'), "{kind}: {said}");
            (error.verdict(), error.limit().map(|limit| limit.name))
        };
        assert_eq!(fate("trap"), (Verdict::Trap, None), "{kind}");
        let memory = (Verdict::MemoryLimit, Some(LimitName::Memory));
        assert_eq!(fate("grow"), memory, "{kind}");
        let timeout = (Verdict::Timeout, Some(LimitName::Timeout));
        assert_eq!(fate("loop"), timeout, "{kind}");
        if kind == "component" {
            assert_eq!(fate("fail"), (Verdict::Error, None));
        }
        pool.assert_whole();
    }
}

#[test]
fn a_function_that_exits_leaves_no_snapshot() {
    let _test = test();
    let pool = one_worker();
    let module = pool.wat(
        r#"(module
          (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
          (memory (export "memory") 1)
          (func (export "init") (call $exit (i32.const 3))))"#,
    );
    let error = pool.snapshot(&module, "init", ()).expect_err("it left");
    assert_eq!(error.verdict(), Verdict::Exit, "{error}");
}

#[test]
fn what_a_snapshot_cannot_keep_is_refused_with_the_reason() {
    let _test = test();
    let pool = one_worker();
    let refused = |text: &str, said: &str| {
        let error = pool.snapshot(&pool.wat(text), "init", ());
        let error = line(&error.expect_err("refused"));
        assert!(error.contains(said), "{error}");
    };
    refused(
        r#"(module (table 1 funcref)
          (func (export "init") (table.set (i32.const 0) (ref.null func))))"#,
        "cannot load `module`: no snapshot can be taken of it: it uses `table.set`, and a \
         snapshot cannot keep the contents of a table",
    );
    refused(
        r#"(component (core module $m (memory (export "m") 1 1) (func (export "init")))
          (core instance $i (instantiate $m))
          (func (export "init") (canon lift (core func $i "init"))))"#,
        "a memory of it has its largest size, and reading it for a snapshot takes a page more",
    );
    refused(
        r#"(component
          (import "wasi:io/poll@0.2.0" (instance $poll (export "pollable" (type (sub resource)))))
          (alias export $poll "pollable" (type $pollable))
          (import "wasi:clocks/monotonic-clock@0.2.0" (instance $clock
            (alias outer 1 $pollable (type $outer))
            (export "pollable" (type $p (eq $outer)))
            (export "subscribe-duration" (func (param "when" u64) (result (own $p))))))
          (core func $subscribe (canon lower (func $clock "subscribe-duration")))
          (core module $m
            (import "host" "subscribe" (func $subscribe (param i64) (result i32)))
            (func (export "init") (drop (call $subscribe (i64.const 1)))))
          (core instance $host (export "subscribe" (func $subscribe)))
          (core instance $i (instantiate $m (with "host" (instance $host))))
          (func (export "init") (canon lift (core func $i "init"))))"#,
        "it still holds a resource of its host, such as an open stream, and a snapshot cannot \
         keep one",
    );
}

#[test]
fn a_call_that_no_snapshot_can_come_of_is_refused_before_anything_is_compiled() {
    let _test = test();
    let pool = one_worker();
    let module = pool.wat(&core_module());
    let said = |call: sandpool::Call| line(&call.snapshot().expect_err("refused"));
    let queue = Queue::<u32>::new(0);
    for (call, why) in [
        (pool.call(&module, "inot"), "inot"),
        (pool.call(&module, "init"), "cannot be called"),
        (pool.call(&module, "init").arg("x"), "cannot be called"),
        (pool.command(&module), "is no command"),
        (
            pool.call(&module, "init").arg(1).share("q", &queue),
            "a shared object was granted to a call for a snapshot",
        ),
        (
            pool.call(&module, "init").arg(1).callback(|_| {}),
            "a callback of a task was set for a snapshot",
        ),
    ] {
        let said = said(call);
        assert!(said.contains(why), "{said}");
    }
    assert_eq!(pool.worker_pids().len(), 0, "nothing was started");
}

/// A module of WASI preview 1 whose `init` keeps four random bytes and the number of
/// variables that it sees.
const CURIOUS: &str = r#"(module
  (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_sizes_get"
    (func $variables (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  (global $initialized (mut i32) (i32.const 0))
  (func (export "_initialize")
    (global.set $initialized (i32.add (global.get $initialized) (i32.const 1))))
  (func (export "init")
    (drop (call $random (i32.const 0) (i32.const 4)))
    (drop (call $variables (i32.const 8) (i32.const 12))))
  (func (export "random") (result i32) (i32.load (i32.const 0)))
  (func (export "variables") (result i32) (i32.load (i32.const 8)))
  (func (export "initialized") (result i32) (global.get $initialized)))"#;

#[test]
fn random_numbers_are_frozen_and_the_function_has_no_grants() {
    let _test = test();
    let pool = open(pool().processes(2).env("HOME", "/").cache(false));
    let module = pool.wat(CURIOUS);
    let snapshot = pool.snapshot(&module, "init", ()).expect("taken");
    let asked = |function: &str| {
        let items = (0..20).map(|_| ());
        let values = pool.map_values::<i32>(&snapshot, function, items);
        let mut values = values.expect("all end well");
        values.dedup();
        values
    };
    assert_eq!(asked("random").len(), 1, "one number for all");
    assert_ne!(asked("random"), [0]);
    assert_eq!(asked("variables"), [0], "nothing is granted");
    assert_eq!(
        asked("initialized"),
        [1],
        "the reactor was initialized once"
    );
}

#[test]
fn a_snapshot_that_was_taken_before_starts_no_process() {
    let _test = test();
    let (seed, _) = crate::support::random();
    for (kind, text) in kinds() {
        // A module that no other run of this test has left in the cache.
        let end = text.len() - 1;
        let text = format!("{} ;; {seed}\n)", &text[..end]);
        let first = one_worker();
        let snapshot = taken(&first, &first.wat(&text), 4);
        // No child of this pool can live.
        let second = open(pool().worker_binary("/bin/false").processes(1));
        let module = second.wat(&text);
        let again = taken(&second, &module, 4);
        assert_eq!(again.hash(), snapshot.hash(), "{kind}");
        assert_eq!(again.functions(), snapshot.functions(), "{kind}");
        let other = second.snapshot(&module, "init", (5u32,));
        assert!(
            other.is_err(),
            "{kind}: other arguments make another snapshot"
        );
        assert_eq!(
            first.apply::<u32>(&again, "bump", ()).ok(),
            Some(11),
            "{kind}"
        );
    }
}

#[test]
fn a_snapshot_is_awaited_and_one_that_is_given_up_ends_its_function() {
    let _test = test();
    let pool = one_worker();
    let module = pool.wat(&core_module());
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.expect("a runtime");
    let snapshot = runtime.block_on(pool.snapshot_async(&module, "init", (3u32,)));
    let snapshot = snapshot.expect("taken");
    assert_eq!(pool.apply::<u32>(&snapshot, "bump", ()).ok(), Some(9));

    let endless = pool.call(&module, "loop").timeout(None).snapshot_async();
    let worker = {
        let mut endless = pin!(endless);
        let mut context = Context::from_waker(Waker::noop());
        assert!(endless.as_mut().poll(&mut context).is_pending());
        pool.busy_worker()
    };
    let ended = || !crate::support::process::exists(worker);
    eventually("its worker is ended", ended);
    pool.assert_whole();
}

#[test]
fn a_pool_runs_its_initializer_once_and_every_task_gets_an_instance_of_its_own() {
    let _test = test();
    for (kind, text) in kinds() {
        let pool = open(pool().processes(2).initializer_snapshot("init", (7u32,)));
        let module = pool.wat(&text);
        let sums = pool.map_values::<u32>(&module, "bump", (0..100).map(|_| ()));
        assert!(sums.expect("all").iter().all(|sum| *sum == 17), "{kind}");
        // A module that another pool has loaded is prepared by its first call.
        let other = one_worker().wat(&text);
        assert_eq!(
            pool.apply::<u32>(&other, "bump", ()).ok(),
            Some(17),
            "{kind}"
        );
    }
}

#[test]
fn an_initializer_that_leaves_no_snapshot_keeps_its_module_from_being_loaded() {
    let _test = test();
    let trapping = open(pool().processes(1).initializer_snapshot("trap", ()));
    let error = trapping.load_bytes(core_module()).expect_err("it traps");
    assert_eq!(error.verdict(), Verdict::Trap, "{error}");
    let error = trapping
        .load_bytes(wat::ADD)
        .expect_err("it has no such function");
    assert!(line(&error).contains("trap"), "{}", line(&error));
    // Whoever brings the module along learns of it at the call.
    let module = one_worker().wat(&core_module());
    let error = trapping
        .apply::<u32>(&module, "bump", ())
        .expect_err("it traps");
    assert!(matches!(error, sandpool::Error::Snapshot(_)), "{error}");
    let both = pool().initializer("init", (1u32,));
    let both = both.initializer_snapshot("init", (1u32,)).build();
    let error = both.expect_err("refused").to_string();
    assert_eq!(
        error,
        "a pool has an `initializer` or an `initializer_snapshot`, not both"
    );
}

#[test]
fn an_expensive_initializer_is_paid_once() {
    let _test = test_alone();
    const EXPENSIVE: &str = r#"(module
      (global $n (mut i32) (i32.const 0))
      (func (export "init") (local $i i32)
        (loop $again
          (global.set $n (i32.xor (global.get $n) (i32.mul (local.get $i) (i32.const 7919))))
          (br_if $again (i32.lt_u
            (local.tee $i (i32.add (local.get $i) (i32.const 1)))
            (i32.const 10_000_000)))))
      (func (export "get") (result i32) (global.get $n)))"#;
    let run = |pool: TestPool| {
        let module = pool.wat(EXPENSIVE);
        let warm = pool.apply::<i32>(&module, "get", ()).expect("a worker");
        let begun = Instant::now();
        let values = pool.map_values::<i32>(&module, "get", (0..20).map(|_| ()));
        let values = values.expect("all end well");
        assert!(values.iter().all(|value| *value == warm));
        (warm, begun.elapsed())
    };
    let (each, time_of_each) = run(open(pool().processes(1).initializer("init", ())));
    let once = open(pool().processes(1).initializer_snapshot("init", ()));
    let (once, time_of_once) = run(once);
    assert_eq!(each, once);
    assert!(
        time_of_once * 10 < time_of_each,
        "{time_of_once:?} with a snapshot, {time_of_each:?} without"
    );
}

/// A worker that was taken over answers whatever it likes; all that comes of it is an error.
#[cfg(debug_assertions)]
#[test]
fn a_hostile_worker_answers_something_else_than_a_snapshot_and_there_is_an_error() {
    let _test = test();
    for (behaviour, verdict, said) in [
        (
            "garbage-snapshot",
            Verdict::InvalidModule,
            "neither WebAssembly nor its text",
        ),
        (
            "wrong-type",
            Verdict::WorkerLost,
            "a result is not of its function's type",
        ),
        (
            "too-large-a-snapshot",
            Verdict::WorkerLost,
            "it answers more than its task may",
        ),
        (
            "answers-another",
            Verdict::WorkerLost,
            "it answered another task",
        ),
    ] {
        let troupe = Troupe::new(behaviour, 1);
        let pool = open(troupe.pool().module_size(64 * KIB).cache(false));
        let module = pool.wat(&core_module());
        let error = pool
            .snapshot(&module, "init", (1u32,))
            .expect_err("no snapshot");
        assert_eq!(error.verdict(), verdict, "{behaviour}: {}", line(&error));
        assert!(line(&error).contains(said), "{behaviour}: {}", line(&error));
        assert_eq!(troupe.started(), 1, "{behaviour}");
        pool.assert_whole();
        taken(&pool, &module, 1);
    }
}

/// `init` asks the host if it may, and keeps the answer; `ask` returns what the host says.
const ASKING: &str = r#"(module
  (import "env" "price" (func $price (result i32)))
  (memory (export "memory") 1)
  (global $n (mut i32) (i32.const 0))
  (func (export "init") (param $n i32) (global.set $n (local.get $n)))
  (func (export "init-and-ask") (global.set $n (call $price)))
  (func (export "ask") (result i32) (i32.add (global.get $n) (call $price))))"#;

#[test]
fn the_host_is_refused_to_the_function_and_there_for_the_tasks() {
    let _test = test();
    let prices = Imports::new().func("price", || 5_i32);
    let pool = open(pool().processes(1).import("env", prices));
    let module = pool.wat(ASKING);
    let snapshot = pool
        .snapshot(&module, "init", (10,))
        .unwrap_or_else(|error| panic!("{}", line(&error)));
    assert_eq!(pool.apply::<i32>(&snapshot, "ask", ()).ok(), Some(15));
    let error = pool.snapshot(&module, "init-and-ask", ());
    let error = error.expect_err("the function may not ask");
    assert_eq!(error.verdict(), Verdict::Denied, "{}", line(&error));
    assert!(line(&error).contains("not granted"), "{}", line(&error));
    // A component is told of a refusal, and goes on: here with an error of its own.
    let catalog = Imports::new().func_dynamic("lookup", |_, _| -> Result<Value, String> {
        panic!("nobody asks")
    });
    let pool = open(
        self::pool()
            .processes(1)
            .import("acme:shop/catalog", catalog),
    );
    let plugin = pool.guest("plugin");
    let error = pool.snapshot(&plugin, "fetch", ("http://127.0.0.1/",));
    let error = error.expect_err("it may not fetch");
    assert_eq!(error.verdict(), Verdict::Error, "{}", line(&error));
    assert!(
        line(&error).contains("HttpRequestDenied"),
        "{}",
        line(&error)
    );
}

#[test]
fn a_session_begins_where_the_initializer_left_its_module() {
    let _test = test();
    for (kind, text) in kinds() {
        let pool = open(pool().processes(1).initializer_snapshot("init", (7u32,)));
        let module = pool.wat(&text);
        let session = pool.session(&module).open().expect("opened");
        for sum in [17, 19, 21] {
            let bumped = session.call::<u32>("bump", ());
            assert_eq!(bumped.expect("it goes on"), sum, "{kind}");
        }
        let other = pool.session(&module).open().expect("opened");
        assert_eq!(other.call::<u32>("bump", ()).ok(), Some(17), "{kind}");
    }
}

#[test]
fn the_initializer_runs_once_however_its_module_comes_back_to_the_pool() {
    let _test = test();
    // A second `init` in one memory traps.
    const ONCE: &str = r#"(module
      (import "env" "again" (func $again (result i32)))
      (global $n (mut i32) (i32.const 0))
      (func (export "init")
        (if (global.get $n) (then unreachable))
        (global.set $n (i32.const 1)))
      (func (export "next") (result i32)
        (global.set $n (i32.add (global.get $n) (i32.const 1)))
        (global.get $n))
      (func (export "ask") (result i32) (call $again)))"#;
    let own: Arc<OnceLock<Pool>> = Arc::default();
    let known = Arc::clone(&own);
    let again = move |context: CallContext| match known.get() {
        Some(pool) => pool
            .apply::<i32>(context.module(), "next", ())
            .unwrap_or(-1),
        None => -2,
    };
    let builder = pool()
        .processes(1)
        .import("env", Imports::new().func("again", again));
    let pool = open(builder.initializer_snapshot("init", ()));
    let module = pool.wat(ONCE);
    assert!(own.set(Pool::clone(&pool)).is_ok());
    assert_eq!(pool.apply::<i32>(&module, "next", ()).ok(), Some(2));
    assert_eq!(
        pool.apply::<i32>(&module, "ask", ()).ok(),
        Some(2),
        "by the context's module"
    );
    let session = pool.session(&module).open().expect("opened");
    assert_eq!(session.call::<i32>("next", ()).ok(), Some(2));
    assert_eq!(session.call::<i32>("next", ()).ok(), Some(3));
    let later = pool.snapshot(&module, "next", ());
    let later = later.unwrap_or_else(|error| panic!("{}", line(&error)));
    assert_eq!(
        pool.apply::<i32>(&later, "next", ()).ok(),
        Some(3),
        "on top of the initializer"
    );
    pool.terminate();
}
