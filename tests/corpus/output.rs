//! Tasks that say too much, or something that could do harm where it is shown;
//! and ends that look like others.

use sandpool::{LimitName, MIB, Outcome, Verdict};

use crate::case::{Case, guest, wat};
use crate::support::wat::{HOST_CALLS, HOST_CALLS_P1};

/// Its own errors and names are made to steer a terminal, and to pass for
/// somebody else's lines.
const EVIL_WORDS: &str = r#"
(component
  (core module $m
    (memory (export "memory") 1)
    (data (i32.const 0) "\01\00\00\00\10\00\00\00\28\00\00\00")
    (data (i32.const 16) "\1b]0;owned\07\1b[2J\r\n\nhint: run `rm -rf`\c2\9b1m\00\e2\80\aex")
    (func (export "fail") (result i32) (i32.const 0)))
  (core instance $i (instantiate $m))
  (alias core export $i "memory" (core memory $memory))
  (func (export "fail") (result (result (error string)))
    (canon lift (core func $i "fail") (memory $memory))))
"#;

/// A command that prints without a newline, then does as its name for stdin
/// says: it reads what is not there, writes to what it has closed, and leaves.
const TERSE: &str = r#"
(module
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read"
    (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_close" (func $fd_close (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\20\00\00\00\05\00\00\00")
  (data (i32.const 32) "terse")
  (func (export "_start")
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16)))
    (drop (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 16)))
    (if (i32.load (i32.const 16)) (then unreachable))
    (drop (call $fd_close (i32.const 1)))
    (if (i32.eqz
          (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16)))
      (then unreachable))
    (call $proc_exit (i32.const 0))))
"#;

const EXITS_AT_START: &str = r#"
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (func $leave (call $proc_exit (i32.const 3)))
  (start $leave)
  (func (export "f")))
"#;

const EXITS_AS_COMMAND: &str = r#"
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (func $deep (param $n i32)
    (if (i32.eqz (local.get $n)) (then (call $proc_exit (i32.const 255))))
    (call $deep (i32.sub (local.get $n) (i32.const 1))))
  (func (export "_start") (call $deep (i32.const 1000))))
"#;

fn terse(outcome: &Outcome) {
    assert_eq!(outcome.stdout.as_deref(), Some(b"terse".as_slice()));
    assert_eq!(outcome.exit_code, Some(0));
}

fn full_of(outcome: &Outcome, bytes: u64) {
    let kept = outcome.stdout.as_ref().map(|out| out.len() as u64);
    assert_eq!(kept, Some(bytes));
}

pub fn cases() -> Vec<Case> {
    let misbehave = |name, function: &str| guest(name, "misbehave").calls(function, (u64::MAX,));
    let exits = |name, code: i32| {
        wat(name, HOST_CALLS_P1)
            .calls("exit", (code,))
            .ends(Verdict::Exit)
    };
    let output = |case: Case, limit| case.hits(Verdict::OutputLimit, limit);
    vec![
        output(misbehave("a flood of stdout", "shout"), LimitName::Stdout)
            .and(|outcome| full_of(outcome, MIB)),
        output(
            misbehave("a flood of stderr", "shout-stderr"),
            LimitName::Stderr,
        ),
        output(
            misbehave("a flood of log lines", "log-flood"),
            LimitName::Log,
        ),
        output(
            wat("a flood of log lines with nothing in them", HOST_CALLS).calls("empty-logs", ()),
            LimitName::Log,
        ),
        output(
            wat("a flood of progress", HOST_CALLS).calls("progress", ()),
            LimitName::Log,
        ),
        guest("output that just fits", "misbehave")
            .calls("shout", (MIB,))
            .and(|outcome| full_of(outcome, MIB)),
        output(
            guest("output of a byte too much", "misbehave").calls("shout", (MIB + 1,)),
            LimitName::Stdout,
        ),
        output(
            wat("a hundred megabytes in one write", HOST_CALLS_P1).calls("write", (104_000_000,)),
            LimitName::Stdout,
        ),
        // Four bytes are for its length.
        guest("a result that just fits", "misbehave")
            .calls("big-result", (100_000u32,))
            .with(|call| call.result_limit(100_004)),
        output(
            guest("a result of a byte too much", "misbehave")
                .calls("big-result", (100_001u32,))
                .with(|call| call.result_limit(100_004)),
            LimitName::Result,
        ),
        wat("an error full of control codes", EVIL_WORDS)
            .calls("fail", ())
            .ends(Verdict::Error),
        wat("output without newline, and stdin without anything", TERSE)
            .runs(&["\u{1b}[31mterse\n"])
            .and(terse),
        exits("exit code 0 where a result was due", 0),
        exits("exit code 1", 1).and(|outcome| assert_eq!(outcome.exit_code, Some(1))),
        exits("exit code 255", 255),
        exits("exit code 256, which is no success", 256)
            .and(|outcome| assert_eq!(outcome.exit_code, Some(256))),
        exits("exit code -1", -1).and(|outcome| assert_eq!(outcome.exit_code, Some(-1))),
        wat("an exit from within a thousand calls", HOST_CALLS_P1)
            .calls("exit from within", (1000, 7))
            .ends(Verdict::Exit)
            .and(|outcome| assert_eq!(outcome.exit_code, Some(7))),
        wat("a command that exits from within", EXITS_AS_COMMAND)
            .runs(&[])
            .ends(Verdict::Exit)
            .and(|outcome| assert_eq!(outcome.exit_code, Some(255))),
        wat("a start function that exits", EXITS_AT_START)
            .calls("f", ())
            .ends(Verdict::Exit),
        guest("a guest written in Rust that exits", "misbehave")
            .calls("exit-with", (3u32,))
            .ends(Verdict::Exit),
    ]
}
