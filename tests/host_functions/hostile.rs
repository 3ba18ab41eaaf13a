//! Workers that were taken over, and call functions of the host as no honest one does.

use sandpool::{CallContext, Imports};

use crate::support::hostile::{Troupe, assert_lost_to_broken_rule, beside_honest_work};
use crate::support::{SOON, open, test};

/// `add`, in a module that imports a function.
const CALLING_ADD: &str = r#"
(module
  (import "env" "twice" (func $twice (param i64) (result i64)))
  (func (export "add") (param i32 i32) (result i32)
    (i32.add (local.get 0) (local.get 1))))
"#;

#[test]
fn calls_out_of_bounds_out_of_turn_or_of_other_types_cost_the_task_and_nothing_else() {
    let _test = test();
    beside_honest_work(|| {
        for (behaviour, rule) in [
            ("calls-a-function-out-of-range", "that it was not given"),
            ("calls-with-too-little", "calls a function wrongly"),
            ("calls-with-too-much", "calls a function wrongly"),
            (
                "calls-with-too-long-arguments",
                "longer arguments than it may",
            ),
            ("calls-twice", "asks before it was answered"),
            ("gives-up-a-call", "gives up what it never asked"),
            ("claims-a-failed-call", "no call of the host failed"),
        ] {
            let troupe = Troupe::new(behaviour, 1);
            // Keeps the question open until the worker is gone.
            let env = Imports::new().func("twice", |context: CallContext, n: i64| {
                let _ = context.wait_cancelled(SOON);
                n * 2
            });
            let pool = open(troupe.pool().import("env", env));
            let module = pool.wat(CALLING_ADD);
            let task = pool
                .apply_async::<i32>(&module, "add", (20, 22))
                .expect("sent");
            let outcome = task.outcome(Some(SOON));
            let outcome = outcome.unwrap_or_else(|error| panic!("{behaviour}: {error}"));
            assert_lost_to_broken_rule(behaviour, &outcome, rule);
            assert_eq!(troupe.started(), 1, "{behaviour}");
            pool.assert_whole();
        }
    });
}
