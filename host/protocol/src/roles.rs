//! The roles of sandpool's child processes.

/// The hidden subcommands that start a child. A user's program never sees them.
pub const WORKER_ROLE: &str = "__sandpool-worker";
/// See [`WORKER_ROLE`].
pub const COMPILER_ROLE: &str = "__sandpool-compiler";
/// See [`WORKER_ROLE`].
pub const PROBE_ROLE: &str = "__sandpool-probe";
