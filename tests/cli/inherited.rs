//! The inheritance of a child beside the command line: signals that are ignored or
//! blocked, limits, a umask, descriptors that are closed, a folder that is gone, one
//! core, a machine without `/dev` or `/proc`.

use rustix::process::Signal;

use super::Folder;
use crate::support::process::{children, cpu_ticks};
use crate::support::{eventually, test, wat};

const ADD: [&str; 5] = ["apply", "add.wat", "add", "2", "3"];

fn folder() -> Folder {
    let folder = Folder::new();
    folder.file("add.wat", wat::ADD);
    folder.file("loop.wat", wat::ENDLESS_COMMAND);
    folder.file("echo.wat", wat::COMMAND);
    folder
}

#[test]
fn a_signal_that_a_parent_blocked_ends_the_command_all_the_same() {
    let _test = test();
    let folder = folder();
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let line = folder.sandpool(["run", "loop.wat"]);
        let all = "INT,TERM,HUP";
        let host = line.launched(&["--default", all, "--block", all]).start();
        eventually("a worker is at work", || {
            let children = children(host.pid());
            children.iter().any(|pid| cpu_ticks(*pid) > Some(5))
        });
        host.signal(signal);
        assert_eq!(host.finish().code(), 130);
    }
}

#[test]
fn a_signal_that_a_parent_ignored_is_ignored() {
    let _test = test();
    let folder = folder();
    let line = folder.sandpool(["run", "loop.wat"]);
    let flags = ["--default", "TERM", "--ignore", "HUP,INT"];
    let host = line.launched(&flags).start();
    eventually("a worker is at work", || {
        let children = children(host.pid());
        children.iter().any(|pid| cpu_ticks(*pid) > Some(5))
    });
    host.signal(Signal::HUP);
    host.signal(Signal::INT);
    let worker = children(host.pid())[0];
    let before = cpu_ticks(worker);
    eventually("it goes on", || {
        cpu_ticks(worker) > before.map(|ticks| ticks + 5)
    });
    host.signal(Signal::TERM);
    assert_eq!(host.finish().code(), 130);
}

#[test]
fn how_a_worker_ended_is_told_though_a_parent_ignores_the_end_of_children() {
    let _test = test();
    let folder = folder();
    let line = folder.sandpool(["run", "loop.wat"]);
    let host = line.launched(&["--ignore", "CHLD"]).start();
    let mut worker = None;
    eventually("a worker is at work", || {
        let children = children(host.pid());
        // By now it is no compiler.
        worker = children.into_iter().find(|pid| cpu_ticks(*pid) > Some(30));
        worker.is_some()
    });
    crate::support::process::kill(worker.expect("just found"));
    let ended = host.finish();
    assert_eq!(ended.code(), 137);
    assert!(ended.stderr.contains("signal 9"), "{}", ended.stderr);
}

#[test]
fn tasks_run_under_any_umask() {
    let _test = test();
    for umask in ["0777", "0077", "0000"] {
        let folder = folder();
        let cache = folder.path().join("cache");
        let script = format!("umask {umask} && exec \"$@\"");
        for _ in 0..2 {
            let line = folder.sandpool(ADD).env("SANDPOOL_CACHE_DIR", &cache);
            line.by_shell(&script).run().assert_prints("5\n");
        }
        let map = ["map", "add.wat", "add", "--to", "values", "-o", "sums"];
        let line = folder.sandpool(map).input("[1,2]\n").by_shell(&script);
        line.run().assert_prints("");
    }
}

#[test]
fn every_standard_stream_may_be_closed() {
    let _test = test();
    let folder = folder();
    for closed in ["<&-", "2>&-", "<&- 2>&-"] {
        let line = folder.sandpool(ADD);
        let ended = line.by_shell(&format!("exec \"$@\" {closed}")).run();
        assert_eq!((ended.code(), ended.text()), (0, "5\n"), "{closed}");
    }
}

#[test]
fn a_folder_that_is_gone_matters_only_to_paths_that_begin_there() {
    let _test = test();
    let folder = folder();
    let module = folder.path().join("add.wat");
    let module = module.to_str().expect("text");
    let script = "mkdir gone && cd gone && rmdir ../gone && exec \"$@\"";
    let line = folder.sandpool(["apply", module, "add", "2", "3"]);
    line.by_shell(script).run().assert_prints("5\n");
    let ended = folder.sandpool(ADD).by_shell(script).run();
    ended.assert_refuses(3, "error: cannot load `add.wat`: the file does not exist\n");
}

#[test]
fn a_limit_on_the_cpu_time_of_every_process_is_named_when_it_ends_a_worker() {
    let _test = test();
    let folder = folder();
    let line = folder.sandpool(["run", "loop.wat"]);
    let ended = line.by_shell("ulimit -t 3 && exec \"$@\"").run();
    assert_eq!(ended.code(), 137);
    let why = "the worker used up the CPU time that `ulimit -t` allows a process";
    assert!(ended.stderr.contains(why), "{}", ended.stderr);
}

#[test]
fn a_root_who_may_not_kill_his_workers_keeps_their_deadlines() {
    let _test = test();
    if !crate::cage::is_root() {
        return;
    }
    let folder = folder();
    let line = folder.sandpool(["run", "--timeout", "100ms", "loop.wat"]);
    let without = "exec setpriv --bounding-set=-kill --inh-caps=-kill \"$@\"";
    let ended = line.by_shell(without).run();
    assert_eq!(ended.code(), 124, "{}", ended.stderr);
    assert!(ended.stderr.contains("CAP_KILL"), "{}", ended.stderr);
}

#[test]
fn one_core_is_enough() {
    let _test = test();
    let folder = folder();
    let map = ["map", "add.wat", "add", "--to", "values", "-j", "3"];
    let line = folder.sandpool(map).input("[1,2]\n[3,4]\n[5,6]\n");
    let ended = line.by_shell("exec taskset -c 0 \"$@\"").run();
    ended.assert_prints("3\n7\n11\n");
}

/// Hides a folder of the system, which takes root.
fn hide(folders: &str) -> String {
    format!(
        "exec unshare --mount sh -c 'for d in {folders}; do mount -t tmpfs none $d; done; \
         exec \"$@\"' sh \"$@\""
    )
}

#[test]
fn without_dev_tasks_run_in_a_whole_sandbox() {
    let _test = test();
    if !crate::cage::is_root() {
        return;
    }
    let folder = folder();
    let line = folder.sandpool(ADD).by_shell(&hide("/dev"));
    line.run().assert_prints("5\n");
}

#[test]
fn without_dev_every_standard_stream_may_be_closed_all_the_same() {
    let _test = test();
    if !crate::cage::is_root() {
        return;
    }
    let folder = folder();
    for closed in ["<&-", "2>&-", "<&- 2>&-"] {
        let line = folder.sandpool(ADD);
        let line = line.by_shell(&format!("exec \"$@\" {closed}"));
        let ended = line.by_shell(&hide("/dev")).run();
        assert_eq!((ended.code(), ended.text()), (0, "5\n"), "{closed}");
    }
    // An input that cannot be read is not an empty one, nor are results that nobody gets.
    for (closed, code) in [("<&-", 3), (">&-", 4)] {
        let map = ["map", "add.wat", "add", "--to", "values"];
        let line = folder.sandpool(map).input("[1,2]\n");
        let line = line.by_shell(&format!("exec \"$@\" {closed}"));
        let ended = line.by_shell(&hide("/dev")).run();
        assert_eq!(ended.code(), code, "{closed}: {}", ended.stderr);
    }
}

#[test]
fn without_proc_tasks_run_and_what_it_costs_is_said() {
    let _test = test();
    if !crate::cage::is_root() {
        return;
    }
    let folder = folder();
    let missing = "sandpool: the sandbox is not complete on this machine: no oom-score; `sandpool \
                   doctor` shows why and how to fix it\n";
    let line = folder.sandpool(ADD).by_shell(&hide("/proc"));
    line.run().assert(0, "5\n", missing);
    // With memory to set up, and with a file to read.
    folder.file("text", "one two\n");
    let grant = format!("{}::/data", folder.path().display());
    let line = super::sandpool(["run", "--dir", &grant, "wc.wasm", "-w", "/data/text"]);
    let ended = line.by_shell(&hide("/proc")).run();
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    assert!(ended.text().contains("2 /data/text"), "{}", ended.text());
    // Nor does it matter that descriptors cannot be listed, nor closed at once.
    let launched = folder.sandpool(ADD).launched(&["--refuse", "close_range"]);
    let ended = launched.by_shell(&hide("/proc")).run();
    assert_eq!((ended.code(), ended.text()), (0, "5\n"), "{}", ended.stderr);
}

#[test]
fn where_nobody_can_tell_of_other_threads_no_layer_of_theirs_is_said_to_hold() {
    let _test = test();
    if !crate::cage::is_root() {
        return;
    }
    let line = super::sandpool(["doctor", "--json"]).launched(&["--refuse", "unshare"]);
    let ended = line.by_shell(&hide("/proc")).run();
    let found: serde_json::Value = serde_json::from_str(ended.text()).expect("JSON");
    let layers = found["layers"].as_array().expect("a list");
    let held: Vec<_> = layers
        .iter()
        .filter(|layer| layer["state"] == "held")
        .collect();
    let of_the_process = ["pid-namespace", "resource-limits", "oom-score"];
    for layer in held {
        let name = layer["layer"].as_str().expect("a name");
        assert!(of_the_process.contains(&name), "{found:#}");
    }
    let strict = ["apply", "--sandbox", "strict", "math.wasm", "fib", "5"];
    let line = super::sandpool(strict).launched(&["--refuse", "unshare"]);
    assert_eq!(line.by_shell(&hide("/proc")).run().code(), 4);
}
