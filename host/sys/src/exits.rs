//! The exit codes of our children when something goes badly wrong.
//!
//! Process 1 of a pid namespace does not die of a signal that it sends itself,
//! nor of one that the kernel sends and nobody handles, but for the few that
//! cannot be handled. So what elsewhere ends by SIGABRT or SIGXCPU leaves by an
//! agreed exit code here, inside a namespace or not. So does what crashes: to
//! die of such a signal takes a system call, which a sealed worker would be
//! killed for, as if it had tried to get out.

use std::ptr::null_mut;

use libc::{c_int, c_void, siginfo_t};

use super::process::ChildExit;

/// Exit code of a child that panicked.
pub const PANICKED: i32 = 101;

/// Exit code of a child that aborted: it was refused memory, most likely.
pub const ABORTED: i32 = 102;

/// Exit code of a child that used up its CPU time.
pub const OUT_OF_CPU: i32 = 103;

/// Signals of a program that crashes.
const CRASHES: [c_int; 4] = [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE];

/// The number added to a signal's number to make the exit code, as a shell does.
const CRASHED: i32 = 128;

/// The number added to the signal's number if somebody sent it.
const SENT: i32 = 160;

/// Returns the way in which a child ended that left with this code for a signal, if it
/// did.
pub(super) fn left_for(code: i32) -> Option<ChildExit> {
    let by = |base: i32| code.checked_sub(base);
    let crash = by(CRASHED).filter(|signal| CRASHES.contains(signal));
    let sent = || by(SENT).filter(|signal| CRASHES.contains(signal) || *signal == libc::SIGABRT);
    crash
        .map(ChildExit::Crashed)
        .or_else(|| sent().map(ChildExit::Killed))
}

/// Returns whether a process dies of this signal by its own doing, unless somebody
/// plays a trick.
pub(super) fn is_crash(signal: i32) -> bool {
    const OTHERS: [c_int; 3] = [libc::SIGABRT, libc::SIGSYS, libc::SIGTRAP];
    CRASHES.contains(&signal) || OTHERS.contains(&signal)
}

/// The name of a signal that ends processes.
pub fn signal_name(signal: i32) -> &'static str {
    match signal {
        libc::SIGABRT => "SIGABRT",
        libc::SIGALRM => "SIGALRM",
        libc::SIGBUS => "SIGBUS",
        libc::SIGFPE => "SIGFPE",
        libc::SIGHUP => "SIGHUP",
        libc::SIGILL => "SIGILL",
        libc::SIGINT => "SIGINT",
        libc::SIGKILL => "SIGKILL",
        libc::SIGPIPE => "SIGPIPE",
        libc::SIGQUIT => "SIGQUIT",
        libc::SIGSEGV => "SIGSEGV",
        libc::SIGSYS => "SIGSYS",
        libc::SIGTERM => "SIGTERM",
        libc::SIGTRAP => "SIGTRAP",
        libc::SIGUSR1 => "SIGUSR1",
        libc::SIGUSR2 => "SIGUSR2",
        libc::SIGXCPU => "SIGXCPU",
        libc::SIGXFSZ => "SIGXFSZ",
        _ => "see `kill -l`",
    }
}

/// Makes this process leave by the codes above, and take a write past its file
/// size limit, or to a pipe that nobody reads, for an error instead of an end.
pub fn leave_by_exit_codes() {
    // Unwinding would run code in a state that nobody knows, and a message on
    // stderr is nobody's to read.
    std::panic::set_hook(Box::new(|_| leave(PANICKED)));
    handle(libc::SIGABRT, aborted as *const () as libc::sighandler_t);
    handle(libc::SIGXCPU, out_of_cpu as *const () as libc::sighandler_t);
    handle(libc::SIGXFSZ, libc::SIG_IGN);
    // Rust's runtime does so too, but only before a `main` of Rust.
    handle(libc::SIGPIPE, libc::SIG_IGN);
    // Before wasmtime, which asks these about every signal that is no trap.
    for signal in CRASHES {
        handle(signal, crashed as *const () as libc::sighandler_t);
    }
}

fn handle(signal: c_int, handler: libc::sighandler_t) {
    // SAFETY: all zero is a valid action: the default one, with an empty mask.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = handler;
    action.sa_flags = libc::SA_ONSTACK | libc::SA_SIGINFO;
    // SAFETY: the action is a live local; its handlers only make the one call
    // that leaves, which is allowed in a signal handler.
    unsafe { libc::sigaction(signal, &raw mut action, null_mut()) };
}

extern "C" fn aborted(signal: c_int, info: *const siginfo_t, _: *mut c_void) {
    leave(if was_sent(info) {
        SENT + signal
    } else {
        ABORTED
    });
}

extern "C" fn crashed(signal: c_int, info: *const siginfo_t, _: *mut c_void) {
    leave(if was_sent(info) { SENT } else { CRASHED } + signal);
}

extern "C" fn out_of_cpu(_: c_int, _: *const siginfo_t, _: *mut c_void) {
    leave(OUT_OF_CPU);
}

/// Returns whether another process sent this signal: `abort` signals its own thread,
/// and the kernel names no sender.
fn was_sent(info: *const siginfo_t) -> bool {
    // SAFETY: the kernel hands a valid record to a handler with SA_SIGINFO, and
    // wasmtime's handler passes it on.
    let Some(info) = (unsafe { info.as_ref() }) else {
        return false;
    };
    match info.si_code {
        libc::SI_USER | libc::SI_QUEUE => true,
        // SAFETY: a signal that was sent has a sender. From outside of the pid
        // namespace it is 0.
        libc::SI_TKILL => unsafe { info.si_pid() == 0 },
        _ => false,
    }
}

fn leave(code: i32) -> ! {
    // SAFETY: ends the process, all its threads, without running anything else.
    unsafe { libc::_exit(code) }
}
