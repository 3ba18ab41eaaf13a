//! The in-process level: trusted modules in the caller's own process.

use std::path::PathBuf;
use std::time::Duration;

use sandpool::in_process::{InProcess, InProcessError};
use sandpool::value::raw;
use sandpool::{
    DirGrant, Error, Interrupt, Isolation, MIB, Pool, PoolBuilder, Sandbox, Stdio, UnknownImports,
    Verdict,
};

use crate::support::{guest, test, wat};

/// Counts its own calls in a global, so that a kept instance is seen.
const COUNTER: &str = r#"
(module
  (memory 1)
  (global $calls (mut i32) (i32.const 0))
  (func (export "count") (result i32)
    (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
    (global.get $calls))
  (func (export "trap") (result i32) unreachable)
  (func (export "grow") (param $pages i32)
    (if (i32.eq (i32.const -1) (memory.grow (local.get $pages))) (then unreachable)))
  (func (export "loop") (loop $l (br $l))))
"#;

fn builder() -> PoolBuilder {
    Pool::builder().worker_binary(env!("CARGO_BIN_EXE_sandpool"))
}

fn counter(builder: PoolBuilder) -> InProcess {
    InProcess::load_bytes(builder, COUNTER).expect("loaded")
}

#[test]
fn a_component_and_a_core_module_are_called_with_the_values_of_a_pool() {
    let _test = test();
    let mut math = InProcess::load(builder(), guest("math")).expect("loaded");
    assert_eq!(math.apply::<u64>("fib", (30u32,)).expect("ok"), 832_040);
    let mut add = InProcess::load_bytes(builder(), wat::ADD).expect("loaded");
    assert_eq!(add.apply::<i32>("add", (1, 2)).expect("ok"), 3);
    assert!(matches!(
        add.apply::<i32>("add", (1,)),
        Err(Error::Arguments(_))
    ));
    assert!(matches!(
        add.apply::<i32>("sub", (1, 2)),
        Err(Error::Function(_))
    ));
}

#[test]
fn a_call_of_what_was_not_granted_ends_as_in_a_pool() {
    let _test = test();
    let text = r#"(module (import "env" "f" (func $f)) (func (export "g") (call $f)))"#;
    assert!(InProcess::load_bytes(builder(), text).is_err());
    let denying = builder().unknown_imports(UnknownImports::Deny);
    let mut module = InProcess::load_bytes(denying, text).expect("loaded");
    let outcome = module.outcome("g", ()).expect("called");
    assert_eq!(outcome.verdict, Verdict::Denied, "{outcome}");
    assert_eq!(
        outcome.error.as_deref(),
        Some("import was not granted: env#f")
    );
}

#[test]
fn each_call_has_an_instance_of_its_own_unless_it_is_to_be_kept() {
    let _test = test();
    let mut fresh = counter(builder());
    let counts = |guest: &mut InProcess| -> Vec<i32> {
        (0..5)
            .map(|_| guest.apply("count", ()).expect("ok"))
            .collect()
    };
    assert_eq!(counts(&mut fresh), [1, 1, 1, 1, 1]);
    let two = 2.try_into().expect("not zero");
    let mut kept = counter(builder().isolation(Isolation::ProcessReuse(two)));
    assert_eq!(counts(&mut kept), [1, 2, 1, 2, 1]);
}

#[test]
fn an_instance_that_trapped_is_not_kept() {
    let _test = test();
    let many = 100.try_into().expect("not zero");
    let mut guest = counter(builder().isolation(Isolation::ProcessReuse(many)));
    assert_eq!(guest.apply::<i32>("count", ()).expect("ok"), 1);
    let outcome = guest.outcome("trap", ()).expect("called");
    assert_eq!(outcome.verdict, Verdict::Trap);
    assert!(outcome.error.expect("a text").contains("unreachable"));
    assert_eq!(guest.apply::<i32>("count", ()).expect("ok"), 1);
}

#[test]
fn limits_end_a_call_with_the_verdict_that_a_pool_gives() {
    let _test = test();
    let mut small = counter(builder().memory(2 * MIB));
    let outcome = small.outcome("grow", (100,)).expect("called");
    assert_eq!(outcome.verdict, Verdict::MemoryLimit);
    let mut starved = counter(builder().fuel(100_000));
    let outcome = starved.outcome("loop", ()).expect("called");
    assert_eq!(outcome.verdict, Verdict::OutOfFuel);
    let interrupted = builder()
        .interrupt(Interrupt::Epoch)
        .timeout(Duration::from_millis(50));
    let mut late = counter(interrupted);
    for _ in 0..2 {
        let outcome = late.outcome("loop", ()).expect("called");
        assert_eq!(outcome.verdict, Verdict::Timeout, "{outcome}");
        assert!(outcome.error.expect("a text").contains("ran past 50ms"));
        assert_eq!(late.apply::<i32>("count", ()).expect("ok"), 1);
    }
}

#[test]
fn the_strict_sandbox_and_what_takes_a_process_are_refused() {
    let _test = test();
    let load = |builder: PoolBuilder| InProcess::load_bytes(builder, COUNTER);
    let strict = load(builder().sandbox(Sandbox::Strict)).expect_err("refused");
    assert_eq!(
        strict.to_string(),
        "a strict sandbox cannot be kept: the guest would run in this process"
    );
    let dir = DirGrant {
        host: ".".into(),
        guest: "/in".into(),
        writable: false,
    };
    let second = Duration::from_secs(1);
    for (builder, what) in [
        (builder().dir(dir), InProcessError::Directories),
        (builder().cpu_time(second), InProcessError::CpuTime),
        (
            builder().initializer("count", ()),
            InProcessError::Initializer,
        ),
        (
            builder().stdio(Stdio::Inherit),
            InProcessError::InheritedOutput,
        ),
        (
            builder().wasm_stack(4 * MIB),
            InProcessError::WasmStack { most: MIB },
        ),
    ] {
        let error = load(builder).expect_err("refused");
        assert_eq!(error.to_string(), what.to_string());
    }
}

#[test]
fn no_artifact_is_left_in_the_cache_nor_taken_from_it() {
    let _test = test();
    let unique = format!("(module (func (export \"own-{}\")))", std::process::id());
    let artifacts = |hash: &str| {
        let variable = |name| std::env::var_os(name).map(PathBuf::from);
        let folder = variable("SANDPOOL_CACHE_DIR")
            .or_else(|| Some(variable("XDG_CACHE_HOME")?.join("sandpool")))
            .or_else(|| Some(variable("HOME")?.join(".cache/sandpool")));
        let files = folder.and_then(|folder| std::fs::read_dir(folder).ok());
        let names = files.into_iter().flatten().flatten();
        names
            .filter(|file| file.file_name().to_string_lossy().starts_with(hash))
            .count()
    };
    let loaded = InProcess::load_bytes(builder().cache(true), &unique).expect("loaded");
    assert_eq!(artifacts(loaded.module().hash()), 0);
}

#[test]
fn several_threads_call_one_module_each_in_a_copy_of_its_own() {
    let _test = test();
    let first = counter(builder());
    let copies: Vec<InProcess> = (0..3).map(|_| first.another().expect("made")).collect();
    let threads = copies.into_iter().map(|mut guest| {
        std::thread::spawn(move || {
            for _ in 0..100 {
                assert_eq!(guest.apply::<i32>("count", ()).expect("ok"), 1);
            }
        })
    });
    for thread in threads.collect::<Vec<_>>() {
        thread.join().expect("no panic");
    }
}

#[test]
fn a_call_inside_a_tokio_runtime_does_not_panic() {
    let _test = test();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let mut sleeper = InProcess::load(builder(), guest("sleeper")).expect("loaded");
        let slept = sleeper.apply::<u32>("sleep-then", (5u32, 7u32));
        assert_eq!(slept.expect("ok"), 7);
    });
}

#[test]
fn what_a_guest_prints_is_captured() {
    let _test = test();
    let printing = r#"
        (module
          (import "wasi_snapshot_preview1" "fd_write"
            (func $fd_write (param i32 i32 i32 i32) (result i32)))
          (memory (export "memory") 1)
          (data (i32.const 16) "hello\n")
          (func (export "greet") (result i32)
            (i32.store (i32.const 0) (i32.const 16))
            (i32.store (i32.const 4) (i32.const 6))
            (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))
    "#;
    let mut greeter = InProcess::load_bytes(builder(), printing).expect("loaded");
    let outcome = greeter.outcome("greet", ()).expect("called");
    assert_eq!(outcome.stdout.as_deref(), Some(&b"hello\n"[..]));
    assert_eq!(raw(&outcome.value.expect("a value")), b"0");
    let mut short = InProcess::load_bytes(builder().stdout_limit(3), printing).expect("loaded");
    let outcome = short.outcome("greet", ()).expect("called");
    assert_eq!(outcome.verdict, Verdict::OutputLimit);
}
