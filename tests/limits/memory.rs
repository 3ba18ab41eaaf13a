//! Memory, tables, stack, and the process around them.

use sandpool::{LimitName, MIB, Verdict, WasmFeature};

use super::{assert_hit, misbehave};
use crate::support::process::{Host, children, program};
use crate::support::{eventually, one_worker, open, pool, test, wat};

#[test]
fn all_memories_of_a_task_have_one_limit_together() {
    let _test = test();
    let pool = open(pool().processes(1).memory(10 * MIB));
    let text = r#"
        (module
          (memory $a 1) (memory $b 1) (memory $c 1)
          (func (export "grow") (param i32)
            (if (i32.eq (i32.const -1) (memory.grow $a (local.get 0))) (then unreachable))
            (if (i32.eq (i32.const -1) (memory.grow $b (local.get 0))) (then unreachable))
            (if (i32.eq (i32.const -1) (memory.grow $c (local.get 0))) (then unreachable))))"#;
    let module = pool.wat(text);
    let grow = |pages: i32| {
        pool.call(&module, "grow")
            .arg(pages)
            .outcome()
            .expect("sent")
    };
    let fits = grow(50);
    assert!(fits.is_ok(), "{fits}");
    assert_eq!(fits.peak_memory, Some(153 * 65536));
    let outcome = grow(60);
    let text =
        "asked for more memory than 10MiB (set for the pool); the setting `memory` raises it";
    assert_hit(&outcome, Verdict::MemoryLimit, LimitName::Memory, text);
    assert_eq!(outcome.worker_pid, fits.worker_pid);
}

#[test]
fn a_memory_of_four_gibibytes_is_refused_by_the_limit_and_not_by_the_machine() {
    let _test = test();
    let pool = one_worker();
    let module = pool.wat(r#"(module (memory 65536) (func (export "f")))"#);
    let outcome = pool.call(&module, "f").outcome().expect("sent");
    let text = "asked for more memory than 128MiB (default); the setting `memory` raises it";
    assert_hit(&outcome, Verdict::MemoryLimit, LimitName::Memory, text);
}

#[test]
fn a_table_has_so_many_elements_and_no_more() {
    let _test = test();
    let pool = one_worker();
    let text = r#"
        (module (table $t 0 funcref)
          (func (export "grow") (param i32) (result i32)
            (table.grow $t (ref.null func) (local.get 0)))
          (func (export "must grow") (param i32)
            (if (i32.eq (i32.const -1) (table.grow $t (ref.null func) (local.get 0)))
              (then unreachable))))"#;
    let module = pool.wat(text);
    let call = |function, elements: i32| {
        let call = pool.call(&module, function).arg(elements);
        call.outcome().expect("sent")
    };
    assert!(call("must grow", 200_000).is_ok());
    let outcome = call("must grow", 200_001);
    let text = "asked for a table of more elements than 200000 (default)";
    assert_hit(
        &outcome,
        Verdict::MemoryLimit,
        LimitName::TableElements,
        text,
    );
    let survived = call("grow", -1);
    assert!(survived.is_ok(), "{survived}");
    assert_eq!(survived.refusals[0].what, "table");
}

#[test]
fn objects_that_are_collected_count_as_memory() {
    let _test = test();
    let builder = pool().processes(1).memory(8 * MIB);
    let pool = open(builder.wasm_feature(WasmFeature::Gc));
    let text = r#"
        (module
          (type $link (struct (field (ref null $link)) (field i64)))
          (global $all (mut (ref null $link)) (ref.null $link))
          (func (export "chain")
            (loop $l
              (global.set $all (struct.new $link (global.get $all) (i64.const 1)))
              (br $l))))"#;
    let module = pool.wat(text);
    let outcome = pool.call(&module, "chain").outcome().expect("sent");
    let text = "asked for more memory than 8MiB (set for the pool); the setting `memory` raises it";
    assert_hit(&outcome, Verdict::MemoryLimit, LimitName::Memory, text);
}

#[test]
fn a_process_that_is_refused_memory_hits_its_limit() {
    let _test = test();
    let builder = pool().processes(1).host_call_memory(None);
    let pool = open(builder.process_memory(160 * MIB));
    let text = "its process asked for more memory than 160MiB (set for the pool); \
                the setting `process_memory` raises it";
    // The memory that the worker needs for the call ends the worker.
    let module = pool.wat(wat::HOST_CALLS);
    let outcome = pool.call(&module, "strings").arg(5_000_000u32).outcome();
    let outcome = outcome.expect("sent");
    assert_hit(
        &outcome,
        Verdict::MemoryLimit,
        LimitName::ProcessMemory,
        text,
    );
    pool.assert_whole();
}

#[test]
fn a_limit_that_no_worker_can_start_under_is_named() {
    let _test = test();
    // The engine's reservations do not fit; from 62 MiB on they do, but not the
    // second thread's stack, or what the first call takes.
    for mib in [0, 1, 62, 63, 64] {
        let shown = match mib {
            0 => "0B".to_owned(),
            mib => format!("{mib}MiB"),
        };
        let pool = open(pool().processes(1).process_memory(mib * MIB));
        let module = pool.wat(wat::ADD);
        let outcome = pool.call(&module, "add").args((1, 2)).outcome();
        let error = match outcome {
            Ok(outcome) => outcome.error.expect("a text"),
            Err(error) => error.to_string(),
        };
        let text = format!(
            "a worker cannot start: its process asked for more memory than {shown} \
             (set for the pool); the setting `process_memory` raises it"
        );
        assert!(error.ends_with(&text), "{error}");
    }
}

#[test]
fn what_the_guest_asks_for_beyond_its_process_is_refused_and_the_worker_lives() {
    let _test = test();
    let pool = open(pool().processes(1).memory(None).process_memory(160 * MIB));
    let outcome = misbehave(&pool, "allocate-forever", ());
    let text = "its process asked for more memory than 160MiB (set for the pool); \
                the setting `process_memory` raises it";
    assert_hit(
        &outcome,
        Verdict::MemoryLimit,
        LimitName::ProcessMemory,
        text,
    );
    assert!(outcome.peak_memory.expect("told") < 160 * MIB);
    let next = misbehave(&pool, "allocate", (MIB,));
    assert_eq!(
        (next.verdict, next.worker_pid),
        (Verdict::Ok, outcome.worker_pid)
    );
}

#[test]
fn without_limits_on_memory_a_task_has_what_the_machine_gives() {
    let _test = test();
    let pool = open(pool().processes(1).memory(None).process_memory(None));
    let outcome = misbehave(&pool, "allocate", (200 * MIB,));
    assert!(outcome.is_ok(), "{outcome}");
    assert!(outcome.peak_memory.expect("told") >= 200 * MIB);
}

#[test]
fn a_stack_that_is_full_is_a_trap_and_a_larger_one_holds_more() {
    let _test = test();
    let text = r#"
        (module
          (func $down (export "down") (param i32) (result i32)
            (if (result i32) (i32.eqz (local.get 0))
              (then (i32.const 0))
              (else (i32.add (i32.const 1)
                (call $down (i32.sub (local.get 0) (i32.const 1))))))))"#;
    let down = |stack: Option<u64>, depth: i32| {
        let builder = pool().processes(1);
        let pool = open(match stack {
            Some(bytes) => builder.wasm_stack(bytes),
            None => builder,
        });
        let module = pool.wat(text);
        let outcome = pool
            .call(&module, "down")
            .arg(depth)
            .outcome()
            .expect("sent");
        let next = pool.call(&module, "down").arg(10).outcome().expect("sent");
        assert_eq!(next.value, Some(sandpool::Value::S32(10)));
        assert_eq!(next.worker_pid, outcome.worker_pid, "the worker lives");
        outcome
    };
    for (stack, depth) in [(None, 1_000_000), (Some(32 * 1024), 5000)] {
        let outcome = down(stack, depth);
        assert_eq!(outcome.verdict, Verdict::Trap, "{outcome}");
        let text = outcome.error.expect("a text");
        assert!(text.starts_with("call stack exhausted"), "{text}");
    }
    assert!(down(None, 5000).is_ok());
    assert!(down(Some(4 * MIB), 50_000).is_ok());
}

/// Returns the command's error about a call, under limits of a shell.
fn complaint(limits: &str, module: &str, call: &[&str]) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("module.wat");
    std::fs::write(&path, module).expect("written");
    let script = format!(r#"{limits} && exec "$0" apply "$@""#);
    let output = program("sh")
        .args(["-c", &script, env!("CARGO_BIN_EXE_sandpool")])
        .arg(&path)
        .args(call)
        .output()
        .expect("started");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn under_a_small_ulimit_deep_recursion_is_still_a_trap() {
    let _test = test();
    let deep = r#"(module (func $f (export "f") (call $f)))"#;
    let text = complaint("ulimit -S -s 256", deep, &["f"]);
    assert!(text.contains("trap: call stack exhausted"), "{text}");
}

#[test]
fn under_a_small_ulimit_for_files_no_signal_ends_the_host() {
    let _test = test();
    let text = complaint("ulimit -f 100000", wat::ADD, &["add", "2", "3"]);
    assert!(
        text.contains("a worker cannot be started: `ulimit -f`"),
        "{text}"
    );
}

#[test]
fn whatever_the_ulimit_a_workers_stack_is_bounded() {
    let _test = test();
    let folder = tempfile::tempdir().expect("a folder");
    let module = folder.path().join("wait.wat");
    std::fs::write(&module, wat::ENDLESS_COMMAND).expect("written");
    for limit in ["256", "unlimited"] {
        let script = format!(r#"ulimit -S -s {limit} && exec "$0" run "$1""#);
        let mut command = program("sh");
        command.args(["-c", &script, env!("CARGO_BIN_EXE_sandpool")]);
        let host = Host::of(command.arg(&module));
        eventually("a worker with a stack of 8 MiB", || {
            let pids = children(host.pid()).into_iter();
            let limits =
                pids.filter_map(|pid| std::fs::read_to_string(format!("/proc/{pid}/limits")).ok());
            limits.into_iter().any(|limits| {
                let mut lines = limits.lines();
                let line = lines.find(|line| line.starts_with("Max stack size"));
                line.and_then(|line| line.split_whitespace().nth(3)) == Some("8388608")
            })
        });
    }
}

#[test]
fn a_wasm_stack_that_no_worker_has_room_for_is_refused() {
    let _test = test();
    let error = pool().wasm_stack(64 * MIB).build().expect_err("refused");
    let text = "the wasm stack is from 1 byte to 4MiB, not `67108864`";
    assert_eq!(error.to_string(), text);
}
