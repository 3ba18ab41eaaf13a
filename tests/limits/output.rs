//! Results, output and messages at their very bounds, and without any.

use sandpool::{KIB, LimitName, MIB, Stdio, Verdict};

use super::{assert_hit, misbehave};
use crate::support::{open, pool, test, wat};

#[test]
fn output_may_be_as_long_as_its_limit_to_the_byte() {
    let _test = test();
    let builder = pool().processes(1).stdout_limit(10 * KIB);
    let pool = open(builder.stderr_limit(10 * KIB).log_limit(160));
    for function in ["shout", "shout-stderr"] {
        let fits = misbehave(&pool, function, (10 * KIB,));
        assert!(fits.is_ok(), "{fits}");
        let over = misbehave(&pool, function, (10 * KIB + 1,));
        assert_eq!(over.verdict, Verdict::OutputLimit, "{over}");
    }
    // A message costs its bytes and 16 more.
    let module = pool.wat(wat::HOST_CALLS);
    let log = |bytes: u32| {
        pool.call(&module, "log")
            .arg(bytes)
            .outcome()
            .expect("sent")
    };
    assert!(log(144).is_ok());
    let text = "logged more than 160B (set for the pool); the setting `log_limit` raises it";
    assert_hit(&log(145), Verdict::OutputLimit, LimitName::Log, text);
}

#[test]
fn empty_messages_and_progress_are_floods_too() {
    let _test = test();
    let pool = open(pool().processes(1).log_limit(10 * KIB));
    let module = pool.wat(wat::HOST_CALLS);
    for function in ["empty-logs", "progress"] {
        let outcome = pool.call(&module, function).outcome().expect("sent");
        let text = "logged more than 10KiB (set for the pool); the setting `log_limit` raises it";
        assert_hit(&outcome, Verdict::OutputLimit, LimitName::Log, text);
    }
}

#[test]
fn without_a_limit_output_and_messages_go_on() {
    let _test = test();
    let builder = pool().processes(1).stdout_limit(None).stderr_limit(None);
    let pool = open(builder.log_limit(None));
    let outcome = misbehave(&pool, "shout", (3 * MIB,));
    assert!(outcome.is_ok(), "{outcome}");
    assert_eq!(outcome.stdout.map(|out| out.len() as u64), Some(3 * MIB));
    let outcome = misbehave(&pool, "shout-stderr", (3 * MIB,));
    assert_eq!(outcome.stderr.map(|out| out.len() as u64), Some(3 * MIB));
    let outcome = misbehave(&pool, "log-flood", (60_000u64,));
    assert!(outcome.is_ok(), "{outcome}");
}

#[test]
fn output_that_is_thrown_away_is_limited_where_that_was_asked_for() {
    let _test = test();
    let builder = pool().processes(1).stdio(Stdio::Null);
    let pool = open(builder.stdout_limit(10 * KIB));
    let outcome = misbehave(&pool, "shout", (100 * KIB,));
    let text =
        "wrote more to stdout than 10KiB (set for the pool); the setting `stdout_limit` raises it";
    assert_hit(&outcome, Verdict::OutputLimit, LimitName::Stdout, text);
    let outcome = misbehave(&pool, "shout-stderr", (3 * MIB,));
    assert!(outcome.is_ok(), "{outcome}");
}

#[test]
fn a_result_may_be_as_long_as_its_limit_to_the_byte() {
    let _test = test();
    // Four bytes are for its length.
    let pool = open(pool().processes(1).result_limit(1004));
    assert!(misbehave(&pool, "big-result", (1000u32,)).is_ok());
    let outcome = misbehave(&pool, "big-result", (1001u32,));
    let text = "returned more than 1004B (set for the pool); the setting `result_limit` raises it";
    assert_hit(&outcome, Verdict::OutputLimit, LimitName::Result, text);
}

#[test]
fn a_functions_own_error_has_the_limit_of_a_result() {
    let _test = test();
    let pool = open(pool().processes(1).result_limit(1000));
    let path = "x".repeat(2000);
    let outcome = misbehave(&pool, "connect-to", (path,));
    let text = "returned more than 1000B (set for the pool); the setting `result_limit` raises it";
    assert_hit(&outcome, Verdict::OutputLimit, LimitName::Result, text);
}
