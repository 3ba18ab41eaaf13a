//! Where a process becomes one of the children.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use sandpool_protocol::roles::{COMPILER_ROLE, PROBE_ROLE, WORKER_ROLE};
use sandpool_sys::{leave_by_exit_codes, own_control_descriptor};

/// Does a child's work, and never returns, if the words say so.
pub fn play_role(words: impl Iterator<Item = OsString>) {
    let mut args = words.skip(1);
    let role = args.next();
    let Some(role) = role.as_deref().and_then(OsStr::to_str) else {
        return;
    };
    #[cfg(debug_assertions)]
    if role == crate::serving::HOSTILE_ROLE {
        leave_by_exit_codes();
        crate::serving::misbehave(args);
    }
    if ![WORKER_ROLE, COMPILER_ROLE, PROBE_ROLE].contains(&role) {
        return;
    }
    leave_by_exit_codes();
    let control = args
        .next()
        .and_then(|number| number.to_str()?.parse().ok())
        .and_then(|number| own_control_descriptor(number).ok());
    let Some(control) = control else {
        // Somebody typed the hidden subcommand.
        std::process::exit(2);
    };
    let code = match role {
        WORKER_ROLE => crate::serving::main(control),
        COMPILER_ROLE => crate::compiler::main(&control),
        _ => crate::sandbox::probe(&control),
    };
    std::process::exit(code);
}

/// Returns the words of the command line. Rust knows them before `main` where the GNU C
/// library hands them to constructors.
pub fn words_before_main() -> Vec<OsString> {
    if cfg!(target_env = "gnu") {
        return std::env::args_os().collect();
    }
    let line = std::fs::read("/proc/self/cmdline").unwrap_or_default();
    let words = line.split(|byte| *byte == 0);
    words
        .map(|word| OsStr::from_bytes(word).to_owned())
        .collect()
}
