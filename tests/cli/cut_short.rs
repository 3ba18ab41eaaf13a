//! Runs that could not finish: what has no result is counted and named, and a log
//! brings it later.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use std::thread;
use std::time::Duration;

use super::{CommandLine, Finished, Folder, Started, guests, sandpool};
use crate::support::process::{children, kill};
use crate::support::{eventually, test};

/// A worker binary whose workers, but for the first so many, wait to be killed.
fn mortal(folder: &Folder, immortals: u32) -> PathBuf {
    let script = format!(
        r#"#!/bin/sh
if [ "$1" = __sandpool-worker ]; then
    n=0
    while [ "$n" -lt {immortals} ]; do
        n=$((n + 1))
        if (set -C; : > "{folder}/started-$n") 2> /dev/null; then exec "{binary}" "$@"; fi
    done
    exec sleep 60
fi
exec "{binary}" "$@"
"#,
        folder = folder.path().display(),
        binary = env!("CARGO_BIN_EXE_sandpool"),
    );
    // The workers of root run as somebody else, and the script is his.
    let open = fs::Permissions::from_mode(0o777);
    fs::set_permissions(folder.path(), open).expect("open to all");
    let path = folder.file("worker", script);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("executable");
    path
}

/// A map in a folder whose first worker runs 100 tasks, and which has no other.
fn map(folder: &Folder, words: &[&str]) -> CommandLine {
    let module = guests().join("math.wasm");
    let module = module.to_str().expect("a path");
    let flags = [
        "map",
        module,
        "fib",
        "-j1",
        "--max-tasks-per-process",
        "100",
    ];
    let words = flags.iter().chain(words);
    folder
        .sandpool(words)
        .env("SANDPOOL_WORKER", mortal(folder, 1))
}

/// Kills the workers that wait for it, as somebody outside may, until the command has
/// ended.
fn reap(host: Started) -> Finished {
    let (pid, over) = (host.pid(), AtomicBool::new(false));
    let waits = |pid: &u32| {
        let name = fs::read_to_string(format!("/proc/{pid}/comm"));
        name.is_ok_and(|name| name.trim_end() == "sleep")
    };
    thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                children(pid).into_iter().filter(waits).for_each(kill);
                thread::sleep(Duration::from_millis(2));
            }
        });
        // Also if the command does not end.
        let _over = Over(&over);
        host.finish()
    })
}

struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

const CAUSE: &str = "  because no worker could be started for 1s (the start timeout): a worker \
                     cannot start: it was killed by signal 9 (SIGKILL), and not by sandpool\n";

#[test]
fn a_run_that_could_not_finish_says_how_many_inputs_were_not_run_though_it_is_quiet() {
    let _test = test();
    let folder = Folder::new();
    folder.file("input", "5\n".repeat(60_000));
    let flags = ["--start-timeout", "1s", "-q", "--input", "input"];
    let ended = reap(map(&folder, &flags).start());
    assert_eq!(ended.code(), 4, "{}", ended.stderr);
    assert_eq!(
        ended.stderr,
        format!(
            "error: the run could not finish: 59,900 inputs were not run\n{CAUSE}\n\
             hint: with a log (`--joblog FILE`), `--resume` could continue from here\n"
        )
    );
    let ok = |line: &&str| line.contains(r#""verdict":"ok""#);
    assert_eq!(ended.lines().into_iter().filter(ok).count(), 100);
    assert_eq!(ended.lines().len(), 100, "nothing is said of the others");
}

#[test]
fn what_was_not_run_is_counted_in_the_summary_and_brought_by_the_log() {
    let _test = test();
    let folder = Folder::new();
    let inputs: String = (0..1000).map(|n| format!("{}\n", n % 20)).collect();
    folder.file("input", inputs);
    let flags = ["--joblog", "log", "--to", "values", "--input", "input"];
    let limited = [&flags[..], &["-o", "output", "--start-timeout", "1s"]].concat();
    let ended = reap(map(&folder, &limited).start());
    assert_eq!(ended.code(), 4, "{}", ended.stderr);
    assert_eq!(ended.counts(), "100 tasks, 100 ok, 900 not run");
    assert!(
        ended
            .stderr
            .ends_with("\nhint: run the same command with `--resume` to continue from here\n"),
        "{}",
        ended.stderr
    );
    let module = guests().join("math.wasm");
    let module = module.to_str().expect("a path");
    let words = ["map", module, "fib", "-j1", "-o", "output", "--resume"];
    let ended = folder.sandpool(words.iter().chain(&flags)).run();
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    let whole = fs::read_to_string(folder.path().join("output")).expect("results");
    assert_eq!(whole.lines().count(), 1000);
    let all_there = whole.lines().zip(0..).all(|(line, n)| {
        let fib = |n| (0..n).fold((0_u64, 1), |(a, b), _| (b, a + b)).0;
        line.parse() == Ok(fib(n % 20))
    });
    assert!(all_there, "{whole}");
}

#[test]
fn inputs_that_may_never_end_are_not_waited_for_to_be_counted() {
    let _test = test();
    let folder = Folder::new();
    let mut host = map(&folder, &["--start-timeout", "1s", "-q"]).start();
    host.write("5\n".repeat(150).as_bytes());
    // Its input stays open.
    let ended = reap(host);
    assert_eq!(ended.code(), 4, "{}", ended.stderr);
    assert!(
        ended
            .stderr
            .starts_with("error: the run could not finish: at least 50 inputs were not run\n"),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_call_without_a_worker_ends_with_the_cause_and_says_so_while_it_waits() {
    let _test = test();
    let folder = Folder::new();
    let worker = mortal(&folder, 0);
    let waited = "sandpool: no worker could be started for 1s, and 1 task waits: a worker cannot \
                  start: it was killed by signal 9 (SIGKILL), and not by sandpool\n";
    let cause = "no worker could be started for 2s (the start timeout): a worker cannot start: it \
                 was killed by signal 9 (SIGKILL), and not by sandpool\n";
    let apply = ["apply", "math.wasm", "fib", "30", "--start-timeout", "2s"];
    let apply = sandpool(apply).env("SANDPOOL_WORKER", &worker);
    reap(apply.start()).assert_refuses(4, &format!("{waited}error: internal_error: {cause}"));
    let run = ["run", "-q", "--start-timeout", "2s", "wc.wasm"];
    let run = sandpool(run).env("SANDPOOL_WORKER", &worker);
    reap(run.start()).assert_refuses(125, &format!("error: internal_error: {cause}"));
}

#[test]
fn without_a_start_timeout_a_run_waits_and_can_be_interrupted() {
    let _test = test();
    let folder = Folder::new();
    let words = ["apply", "math.wasm", "fib", "30", "--start-timeout", "none"];
    let host = sandpool(words)
        .env("SANDPOOL_WORKER", mortal(&folder, 0))
        .start();
    let (pid, said) = (host.raw_pid(), Arc::clone(&host.err.bytes));
    let told = "sandpool: no worker could be started for 1s";
    let ended = thread::scope(|scope| {
        scope.spawn(|| {
            eventually("it says that it waits", || {
                let said = said.lock().unwrap_or_else(PoisonError::into_inner);
                String::from_utf8_lossy(&said).contains(told)
            });
            let _ = rustix::process::kill_process_group(pid, rustix::process::Signal::INT);
        });
        reap(host)
    });
    assert_eq!(ended.code(), 130);
}
