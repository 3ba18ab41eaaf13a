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
    ("adds", "input['a'] + 1"),
    ("sorts", "' '.join(sorted(input['words']))"),
    ("is mistaken", "b = input['b']\nlen(b)"),
    ("never ends", "while True: pass"),
    (
        "eats memory",
        "all = []\nwhile True: all.append('x' * 10_000_000)",
    ),
    (
        "calls somebody",
        "import socket\nsocket.create_connection(('example.com', 80))",
    ),
    (
        "leaves a trap",
        "import builtins\nbuiltins.sum = lambda _: 666\n'done'",
    ),
    ("looks for it", "sum([1, 2, 3])"),
];

const INPUT: &str = r#"{"a": 1, "words": ["to", "be", "or", "not", "to", "be"]}"#;

fn main() -> anyhow::Result<()> {
    sandpool::worker_entry();
    let pool = Pool::builder()
        .processes(2)
        .timeout(Duration::from_secs(1))
        .memory(64 * MIB)
        .build()?;
    let interpreter = pool.load(common::guest("python"))?;

    let calls = SCRIPTS.map(|(_, source)| (source, Some(INPUT)));
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
