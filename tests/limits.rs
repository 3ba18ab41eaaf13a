//! The limits of a task, and the outcome of a task that exceeds one.

mod host_calls;
pub(crate) mod loading;
mod memory;
mod output;
mod time;
mod ulimits;

use std::fs;

use sandpool::{DirGrant, Error, KIB, LimitName, MIB, Origin, Outcome, Stdio, Verdict};

use crate::support::{TestPool, one_worker, open, pool, test};

/// Runs a function of the guest `misbehave`.
fn misbehave(pool: &TestPool, function: &str, args: impl sandpool::value::ToArgs) -> Outcome {
    let module = pool.guest("misbehave");
    let call = pool.call(&module, function).args(args);
    call.outcome().expect("sent")
}

#[track_caller]
fn assert_hit(outcome: &Outcome, verdict: Verdict, limit: LimitName, text: &str) {
    assert_eq!(outcome.verdict, verdict, "{outcome}");
    let error = outcome.error.as_deref().unwrap_or_default();
    // The guest's own words may follow.
    let rest = error.strip_prefix(text);
    assert!(
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(';')),
        "{error}"
    );
    assert_eq!(outcome.limit.as_ref().map(|limit| limit.name), Some(limit));
    assert_eq!(outcome.value, None);
}

#[test]
fn a_task_that_takes_memory_without_end_hits_its_limit() {
    let _test = test();
    let pool = one_worker();
    let outcome = misbehave(&pool, "allocate-forever", ());
    let text = "asked for more memory than 128MiB (default); the setting `memory` raises it";
    assert_hit(&outcome, Verdict::MemoryLimit, LimitName::Memory, text);
    let peak = outcome.peak_memory.expect("the worker lived to tell it");
    assert!(peak > 64 * MIB && peak <= 128 * MIB, "{peak}");
    assert!(!outcome.refusals.is_empty());
    let pid = outcome.worker_pid;
    let next = misbehave(&pool, "allocate", (MIB,));
    assert_eq!((next.verdict, next.worker_pid), (Verdict::Ok, pid));
}

#[test]
fn a_memory_limit_is_the_calls_or_the_pools() {
    let _test = test();
    let pool = open(pool().processes(1).memory(32 * MIB));
    let module = pool.guest("misbehave");
    let allocate = |limit: Option<u64>| {
        let call = pool.call(&module, "allocate").arg(64 * MIB);
        let call = match limit {
            Some(limit) => call.memory(limit),
            None => call,
        };
        call.outcome().expect("sent")
    };
    let outcome = allocate(None);
    let text =
        "asked for more memory than 32MiB (set for the pool); the setting `memory` raises it";
    assert_hit(&outcome, Verdict::MemoryLimit, LimitName::Memory, text);
    assert_eq!(outcome.limit.expect("hit").origin, Origin::Pool);
    let outcome = allocate(Some(48 * MIB));
    let text =
        "asked for more memory than 48MiB (set for this call); the setting `memory` raises it";
    assert_hit(&outcome, Verdict::MemoryLimit, LimitName::Memory, text);
    let outcome = allocate(Some(100 * MIB));
    assert_eq!(outcome.verdict, Verdict::Ok, "{outcome}");
    assert!(outcome.peak_memory.expect("told") >= 64 * MIB);
}

#[test]
fn a_task_that_survives_a_refusal_keeps_its_verdict_and_lists_it() {
    let _test = test();
    let pool = open(pool().processes(1).memory(32 * MIB));
    let outcome = misbehave(&pool, "try-allocate", (64 * MIB,));
    assert_eq!(outcome.verdict, Verdict::Ok, "{outcome}");
    assert_eq!(outcome.value, Some(sandpool::Value::Bool(false)));
    assert_eq!(outcome.limit, None);
    assert!(!outcome.refusals.is_empty());
    assert!(
        outcome
            .refusals
            .iter()
            .all(|refusal| refusal.what == "memory")
    );
    assert!(outcome.refusals[0].detail.contains("bytes"));
    let outcome = misbehave(&pool, "try-allocate", (MIB,));
    assert_eq!(outcome.value, Some(sandpool::Value::Bool(true)));
    assert_eq!(outcome.refusals, [], "a refusal is that task's alone");
}

#[test]
fn a_module_that_is_born_too_large_hits_the_memory_limit() {
    let _test = test();
    let pool = open(pool().processes(1).memory(MIB));
    let text = r#"(module (memory 100) (func (export "f")))"#;
    let module = pool.wat(text);
    let outcome = pool.call(&module, "f").outcome().expect("sent");
    let text = "asked for more memory than 1MiB (set for the pool); the setting `memory` raises it";
    assert_hit(&outcome, Verdict::MemoryLimit, LimitName::Memory, text);
    let larger = pool.call(&module, "f").memory(16 * MIB).outcome();
    assert_eq!(larger.expect("sent").verdict, Verdict::Ok);
}

#[test]
fn a_result_that_is_too_large_hits_its_limit() {
    let _test = test();
    let pool = open(pool().processes(1).result_limit(MIB));
    let outcome = misbehave(&pool, "big-result", (2 * MIB,));
    let text = "returned more than 1MiB (set for the pool); the setting `result_limit` raises it";
    assert_hit(&outcome, Verdict::OutputLimit, LimitName::Result, text);
    let outcome = misbehave(&pool, "big-result", (MIB - 64,));
    assert_eq!(outcome.verdict, Verdict::Ok, "{outcome}");
    let module = pool.guest("misbehave");
    let call = pool.call(&module, "big-result").arg(3 * MIB);
    let bytes: Vec<u8> = call.result_limit(None).apply().expect("no limit");
    assert_eq!(bytes.len() as u64, 3 * MIB);
}

#[test]
fn output_that_is_too_long_hits_its_limit() {
    let _test = test();
    let pool = open(
        pool()
            .processes(1)
            .stdout_limit(10 * KIB)
            .stderr_limit(20 * KIB),
    );
    let outcome = misbehave(&pool, "shout", (100 * KIB,));
    let text =
        "wrote more to stdout than 10KiB (set for the pool); the setting `stdout_limit` raises it";
    assert_hit(&outcome, Verdict::OutputLimit, LimitName::Stdout, text);
    let kept = outcome.stdout.expect("what fitted is kept").len() as u64;
    assert!(kept <= 10 * KIB, "{kept}");
    let outcome = misbehave(&pool, "shout-stderr", (100 * KIB,));
    let text =
        "wrote more to stderr than 20KiB (set for the pool); the setting `stderr_limit` raises it";
    assert_hit(&outcome, Verdict::OutputLimit, LimitName::Stderr, text);
    let outcome = misbehave(&pool, "shout", (10 * KIB,));
    assert_eq!(outcome.verdict, Verdict::Ok, "{outcome}");
    assert_eq!(outcome.stdout.expect("captured").len() as u64, 10 * KIB);
    let outcome = misbehave(&pool, "shout-stderr", (15 * KIB,));
    assert_eq!(outcome.stderr.expect("captured").len() as u64, 15 * KIB);
}

#[test]
fn output_nobody_wants_is_neither_kept_nor_limited() {
    let _test = test();
    let pool = open(pool().processes(1).stdio(Stdio::Null));
    let outcome = misbehave(&pool, "shout", (8 * MIB,));
    assert_eq!(outcome.verdict, Verdict::Ok, "{outcome}");
    assert_eq!((outcome.stdout, outcome.stderr), (None, None));
}

#[test]
fn a_flood_of_log_lines_hits_its_limit() {
    let _test = test();
    let pool = open(pool().processes(1).log_limit(100 * KIB));
    let outcome = misbehave(&pool, "log-flood", (1_000_000u64,));
    let text = "logged more than 100KiB (set for the pool); the setting `log_limit` raises it";
    assert_hit(&outcome, Verdict::OutputLimit, LimitName::Log, text);
    let outcome = misbehave(&pool, "log-flood", (1000u64,));
    assert_eq!(outcome.verdict, Verdict::Ok, "{outcome}");
}

#[test]
fn arguments_that_are_too_large_are_never_sent() {
    let _test = test();
    let pool = open(pool().processes(1).arguments_limit(MIB));
    let digest = pool.guest("digest");
    let data = vec![0u8; 1 << 20];
    let error = pool.apply::<String>(&digest, "sha256", (&data,));
    let error = error.expect_err("larger than the limit");
    assert!(
        matches!(error, Error::ArgumentsTooLarge { .. }),
        "{error:?}"
    );
    assert!(pool.worker_pids().is_empty(), "nothing was sent");
    let fits = pool.apply::<String>(&digest, "sha256", (&data[64..],));
    assert_eq!(fits.expect("ok").len(), 64);
}

#[test]
fn a_guest_that_exits_has_its_exit_code() {
    let _test = test();
    let pool = one_worker();
    let outcome = misbehave(&pool, "exit-with", (3,));
    assert_eq!(outcome.verdict, Verdict::Exit, "{outcome}");
    assert_eq!(outcome.exit_code, Some(1), "WASI 0.2 knows only failure");
    assert_eq!(outcome.error.as_deref(), Some("left with exit code 1"));
}

#[test]
fn a_trap_says_what_it_was_and_where() {
    let _test = test();
    let pool = one_worker();
    let says = |outcome: &Outcome, words: &[&str]| {
        assert_eq!(outcome.verdict, Verdict::Trap, "{outcome}");
        let text = outcome.error.as_deref().expect("a text");
        for word in words {
            assert!(text.contains(word), "`{word}` is not in: {text}");
        }
        assert!(!text.contains('\n'), "{text}");
        assert!(outcome.limit.is_none());
    };
    says(&misbehave(&pool, "trap", ()), &["unreachable", "`"]);
    says(&misbehave(&pool, "abort-now", ()), &["unreachable"]);
    says(&misbehave(&pool, "recurse", ()), &["call stack exhausted"]);
    says(
        &misbehave(&pool, "recurse-with-buffers", ()),
        &["out of bounds"],
    );
    let outcome = misbehave(&pool, "panic", ("oh \u{1b}[31mno",));
    says(&outcome, &["unreachable"]);
    let stderr = String::from_utf8(outcome.stderr.expect("captured")).expect("text");
    assert!(stderr.contains("oh \u{1b}[31mno"), "{stderr}");
    let module = pool.wat(
        r#"(module (func (export "div") (param i32) (result i32)
            (i32.div_s (i32.const 1) (local.get 0))))"#,
    );
    let outcome = pool.call(&module, "div").arg(0).outcome().expect("sent");
    says(&outcome, &["integer divide by zero"]);
    pool.assert_whole();
}

#[test]
fn traps_cost_no_worker() {
    let _test = test();
    let pool = one_worker();
    let module = pool.guest("misbehave");
    let traps = pool.map::<()>(&module, "trap", (0..50).map(|_| ()));
    let pids: std::collections::HashSet<_> = traps
        .expect("sent")
        .into_iter()
        .map(|outcome| {
            assert_eq!(outcome.verdict, Verdict::Trap, "{outcome}");
            outcome.worker_pid
        })
        .collect();
    assert_eq!(pids.len(), 1);
}

#[test]
fn a_file_that_was_not_granted_cannot_be_read_and_one_that_was_can() {
    let _test = test();
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("a.txt"), "granted").expect("written");
    let closed = one_worker();
    let path = folder.path().join("a.txt");
    let outcome = misbehave(&closed, "open-file", (path.to_str().expect("text"),));
    assert_eq!(outcome.verdict, Verdict::Error, "{outcome}");
    assert_eq!(outcome.value, None);
    let open = open(pool().processes(1).dir(DirGrant {
        host: folder.path().to_owned(),
        guest: "/data".into(),
        writable: false,
    }));
    let outcome = misbehave(&open, "open-file", ("/data/a.txt",));
    let content = sandpool::Value::String("granted".into());
    assert_eq!(outcome.value, Some(content), "{outcome}");
    let outcome = misbehave(&open, "open-file", ("/data/../../etc/passwd",));
    assert_eq!(outcome.value, None, "{outcome}");
}

#[test]
fn the_environment_is_empty_but_for_what_was_granted() {
    let _test = test();
    let pool = open(pool().processes(1).env("GREETING", "hello"));
    let module = pool.guest("misbehave");
    let env = |name: &str| -> Option<String> { pool.apply(&module, "env", (name,)).expect("ok") };
    assert_eq!(env("GREETING").as_deref(), Some("hello"));
    for name in ["PATH", "HOME", "CARGO_MANIFEST_DIR"] {
        assert_eq!(env(name), None, "{name}");
    }
}

#[test]
fn a_socket_is_refused() {
    let _test = test();
    let pool = one_worker();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a listener");
    let address = listener.local_addr().expect("bound").to_string();
    let outcome = misbehave(&pool, "connect-to", (address,));
    assert_eq!(outcome.verdict, Verdict::Error, "{outcome}");
    assert_eq!(outcome.refused().as_deref(), Some("socket TCP"));
    listener.set_nonblocking(true).expect("set");
    assert!(listener.accept().is_err(), "nobody connected");
}

#[test]
fn a_trap_in_a_function_with_a_name_of_any_length_is_a_trap() {
    let _test = test();
    let pool = one_worker();
    let name = "x".repeat(200_000);
    let module = pool.wat(&format!(
        r#"(module (func ${name} (export "f") unreachable))"#
    ));
    let outcome = pool.call(&module, "f").outcome().expect("sent");
    assert_eq!(outcome.verdict, Verdict::Trap, "{:?}", outcome.verdict);
    let text = outcome.error.expect("a text");
    assert!(text.contains("unreachable") && text.len() < 10_000);
}
