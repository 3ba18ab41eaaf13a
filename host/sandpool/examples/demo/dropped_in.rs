//! A module that nobody had thought of when the pool was started.

use std::time::Instant;

use anyhow::{Result, ensure};
use sandpool::Pool;

use crate::story::{line, milliseconds};
use crate::tally::Tally;

const GCD: &str = r#"
(module
  (func (export "gcd") (param $a i64) (param $b i64) (result i64)
    (local $rest i64)
    (loop $euclid
      (if (i64.ne (local.get $b) (i64.const 0))
        (then
          (local.set $rest (i64.rem_u (local.get $a) (local.get $b)))
          (local.set $a (local.get $b))
          (local.set $b (local.get $rest))
          (br $euclid))))
    (local.get $a)))
"#;

/// Loads the module into the pool and calls it, while a number of other tasks
/// are waiting or running.
pub fn load_and_call(pool: &Pool, waiting: impl Fn() -> usize, tally: &mut Tally) -> Result<()> {
    let begin = Instant::now();
    let module = pool.load_bytes(GCD)?;
    tally.name(&module, "gcd");
    let loaded = begin.elapsed();
    let waiting = waiting();
    let call = pool.call(&module, "gcd").args((1_071i64, 462i64));
    let outcome = call.outcome()?.typed::<i64>();
    tally.record(&outcome);
    ensure!(
        outcome.value == Some(21),
        "the greatest common divisor of 1071 and 462 is 21: {outcome}"
    );
    line(&format!(
        "a new module, gcd, {} lines of WAT: loaded in {}, while {waiting} tasks were under way",
        GCD.trim().lines().count(),
        milliseconds(loaded),
    ));
    line(&format!(
        "gcd(1071, 462) = 21, {} later: its turn came after those before it",
        milliseconds(begin.elapsed() - loaded)
    ));
    Ok(())
}
