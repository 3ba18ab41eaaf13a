//! Starts a program as a surrounding that is not ours would: under a container's
//! profile that refuses system calls, or with signals that a parent ignores or
//! blocks.
//!
//! ```text
//! launcher [--errno NAME] [--refuse CALL,...] [--ignore SIGNAL,...] [--default SIGNAL,...]
//!          [--block SIGNAL,...] -- PROGRAM [WORDS...]
//! ```
#![expect(unsafe_code, reason = "dispositions and masks of signals are libc's")]
#![expect(
    clippy::disallowed_methods,
    reason = "it becomes the program, and is no pool's host"
)]

use std::collections::BTreeMap;
use std::error::Error;
use std::os::unix::process::CommandExt;
use std::process::Command;

use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, apply_filter};

/// The calls that can be refused, by name.
const CALLS: &[(&str, i64)] = &[
    ("clone3", libc::SYS_clone3),
    ("close_range", libc::SYS_close_range),
    ("copy_file_range", libc::SYS_copy_file_range),
    ("epoll_pwait2", libc::SYS_epoll_pwait2),
    ("execveat", libc::SYS_execveat),
    ("faccessat2", libc::SYS_faccessat2),
    ("getrandom", libc::SYS_getrandom),
    ("kill", libc::SYS_kill),
    ("landlock_add_rule", libc::SYS_landlock_add_rule),
    ("landlock_create_ruleset", libc::SYS_landlock_create_ruleset),
    ("landlock_restrict_self", libc::SYS_landlock_restrict_self),
    ("membarrier", libc::SYS_membarrier),
    ("memfd_create", libc::SYS_memfd_create),
    ("mount_setattr", libc::SYS_mount_setattr),
    ("move_mount", libc::SYS_move_mount),
    ("open_tree", libc::SYS_open_tree),
    ("openat2", libc::SYS_openat2),
    ("pidfd_open", libc::SYS_pidfd_open),
    ("pidfd_send_signal", libc::SYS_pidfd_send_signal),
    ("preadv2", libc::SYS_preadv2),
    ("process_madvise", libc::SYS_process_madvise),
    ("pwritev2", libc::SYS_pwritev2),
    ("renameat2", libc::SYS_renameat2),
    ("rseq", libc::SYS_rseq),
    ("seccomp", libc::SYS_seccomp),
    ("setns", libc::SYS_setns),
    ("shutdown", libc::SYS_shutdown),
    ("statx", libc::SYS_statx),
    ("unshare", libc::SYS_unshare),
];

const SIGNALS: &[(&str, libc::c_int)] = &[
    ("CHLD", libc::SIGCHLD),
    ("HUP", libc::SIGHUP),
    ("INT", libc::SIGINT),
    ("PIPE", libc::SIGPIPE),
    ("TERM", libc::SIGTERM),
];

fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args_os().skip(1);
    let (mut errno, mut refused) = (libc::EPERM, Vec::new());
    while let Some(flag) = words.next().filter(|flag| flag != "--") {
        let value = words.next().ok_or("a flag takes a value")?;
        let value = value.to_str().ok_or("values are text")?;
        match flag.to_str() {
            Some("--errno") if value == "EPERM" => errno = libc::EPERM,
            Some("--errno") if value == "ENOSYS" => errno = libc::ENOSYS,
            Some("--refuse") => refused = named(CALLS, value)?,
            Some("--ignore") => dispose(&named(SIGNALS, value)?, libc::SIG_IGN),
            Some("--default") => dispose(&named(SIGNALS, value)?, libc::SIG_DFL),
            Some("--block") => block(&named(SIGNALS, value)?),
            _ => return Err(format!("no such flag, or not with `{value}`").into()),
        }
    }
    let program = words.next().ok_or("a program is missing")?;
    if !refused.is_empty() {
        refuse(&refused, errno)?;
    }
    let mut command = Command::new(program);
    Err(command.args(words).exec().into())
}

fn named<T: Copy>(table: &[(&str, T)], names: &str) -> Result<Vec<T>, String> {
    let find = |name: &str| {
        let found = table.iter().find(|(known, _)| *known == name);
        found
            .map(|(_, value)| *value)
            .ok_or_else(|| format!("`{name}` is not in the list"))
    };
    names.split(',').map(find).collect()
}

/// Answers these calls with an error, as the profile of a container does.
fn refuse(calls: &[i64], errno: libc::c_int) -> Result<(), Box<dyn Error>> {
    let rules: BTreeMap<_, _> = calls.iter().map(|call| (*call, Vec::new())).collect();
    let filter = SeccompFilter::new(
        rules,
        SeccompAction::Allow,
        SeccompAction::Errno(errno.cast_unsigned()),
        std::env::consts::ARCH.try_into()?,
    )?;
    Ok(apply_filter(&BpfProgram::try_from(filter)?)?)
}

fn dispose(signals: &[libc::c_int], disposition: libc::sighandler_t) {
    for signal in signals {
        // SAFETY: no handler is installed, only one of the two fixed dispositions.
        unsafe { libc::signal(*signal, disposition) };
    }
}

fn block(signals: &[libc::c_int]) {
    // SAFETY: the set is a live local that the first call initialises; the others
    // only read and write it.
    unsafe {
        let mut set = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        for signal in signals {
            libc::sigaddset(&raw mut set, *signal);
        }
        libc::sigprocmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut());
    }
}
