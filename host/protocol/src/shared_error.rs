//! The errors of calls on shared objects.

use serde::{Deserialize, Serialize};

/// The error of a call on a queue, a pipe or a managed object.
///
/// Guests get these errors as `sandpool:task/shared.error`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[non_exhaustive]
pub enum SharedError {
    /// No object of this kind was granted to the guest under this name.
    #[error("no such object was granted")]
    Denied,
    /// The queue has no room, and had none until the timeout: multiprocessing's
    /// `queue.Full`.
    #[error("the queue is full")]
    Full,
    /// The queue has no item, and had none until the timeout:
    /// multiprocessing's `queue.Empty`.
    #[error("the queue is empty")]
    Empty,
    /// The object was closed.
    #[error("it is closed")]
    Closed,
    /// The other side of the pipe is closed, or its owner has ended: multiprocessing's
    /// `EOFError`.
    #[error("the other side of the pipe is gone")]
    EndOfFile,
    /// The timeout passed.
    #[error("the timeout passed")]
    Timeout,
    /// The object was released, or notified, by a caller that does not hold it.
    #[error("the lock is not held by this owner")]
    NotOwner,
    /// The object was released, or marked as done, more often than it was taken.
    #[error("it was released more often than taken")]
    OverRelease,
    /// The barrier is broken: a party gave up waiting, or aborted it.
    #[error("the barrier is broken")]
    Broken,
    /// There is no item at this index of the list.
    #[error("there is no item at this place")]
    OutOfRange,
    /// An item is larger than the object takes, or the object is full.
    #[error("it is larger than the object allows")]
    TooLarge,
    /// The value is no whole number, so nothing can be added to it.
    #[error("the value is not a whole number")]
    NotANumber,
    /// The queue does not count tasks: it is no joinable queue.
    #[error("the queue is not a joinable queue")]
    NotJoinable,
    /// The bytes are not the JSON of the expected type, or the value cannot be written as
    /// JSON. For hosts only.
    #[error("not the JSON of this type")]
    Json,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Violation;
    use crate::error_texts::check;
    use crate::handshake::NoRelease;
    use crate::settings::UnknownWasmFeature;

    #[test]
    fn each_error_says_what_is_wrong() {
        check([
            (SharedError::Denied, "no such object was granted"),
            (SharedError::Full, "the queue is full"),
            (SharedError::Empty, "the queue is empty"),
            (SharedError::Closed, "it is closed"),
            (SharedError::EndOfFile, "the other side of the pipe is gone"),
            (SharedError::Timeout, "the timeout passed"),
            (SharedError::NotOwner, "the lock is not held by this owner"),
            (
                SharedError::OverRelease,
                "it was released more often than taken",
            ),
            (SharedError::Broken, "the barrier is broken"),
            (SharedError::OutOfRange, "there is no item at this place"),
            (SharedError::TooLarge, "it is larger than the object allows"),
            (SharedError::NotANumber, "the value is not a whole number"),
            (
                SharedError::NotJoinable,
                "the queue is not a joinable queue",
            ),
            (SharedError::Json, "not the JSON of this type"),
        ]);
        check([(
            Violation("a frame is too long"),
            "the worker broke the channel's rules: a frame is too long",
        )]);
        check([(NoRelease, "it is no version of three numbers")]);
        let feature = UnknownWasmFeature { text: "x".into() };
        check([(
            feature,
            "`x` is not a WebAssembly feature that can be turned on; use exceptions, \
             function-references, gc, memory64, custom-page-sizes or wide-arithmetic",
        )]);
    }
}
