//! All that the host and its children share: the ring in shared memory, the
//! messages on the control socket, the frames of tasks and answers.
//!
//! Each worker has a pair of channels. The *ring* carries tasks one way and
//! answers the other, with one atomic word for claims (see [`ring`]). The
//! *control socket* carries what is rare or big: the handshake, descriptors,
//! log lines, and hang-up, which is death.
//!
//! The host's side of everything here takes any bytes: a worker may have been
//! taken over by its guest. What breaks a rule is a [`Violation`], which costs
//! that worker its life and nothing else.

pub(crate) mod arena;
pub(crate) mod brief;
pub(crate) mod control;
pub(crate) mod description;
pub(crate) mod exchange;
pub(crate) mod frame;
pub(crate) mod handshake;
pub(crate) mod host_end;
pub(crate) mod request;
pub(crate) mod ring;
pub(crate) mod sleep;
pub(crate) mod worker_end;

/// A worker broke a rule of the channel.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the worker broke the channel's rules: {0}")]
pub(crate) struct Violation(pub(crate) &'static str);
