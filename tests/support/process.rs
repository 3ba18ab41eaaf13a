//! Processes as the operating system sees them, and the `sandpool` command as
//! a process of its own.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// Returns whether the process is in the process table, be it as a zombie.
pub fn exists(pid: u32) -> bool {
    fs::exists(format!("/proc/{pid}")).expect("/proc can be read")
}

/// Returns whether the process exists and is no zombie.
pub fn is_alive(pid: u32) -> bool {
    stat(pid).is_some_and(|stat| !stat.starts_with(['Z', 'X']))
}

/// Processor time that the process has used, in ticks of 10 ms.
pub fn cpu_ticks(pid: u32) -> Option<u64> {
    let stat = stat(pid)?;
    let mut fields = stat.split(' ').skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

/// The processor time that each of its threads has used, with the thread's name.
pub fn cpu_time_of_threads(pid: u32) -> Vec<(String, Duration)> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).expect("the process is there");
    let thread = |thread: fs::DirEntry| {
        let name = fs::read_to_string(thread.path().join("comm")).ok()?;
        let times = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        let nanos = times.split(' ').next()?.parse().ok()?;
        Some((name.trim_end().to_owned(), Duration::from_nanos(nanos)))
    };
    threads.flatten().filter_map(thread).collect()
}

/// Returns whether its first thread sleeps until somebody wakes it.
pub fn sleeps(pid: u32) -> bool {
    stat(pid).is_some_and(|stat| stat.starts_with('S'))
}

/// The most memory that the process had at once, in bytes.
pub fn peak_memory(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("the process is there");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
    1024 * kib
        .and_then(|kib| kib.trim().parse::<u64>().ok())
        .expect("a number")
}

/// `/proc/<pid>/stat` from the state on, behind the name, which may hold
/// anything.
fn stat(pid: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(") ")?;
    Some(rest.to_owned())
}

/// The children of all threads of a process.
pub fn children(pid: u32) -> Vec<u32> {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return Vec::new();
    };
    let lists = threads
        .flatten()
        .filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    lists
        .flat_map(|list| {
            list.split_whitespace()
                .filter_map(|pid| pid.parse().ok())
                .collect::<Vec<u32>>()
        })
        .collect()
}

/// Kills a process; one that is gone already is no matter.
pub fn kill(pid: u32) {
    send(pid, Signal::KILL);
}

/// Lets a process take it that it has crashed.
pub fn crash(pid: u32) {
    send(pid, Signal::SEGV);
}

/// Sends a process the signal of `abort`.
pub fn abort(pid: u32) {
    send(pid, Signal::ABORT);
}

/// Stops a process until [`go_on`].
pub fn stop(pid: u32) {
    send(pid, Signal::STOP);
    super::eventually("the process has stopped", || {
        stat(pid).is_none_or(|stat| stat.starts_with(['T', 't', 'Z', 'X']))
    });
}

/// Lets a stopped process go on.
pub fn go_on(pid: u32) {
    send(pid, Signal::CONT);
}

fn send(pid: u32, signal: Signal) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let _ = kill_process(pid.expect("a pid"), signal);
}

/// A host of its own: the `sandpool` command, or another program; killed when
/// the test ends.
pub struct Host {
    child: Child,
}

impl Host {
    /// Starts the command with pipes for its standard streams.
    pub fn start(args: &[&str]) -> Self {
        Host::of(command().args(args))
    }

    /// Starts a program with pipes for its standard streams.
    pub fn of(command: &mut Command) -> Self {
        let child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        Host {
            child: child.expect("the program starts"),
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The process behind the handle, for its streams and its exit status.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The `sandpool` command of this build, not yet started.
pub fn command() -> Command {
    program(env!("CARGO_BIN_EXE_sandpool"))
}

/// A program of the system, not yet started.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place where tests start a process"
)]
pub fn program(name: &str) -> Command {
    Command::new(name)
}
