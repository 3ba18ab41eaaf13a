//! The limit on recursion. A call takes two stacks: that of linear memory, which the
//! engine can measure, and the host's wasm stack, whose end is a trap that nobody catches.
//! So the first one is limited to what surely ends before the second.

use wasip2::cli::environment::get_environment;

/// The variable by which a host says how large its wasm stack is, in bytes.
const VARIABLE: &str = "SANDPOOL_WASM_STACK";

/// The wasm stack of a host that says nothing, in bytes.
const DEFAULT: usize = 512 << 10;

/// Bytes of wasm stack for each byte of the measured one, in the worst way to recurse that
/// was found.
const RATIO: usize = 3;

/// The most that the engine may use of the stack of linear memory, in bytes: that of
/// `build.rs`, but for what runs below a call that was still within the limit.
const MOST: usize = (3 << 20) - (256 << 10);

/// Returns the limit of the measured stack. Asks the host, so it is no part of a snapshot.
pub fn limit() -> usize {
    let variables = get_environment();
    let given = variables.iter().find(|(name, _)| name == VARIABLE);
    let size = given
        .and_then(|(_, size)| size.parse().ok())
        .unwrap_or(DEFAULT);
    (size / RATIO).min(MOST)
}
