//! How a child locks itself in before it sees a byte of a guest.
//!
//! What holds here today: an empty environment, no descriptor but the control
//! socket (both by the parent, see `sys`), death with the parent, no core
//! dumps, no new privileges, not dumpable (nobody reads its memory through
//! /proc but root), and limits on what it may allocate. Namespaces, Landlock
//! and seccomp come here too.

use std::io;

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

/// The first steps of every child, in the order in which they have to come.
pub(crate) fn enter() -> io::Result<()> {
    // A guest's memory must not end up in a file when the worker crashes.
    limit(Resource::Core, Some(0))?;
    // From here on a set-uid binary would give no rights, if one were reached.
    rustix::thread::set_no_new_privs(true)?;
    // /proc/<pid>/mem and ptrace are closed to other processes of this user.
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    Ok(())
}

/// Limits private writable memory of this process (`RLIMIT_DATA`). Address
/// space cannot be limited instead: the pooling allocator reserves terabytes
/// that it never uses.
pub(crate) fn limit_memory(bytes: Option<u64>) -> io::Result<()> {
    match bytes {
        Some(bytes) => limit(Resource::Data, Some(bytes)),
        None => Ok(()),
    }
}

/// Limits CPU time of this process, in whole seconds, rounded up.
pub(crate) fn limit_cpu_time(limit_to: Option<std::time::Duration>) -> io::Result<()> {
    match limit_to {
        Some(time) => {
            let seconds = time.as_secs_f64().ceil() as u64;
            // At the soft limit comes SIGXCPU, which says why; at the hard one
            // SIGKILL, which does not.
            let limit = Rlimit {
                current: Some(seconds),
                maximum: Some(seconds.saturating_add(1)),
            };
            Ok(setrlimit(Resource::Cpu, limit)?)
        }
        None => Ok(()),
    }
}

/// Limits the files that this process writes (`RLIMIT_FSIZE`), memory files
/// among them, which `RLIMIT_DATA` does not cover.
pub(crate) fn limit_file_size(bytes: Option<u64>) -> io::Result<()> {
    match bytes {
        Some(bytes) => limit(Resource::Fsize, Some(bytes)),
        None => Ok(()),
    }
}

fn limit(resource: Resource, value: Option<u64>) -> io::Result<()> {
    setrlimit(
        resource,
        Rlimit {
            current: value,
            maximum: value,
        },
    )?;
    Ok(())
}
