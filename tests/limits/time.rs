//! Wall time, CPU time and fuel, wherever the guest spends them.

use std::time::Duration;

use sandpool::{Interrupt, LimitName, MIB, Verdict};

use super::assert_hit;
use crate::support::{open, pool, test, test_alone, wat};

const SHORT: Duration = Duration::from_millis(100);

/// Each export spends its time elsewhere.
const SPENDERS: &str = r#"
(module
  (import "wasi_snapshot_preview1" "poll_oneoff"
    (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 16384)
  (func (export "in a loop") (loop $l (br $l)))
  (func (export "in a host call")
    (i32.store (i32.const 16) (i32.const 1))
    (i64.store (i32.const 24) (i64.const 60000000000))
    (drop (call $poll_oneoff
      (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128))))
  ;; Half a gibibyte in one instruction. The loop is for machines that are
  ;; faster than all of today's.
  (func (export "in one long memory.copy")
    (memory.copy (i32.const 0) (i32.const 536870912) (i32.const 536870912))
    (loop $l (br $l)))
  (func (export "nowhere")))
"#;

#[test]
fn wall_time_ends_a_task_wherever_it_spends_it() {
    let _test = test();
    for interrupt in [Interrupt::Kill, Interrupt::Epoch] {
        let pool = open(
            pool()
                .processes(1)
                .interrupt(interrupt)
                .memory(1024 * MIB)
                .timeout(Duration::from_millis(50)),
        );
        let module = pool.wat(SPENDERS);
        for place in ["in a loop", "in a host call", "in one long memory.copy"] {
            let outcome = pool.call(&module, place).outcome().expect("sent");
            assert_eq!(outcome.verdict, Verdict::Timeout, "{place}: {outcome}");
            let limit = outcome.limit.as_ref().expect("a limit ended it");
            assert_eq!(limit.name, LimitName::Timeout);
            let text = outcome.error.as_deref().expect("a text");
            assert!(
                text.starts_with("ran past 50ms (set for the pool)"),
                "{text}"
            );
            let ran = outcome.run_time.expect("the host saw it run");
            assert!(ran < Duration::from_secs(10), "{place}: {ran:?}");
            let next = pool.call(&module, "nowhere").timeout(None).outcome();
            assert!(next.expect("sent").is_ok(), "after one {place}");
        }
    }
}

#[test]
fn wall_time_counts_from_before_the_start_function() {
    let _test = test();
    let starts = [
        r#"(module (func $s (loop $l (br $l))) (start $s) (func (export "f")))"#,
        r#"(module (func (export "_initialize") (loop $l (br $l))) (func (export "f")))"#,
    ];
    for interrupt in [Interrupt::Kill, Interrupt::Epoch] {
        let pool = open(pool().processes(1).interrupt(interrupt).timeout(SHORT));
        for start in starts {
            let module = pool.wat(start);
            let outcome = pool.call(&module, "f").outcome().expect("sent");
            assert_eq!(outcome.verdict, Verdict::Timeout, "{start}: {outcome}");
        }
        pool.assert_whole();
    }
}

/// The initializer's argument says how long it takes: 0 is nothing, else for
/// ever.
const INITIALIZED: &str = r#"
(module
  (func (export "begin") (param i32) (loop $l (br_if $l (local.get 0))))
  (func (export "work") (result i32) (i32.const 7)))
"#;

#[test]
fn an_initializer_that_hits_a_limit_costs_its_task_alone_and_breaks_no_pool() {
    let _test = test();
    for interrupt in [Interrupt::Kill, Interrupt::Epoch] {
        let builder = pool().processes(1).interrupt(interrupt);
        let pool = open(builder.initializer("begin", (1,)).fuel(None));
        let module = pool.wat(INITIALIZED);
        for _ in 0..2 {
            let call = pool.call(&module, "work").timeout(SHORT);
            let outcome = call.outcome().expect("the pool is whole");
            assert_eq!(
                outcome.verdict,
                Verdict::Timeout,
                "{interrupt:?}: {outcome}"
            );
        }
        assert_eq!(pool.broken(), None);
    }
    let pool = open(pool().processes(1).initializer("begin", (1,)).fuel(10_000));
    let module = pool.wat(INITIALIZED);
    for _ in 0..2 {
        let outcome = pool.call(&module, "work").outcome().expect("sent");
        let text = "used more fuel than 10000 (set for the pool); the setting `fuel` raises it";
        assert_hit(&outcome, Verdict::OutOfFuel, LimitName::Fuel, text);
    }
    assert_eq!(pool.broken(), None);
}

#[test]
fn a_cpu_limit_is_kept_to_20_milliseconds() {
    let _test = test_alone();
    let limit = Duration::from_millis(60);
    let pool = open(
        pool()
            .processes(1)
            .cpu_time(limit)
            .timeout(None)
            .memory(None),
    );
    let module = pool.wat(SPENDERS);
    // The machine may do other things too: one undisturbed attempt shows it.
    let mut overshoots = Vec::new();
    for _ in 0..20 {
        let outcome = pool.call(&module, "in a loop").outcome().expect("sent");
        let text =
            "used more CPU time than 60ms (set for the pool); the setting `cpu_time` raises it";
        assert_hit(&outcome, Verdict::CpuLimit, LimitName::CpuTime, text);
        let used = outcome
            .cpu_time
            .expect("read when the limit was seen to be hit");
        assert!(used >= limit, "ended too early: {used:?}");
        overshoots.push(used - limit);
        if used - limit < Duration::from_millis(20) {
            return;
        }
    }
    panic!("never within 20 ms: {overshoots:?}");
}

#[test]
fn a_cpu_limit_holds_in_the_start_function_and_with_epochs() {
    let _test = test();
    let start = r#"(module (func $s (loop $l (br $l))) (start $s) (func (export "f")))"#;
    for interrupt in [Interrupt::Kill, Interrupt::Epoch] {
        let pool = open(pool().processes(1).interrupt(interrupt).cpu_time(SHORT));
        let module = pool.wat(start);
        let outcome = pool.call(&module, "f").outcome().expect("sent");
        assert_eq!(
            outcome.verdict,
            Verdict::CpuLimit,
            "{interrupt:?}: {outcome}"
        );
        let limit = outcome.limit.expect("hit");
        assert_eq!(limit.name.setting(), Some("cpu_time"));
    }
}

#[test]
fn a_task_that_naps_a_thousand_times_uses_little_cpu_time() {
    let _test = test();
    let pool = open(pool().processes(1).cpu_time(Duration::from_secs(2)));
    let naps = pool.wat(
        r#"
        (module
          (import "wasi_snapshot_preview1" "poll_oneoff"
            (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
          (memory (export "memory") 1)
          (func (export "naps") (param $n i32)
            (i32.store (i32.const 16) (i32.const 1))
            (i64.store (i32.const 24) (i64.const 300000))
            (loop $l
              (drop (call $poll_oneoff
                (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128)))
              (local.set $n (i32.sub (local.get $n) (i32.const 1)))
              (br_if $l (local.get $n)))))"#,
    );
    let outcome = pool.call(&naps, "naps").arg(1000).outcome().expect("sent");
    assert!(outcome.is_ok(), "{outcome}");
    let (used, ran) = (
        outcome.cpu_time.expect("told"),
        outcome.run_time.expect("told"),
    );
    assert!(
        ran > Duration::from_millis(300) && used < ran,
        "{used:?} of {ran:?}"
    );
}

#[test]
fn without_a_limit_on_time_or_fuel_a_task_takes_what_it_needs() {
    let _test = test();
    let builder = pool().processes(1).timeout(SHORT).cpu_time(SHORT);
    let pool = open(builder.fuel(1000));
    let math = pool.guest("math");
    let call = pool.call(&math, "fib").arg(30).timeout(None).cpu_time(None);
    let outcome = call.fuel(None).outcome().expect("sent");
    assert!(outcome.is_ok(), "{outcome}");
    assert!(outcome.fuel.expect("it is counted all the same") > 1000);
}

#[test]
fn fuel_is_used_up_in_the_start_function_too() {
    let _test = test();
    let pool = open(pool().processes(1).fuel(10_000));
    let start = r#"(module (func $s (loop $l (br $l))) (start $s) (func (export "f")))"#;
    let module = pool.wat(start);
    let outcome = pool.call(&module, "f").outcome().expect("sent");
    assert_eq!(outcome.verdict, Verdict::OutOfFuel, "{outcome}");
    let module = pool.wat(wat::ADD);
    let outcome = pool.call(&module, "add").args((1, 2)).outcome();
    assert!(outcome.expect("sent").is_ok());
}
