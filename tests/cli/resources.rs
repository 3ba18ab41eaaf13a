//! The limits on a map's use of the machine: processes, niceness, memory, load.

use std::fs;

use super::{Started, sandpool};
use crate::support::{eventually, test};

/// A map that has a worker at work, and does not end by itself.
fn busy(more: &[&str]) -> Started {
    let words = [
        "map",
        "-q",
        "sleeper.wasm",
        "sleep-then",
        "--timeout",
        "none",
    ];
    let mut host = sandpool(words.iter().chain(more)).start();
    host.write(b"[0,1]\n[600000,2]\n[600000,3]\n[600000,4]\n[600000,5]\n");
    host
}

#[test]
fn processes_are_counted_from_the_cores() {
    let _test = test();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    for (words, processes) in [
        (["-j", "+1"], cores + 1),
        (["-j", "-1000"], 1),
        (["-j", "100%"], cores),
    ] {
        let host = busy(&words);
        // Five inputs do not keep more workers busy.
        host.wait_for_children(processes.min(5));
    }
    sandpool(["map", "math.wasm", "fib", "-j", "0"])
        .run()
        .assert_refuses(
            2,
            "error: invalid value '0' for '--processes <N>': a pool needs at least 1 process\n\n\
         For more information, try '--help'.\n",
        );
}

#[test]
fn workers_are_nice_and_the_host_is_not() {
    let _test = test();
    let host = busy(&["-j1", "--nice", "7"]);
    host.wait_for_lines(1);
    let niceness = |pid: u32| -> Vec<i32> {
        let threads = fs::read_dir(format!("/proc/{pid}/task")).expect("it lives");
        let of_thread = |thread: std::io::Result<fs::DirEntry>| {
            let stat = fs::read_to_string(thread.expect("a thread").path().join("stat"));
            let stat = stat.expect("it lives");
            let (_, rest) = stat.rsplit_once(") ").expect("a name");
            rest.split(' ')
                .nth(16)
                .expect("a field")
                .parse()
                .expect("a number")
        };
        threads.map(of_thread).collect()
    };
    let own = rustix::process::getpriority_process(None).expect("a number");
    for worker in host.wait_for_children(1) {
        assert_eq!(niceness(worker), [7, 7]);
    }
    assert!(niceness(host.pid()).iter().all(|nice| *nice == own));
}

#[test]
fn without_memory_no_task_begins_and_the_command_can_be_stopped() {
    let _test = test();
    let mut host = sandpool(["map", "math.wasm", "fib", "--memfree", "1000000G"]).start();
    host.write(b"1\n2\n");
    eventually("it says why nothing begins", || {
        let said = String::from_utf8_lossy(&host.err.so_far()).into_owned();
        said.contains("no task is started: ") && said.contains("`--memfree` wants")
    });
    assert_eq!(host.stdout(), "");
    assert!(crate::support::process::children(host.pid()).is_empty());
    host.ctrl_c();
    let ended = host.finish();
    assert_eq!((ended.code(), ended.text()), (130, ""));
}

#[test]
fn with_memory_and_without_load_tasks_run() {
    let _test = test();
    let words = ["map", "-q", "math.wasm", "fib", "--to", "values"];
    sandpool(
        words
            .into_iter()
            .chain(["--memfree", "1M", "--load", "10000"]),
    )
    .input("5\n10\n")
    .run()
    .assert_prints("5\n55\n");
}
