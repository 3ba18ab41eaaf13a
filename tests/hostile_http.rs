//! Workers that were taken over, in their exchange for outgoing HTTP: what one does costs
//! its own task and nothing else, and the host uses no more memory than it should.
//!
//! See `hostile/http.rs` in the worker's sources for the behaviours.

use std::time::Duration;

use sandpool::{HttpRule, MIB, Outcome, PoolBuilder, Verdict};

use crate::support::hostile::{Troupe, assert_lost_to_broken_rule, beside_honest_work, growth};
use crate::support::{SOON, open, test, test_alone};

/// `add`, in a module that may make requests.
const REQUESTING_ADD: &str = r#"
(component
  (import "wasi:http/outgoing-handler@0.2.0" (instance))
  (core module $m
    (func (export "add") (param i32 i32) (result i32)
      (i32.add (local.get 0) (local.get 1))))
  (core instance $i (instantiate $m))
  (func (export "add") (param "a" s32) (param "b" s32) (result s32)
    (canon lift (core func $i "add"))))
"#;

/// Returns the outcome of the first worker's task; then its pool must still do what it is
/// for.
fn fate(behaviour: &str, build: impl FnOnce(PoolBuilder) -> PoolBuilder) -> Outcome<i32> {
    let troupe = Troupe::new(behaviour, 1);
    let rule = HttpRule::new("https://allowed.example/*");
    let pool = open(build(troupe.pool().http(rule)));
    let module = pool.wat(REQUESTING_ADD);
    let call = pool.call(&module, "add").args((20, 22));
    let task = call.apply_async::<i32>().expect("sent");
    let outcome = task.outcome(Some(SOON));
    let outcome = outcome.unwrap_or_else(|error| panic!("{behaviour}: no outcome: {error}"));
    assert_eq!(
        troupe.started(),
        1,
        "{behaviour}: a hostile worker was there"
    );
    // The next task may still meet the same worker, the one after it not.
    let mut again = (0..2).map(|_| pool.apply::<i32>(&module, "add", (1, 2)));
    assert!(
        again.any(|sum| sum.is_ok_and(|sum| sum == 3)),
        "{behaviour}"
    );
    pool.assert_whole();
    outcome
}

fn assert_broken_rule(behaviour: &str, rule: &str) {
    let outcome = fate(behaviour, |pool| pool);
    assert_lost_to_broken_rule(behaviour, &outcome, rule);
}

#[test]
fn frames_that_break_a_rule_cost_the_task_and_nothing_else() {
    let _test = test();
    beside_honest_work(|| {
        for (behaviour, rule) in [
            ("http-ids-that-do-not-grow", "do not grow"),
            ("http-of-no-request", "of no request"),
            ("http-cancels-what-it-never-began", "of no request"),
            ("http-of-another-task", "a task that it does not run"),
            ("http-of-no-task-ever", "a task that it does not run"),
            ("http-unclaimed", "has not claimed"),
            ("http-empty-part", "too short or too long"),
            ("http-long-part", "too short or too long"),
            ("http-long-head", "too long"),
            ("http-endless-frame", "more bytes than a request may have"),
            ("http-garbage", "cannot be read"),
            (
                "http-writes-too-far",
                "more into a stream than there is room",
            ),
        ] {
            assert_broken_rule(behaviour, rule);
        }
    });
}

#[test]
fn a_worker_that_dies_in_the_middle_of_a_frame_costs_its_task() {
    let _test = test();
    let outcome = fate("http-dies-in-a-frame", |pool| pool);
    assert_eq!(outcome.verdict, Verdict::WorkerLost, "{outcome}");
    assert_eq!(outcome.exit_code, Some(0), "{outcome}");
}

#[test]
fn frames_of_a_task_that_was_answered_are_passed_over() {
    let _test = test();
    let outcome = fate("http-after-its-answer", |pool| {
        pool.timeout(Duration::from_secs(1))
    });
    assert_eq!(outcome.value, Some(42), "{outcome}");
    assert_eq!(outcome.http, [], "no rule allowed it");
}

#[test]
fn a_flood_of_requests_that_reads_no_answer_costs_the_host_little_memory() {
    let _test = test_alone();
    // Once its exchange is full nothing of it is read, and it rings for nothing.
    let grown = growth(|| assert_broken_rule("http-floods-unread", "keeps ringing"));
    assert!(grown < 64 * MIB, "{} MiB", grown / MIB);
}
