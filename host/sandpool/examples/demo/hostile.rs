//! Tasks that attack the pool, and what has to become of each.

use std::time::Duration;

use anyhow::{Result, ensure};
use sandpool::{Call, Outcome, Pool, Verdict};

use crate::guests::Guests;
use crate::story::{line, one_line};

/// The time limit of a hostile task, so that the demo stays short.
const TASK_TIMEOUT: Duration = Duration::from_millis(300);

/// A hostile task.
pub struct Attack {
    pub what: &'static str,
    pub call: Call,
    /// The verdicts that are right for it.
    expected: &'static [Verdict],
}

pub fn attacks(pool: &Pool, guests: &Guests) -> Vec<Attack> {
    let attack = |what, function, expected| Attack {
        what,
        call: pool.call(&guests.misbehave, function),
        expected,
    };
    let mut spin = attack("loops for ever", "spin", &[Verdict::Timeout]);
    spin.call = spin.call.timeout(TASK_TIMEOUT);
    let mut attacks = vec![
        spin,
        attack("traps", "trap", &[Verdict::Trap]),
        attack(
            "takes memory without end",
            "allocate-forever",
            &[Verdict::MemoryLimit],
        ),
        attack("recurses without end", "recurse", &[Verdict::Trap]),
    ];
    if guests.compiled.is_some() {
        let mut shout = attack("writes 16 MB to stdout", "shout", &[Verdict::OutputLimit]);
        shout.call = shout.call.arg(16_000_000u64);
        // To a guest without any grant there is no file and no network: the calls
        // fail, and it returns that as its own error.
        let refused = &[Verdict::Error];
        let mut open = attack("reads /etc/passwd", "open-file", refused);
        open.call = open.call.arg("/etc/passwd");
        let mut connect = attack("opens a connection", "connect-to", refused);
        connect.call = connect.call.arg("127.0.0.1:22");
        attacks.extend([shout, open, connect]);
    } else {
        attacks.extend([
            attack("reads outside its memory", "read-outside", &[Verdict::Trap]),
            attack("divides by zero", "divide-by-zero", &[Verdict::Trap]),
        ]);
    }
    attacks
}

/// Tells what became of each, and fails if that is not what should have.
pub fn check(attacks: &[(&'static str, &'static [Verdict])], outcomes: &[Outcome]) -> Result<()> {
    for ((what, expected), outcome) in attacks.iter().zip(outcomes) {
        let error = one_line(outcome.error.as_deref().unwrap_or("no error"));
        line(&format!("{what:<25} {:<13} {error}", outcome.verdict));
        ensure!(
            expected.contains(&outcome.verdict),
            "the task that {what} should have ended as {expected:?}: {outcome}"
        );
    }
    Ok(())
}

impl Attack {
    /// Returns the expected verdict and text.
    pub fn expectation(&self) -> (&'static str, &'static [Verdict]) {
        (self.what, self.expected)
    }
}
