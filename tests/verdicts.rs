//! The verdict is how a task ended; what it was refused on the way stands beside
//! it, and nothing that its guest said about its end is lost.

use sandpool::{LimitName, MIB, Outcome, Stdio, Verdict};

use crate::support::{TestPool, one_worker, open, pool, test};

/// A component that is refused memory, and then ends as it is told.
const REFUSED_MEMORY: &str = r#"
(component
  (core module $m
    (memory (export "memory") 1)
    (data (i32.const 0) "\01\00\00\00\10\00\00\00\0c\00\00\00")
    (data (i32.const 16) "out of paper")
    (func $refused (drop (memory.grow (i32.const 40000))))
    (func (export "fail") (result i32) (call $refused) (i32.const 0))
    (func (export "go on") (result i32) (call $refused) (i32.const 7))
    (func (export "trap") (result i32) (call $refused) unreachable))
  (core instance $i (instantiate $m))
  (alias core export $i "memory" (core memory $memory))
  (func (export "fail") (result (result (error string)))
    (canon lift (core func $i "fail") (memory $memory)))
  (func (export "go-on") (result u32) (canon lift (core func $i "go on")))
  (func (export "trap") (result u32) (canon lift (core func $i "trap"))))
"#;

/// A command that is refused memory and leaves with exit code 3.
const REFUSED_AND_LEAVES: &str = r#"
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    (drop (memory.grow (i32.const 40000)))
    (call $proc_exit (i32.const 3))))
"#;

/// Says on stderr why it aborts, as C libraries and C++'s `terminate` do; then
/// traps, or leaves.
const ABORTS: &str = r#"
(module
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\10\00\00\00\4d\00\00\00")
  (data (i32.const 16)
    "libc++abi: terminating due to uncaught exception: \1b[2Jevil\0aAborted (by hand)\0a")
  (func $say
    (drop (call $fd_write (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 8))))
  (func (export "trap") (call $say) unreachable)
  (func (export "leave") (call $say) (call $proc_exit (i32.const 134))))
"#;

/// The output of AssemblyScript's compiler for `abort("index out of range", ...)`.
const ASSEMBLY_SCRIPT: &str = r#"
(module
  (import "env" "abort" (func $abort (param i32 i32 i32 i32)))
  (memory (export "memory") 1)
  (data (i32.const 12) "\10\00\00\00t\00o\00o\00 \00f\00a\00r\00!\00")
  (data (i32.const 60) "\08\00\00\00a\00.\00t\00s\00")
  (func (export "f")
    (call $abort (i32.const 16) (i32.const 64) (i32.const 7) (i32.const 3))))
"#;

fn call(pool: &TestPool, text: &str, function: &str) -> Outcome {
    let module = pool.wat(text);
    pool.call(&module, function).outcome().expect("sent")
}

fn misbehave(pool: &TestPool, function: &str, args: impl sandpool::value::ToArgs) -> Outcome {
    let module = pool.guest("misbehave");
    let call = pool.call(&module, function).args(args);
    call.outcome().expect("sent")
}

fn error(outcome: &Outcome) -> &str {
    outcome.error.as_deref().unwrap_or_default()
}

#[test]
fn an_error_after_a_refusal_is_an_error_with_its_payload_and_the_refusal_beside_it() {
    let _test = test();
    let pool = one_worker();
    let outcome = call(&pool, REFUSED_MEMORY, "fail");
    assert_eq!(outcome.verdict, Verdict::Error, "{outcome}");
    assert_eq!(error(&outcome), "out of paper");
    assert_eq!(
        outcome.refused().as_deref(),
        Some("memory 2621505536 bytes")
    );
    assert_eq!(outcome.limit, None);
    let line = outcome.to_string();
    let told = "error: out of paper (refused: memory 2621505536 bytes)";
    assert!(line.ends_with(told), "{line}");
}

#[test]
fn an_exit_after_a_refusal_is_an_exit_with_its_code() {
    let _test = test();
    let pool = one_worker();
    let module = pool.wat(REFUSED_AND_LEAVES);
    let outcome = pool.command(&module).outcome().expect("sent");
    assert_eq!(outcome.verdict, Verdict::Exit, "{outcome}");
    assert_eq!(outcome.exit_code, Some(3));
    assert_eq!(outcome.refusals.len(), 1);
}

#[test]
fn a_task_that_goes_on_after_a_refusal_is_ok_and_its_line_tells_of_it() {
    let _test = test();
    let pool = one_worker();
    let outcome = call(&pool, REFUSED_MEMORY, "go-on");
    assert_eq!(outcome.verdict, Verdict::Ok, "{outcome}");
    let line = outcome.to_string();
    assert!(
        line.ends_with("(refused: memory 2621505536 bytes)"),
        "{line}"
    );
}

#[test]
fn a_trap_after_memory_was_refused_is_a_memory_limit_that_says_how_it_trapped() {
    let _test = test();
    let pool = one_worker();
    let outcome = call(&pool, REFUSED_MEMORY, "trap");
    assert_eq!(outcome.verdict, Verdict::MemoryLimit, "{outcome}");
    let limit = outcome.limit.as_ref().map(|hit| hit.name);
    assert_eq!(limit, Some(LimitName::Memory));
    let text = error(&outcome);
    assert!(
        text.starts_with("asked for more memory than 128MiB"),
        "{text}"
    );
    assert!(
        text.contains("; then it trapped: wasm `unreachable`"),
        "{text}"
    );
}

#[test]
fn a_panic_is_a_trap_that_says_what_the_guest_said() {
    let _test = test();
    let pool = one_worker();
    let outcome = misbehave(&pool, "panic", ("no \u{1b}[31m luck",));
    assert_eq!(outcome.verdict, Verdict::Trap, "{outcome}");
    let text = error(&outcome);
    let (trap, said) = text.split_once("; stderr: ").unwrap_or_default();
    assert!(trap.starts_with("wasm `unreachable`"), "{text}");
    assert!(said.contains("panicked at "), "{text}");
    assert!(said.contains("no \\u{1b}[31m luck"), "{text}");
    assert!(!said.contains("RUST_BACKTRACE"), "{text}");
    assert!(!text.chars().any(char::is_control), "{text:?}");
}

#[test]
fn an_allocation_that_fails_says_so_in_the_guests_own_words() {
    let _test = test();
    let pool = open(pool().processes(1).memory(8 * MIB));
    let outcome = misbehave(&pool, "allocate", (100_000_000u32,));
    assert_eq!(outcome.verdict, Verdict::MemoryLimit, "{outcome}");
    let text = error(&outcome);
    assert!(text.contains("; stderr: "), "{text}");
    assert!(
        text.contains("memory allocation of 100000000 bytes failed"),
        "{text}"
    );
}

#[test]
fn an_abort_of_a_c_library_is_told_with_its_text_whether_it_traps_or_leaves() {
    let _test = test();
    let pool = one_worker();
    let said = "; stderr: libc++abi: terminating due to uncaught exception: \
                \\u{1b}[2Jevil | Aborted (by hand)";
    let outcome = call(&pool, ABORTS, "trap");
    assert_eq!(outcome.verdict, Verdict::Trap, "{outcome}");
    assert!(error(&outcome).ends_with(said), "{}", error(&outcome));
    let outcome = call(&pool, ABORTS, "leave");
    assert_eq!(outcome.verdict, Verdict::Exit, "{outcome}");
    assert_eq!(error(&outcome), format!("left with exit code 134{said}"));
}

#[test]
fn an_abort_of_assembly_script_is_told_with_its_message_and_place() {
    let _test = test();
    let pool = one_worker();
    let outcome = call(&pool, ASSEMBLY_SCRIPT, "f");
    assert_eq!(outcome.verdict, Verdict::Trap, "{outcome}");
    let text = error(&outcome);
    assert!(text.starts_with("too far! at a.ts:7:3"), "{text}");
}

#[test]
fn where_stderr_is_not_captured_the_trap_is_told_alone() {
    let _test = test();
    let pool = open(pool().processes(1).stdio(Stdio::Null));
    let outcome = call(&pool, ABORTS, "trap");
    assert_eq!(outcome.verdict, Verdict::Trap, "{outcome}");
    assert!(!error(&outcome).contains("stderr"), "{outcome}");
}
