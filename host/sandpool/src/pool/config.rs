//! The settings that a pool was built with.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::host_calls::{PoolImports, Tools};
use super::http_grants::HttpGrants;
use crate::confinement::OpenGrant;
use crate::shared::Shares;
use sandpool_protocol::control::WorkerGrants;
use sandpool_protocol::limits::{PoolLimits, TaskLimits};
use sandpool_protocol::settings::{DirGrant, Interrupt, Stdio};
use sandpool_value::Args;

/// The settings that a pool was built with; they never change.
pub(super) struct Config {
    pub(super) processes: usize,
    /// The number of tasks that a worker runs before it is replaced.
    pub(super) max_tasks: u64,
    /// The number of tasks that an instance runs.
    pub(super) reuse: u64,
    /// The niceness of the workers; 0 is the host's own.
    pub(super) nice: u8,
    pub(super) limits: PoolLimits,
    pub(super) task_limits: TaskLimits,
    pub(super) stdio: Stdio,
    pub(super) interrupt: Interrupt,
    pub(super) measure_cpu: bool,
    /// `true` if threads look for a moment before they sleep.
    pub(super) spin: bool,
    /// The size in bytes above which a payload has a memory file of its own.
    pub(super) most_in_ring: usize,
    /// The number of cores that this process may use.
    pub(super) cores: usize,
    /// The time that the pool may be without workers, though tasks wait.
    pub(super) start_timeout: Option<Duration>,
    /// The highest number of sessions at once.
    pub(super) sessions: Option<usize>,
    /// The time that a session may be without a call.
    pub(super) session_idle: Option<Duration>,
    /// The path of the worker binary, for errors.
    pub(super) worker_binary: PathBuf,
    pub(super) grants: WorkerGrants,
    /// The granted directories, opened when the pool was built.
    pub(super) directories: Vec<OpenGrant>,
    pub(super) http: HttpGrants,
    pub(super) tenant: Option<String>,
    /// The shared objects that every task may open.
    pub(super) shares: Shares,
    /// The functions and tools of the host that tasks may call.
    pub(super) imports: Arc<PoolImports>,
    pub(super) tools: Arc<Tools>,
    /// The highest number of calls of the host at once.
    pub(super) host_call_threads: usize,
    pub(super) initializer: Option<(String, Args)>,
    /// The function that runs once in an instance of each module, and leaves its snapshot.
    pub(super) initializer_snapshot: Option<(String, Args)>,
    pub(super) wants_log: bool,
    pub(super) wants_progress: bool,
}

impl Config {
    /// Returns the descriptor of a granted directory. A call may narrow its rights, never
    /// widen them.
    pub(super) fn directory(&self, dir: &DirGrant) -> io::Result<BorrowedFd<'_>> {
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
