//! Tasks that do not end: loops of every shape, sleeps, and host calls.

use std::time::Duration;

use sandpool::{LimitName, Verdict};

use crate::case::{Case, guest, wat};
use crate::support::wat::HOST_CALLS;

const LOOPS: &str = r#"
(module
  (memory 256)
  (table 1 funcref)
  (elem (i32.const 0) $nothing)
  (type $void (func))
  (func $nothing)
  (func (export "empty") (loop $l (br $l)))
  (func (export "conditional") (param $yes i32)
    (loop $l (br_if $l (local.get $yes))))
  (func (export "counting down from 2^64") (local $n i64)
    (loop $l
      (local.set $n (i64.sub (local.get $n) (i64.const 1)))
      (br_if $l (i64.ne (local.get $n) (i64.const 0)))))
  (func (export "nested")
    (loop $a (loop $b (loop $c (br_table $a $b $c (i32.const 1))))))
  (func (export "not a number") (param $x f64)
    (loop $l (br_if $l (f64.ne (local.get $x) (local.get $x)))))
  (func (export "calling") (loop $l (call $nothing) (br $l)))
  (func (export "calling a table")
    (loop $l (call_indirect (type $void) (i32.const 0)) (br $l)))
  (func $even (export "tail calls") (return_call $odd))
  (func $odd (return_call $even))
  (func (export "reading and writing")
    (loop $l
      (i64.store (i32.const 8) (i64.add (i64.load (i32.const 8)) (i64.const 1)))
      (br $l)))
  (func (export "filling")
    (loop $l
      (memory.fill (i32.const 0) (i32.const 1) (i32.const 16777216))
      (br $l)))
  (func (export "growing by nothing")
    (loop $l (drop (memory.grow (i32.const 0))) (br $l))))
"#;

/// One copy that takes much longer than the task may. What comes after it is
/// for a machine that is faster than all of today's.
const LONG_COPY: &str = r#"
(module
  (memory 8192)
  (func (export "copy")
    (memory.copy (i32.const 0) (i32.const 268435456) (i32.const 268435456))
    (loop $l (br $l))))
"#;

const LOOPS_AT_START: &str = r#"
(module
  (func $forever (loop $l (br $l)))
  (start $forever)
  (func (export "f")))
"#;

const LOOPS_IN_INITIALIZE: &str = r#"
(module
  (func (export "_initialize") (loop $l (br $l)))
  (func (export "f")))
"#;

/// A command: what it does, its first argument's number of letters says.
const COMMAND: &str = r#"
(module
  (import "wasi_snapshot_preview1" "poll_oneoff"
    (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "clock_time_get"
    (func $clock_time_get (param i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "sched_yield" (func $sched_yield (result i32)))
  (memory (export "memory") 1)
  (func $sleep (param $nanos i64)
    (i32.store (i32.const 16) (i32.const 1)) ;; the monotonic clock
    (i64.store (i32.const 24) (local.get $nanos))
    (drop (call $poll_oneoff
      (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128))))
  (func (export "sleep") (call $sleep (i64.const -1)))
  (func (export "naps") (loop $l (call $sleep (i64.const 1000000)) (br $l)))
  (func (export "looking at the clock")
    (loop $l
      (drop (call $clock_time_get (i32.const 1) (i64.const 1) (i32.const 0)))
      (br $l)))
  (func (export "yielding") (loop $l (drop (call $sched_yield)) (br $l)))
  (func (export "_start") (call $sleep (i64.const -1))))
"#;

pub fn cases() -> Vec<Case> {
    let endless = |name, function: &str| wat(name, LOOPS).calls(function, ()).never_ends();
    let calling = |name, function: &str| wat(name, COMMAND).calls(function, ()).never_ends();
    vec![
        endless("an empty loop", "empty"),
        wat("a loop whose condition always holds", LOOPS)
            .calls("conditional", (1,))
            .never_ends(),
        endless(
            "a loop that counts down from 2^64",
            "counting down from 2^64",
        ),
        endless("loops in loops, with a table of branches", "nested"),
        wat("a loop until NaN equals itself", LOOPS)
            .calls("not a number", (f64::NAN,))
            .never_ends(),
        endless("a loop of calls", "calling"),
        endless("a loop of calls by way of a table", "calling a table"),
        endless(
            "two functions that call each other in tail position",
            "tail calls",
        ),
        endless("a loop that uses its memory", "reading and writing"),
        endless("memory.fill in a loop", "filling"),
        endless("memory.grow by nothing in a loop", "growing by nothing"),
        wat("one very long memory.copy", LONG_COPY)
            .calls("copy", ())
            .with(|call| call.timeout(Duration::from_millis(20)).memory(None))
            .hits(Verdict::Timeout, LimitName::Timeout),
        wat("a start function that loops", LOOPS_AT_START)
            .calls("f", ())
            .never_ends(),
        wat("an `_initialize` that loops", LOOPS_IN_INITIALIZE)
            .calls("f", ())
            .never_ends(),
        guest("a guest written in Rust that spins", "misbehave")
            .calls("spin", ())
            .never_ends(),
        guest("a guest that sleeps for an hour", "sleeper")
            .calls("sleep-ms", (3_600_000,))
            .never_ends(),
        calling("sleeping for ever in a host call", "sleep"),
        calling("sleeping for a millisecond, for ever", "naps"),
        calling("looking at the clock for ever", "looking at the clock"),
        calling("yielding for ever", "yielding"),
        wat("a command that sleeps for ever", COMMAND)
            .runs(&["a"])
            .never_ends(),
        wat("a poll of what is never ready", HOST_CALLS)
            .calls("poll", (3u32,))
            .never_ends(),
        wat("a loop with a limit on its CPU time", LOOPS)
            .calls("calling", ())
            .with(|call| call.cpu_time(Duration::from_millis(50)))
            .hits(Verdict::CpuLimit, LimitName::CpuTime),
        wat("host calls that use up the CPU time", COMMAND)
            .calls("looking at the clock", ())
            .with(|call| call.cpu_time(Duration::from_millis(50)))
            .hits(Verdict::CpuLimit, LimitName::CpuTime),
    ]
}
