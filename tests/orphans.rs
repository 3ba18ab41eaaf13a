//! A host that is killed leaves no process behind: here a host is the
//! `sandpool` command.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use crate::support::process::{Host, children, is_alive, kill};
use crate::support::{eventually, eventually_within, guest, test};

/// The time in which the kernel ends a process that must end with its parent.
const A_SECOND: Duration = Duration::from_secs(1);

fn text(path: &Path) -> &str {
    path.to_str().expect("its path is text")
}

#[test]
fn a_host_killed_with_sigkill_leaves_no_worker_for_a_second() {
    let _test = test();
    let sleeper = guest("sleeper");
    let args = [
        "map",
        text(&sleeper),
        "sleep-ms",
        "-j",
        "3",
        "--timeout",
        "none",
    ];
    let mut host = Host::start(&args);
    let mut input = host.child().stdin.take().expect("piped");
    input.write_all(&b"600000\n".repeat(50)).expect("written");
    let pid = host.pid();
    eventually("three workers are there", || children(pid).len() == 3);
    let workers = children(pid);
    kill(pid);
    eventually_within(A_SECOND, "the workers are gone", || {
        workers.iter().all(|pid| !is_alive(*pid))
    });
}

#[test]
fn a_host_killed_while_its_worker_spins_leaves_none() {
    let _test = test();
    let misbehave = guest("misbehave");
    let host = Host::start(&["apply", text(&misbehave), "spin", "--timeout", "none"]);
    let pid = host.pid();
    eventually("a worker is there", || {
        let workers = children(pid);
        workers
            .iter()
            .any(|pid| crate::support::process::cpu_ticks(*pid) > Some(10))
    });
    let workers = children(pid);
    kill(pid);
    eventually_within(A_SECOND, "the workers are gone", || {
        workers.iter().all(|pid| !is_alive(*pid))
    });
}

#[test]
fn a_host_killed_while_it_compiles_leaves_no_compiler() {
    let _test = test();
    // A module that takes long to compile: thousands of functions.
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("large.wat");
    let body = "(local.set 0 (i32.mul (local.get 0) (i32.add (local.get 0) (i32.const 7))))";
    let function = format!(
        "(func (param i32) (result i32) {} (local.get 0))",
        body.repeat(60)
    );
    let module = format!(
        r#"(module {} (func (export "f") (result i32) (i32.const 1)))"#,
        function.repeat(6000)
    );
    std::fs::write(&path, module).expect("written");
    let host = Host::start(&["apply", "--no-cache", text(&path), "f"]);
    let pid = host.pid();
    eventually("the compiler is there", || !children(pid).is_empty());
    let compilers = children(pid);
    kill(pid);
    eventually_within(A_SECOND, "the compiler is gone", || {
        compilers.iter().all(|pid| !is_alive(*pid))
    });
}

#[test]
fn a_host_that_ends_by_itself_leaves_nothing() {
    let _test = test();
    let sleeper = guest("sleeper");
    let mut host = Host::start(&["map", text(&sleeper), "sleep-ms", "-j", "2"]);
    let mut input = host.child().stdin.take().expect("piped");
    input.write_all(b"300\n300\n").expect("written");
    let pid = host.pid();
    eventually("two workers are there", || children(pid).len() == 2);
    let workers = children(pid);
    drop(input);
    let status = host.child().wait().expect("it ends");
    assert!(status.success(), "{status}");
    assert!(workers.iter().all(|pid| !is_alive(*pid)), "at once");
}
