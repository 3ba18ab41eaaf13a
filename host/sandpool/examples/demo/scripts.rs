//! Code that needs no compiler: scripts, which an interpreter runs that is
//! itself a guest. A model may have written them, or a user.

use std::time::Duration;

use anyhow::{Result, ensure};
use sandpool::{AsyncResult, MIB, Module, Pool, Verdict};

use crate::RESULT_TIMEOUT;
use crate::story::{line, one_line};
use crate::tally::Tally;

const INPUT: &str = r#"{"a": 1}"#;

/// Scripts, and what has to become of them.
const SCRIPTS: [(&str, Verdict, &str); 6] = [
    ("input.a + 1", Verdict::Ok, "2"),
    ("for (;;) {}", Verdict::Timeout, ""),
    (
        "for (let all = [];;) all.push([1, 2, 3])",
        Verdict::MemoryLimit,
        "",
    ),
    ("fetch('http://example.com')", Verdict::Error, ""),
    ("Object.prototype.a = 666; 'done'", Verdict::Ok, "\"done\""),
    (
        "({}).a ?? 'nothing is left'",
        Verdict::Ok,
        "\"nothing is left\"",
    ),
];

/// Runs them all at once and tells what became of each; fails if that is not
/// what should have.
pub fn run(pool: &Pool, interpreter: &Module, tally: &mut Tally) -> Result<()> {
    let sent = SCRIPTS.map(|(source, ..)| {
        let call = pool.call(interpreter, "eval").args((source, Some(INPUT)));
        call.timeout(Duration::from_secs(2))
            .memory(32 * MIB)
            .apply_async()
    });
    for ((source, verdict, value), result) in SCRIPTS.into_iter().zip(sent) {
        let result: AsyncResult = result?;
        let outcome = result.outcome(Some(RESULT_TIMEOUT))?;
        tally.record(&outcome);
        ensure!(
            outcome.verdict == verdict,
            "the script `{source}` should have ended as {verdict}: {outcome}"
        );
        let outcome = outcome.typed::<String>();
        ensure!(
            outcome.value.as_deref().unwrap_or_default() == value,
            "the script `{source}` should have the value {value}: {outcome}"
        );
        let shown = outcome.value.or(outcome.error).unwrap_or_default();
        line(&format!("{source:<38} {verdict:<13} {}", one_line(&shown)));
    }
    Ok(())
}
