//! The part that the host and its children share: the ring in shared memory, the messages
//! on the control socket, the frames of tasks and answers.
//!
//! Each worker has a pair of channels. The *ring* carries tasks one way and answers the
//! other, with one atomic word for claims (see [`ring`]). The *control socket* carries
//! messages that are rare or large: the handshake, descriptors, log lines, and hang-up,
//! which is death.
//!
//! The host's side takes any bytes, since a guest may have taken its worker over. Bytes
//! that break a rule are a [`Violation`], which costs that worker its life and nothing
//! else.
//!
//! Names that both sides use are here too: limits, settings, verdicts, layers of the
//! sandbox, roles. The crate knows no pool and no wasmtime. It makes promises to sandpool's
//! own crates only.
#![expect(
    missing_docs,
    reason = "for sandpool's own crates, names and the docs of types say enough"
)]

pub mod arena;
pub mod compact;
pub mod control;
pub mod description;
#[cfg(test)]
#[path = "../../value/src/error_texts.rs"]
mod error_texts;
pub mod exchange;
pub mod frame;
#[cfg(fuzzing)]
pub mod fuzzing;
#[cfg(all(test, not(fuzzing)))]
mod fuzzing;
pub mod handshake;
pub mod host_end;
pub mod http;
pub mod http_end;
pub mod imports;
pub mod layers;
pub mod limits;
pub mod request;
pub mod ring;
pub mod roles;
pub mod settings;
pub mod shared_error;
pub mod sleep;
#[cfg(test)]
#[path = "../../value/src/strategies.rs"]
mod strategies;
pub mod verdict;
pub mod worker_end;

#[cfg(test)]
use sandpool_value::{Function, Param, Resource, Type, Value};

/// A worker broke a rule of the channel.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the worker broke the channel's rules: {0}")]
pub struct Violation(pub &'static str);
