//! Limits that the kernel keeps for a whole process (rlimits).

use std::io;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, setrlimit};

/// What a child may use of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ResourceLimits {
    /// Bytes of private writable memory (`RLIMIT_DATA`). Address space cannot
    /// be limited instead: the pooling allocator reserves terabytes that it
    /// never uses.
    pub(crate) memory: Option<u64>,
    /// Bytes in any one file that it writes, memory files among them, which
    /// `memory` does not cover.
    pub(crate) file_size: Option<u64>,
    /// CPU time of all its threads.
    pub(crate) cpu_time: Option<Duration>,
    /// Descriptors that it may have open.
    pub(crate) descriptors: u64,
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
            let hard = lower(Resource::Cpu, seconds.saturating_add(1));
            let limit = Rlimit {
                current: Some(seconds.min(hard)),
                maximum: Some(hard),
            };
            setrlimit(Resource::Cpu, limit)?;
        }
        Ok(())
    }
}

/// From now on this process starts neither threads nor processes. It does not
/// bind root, whom the filter binds.
pub(super) fn no_more_threads() -> io::Result<()> {
    set(Resource::Nproc, 0)
}

fn set(resource: Resource, value: u64) -> io::Result<()> {
    let value = lower(resource, value);
    let limit = Rlimit {
        current: Some(value),
        maximum: Some(value),
    };
    Ok(setrlimit(resource, limit)?)
}

/// What is limited lower already stays so: only root may raise it.
fn lower(resource: Resource, value: u64) -> u64 {
    let before = rustix::process::getrlimit(resource);
    before.maximum.map_or(value, |maximum| value.min(maximum))
}
