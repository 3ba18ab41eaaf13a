//! Snapshots whose function does not end well, or leaves more than a snapshot can keep.

use sandpool::{Call, LimitName, LoadError, MIB, Module, Pool, Verdict};

use crate::callers::passing;
use crate::case::{Case, PATIENT, SHORT, wat};

/// Ways in which the function of a snapshot goes wrong.
const INITIALIZERS: &str = r#"
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (global $n (mut i32) (i32.const 0))
  (func (export "count") (result i32)
    (global.set $n (i32.add (global.get $n) (i32.const 1)))
    (global.get $n))
  (func (export "trap") (global.set $n (i32.const 7)) unreachable)
  (func (export "loop") (global.set $n (i32.const 7)) (loop $l (br $l)))
  (func (export "exit") (global.set $n (i32.const 7)) (call $exit (i32.const 0)))
  (func (export "grow") (global.set $n (i32.const 7))
    (loop $more
      (if (i32.eq (i32.const -1) (memory.grow (i32.const 16))) (then unreachable))
      (br $more)))
  ;; As much memory as there may be, with something in every page of it.
  (func (export "fill") (result i32) (local $at i32)
    (loop $more
      (br_if $more (i32.ne (i32.const -1) (memory.grow (i32.const 16)))))
    (loop $next
      (i64.store (local.get $at) (i64.const -1))
      (local.set $at (i32.add (local.get $at) (i32.const 4096)))
      (br_if $next
        (i32.lt_u (local.get $at) (i32.shl (memory.size) (i32.const 16)))))
    (memory.size)))
"#;

/// A module that changes its table, which no snapshot can keep.
const CHANGES_ITS_TABLE: &str = r#"
(module
  (table 1 funcref)
  (func (export "init") (table.set (i32.const 0) (ref.null func))))
"#;

/// The error, with the verdict of the function's task.
fn refused(call: Call) -> LoadError {
    let taken = call.snapshot();
    taken.expect_err("no snapshot can be taken")
}

/// Asserts that the function leaves no snapshot, and the module as it was.
fn leaves_none(pool: &Pool, module: &Module, function: &str, ends: (Verdict, Option<LimitName>)) {
    let call = pool.call(module, function).memory(4 * MIB);
    let error = refused(call.timeout(match ends.0 {
        Verdict::Timeout => SHORT,
        _ => PATIENT,
    }));
    let limit = error.limit().map(|limit| limit.name);
    assert_eq!((error.verdict(), limit), ends, "{error}");
    let count = pool.call(module, "count").timeout(PATIENT).apply::<i32>();
    assert_eq!(count.expect("the module is whole"), 1);
}

/// Fills the memory that it may have; what comes of it must be as large, and work.
fn fills_its_memory(pool: &Pool, module: &Module) {
    let call = pool.call(module, "fill").memory(8 * MIB).timeout(PATIENT);
    let snapshot = match call.snapshot() {
        Ok(snapshot) => snapshot,
        // Whoever compiles it may run out of time as well.
        Err(error) => return assert_eq!(error.verdict(), Verdict::CompileLimit, "{error}"),
    };
    for _ in 0..2 {
        let count = pool.call(&snapshot, "count").timeout(PATIENT);
        assert_eq!(count.apply::<i32>().expect("it works"), 1);
    }
}

pub fn cases() -> Vec<Case> {
    let init = |name| wat(name, INITIALIZERS);
    vec![
        init("a snapshot's function that traps")
            .plays(|pool, module| leaves_none(pool, module, "trap", (Verdict::Trap, None))),
        init("a snapshot's function that loops").plays(|pool, module| {
            let timeout = (Verdict::Timeout, Some(LimitName::Timeout));
            leaves_none(pool, module, "loop", timeout);
        }),
        init("a snapshot's function that exits")
            .plays(|pool, module| leaves_none(pool, module, "exit", (Verdict::Exit, None))),
        init("a snapshot's function that grows without end").plays(|pool, module| {
            let memory = (Verdict::MemoryLimit, Some(LimitName::Memory));
            leaves_none(pool, module, "grow", memory);
        }),
        init("a snapshot of a memory that is full").plays(fills_its_memory),
        wat("a snapshot of a table", CHANGES_ITS_TABLE).plays(|pool, module| {
            let error = refused(pool.call(module, "init"));
            assert_eq!(error.verdict(), Verdict::InvalidModule, "{error}");
        }),
        wat(
            "a snapshot's function that calls the host, which it may not",
            passing(),
        )
        .plays(|pool, module| {
            let error = refused(pool.call(module, "panic").arg("from a snapshot"));
            assert_eq!(error.verdict(), Verdict::Denied, "{error}");
        }),
    ]
}
