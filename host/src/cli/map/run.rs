//! The loop that takes outcomes and hands each to all that wants it.
//!
//! Outcomes that come thick are written in large pieces; as soon as the next
//! one has to be waited for, what is there is flushed.

use std::io;

use sandpool::{IMap, Value, Verdict};

use super::finished::Ledger;
use super::outputs::Output;
use super::summary::Summary;

/// Takes every outcome; an error is one of the output.
pub fn run(
    mut outcomes: IMap<Value>,
    ledger: &Ledger,
    output: &mut dyn Output,
    summary: &mut Summary,
) -> io::Result<()> {
    loop {
        let outcome = match outcomes.try_next_ready() {
            Some(outcome) => outcome,
            None => {
                output.flush()?;
                match outcomes.next() {
                    Some(outcome) => outcome,
                    None => break,
                }
            }
        };
        let task = ledger.finish(outcome);
        // Nothing is known of a task that the end of the pool took away.
        if task.outcome.verdict == Verdict::Cancelled {
            output.lost(&task)?;
            continue;
        }
        summary.count(&task);
        output.write(&task)?;
    }
    output.end(ledger.blank_at_end())
}
