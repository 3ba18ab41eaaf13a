//! Workers that were taken over, at the queues that they share with honest
//! ones: what one does costs its own task, items that it was not given are
//! nobody's but their owners', and the host uses no more memory than it should.
//!
//! See `worker/hostile/exchange.rs` in the host's sources for the behaviours.

use std::time::Duration;

use sandpool::{MIB, Outcome, PoolBuilder, Queue, Verdict};

use crate::support::hostile::{Troupe, assert_lost_to_broken_rule, beside_honest_work, growth};
use crate::support::{SOON, open, test, test_alone};

/// `add`, in a module that may ask for queues.
const SHARING_ADD: &str = r#"
(component
  (import "sandpool:task/queue@0.1.0" (instance (export "queue" (type (sub resource)))))
  (core module $m
    (func (export "add") (param i32 i32) (result i32)
      (i32.add (local.get 0) (local.get 1))))
  (core instance $i (instantiate $m))
  (func (export "add") (param "a" s32) (param "b" s32) (result s32)
    (canon lift (core func $i "add"))))
"#;

/// Returns the outcome of the first worker's task, which shares a queue; then queue and
/// pool must still do what they are for.
fn fate(behaviour: &str, build: impl FnOnce(PoolBuilder) -> PoolBuilder) -> Outcome<i32> {
    let troupe = Troupe::new(behaviour, 1);
    let queue = Queue::<u32>::new(0);
    let pool = open(build(troupe.pool()));
    let module = pool.wat(SHARING_ADD);
    let call = pool.call(&module, "add").args((20, 22)).share("q", &queue);
    let task = call.apply_async::<i32>().expect("sent");
    let outcome = task.outcome(Some(SOON));
    let outcome = outcome.unwrap_or_else(|error| panic!("{behaviour}: no outcome: {error}"));
    assert_eq!(
        troupe.started(),
        1,
        "{behaviour}: a hostile worker was there"
    );
    // The items that it has put are there; nothing else hangs.
    queue.close();
    while queue.get_timeout(SOON).is_ok() {}
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
fn requests_out_of_turn_or_without_sense_cost_the_task_and_nothing_else() {
    let _test = test();
    beside_honest_work(|| {
        for (behaviour, rule) in [
            ("asks-twice", "asks before it was answered"),
            ("asks-for-another", "a task that it does not run"),
            ("asks-unclaimed", "has not claimed"),
            ("asks-another-kind", "an object of another kind"),
            ("gives-up-nothing", "gives up what it never asked"),
            ("gives-up-twice", "gives up what it never asked"),
            ("endless-request", "more bytes than a request may have"),
            ("garbage-request", "cannot be read"),
            ("writes-too-far", "more into a stream than there is room"),
        ] {
            assert_broken_rule(behaviour, rule);
        }
    });
}

#[test]
fn lies_about_credit_and_claimed_items_cost_the_task_and_nothing_else() {
    let _test = test();
    beside_honest_work(|| {
        for (behaviour, rule) in [
            ("posts-uncredited", "credit that it does not have"),
            ("posts-more-than-its-credit", "credit"),
            ("posts-too-long", "more on credit than it may"),
            ("unclaims-an-item", "claimed more than it was offered"),
            (
                "claims-items-past-the-end",
                "claimed more than it was offered",
            ),
            ("moves-the-items-tail", "claimed more than it was offered"),
            ("unclaims-credit", "claimed more than it was offered"),
        ] {
            assert_broken_rule(behaviour, rule);
        }
    });
}

#[test]
fn what_was_never_opened_is_closed_and_may_be_given_up_too_late() {
    let _test = test();
    let outcome = fate("asks-what-it-never-opened", |pool| pool);
    assert_eq!(outcome.value, Some(42), "{outcome}");
}

#[test]
fn a_worker_that_dies_in_the_middle_of_a_request_costs_its_task() {
    let _test = test();
    let outcome = fate("dies-in-a-request", |pool| pool);
    assert_eq!(outcome.verdict, Verdict::WorkerLost, "{outcome}");
    assert_eq!(outcome.exit_code, Some(0), "{outcome}");
}

#[test]
fn a_flood_of_requests_ends_with_its_task_and_others_have_their_turns() {
    let _test = test();
    beside_honest_work(|| {
        let short = Duration::from_millis(500);
        let outcome = fate("floods-requests", |pool| pool.timeout(short));
        assert_eq!(outcome.verdict, Verdict::Timeout, "{outcome}");
        // Its answer was there before the flood, or it was not: either way
        // its pool goes on.
        let outcome = fate("floods-after-its-answer", |pool| pool);
        match outcome.verdict {
            Verdict::Ok => assert_eq!(outcome.value, Some(42)),
            _ => assert_eq!(outcome.verdict, Verdict::WorkerLost, "{outcome}"),
        }
    });
}

#[test]
fn floods_of_requests_cost_the_host_little_memory() {
    let _test = test_alone();
    for (behaviour, rule) in [
        ("floods-unread", "asks before it was answered"),
        ("floods-posts", "more on credit than it may"),
    ] {
        let grown = growth(|| assert_broken_rule(behaviour, rule));
        assert!(grown < 128 * MIB, "{behaviour}: {} MiB", grown / MIB);
    }
}
