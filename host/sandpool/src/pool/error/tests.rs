//! The text of each variant.

use std::collections::BTreeSet;
use std::io;

use super::*;
use crate::error_texts::check;
use crate::module::Problem;
use crate::outcome::Verdict;
use sandpool_protocol::limits::{LimitName, MIB, TaskLimits};

fn not_found() -> io::Error {
    io::ErrorKind::NotFound.into()
}

fn failed(error: Option<&str>) -> Error {
    Error::Failed(Box::new(Outcome {
        verdict: Verdict::Trap,
        value: None,
        error_value: None,
        error: error.map(Into::into),
        index: 0,
        attempts: 1,
        poison: false,
        function: "fib".into(),
        module_hash: "".into(),
        worker_pid: None,
        queue_wait: std::time::Duration::ZERO,
        run_time: None,
        cpu_time: None,
        peak_memory: None,
        fuel: None,
        exit_code: None,
        signal: None,
        stdout: None,
        stderr: None,
        refusals: Vec::new(),
        http: Vec::new(),
        limit: None,
    }))
}

fn errors() -> Vec<(Error, &'static str)> {
    let kind = |kind| Error::WrongKind {
        module: "m".into(),
        kind,
    };
    let limits = TaskLimits::default();
    let limit = limits.hit(LimitName::Arguments).expect("a task's");
    vec![
        (Error::Closed, "the pool is closed"),
        (
            Error::Handle(HandleError {
                handle: "7".into(),
                why: "belongs to another session",
            }),
            "the handle `7` belongs to another session",
        ),
        (
            Error::SessionsFull { limit: 64 },
            "the pool has 64 sessions already; close some, or raise the limit of sessions",
        ),
        (
            Error::SessionEnded {
                reason: SessionEnd::Closed,
            },
            "session ended: it was closed",
        ),
        (Error::Terminated, "the pool was terminated"),
        (
            Error::NotClosed,
            "the pool still takes tasks; call `close` or `terminate` before `join`",
        ),
        (
            Error::WouldDeadlock,
            "a callback or a function of the host cannot wait for what waits for it",
        ),
        (
            Error::Broken {
                reason: "a worker cannot start".into(),
            },
            "the pool is broken: a worker cannot start",
        ),
        (
            Error::CallPanicked,
            "the thread of a call in this process panicked",
        ),
        (
            Error::QueueFull { limit: 5 },
            "the queue is full: it holds 5 tasks; raise the queue length limit",
        ),
        (
            SettingError::Chunksize.into(),
            "a chunk has at least 1 item, not `0`",
        ),
        (
            GrantError::NotADirectory { host: "/x".into() }.into(),
            "`/x` cannot be granted: it is not a directory",
        ),
        (
            Error::CommandInput {
                function: "fib".into(),
            },
            "the input is words for a command, and `fib` is a function",
        ),
        (
            Error::WorkerBinary { path: "/x".into() },
            "no binary for worker processes was found: `/x`, which was set as worker binary, is \
             no executable file",
        ),
        (
            Error::WorkerBinaryOfEnvironment { path: "/x".into() },
            "no binary for worker processes was found: `/x`, from $SANDPOOL_WORKER, is no \
             executable file",
        ),
        (
            Error::OwnBinary { path: "/x".into() },
            "no binary for worker processes was found: there is no `/proc` here, by which this \
             program would find itself, and it is not at `/x` any more",
        ),
        (
            Error::NoWorkerBinary,
            "no binary for worker processes was found: `PoolBuilder::worker_binary` was not \
             called, $SANDPOOL_WORKER is not set, this program does not call \
             `sandpool::worker_entry` first thing in `main`, there is no `sandpool` beside it, \
             and none on PATH",
        ),
        (
            Error::system("start a thread")(not_found()),
            "the operating system refused to start a thread <- entity not found",
        ),
        (
            Error::Sandbox {
                missing: "seccomp (refused)".into(),
            },
            "a strict sandbox cannot be kept; missing layers: seccomp (refused)",
        ),
        (
            Error::ForeignModule { module: "m".into() },
            "module `m` was loaded by a pool with other settings; load it with this one",
        ),
        (
            Error::NotCompiled { module: "m".into() },
            "module `m` was inspected, and not compiled; load it to call it",
        ),
        (
            Error::Unlinked {
                module: "m".into(),
                why: "it imports `env#f`".into(),
            },
            "module `m` cannot be run: it imports `env#f`",
        ),
        (
            LookupError::Ambiguous {
                asked: "f".into(),
                candidates: vec!["a#f".into(), "b#f".into()],
            }
            .into(),
            "`f` may mean `a#f`, `b#f`",
        ),
        (
            ArgumentError::File {
                file: "x".into(),
                parameter: "n".into(),
                function: "f: func(n: u32)".into(),
                source: not_found(),
            }
            .into(),
            "cannot read `x` for parameter `n` of `f: func(n: u32)` <- entity not found",
        ),
        (
            Error::ArgumentsTooLarge { size: 1, limit },
            "its arguments take more than 64MiB (default); the setting `arguments_limit` raises \
             it",
        ),
        (
            kind(ModuleKind::Command),
            "module `m` is a command and exports no functions; run it",
        ),
        (
            kind(ModuleKind::Core),
            "module `m` is no command; call one of its functions",
        ),
        (
            Error::Unsupported {
                function: "f".into(),
                why: "no call can carry `x`".into(),
            },
            "`f` cannot be called: no call can carry `x`",
        ),
        (
            Error::Import {
                module: "m".into(),
                source: ImportError::NotOfPool {
                    import: "acme:kv/store".into(),
                },
            },
            "module `m` cannot be run <- import `acme:kv/store`: the pool gives no functions for it, \
             so a call cannot change them",
        ),
        (
            Error::Snapshot(Box::new(LoadError::new("m".into(), Problem::NotFound))),
            "cannot load `m`: the file does not exist",
        ),
        (Error::NotReady, "the result is not there yet"),
        (
            Error::Timeout,
            "the result did not come in time; the task goes on",
        ),
        (failed(None), "trap"),
        (failed(Some("unreachable")), "trap: unreachable"),
        (
            ConvertError::new(&Value::U8(1), "string").into(),
            "the result is of another type than was asked for <- the value `1` is not a valid \
             string",
        ),
    ]
}

/// The place of a variant in [`errors`]: who adds one adds its text.
fn place(error: &Error) -> usize {
    match error {
        Error::Closed => 0,
        Error::Terminated => 1,
        Error::NotClosed => 2,
        Error::WouldDeadlock => 3,
        Error::Broken { .. } => 4,
        Error::CallPanicked => 5,
        Error::QueueFull { .. } => 6,
        Error::Setting(_) => 7,
        Error::Grant(_) => 8,
        Error::CommandInput { .. } => 9,
        Error::WorkerBinary { .. } => 10,
        Error::WorkerBinaryOfEnvironment { .. } => 11,
        Error::OwnBinary { .. } => 12,
        Error::NoWorkerBinary => 13,
        Error::System { .. } => 14,
        Error::Sandbox { .. } => 15,
        Error::ForeignModule { .. } => 16,
        Error::Unlinked { .. } => 17,
        Error::Function(_) => 18,
        Error::Arguments(_) => 19,
        Error::ArgumentsTooLarge { .. } => 20,
        Error::WrongKind { .. } => 21,
        Error::Unsupported { .. } => 22,
        Error::NotReady => 23,
        Error::Timeout => 24,
        Error::Failed(_) => 25,
        Error::Convert(_) => 26,
        Error::NotCompiled { .. } => 27,
        Error::SessionsFull { .. } => 28,
        Error::SessionEnded { .. } => 29,
        Error::Import { .. } => 30,
        Error::Handle(_) => 31,
        Error::Snapshot(_) => 32,
    }
}

#[test]
fn each_error_says_what_is_wrong_and_its_cause_once() {
    let places: BTreeSet<_> = errors().iter().map(|(error, _)| place(error)).collect();
    assert!(places.into_iter().eq(0..=32), "a variant is not listed");
    check(errors());
}

#[test]
fn each_setting_that_makes_no_sense_says_what_would() {
    check([
        (
            SettingError::Processes {
                asked: 0,
                most: 65_535,
            },
            "a pool has from 1 to 65535 processes, not `0`",
        ),
        (
            SettingError::MaxTasks,
            "a worker needs at least 1 task before it is replaced, not `0`",
        ),
        (
            SettingError::Niceness {
                asked: 20,
                most: 19,
            },
            "niceness is from 0 to 19, not `20`",
        ),
        (
            SettingError::QueueLength,
            "a queue needs room for at least 1 task, not `0`",
        ),
        (
            SettingError::HostCallThreads,
            "calls of the host need at least 1 thread, not `0`",
        ),
        (
            SettingError::ToolsTooLarge {
                bytes: 2_000_000,
                most: MIB,
            },
            "the names, descriptions and schemas of the tools take 2000000 bytes, and the most is \
             1MiB",
        ),
        (
            SettingError::WasmStack {
                asked: 0,
                most: 4 * MIB,
            },
            "the wasm stack is from 1 byte to 4MiB, not `0`",
        ),
        (
            SettingError::FuelNotCounted,
            "this pool does not count fuel; set a fuel limit on its builder",
        ),
        (
            SettingError::Chunksize,
            "a chunk has at least 1 item, not `0`",
        ),
        (
            SettingError::CallbackOfOneTask,
            "a callback of one task was set for many; use `map_callback` with `map_async`, and \
             with `imap` the loop that takes the outcomes",
        ),
        (
            SettingError::CallbackOfSnapshot,
            "a callback of a task was set for a snapshot, which has none",
        ),
        (
            SettingError::SharesOfSnapshot,
            "a shared object was granted to a call for a snapshot, which cannot keep one",
        ),
        (
            SettingError::TwoInitializers,
            "a pool has an `initializer` or an `initializer_snapshot`, not both",
        ),
        (
            SettingError::CallbackOfMap,
            "a callback of a map was set for a call that is not a map; use `callback` with \
             `apply_async`, and with `imap` the loop that takes the outcomes",
        ),
    ]);
}

#[test]
fn each_grant_that_cannot_be_says_why() {
    let guest = || "/a/../b".to_owned();
    let name = || "A".to_owned();
    check([
        (
            GrantError::DirectoryNotGranted {
                asked: "/etc".into(),
                granted: vec!["/data".into(), "/out".into()],
            },
            "this pool does not grant the directory `/etc`, so a call cannot have it; it grants \
             `/data`, `/out`",
        ),
        (
            GrantError::VariableNotGranted {
                asked: name(),
                granted: Vec::new(),
            },
            "this pool does not grant the variable `A`, so a call cannot have it; it grants none",
        ),
        (
            GrantError::TooManyDirectories {
                count: 65,
                most: 64,
            },
            "65 directories are granted, and the most is 64; a directory is granted with \
             everything in it, so grant one above them",
        ),
        (
            GrantError::TooLarge { most: 48 << 10 },
            "the paths and variables that are granted take more than 48KiB",
        ),
        (
            GrantError::GuestPathEmpty,
            "guests cannot see a directory whose path is empty; give it a path like `/data`",
        ),
        (
            GrantError::GuestPathWithZero { guest: "a".into() },
            "guests cannot see a directory as `a`: it has a zero byte in it; give it a path like \
             `/data`",
        ),
        (
            GrantError::GuestPathWithParent { guest: guest() },
            "guests cannot see a directory as `/a/../b`: it has `..` in it; give it a path like \
             `/data`",
        ),
        (
            GrantError::GuestPathTwice {
                guest: "/data".into(),
            },
            "two directories are granted as `/data`; guests need a path for each",
        ),
        (
            GrantError::NotADirectory { host: "/x".into() },
            "`/x` cannot be granted: it is not a directory",
        ),
        (
            GrantError::Directory {
                host: "/x".into(),
                source: not_found(),
            },
            "`/x` cannot be granted <- entity not found",
        ),
        (
            GrantError::VariableName { name: name() },
            "`A` is no name for a variable",
        ),
        (
            GrantError::VariableValue { name: name() },
            "the value of the variable `A` has a zero byte in it",
        ),
    ]);
}
