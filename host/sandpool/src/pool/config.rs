//! The settings that a pool was built with.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;
use std::time::Duration;

use crate::confinement::OpenGrant;
use crate::shared::Shares;
use sandpool_protocol::control::WorkerGrants;
use sandpool_protocol::limits::{PoolLimits, TaskLimits};
use sandpool_protocol::settings::{DirGrant, Interrupt, Stdio};
use sandpool_value::Args;

/// The settings that a pool was built with; they never change.
pub(crate) struct Config {
    pub(crate) processes: usize,
    /// The number of tasks that a worker runs before it is replaced.
    pub(crate) max_tasks: u64,
    /// The number of tasks that an instance runs.
    pub(crate) reuse: u64,
    /// The niceness of the workers; 0 is the host's own.
    pub(crate) nice: u8,
    pub(crate) limits: PoolLimits,
    pub(crate) task_limits: TaskLimits,
    pub(crate) stdio: Stdio,
    pub(crate) interrupt: Interrupt,
    pub(crate) measure_cpu: bool,
    /// `true` if threads look for a moment before they sleep.
    pub(crate) spin: bool,
    /// The size in bytes above which a payload has a memory file of its own.
    pub(crate) most_in_ring: usize,
    /// The number of cores that this process may use.
    pub(crate) cores: usize,
    /// The time that the pool may be without workers, though tasks wait.
    pub(crate) start_timeout: Option<Duration>,
    /// The path of the worker binary, for errors.
    pub(crate) worker_binary: PathBuf,
    pub(crate) grants: WorkerGrants,
    /// The granted directories, opened when the pool was built.
    pub(crate) directories: Vec<OpenGrant>,
    pub(crate) tenant: Option<String>,
    /// The shared objects that every task may open.
    pub(crate) shares: Shares,
    pub(crate) initializer: Option<(String, Args)>,
    pub(crate) wants_log: bool,
    pub(crate) wants_progress: bool,
}

impl Config {
    /// Returns the descriptor of a granted directory. A call may narrow its rights, never
    /// widen them.
    pub(crate) fn directory(&self, dir: &DirGrant) -> io::Result<BorrowedFd<'_>> {
        let covers = |open: &&OpenGrant| {
            open.grant.host == dir.host
                && open.grant.guest == dir.guest
                && (open.grant.writable || !dir.writable)
        };
        let open = self.directories.iter().find(covers);
        Ok(open
            .ok_or_else(|| io::Error::other("a directory was never granted"))?
            .as_fd())
    }
}
