//! Other programs: those that are measured beside, and this one as a whole
//! process. Each has a deadline, and none outlives the measurement.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, kill_process_group, pidfd_open, waitid,
};
use serde_json::Value as Json;

use super::figure::{ErrorLine, Measured};

/// Interval for polling an end that nobody announces.
const GLANCE: Duration = Duration::from_millis(20);

/// A program, not yet started. It is no child of a pool: nothing of a guest's
/// runs in it.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place where the command starts programs that are no workers"
)]
pub fn program(path: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(path);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

/// This very program.
pub fn ourselves() -> Command {
    let mut command = program("/proc/self/exe");
    command.arg0("sandpool");
    command
}

/// Where a program lies on PATH.
pub fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").filter(|path| !path.is_empty())?;
    let usable = |path: &PathBuf| {
        path.is_file() && rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok()
    };
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(usable)
}

/// Runs a program to its end, and kills it at its deadline. Input goes to its
/// standard input.
pub fn run(command: &mut Command, input: &[u8], deadline: Duration) -> Measured<()> {
    if !input.is_empty() {
        command.stdin(Stdio::piped());
    }
    let mut child = command.spawn().error_line()?;
    if let Some(mut stdin) = child.stdin.take() {
        // It may leave without having read all.
        let _ = stdin.write_all(input);
    }
    let status = wait(&mut child, deadline)?;
    match status.success() {
        true => Ok(()),
        false => Err(format!("it ended with {status}")),
    }
}

/// Waits for the end of a program, and kills it at its deadline.
fn wait(child: &mut Child, deadline: Duration) -> Measured<ExitStatus> {
    let pid = Pid::from_child(child);
    let has_ended = match pidfd_open(pid, PidfdFlags::empty()) {
        Ok(pidfd) => {
            let mut ended = [PollFd::new(&pidfd, PollFlags::IN)];
            let time = deadline.try_into().error_line()?;
            poll(&mut ended, Some(&time)).error_line()? > 0
        }
        // The profile of a container may refuse it.
        Err(_) => looks_until_it_ends(pid, deadline),
    };
    if !has_ended {
        let _ = child.kill();
        let _ = child.wait();
        return Err(format!("it ran past {} s", deadline.as_secs()));
    }
    child.wait().error_line()
}

/// The first line that a program prints; for asking it about itself.
pub fn first_line(command: &mut Command, deadline: Duration) -> Option<String> {
    let mut child = command.stdout(Stdio::piped()).spawn().ok()?;
    // Its version text fits into a pipe.
    let status = wait(&mut child, deadline).ok()?;
    let line = BufReader::new(child.stdout.take()?).lines().next();
    line?.ok().filter(|_| status.success())
}

/// A program that is asked, line by line, and answers with lines of JSON. It is
/// the leader of a process group, all of which ends with this.
pub struct Conversation {
    child: Child,
    stdin: Option<ChildStdin>,
    answers: Receiver<String>,
}

impl Conversation {
    pub fn start(command: &mut Command) -> Measured<Self> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .error_line()?;
        let stdin = child.stdin.take();
        let stdout = child.stdout.take();
        let (tell, answers) = channel();
        thread::spawn(move || {
            let lines = stdout
                .into_iter()
                .flat_map(|stdout| BufReader::new(stdout).lines());
            for line in lines.map_while(Result::ok) {
                if tell.send(line).is_err() {
                    return;
                }
            }
        });
        Ok(Conversation {
            child,
            stdin,
            answers,
        })
    }

    /// Its next line.
    pub fn read_line(&mut self, deadline: Duration) -> Measured<Json> {
        let line = self.answers.recv_timeout(deadline);
        let line = line.map_err(|error| match error {
            RecvTimeoutError::Disconnected => "it has ended".to_owned(),
            RecvTimeoutError::Timeout => {
                format!("it did not answer within {} s", deadline.as_secs())
            }
        })?;
        serde_json::from_str(&line).map_err(|error| format!("its answer is not JSON: {error}"))
    }

    /// Sends a line.
    pub fn write_line(&mut self, what: &Json) -> Measured<()> {
        let stdin = self.stdin.as_mut().ok_or("it has ended")?;
        writeln!(stdin, "{what}")
            .and_then(|()| stdin.flush())
            .error_line()
    }

    pub fn ask(&mut self, what: &Json, deadline: Duration) -> Measured<Json> {
        self.write_line(what)?;
        self.read_line(deadline)
    }
}

impl Drop for Conversation {
    fn drop(&mut self) {
        // The end of its input is what ends it by itself.
        drop(self.stdin.take());
        let pid = Pid::from_child(&self.child);
        let until = Instant::now() + Duration::from_secs(1);
        while Instant::now() < until && runs(pid) {
            thread::sleep(Duration::from_millis(2));
        }
        // While it is not waited for, its number is nobody else's.
        let _ = kill_process_group(pid, Signal::KILL);
        let _ = self.child.wait();
    }
}

/// Looks again and again whether a child has ended, until the deadline.
fn looks_until_it_ends(pid: Pid, deadline: Duration) -> bool {
    let until = Instant::now() + deadline;
    while runs(pid) {
        if Instant::now() >= until {
            return false;
        }
        std::thread::sleep(Duration::from_micros(100));
    }
    true
}

/// Returns whether a child of this process has not ended yet. It is left to be waited
/// for.
fn runs(pid: Pid) -> bool {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
    matches!(waitid(WaitId::Pid(pid), options), Ok(None))
}

/// The kernel's counters for a program that has run to its end.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    pub wall: Duration,
    /// CPU time of the program itself, in seconds.
    pub own_cpu: f64,
    /// CPU time of the processes that it started and waited for.
    pub children_cpu: f64,
    /// The most memory it had in the first half of its run, and in the second,
    /// in bytes.
    pub memory: [u64; 2],
}

/// Runs a program to its end and watches what it uses.
pub fn watch(command: &mut Command, deadline: Duration) -> Measured<Usage> {
    let mut child = command.spawn().error_line()?;
    let begin = Instant::now();
    let pid = Pid::from_child(&child);
    let mut seen = Vec::new();
    while runs(pid) {
        if begin.elapsed() > deadline {
            let _ = child.kill();
            let _ = child.wait();
            return Err(format!("it ran past {} s", deadline.as_secs()));
        }
        seen.extend(resident(child.id()));
        thread::sleep(GLANCE);
    }
    let wall = begin.elapsed();
    // It is a zombie now, whose books are closed and still open to read.
    let stat = fs::read_to_string(format!("/proc/{}/stat", child.id())).error_line()?;
    let status = child.wait().error_line()?;
    if !status.success() {
        return Err(format!("it ended with {status}"));
    }
    let fields = stat
        .rsplit_once(") ")
        .map(|(_, rest)| rest.split(' ').collect::<Vec<_>>());
    let fields = fields.ok_or("its books cannot be read")?;
    let ticks = |place: usize| {
        let ticks: Option<f64> = fields.get(place).and_then(|field| field.parse().ok());
        ticks.unwrap_or(0.0) / rustix::param::clock_ticks_per_second() as f64
    };
    let (first, second) = seen.split_at(seen.len() / 2);
    let most = |seen: &[u64]| seen.iter().copied().max().unwrap_or(0);
    Ok(Usage {
        wall,
        own_cpu: ticks(11) + ticks(12),
        children_cpu: ticks(13) + ticks(14),
        memory: [most(first), most(second)],
    })
}

/// Resident memory of a process in bytes.
fn resident(pid: u32) -> Option<u64> {
    let pages: u64 = fs::read_to_string(format!("/proc/{pid}/statm"))
        .ok()?
        .split(' ')
        .nth(1)?
        .parse()
        .ok()?;
    Some(pages * rustix::param::page_size() as u64)
}

/// CPU time of a process so far, in seconds, to the nanosecond: of all threads
/// that it has.
pub fn cpu_time(pid: u32) -> Option<f64> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).ok()?;
    let of = |thread: &Path| -> Option<f64> {
        let text = fs::read_to_string(thread.join("schedstat")).ok()?;
        text.split(' ').next()?.parse().ok()
    };
    let nanos: f64 = threads
        .flatten()
        .filter_map(|thread| of(&thread.path()))
        .sum();
    Some(nanos / 1e9)
}

/// Proportional share of memory of a process, in bytes: what it would set free.
pub fn proportional_memory(pid: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}
