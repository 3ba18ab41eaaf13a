//! The children of sandpool: the worker, which runs tasks, the compiler, and the probe
//! of the sandbox.
//!
//! Everything that names wasmtime is in this crate, and how a child locks itself in. It
//! knows the protocol, and nothing of pools, queues of tasks or the command. It promises
//! nothing to others than sandpool's own crates.
#![expect(
    missing_docs,
    reason = "for sandpool's own crates, names and the docs of types say enough"
)]

mod compiler;
pub mod engine;
#[cfg(test)]
#[path = "../../value/src/error_texts.rs"]
mod error_texts;
mod roles;
mod sandbox;
mod serving;

pub use roles::{play_role, words_before_main};
pub use sandbox::prepare_command;

/// The level of optimisation of this crate, which is wasmtime's compiler's as well, but
/// for those who say otherwise of it alone.
pub const OPT_LEVEL: &str = env!("SANDPOOL_OPT_LEVEL");
