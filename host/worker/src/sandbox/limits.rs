//! Limits that the kernel keeps for a whole process (rlimits).

use std::io;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// The limits of a child on the resources of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct ResourceLimits {
    /// Bytes of private writable memory (`RLIMIT_DATA`). Address space cannot
    /// be limited instead: the pooling allocator reserves terabytes that it
    /// never uses.
    pub memory: Option<u64>,
    /// Bytes in any one file that it writes, memory files among them, which
    /// `memory` does not cover.
    pub file_size: Option<u64>,
    /// CPU time of all its threads.
    pub cpu_time: Option<Duration>,
    /// Descriptors that it may have open.
    pub descriptors: u64,
}

impl ResourceLimits {
    pub(super) fn apply(&self) -> io::Result<()> {
        // A guest's memory must not end up in a file when the worker crashes.
        set(Resource::Core, 0)?;
        set(Resource::Nofile, self.descriptors)?;
        if let Some(bytes) = self.memory {
            set(Resource::Data, bytes)?;
        }
        if let Some(bytes) = self.file_size {
            set(Resource::Fsize, bytes)?;
        }
        if let Some(time) = self.cpu_time {
            let seconds = time.as_secs_f64().ceil() as u64;
            // At the soft limit comes SIGXCPU, which says why; at the hard one
            // SIGKILL, which does not.
            set_both(Resource::Cpu, seconds, seconds.saturating_add(1))?;
        } else if let Some(hard) = getrlimit(Resource::Cpu).maximum {
            // A shell sets both to the same value, and then nothing says why.
            set_both(Resource::Cpu, hard.saturating_sub(1).max(1), hard)?;
        }
        Ok(())
    }
}

/// Keeps this process from starting threads and processes from now on. The limit does
/// not bind root, whom the filter binds.
pub(super) fn no_more_threads() -> io::Result<()> {
    set(Resource::Nproc, 0)
}

fn set(resource: Resource, value: u64) -> io::Result<()> {
    set_both(resource, value, value)
}

/// Sets the soft limit and the hard one.
fn set_both(resource: Resource, soft: u64, hard: u64) -> io::Result<()> {
    // Limits that are lower already stay: only root may raise them.
    let before = getrlimit(resource).maximum;
    let lower = |value: u64| Some(before.map_or(value, |before| value.min(before)));
    let limit = Rlimit {
        current: lower(soft),
        maximum: lower(hard),
    };
    Ok(setrlimit(resource, limit)?)
}
