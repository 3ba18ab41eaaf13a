//! Output and input of one call are written and read whole, also for guests that do not
//! look at the returned length: many take it for all.

use std::fs;

use sandpool::{DirGrant, MIB, Outcome, PoolBuilder, Stdio, Verdict};

use crate::support::{TestPool, one_worker, open, pool, test};

/// Writes its 3 buffers with one call: `<`, 100,000 times `x`, `>`.
const WRITES_BUFFERS: &str = r#"
(module
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 4)
  (data (i32.const 0) "<>")
  ;; Four iovecs, one of which is empty.
  (data (i32.const 16) "\00\00\00\00\01\00\00\00")
  (data (i32.const 24) "\00\04\00\00\a0\86\01\00")
  (data (i32.const 32) "\00\00\00\00\00\00\00\00")
  (data (i32.const 40) "\01\00\00\00\01\00\00\00")
  (func (export "write") (param $fd i32) (result i32)
    (memory.fill (i32.const 1024) (i32.const 120) (i32.const 100000))
    (if (call $fd_write (local.get $fd) (i32.const 16) (i32.const 4) (i32.const 8))
      (then (return (i32.const -1))))
    (i32.load (i32.const 8)))
  (func (export "write nothing") (param $fd i32) (result i32)
    (call $fd_write (local.get $fd) (i32.const 32) (i32.const 1) (i32.const 8))))
"#;

fn files(pool: &TestPool, function: &str, args: impl sandpool::value::ToArgs) -> Outcome {
    let module = pool.guest("files");
    let call = pool.call(&module, function).args(args);
    call.outcome().expect("sent")
}

fn count(outcome: Outcome) -> u64 {
    let outcome = outcome.typed::<u64>();
    outcome.value.unwrap_or_else(|| panic!("{outcome}"))
}

#[test]
fn seventy_thousand_characters_at_once_are_all_there() {
    let _test = test();
    let pool = one_worker();
    let outcome = files(&pool, "print-at-once", (70_000u64,));
    let stdout = outcome.stdout.clone().expect("captured");
    assert_eq!((count(outcome), stdout.len()), (70_000, 70_000));
}

#[test]
fn more_at_once_than_the_limit_leaves_is_told_and_never_cut_without_a_word() {
    let _test = test();
    for limit in [1000, 60_000, MIB, 3 * MIB] {
        let pool = open(pool().processes(1).stdout_limit(limit));
        let fits = files(&pool, "print-at-once", (limit,));
        assert_eq!(count(fits), limit);
        for over in [limit + 1, 2 * limit, 4 * MIB] {
            let outcome = files(&pool, "print-at-once", (over,));
            assert_eq!(outcome.verdict, Verdict::OutputLimit, "{over}: {outcome}");
        }
    }
}

#[test]
fn without_a_limit_fifty_megabytes_at_once_are_all_there() {
    let _test = test();
    let captured = |builder: PoolBuilder| open(builder.processes(1).stdout_limit(None));
    let pool = captured(pool());
    let outcome = files(&pool, "print-at-once", (50_000_000u64,));
    let stdout = outcome.stdout.clone().map(|stdout| stdout.len());
    assert_eq!((count(outcome), stdout), (50_000_000, Some(50_000_000)));
    let pool = captured(crate::support::pool().stdio(Stdio::Null));
    let outcome = files(&pool, "print-at-once", (50_000_000u64,));
    assert_eq!(count(outcome), 50_000_000);
}

#[test]
fn files_are_written_and_read_whole_with_one_call() {
    let _test = test();
    let folder = tempfile::tempdir().expect("a folder");
    let pool = open(pool().processes(1).dir(DirGrant {
        host: folder.path().into(),
        guest: "/data".into(),
        writable: true,
    }));
    let outcome = files(&pool, "write-at-once", ("/data/x", 3 * MIB));
    assert_eq!(count(outcome), 3 * MIB);
    let there = fs::metadata(folder.path().join("x")).expect("there").len();
    assert_eq!(there, 3 * MIB);
    for (asked, read) in [(MIB, MIB), (3 * MIB, 3 * MIB), (5 * MIB, 3 * MIB)] {
        let outcome = files(&pool, "read-at-once", ("/data/x", asked));
        assert_eq!(count(outcome), read);
    }
}

#[test]
fn all_buffers_of_one_call_are_written_in_preview_1() {
    let _test = test();
    let pool = one_worker();
    let module = pool.wat(WRITES_BUFFERS);
    let outcome = pool.call(&module, "write").arg(1).outcome().expect("sent");
    let stdout = outcome.stdout.clone().expect("captured");
    let expected = [b"<".as_slice(), &[b'x'; 100_000], b">"].concat();
    assert!(stdout == expected, "{} bytes", stdout.len());
    let written: i32 = outcome.typed().value.expect("ok");
    assert_eq!(written, 100_002);
    let code: i32 = pool.apply(&module, "write", (99,)).expect("ok");
    assert_eq!(code, -1, "there is no such descriptor");
    for (fd, expected) in [(1, 0), (99, 8)] {
        let code: i32 = pool.apply(&module, "write nothing", (fd,)).expect("ok");
        assert_eq!(code, expected, "{fd}");
    }
}
