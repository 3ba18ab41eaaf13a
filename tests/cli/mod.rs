//! The `sandpool` command from outside: what it prints, with which code it
//! leaves, and that nothing of it is left. Each file is a subcommand or a
//! theme.
//!
//! Every process is started by [`sandpool`], with a deadline; modules are named
//! as a user in the guests' folder names them, so no path of a machine is in a
//! message or a snapshot.

mod apply;
mod bad_modules;
mod bench;
mod cache;
mod corrected;
mod cut_short;
mod destinations;
mod dry_run;
mod eval;
mod failing;
mod help;
mod http;
mod https;
mod inherited;
mod inputs;
mod inspect;
mod interrupt;
mod joblog;
mod killed;
mod kwarg;
mod last_results;
mod map;
mod million;
mod module_names;
mod new;
mod opened;
mod outputs;
mod power_cut;
mod printed;
mod progress;
mod refused_calls;
mod repl;
mod resources;
mod results;
mod resumed;
mod run;
mod scripts;
mod shells;
mod standard_streams;
mod stream;
mod tables;
mod words;

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::support::process::{children, is_alive};
use crate::support::terminal::Terminal;
use crate::support::{eventually, eventually_within, guest, process};

/// No command may take longer than this, unless its test says otherwise.
const DEADLINE: Duration = Duration::from_secs(30);

/// A command line of `sandpool`, run where the guests are: the one way in which
/// these tests start it.
fn sandpool<I>(args: I) -> CommandLine
where
    I: IntoIterator,
    I::Item: AsRef<OsStr>,
{
    let mut command = process::command();
    // Whatever is set where the tests run must not decide how they end.
    for (name, _) in std::env::vars_os() {
        if name.as_encoded_bytes().starts_with(b"SANDPOOL_") {
            command.env_remove(name);
        }
    }
    for name in ["COLUMNS", "NO_COLOR", "RUST_BACKTRACE", "RUST_LOG"] {
        command.env_remove(name);
    }
    command.args(args).current_dir(guests());
    CommandLine {
        command,
        input: Vec::new(),
        file: None,
        terminal: None,
        deadline: DEADLINE,
    }
}

/// The folder of the guests.
fn guests() -> PathBuf {
    let path = guest("math");
    path.parent().expect("it is in a folder").to_owned()
}

/// The time for a command that may have to compile an interpreter first.
const COMPILING: Duration = Duration::from_secs(180);

/// The signals that ask the command to end. These tests may ignore some, under nohup or
/// behind a shell's `&`, and so would what they start.
const ENDING: [(i32, &str); 3] = [(1, "HUP"), (2, "INT"), (15, "TERM")];

/// The program that starts others in surroundings of their own.
fn launcher() -> PathBuf {
    let binary = Path::new(env!("CARGO_BIN_EXE_sandpool"));
    let launcher = binary.with_file_name("examples").join("launcher");
    assert!(
        launcher.is_file(),
        "there is no launcher; run `cargo build --package sandpool-cli --examples` first"
    );
    launcher
}

/// A command line that has not been started.
struct CommandLine {
    command: Command,
    input: Vec<u8>,
    file: Option<File>,
    /// The terminal for its stdout, if that is no pipe, and its stderr.
    terminal: Option<(Option<Stdio>, Stdio)>,
    deadline: Duration,
}

impl CommandLine {
    /// Its stderr is this terminal.
    fn stderr_on(mut self, terminal: &Terminal) -> Self {
        self.terminal = Some((None, terminal.stream()));
        self.env("TERM", "xterm-256color")
    }

    /// Its stdout and its stderr are this terminal.
    fn output_on(mut self, terminal: &Terminal) -> Self {
        self.terminal = Some((Some(terminal.stream()), terminal.stream()));
        self.env("TERM", "xterm-256color")
    }

    /// Sets its stdin; nothing unless this is called.
    fn input(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.input = bytes.into();
        self
    }

    /// The file that is its stdin.
    fn stdin(mut self, file: File) -> Self {
        self.file = Some(file);
        self
    }

    /// Sets its time limit, where that is more than other commands may.
    fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Starts it in a surrounding that is not that of these tests; `flags` are those
    /// of `support/launcher.rs`.
    fn launched(self, flags: &[&str]) -> Self {
        self.started_by(&launcher(), &[flags, &["--"]].concat())
    }

    /// Hands it over to a shell, which finds it as `"$@"`.
    fn by_shell(self, script: &str) -> Self {
        self.started_by(Path::new("sh"), &["-c", script, "sh"])
    }

    fn started_by(mut self, program: &Path, words: &[&str]) -> Self {
        let program = program.to_str().expect("its path is text");
        let mut command = process::program(program);
        command
            .args(words)
            .arg(self.command.get_program())
            .args(self.command.get_args());
        for (name, value) in self.command.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        if let Some(folder) = self.command.get_current_dir() {
            command.current_dir(folder);
        }
        self.command = command;
        self
    }

    /// The folder that it runs in.
    fn within(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Starts it with a stdin that stays open, as the leader of a process group
    /// of its own, as a shell does.
    fn start(self) -> Started {
        let collect = |stdout: Option<ChildStdout>| {
            (stdout.map_or_else(Collected::nothing, Collected::from), ())
        };
        self.start_with(collect).0
    }

    fn start_with<T>(
        mut self,
        collect: impl FnOnce(Option<ChildStdout>) -> (Collected, T),
    ) -> (Started, T) {
        use std::os::unix::process::CommandExt;
        let is_launched = self.command.get_program() != env!("CARGO_BIN_EXE_sandpool");
        if !is_launched
            && ENDING
                .iter()
                .any(|(number, _)| sandpool::is_ignored(*number))
        {
            let names = ENDING.map(|(_, name)| name).join(",");
            self = self.launched(&["--default", &names]);
        }
        let stdin = match self.file.take() {
            Some(file) => Stdio::from(file),
            None => Stdio::piped(),
        };
        let (stdout, stderr) = match self.terminal.take() {
            Some((stdout, stderr)) => (stdout, Some(stderr)),
            None => (None, None),
        };
        let child = self
            .command
            .process_group(0)
            .stdin(stdin)
            .stdout(stdout.unwrap_or_else(Stdio::piped))
            .stderr(stderr.unwrap_or_else(Stdio::piped))
            .spawn();
        let mut child = child.expect("the command starts");
        let (out, rest) = collect(child.stdout.take());
        let err = child.stderr.take();
        let started = Started {
            since: Instant::now(),
            deadline: self.deadline,
            stdin: child.stdin.take(),
            out,
            err: err.map_or_else(Collected::nothing, Collected::from),
            child,
        };
        (started, rest)
    }

    /// Starts it with a stdout that the test reads itself, and may close.
    fn start_with_raw_stdout(self) -> RawStdout {
        let (started, stdout) = self.start_with(|stdout| (Collected::nothing(), stdout));
        RawStdout { started, stdout }
    }

    /// Runs it to its end.
    fn run(mut self) -> Finished {
        let input = std::mem::take(&mut self.input);
        let mut started = self.start();
        let stdin = started.stdin.take();
        let feeder = thread::spawn(move || {
            if let Some(mut stdin) = stdin {
                // It may have ended before it read all.
                let _ = stdin.write_all(&input);
            }
        });
        let finished = started.finish();
        feeder.join().expect("the feeder does not panic");
        finished
    }
}

/// The data of a stream so far.
struct Collected {
    bytes: Arc<Mutex<Vec<u8>>>,
    reader: JoinHandle<()>,
}

impl Collected {
    fn from(mut stream: impl Read + Send + 'static) -> Self {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&bytes);
        let reader = thread::spawn(move || {
            let mut buffer = [0; 1 << 16];
            while let Ok(read @ 1..) = stream.read(&mut buffer) {
                let mut bytes = shared.lock().unwrap_or_else(PoisonError::into_inner);
                bytes.extend_from_slice(&buffer[..read]);
            }
        });
        Collected { bytes, reader }
    }

    fn nothing() -> Self {
        Collected::from(std::io::empty())
    }

    fn so_far(&self) -> Vec<u8> {
        let bytes = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        bytes.clone()
    }

    fn count_lines(&self) -> usize {
        let bytes = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        bytes.iter().filter(|byte| **byte == b'\n').count()
    }
}

/// A command that runs, with its stdout in the hands of the test.
struct RawStdout {
    started: Started,
    stdout: Option<ChildStdout>,
}

/// A command that runs, and is killed when the test ends.
struct Started {
    child: Child,
    since: Instant,
    deadline: Duration,
    stdin: Option<ChildStdin>,
    out: Collected,
    err: Collected,
}

impl Started {
    fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Writes to its stdin, which stays open.
    fn write(&mut self, bytes: &[u8]) {
        let stdin = self.stdin.as_mut().expect("it is open");
        stdin.write_all(bytes).expect("it reads its stdin");
    }

    fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.out.so_far()).into_owned()
    }

    fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.err.so_far()).into_owned()
    }

    /// Waits until so many lines are on stdout.
    fn wait_for_lines(&self, lines: usize) {
        eventually(&format!("{lines} lines are on stdout"), || {
            self.out.count_lines() >= lines
        });
    }

    /// Waits until it has so many children, and gives them.
    fn wait_for_children(&self, number: usize) -> Vec<u32> {
        let mut found = Vec::new();
        eventually(&format!("it has {number} children"), || {
            found = children(self.pid());
            found.len() == number
        });
        found
    }

    /// Sends a signal to it and to nobody else.
    fn signal(&self, signal: rustix::process::Signal) {
        rustix::process::kill_process(self.raw_pid(), signal).expect("it lives");
    }

    /// Does what a terminal does at Ctrl-C: the signal goes to all of the
    /// process group.
    fn ctrl_c(&self) {
        let signal = rustix::process::Signal::INT;
        rustix::process::kill_process_group(self.raw_pid(), signal).expect("it lives");
    }

    fn raw_pid(&self) -> rustix::process::Pid {
        rustix::process::Pid::from_child(&self.child)
    }

    /// Waits for its end, with its stdin closed or left open as it is.
    fn finish(mut self) -> Finished {
        let pid = self.pid();
        let status = self.wait();
        let took = self.since.elapsed();
        // The streams end when nobody has them open any more: no worker either.
        eventually_within(Duration::from_secs(5), "its streams are closed", || {
            self.out.reader.is_finished() && self.err.reader.is_finished()
        });
        assert!(children(pid).is_empty());
        let stderr = String::from_utf8_lossy(&self.err.so_far()).into_owned();
        let lines = stderr.split_inclusive('\n');
        let (summary, stderr) = lines.partition(|line| is_of_summary(line));
        Finished {
            status,
            took,
            stdout: self.out.so_far(),
            stderr,
            summary,
        }
    }

    fn wait(&mut self) -> ExitStatus {
        let mut status = None;
        eventually_within(self.deadline, "the command has ended", || {
            status = self.child.try_wait().expect("it can be waited for");
            status.is_some()
        });
        status.expect("just found")
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A command that has ended.
struct Finished {
    status: ExitStatus,
    took: Duration,
    stdout: Vec<u8>,
    /// Without the summary of a map, whose times are others each time.
    stderr: String,
    summary: String,
}

/// Returns whether a line is one of those that end every map.
fn is_of_summary(line: &str) -> bool {
    let counts = |line: &str| {
        let counted = line
            .split_once(" task")
            .is_some_and(|(number, _)| number.chars().all(|c| c.is_ascii_digit() || c == ','));
        counted && line.contains(", in ")
    };
    line.strip_prefix("sandpool: ").is_some_and(|line| {
        counts(line) || line.starts_with("run time p50 ") || line.starts_with("slowest: ")
    })
}

impl Finished {
    /// Returns the counts of a map's summary: `3 tasks, 2 ok, 1 trap`.
    fn counts(&self) -> &str {
        let summary = self.summary.strip_prefix("sandpool: ");
        let counts = summary.and_then(|summary| summary.split_once(", in "));
        counts.expect("there is a summary").0
    }

    fn code(&self) -> i32 {
        let signal = self.status.signal();
        assert_eq!(signal, None, "ended by a signal\n{}", self.stderr);
        self.status.code().expect("it left by itself")
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.stdout).expect("its output is text")
    }

    fn lines(&self) -> Vec<&str> {
        self.text().lines().collect()
    }

    /// Asserts all that can be seen of it.
    #[track_caller]
    fn assert(&self, code: i32, stdout: &str, stderr: &str) {
        assert_eq!(self.show(), show(code, stdout, stderr));
    }

    /// Asserts that it ended well, with this on stdout and nothing on stderr.
    #[track_caller]
    fn assert_prints(&self, stdout: &str) {
        self.assert(0, stdout, "");
    }

    /// Asserts that it could not do what it was asked to, and said so.
    #[track_caller]
    fn assert_refuses(&self, code: i32, stderr: &str) {
        self.assert(code, "", stderr);
    }

    /// All that can be seen of it, as snapshots have it.
    fn show(&self) -> String {
        show(
            self.code(),
            &String::from_utf8_lossy(&self.stdout),
            &self.stderr,
        )
    }
}

fn show(code: i32, stdout: &str, stderr: &str) -> String {
    format!("code: {code}\n--- stdout\n{stdout}\n--- stderr\n{stderr}\n---")
}

/// A folder for the files of a test.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Folder(tempfile::tempdir().expect("a folder"))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Puts a file there.
    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        fs::write(&path, content).expect("written");
        path
    }

    fn open(&self, name: &str) -> File {
        File::open(self.path().join(name)).expect("it is there")
    }

    /// Runs a command line in this folder.
    fn sandpool<I>(&self, args: I) -> CommandLine
    where
        I: IntoIterator,
        I::Item: AsRef<OsStr>,
    {
        sandpool(args).within(self.path())
    }
}

/// Asserts that none of these processes is left.
#[track_caller]
fn assert_gone(pids: &[u32]) {
    for pid in pids {
        assert!(!is_alive(*pid), "process {pid} is left");
    }
}

/// Asserts that nothing of it could steer a terminal.
#[track_caller]
fn assert_harmless(text: &str) {
    let evil = text.chars().find(|c| c.is_control() && *c != '\n');
    assert_eq!(evil, None, "in {text:?}");
}
