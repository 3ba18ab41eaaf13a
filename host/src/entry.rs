//! Where a program becomes a worker or a compiler: the counterpart of
//! multiprocessing's `freeze_support`.

use std::ffi::OsStr;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::sys::{leave_by_exit_codes, own_control_descriptor};

/// The hidden subcommands. A user's program never sees them.
pub(crate) const WORKER_ROLE: &str = "__sandpool-worker";
pub(crate) const COMPILER_ROLE: &str = "__sandpool-compiler";
pub(crate) const PROBE_ROLE: &str = "__sandpool-probe";

static CALLED: AtomicBool = AtomicBool::new(false);

/// Whether this program called [`worker_entry`], so that it can be started
/// again as its own worker.
pub(crate) fn was_called() -> bool {
    CALLED.load(Ordering::Relaxed)
}

/// Lets this program be its own worker. Call it first thing in `main`.
///
/// sandpool's children are one binary started again under a hidden subcommand.
/// In a process that was started so, this function does the child's work and
/// never returns. In any other it returns at once, and pools of this program
/// use its own executable for their children.
///
/// A program that does not call it needs the `sandpool` command for its
/// children; see [`PoolBuilder::worker_binary`](crate::PoolBuilder::worker_binary).
pub fn worker_entry() {
    CALLED.store(true, Ordering::Relaxed);
    let mut args = std::env::args_os().skip(1);
    let role = args.next();
    let Some(role) = role.as_deref().and_then(OsStr::to_str) else {
        return;
    };
    #[cfg(debug_assertions)]
    if role == crate::worker::HOSTILE_ROLE {
        crate::worker::misbehave(args);
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
        WORKER_ROLE => crate::worker::main(control),
        COMPILER_ROLE => crate::compiler::main(&control),
        _ => crate::sandbox::probe(&control),
    };
    std::process::exit(code);
}
