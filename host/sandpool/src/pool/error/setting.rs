//! Settings of a pool or of a call that make no sense.

use sandpool_protocol::limits::show_bytes;

/// A setting of a pool, or of a call, that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SettingError {
    /// A number of worker processes that no pool can have: at least one is needed, and
    /// there is room for 65,535.
    #[error("a pool has from 1 to {most} processes, not `{asked}`")]
    Processes {
        /// The number that was asked for.
        asked: usize,
        /// The largest number.
        most: usize,
    },
    /// A worker that would be replaced before its first task.
    #[error("a worker needs at least 1 task before it is replaced, not `0`")]
    MaxTasks,
    /// A niceness that the operating system does not have.
    #[error("niceness is from 0 to {most}, not `{asked}`")]
    Niceness {
        /// The niceness that was asked for.
        asked: u8,
        /// The greatest niceness.
        most: u8,
    },
    /// A pool without a thread for the functions of its host.
    #[error("calls of the host need at least 1 thread, not `0`")]
    HostCallThreads,
    /// Tools whose names, descriptions and schemas together are too long.
    #[error(
        "the names, descriptions and schemas of the tools take {bytes} bytes, and the most is {}",
        show_bytes(*most)
    )]
    ToolsTooLarge {
        /// The number of bytes that they take.
        bytes: u64,
        /// The highest number of bytes.
        most: u64,
    },
    /// A queue without room for a task.
    #[error("a queue needs room for at least 1 task, not `0`")]
    QueueLength,
    /// A wasm stack that no guest can have.
    #[error("the wasm stack is from 1 byte to {}, not `{asked}`", show_bytes(*most))]
    WasmStack {
        /// The size that was asked for, in bytes.
        asked: u64,
        /// The greatest size, in bytes.
        most: u64,
    },
    /// A fuel limit of a call to a pool that does not count fuel.
    #[error("this pool does not count fuel; set a fuel limit on its builder")]
    FuelNotCounted,
    /// A chunk without an item.
    #[error("a chunk has at least 1 item, not `0`")]
    Chunksize,
    /// A callback of one task, set for a call that makes many.
    #[error(
        "a callback of one task was set for many; use `map_callback` with `map_async`, and with \
         `imap` the loop that takes the outcomes"
    )]
    CallbackOfOneTask,
    /// A callback of a task, set for a call that leaves a snapshot.
    #[error("a callback of a task was set for a snapshot, which has none")]
    CallbackOfSnapshot,
    /// A shared object, granted to a call that leaves a snapshot.
    #[error("a shared object was granted to a call for a snapshot, which cannot keep one")]
    SharesOfSnapshot,
    /// Two initializers of one pool.
    #[error("a pool has an `initializer` or an `initializer_snapshot`, not both")]
    TwoInitializers,
    /// A callback of a map, set for a call that is not one.
    #[error(
        "a callback of a map was set for a call that is not a map; use `callback` with \
         `apply_async`, and with `imap` the loop that takes the outcomes"
    )]
    CallbackOfMap,
}
