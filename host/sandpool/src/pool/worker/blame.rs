//! Tells who is to blame for a worker that ends before it has taken a task, by the way it
//! ended.

use crate::pool::config::Config;
use crate::pool::scheduler::{Blame, Fault};
use crate::pool::tasks::outcome;
use sandpool_sys::{ABORTED, ChildExit, OUT_OF_CPU, PANICKED, signal_name};

/// Judges a worker that ended without giving a reason. `killed_for` is the system's own
/// reason for a kill, if the system gives one.
pub(super) fn fault(
    ended: ChildExit,
    killed_for: Option<String>,
    greeted: bool,
    config: &Config,
) -> Fault {
    if let Some(starved) = outcome::starved(ended, &config.limits) {
        return Fault::no_start(Blame::Pool, starved);
    }
    let (blame, what) = match ended {
        ChildExit::Crashed(signal) => crashed(signal),
        ChildExit::Killed(signal) => (Blame::Outside, killed(signal, killed_for)),
        ChildExit::Exited(ABORTED) => (
            Blame::Outside,
            "it was refused memory, which no limit of this pool does".into(),
        ),
        ChildExit::Exited(OUT_OF_CPU) => (
            Blame::Outside,
            "it used up the CPU time that `ulimit -t` allows".into(),
        ),
        ChildExit::Exited(PANICKED) => (Blame::Key, "it panicked".into()),
        ChildExit::Exited(code) if greeted => (
            Blame::Pool,
            format!("it left with exit code {code} before it took a task"),
        ),
        ChildExit::Exited(code) => {
            let path = config.worker_binary.display();
            (
                Blame::Pool,
                format!("`{path}` is no sandpool: it left with exit code {code} without a word"),
            )
        }
        // Somebody else reaped the worker, as happens where SIGCHLD is ignored.
        ChildExit::Unknown if greeted => (Blame::Outside, "it ended in an unknown way".into()),
        ChildExit::Unknown => (
            Blame::Pool,
            "it ended without a word, in an unknown way".into(),
        ),
    };
    Fault::no_start(blame, what)
}

fn crashed(signal: i32) -> (Blame, String) {
    let by = by(signal);
    match signal {
        libc::SIGSYS => (
            Blame::Pool,
            format!("it was killed by {by}: it made a system call that is forbidden to it"),
        ),
        _ => (Blame::Key, format!("it crashed by {by}")),
    }
}

fn killed(signal: i32, killed_for: Option<String>) -> String {
    let by = by(signal);
    match killed_for {
        Some(why) => format!("it was killed by {by}: {why}"),
        None => format!("it was killed by {by}, and not by sandpool"),
    }
}

fn by(signal: i32) -> String {
    format!("signal {signal} ({})", signal_name(signal))
}
