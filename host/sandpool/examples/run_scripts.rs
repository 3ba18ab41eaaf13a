//! Scripts that somebody sent, a model perhaps, or a user: each is a task of its
//! own, in a fresh instance of an interpreter that is itself a guest. No compiler
//! for wasm is needed, and a bad one harms itself alone.
//!
//! In Python, where the same line is an invitation to take over the process:
//!
//! ```python
//! pool = Pool(2)
//! pool.map(eval, scripts)
//! ```
#![expect(clippy::print_stdout, reason = "an example prints what it does")]

mod common;

use std::time::Duration;

use sandpool::{MIB, Pool};

/// The purpose and the text of each script. They all get the same input.
const SCRIPTS: [(&str, &str); 8] = [
    ("adds", "input.a + 1"),
    ("sorts", "input.words.sort().join(' ')"),
    ("is mistaken", "const b = input.b;\nb.length"),
    ("never ends", "for (;;) {}"),
    ("eats memory", "let text = 'x'; for (;;) text += text"),
    ("calls somebody", "fetch('http://example.com')"),
    (
        "leaves a trap",
        "Object.prototype.a = globalThis.a = 666; 'done'",
    ),
    ("looks for it", "[{}.a, typeof a]"),
];

const INPUT: &str = r#"{"a": 1, "words": ["to", "be", "or", "not", "to", "be"]}"#;

fn main() -> anyhow::Result<()> {
    sandpool::worker_entry();
    let pool = Pool::builder()
        .processes(2)
        .timeout(Duration::from_secs(1))
        .memory(32 * MIB)
        .build()?;
    let interpreter = pool.load(common::guest("script"))?;

    let calls = SCRIPTS.map(|(_, source)| (source, INPUT));
    let outcomes = pool.starmap::<String>(&interpreter, "eval", calls)?;
    for ((what, _), outcome) in SCRIPTS.iter().zip(outcomes) {
        match &outcome.value {
            Some(json) => println!("the one that {what}: {json}"),
            None => println!("the one that {what}: {outcome}"),
        }
    }
    pool.close();
    pool.join()?;
    Ok(())
}
