//! Inside of containers whose profiles refuse system calls that are younger than the
//! profile: what can be done without a call is done without it, and else the line
//! names the call and the profile, and not the module.

use std::time::{Duration, Instant};

use super::{CommandLine, Folder, sandpool};
use crate::support::process::cpu_ticks;
use crate::support::{eventually, test, test_alone, wat};

/// As profiles answer: old ones, and newer ones.
const ERRORS: [&str; 2] = ["EPERM", "ENOSYS"];

/// Every call of these years that the command, or a library that it uses, may try.
const DISPENSABLE: &[&str] = &[
    "clone3",
    "close_range",
    "copy_file_range",
    "epoll_pwait2",
    "execveat",
    "faccessat2",
    "membarrier",
    "openat2",
    "pidfd_open",
    "pidfd_send_signal",
    "preadv2",
    "process_madvise",
    "pwritev2",
    "renameat2",
    "rseq",
    "setns",
    "statx",
];

/// Those that only the sandbox makes.
const OF_LAYERS: &[&str] = &[
    "landlock_add_rule",
    "landlock_create_ruleset",
    "landlock_restrict_self",
    "mount_setattr",
    "move_mount",
    "open_tree",
    "seccomp",
    "unshare",
];

/// A function that never returns.
const SPIN: &str = r#"(module (func (export "spin") (loop $l (br $l))))"#;

fn refusing(line: CommandLine, calls: &str, error: &str) -> CommandLine {
    line.launched(&["--refuse", calls, "--errno", error])
}

#[test]
fn apply_map_and_run_do_without_each_call_that_can_be_done_without() {
    let _test = test();
    let folder = Folder::new();
    folder.file("add.wat", wat::ADD);
    folder.file("echo.wat", wat::COMMAND);
    for error in ERRORS {
        for call in DISPENSABLE {
            let start = |words: &[&str]| refusing(folder.sandpool(words), call, error);
            let show = |what: &str, told: String| (format!("{what} {call} {error}"), told);
            let apply = start(&["apply", "add.wat", "add", "2", "3"]).run();
            let good = |stdout: &str| super::show(0, stdout, "");
            assert_eq!(show("apply", apply.show()), show("apply", good("5\n")));
            let map = ["map", "add.wat", "add", "--to", "values", "-o", "sums"];
            let map = start(&map).input("[1,2]\n[3,4]\n").run();
            assert_eq!(show("map", map.show()), show("map", good("")));
            let sums = std::fs::read_to_string(folder.path().join("sums"));
            assert_eq!(sums.expect("written"), "3\n7\n", "{call} {error}");
            let run = start(&["run", "echo.wat"]).input("hello\n").run();
            let echoed = super::show(1, "echo\nhello\n", "");
            assert_eq!(show("run", run.show()), show("run", echoed));
        }
    }
}

#[test]
fn all_of_them_at_once_can_be_done_without() {
    let _test = test();
    let folder = Folder::new();
    folder.file("add.wat", wat::ADD);
    for error in ERRORS {
        let line = folder.sandpool(["apply", "add.wat", "add", "2", "3"]);
        refusing(line, &DISPENSABLE.join(","), error)
            .run()
            .assert_prints("5\n");
    }
}

#[test]
fn a_call_of_the_sandbox_that_is_refused_costs_its_layer_which_is_said() {
    let _test = test();
    let folder = Folder::new();
    folder.file("add.wat", wat::ADD);
    for error in ERRORS {
        for call in OF_LAYERS {
            let line = folder.sandpool(["apply", "add.wat", "add", "2", "3"]);
            let ended = refusing(line, call, error).run();
            assert_eq!((ended.code(), ended.text()), (0, "5\n"), "{call} {error}");
            let said = ended.stderr.lines().count();
            assert!(said <= 1, "{call} {error}: {}", ended.stderr);
            let strict = ["apply", "--sandbox", "strict", "add.wat", "add", "2", "3"];
            let strict = refusing(folder.sandpool(strict), call, error).run();
            // The layer that a granted directory needs is missing.
            match said {
                0 => assert_eq!(strict.code(), 0, "{call} {error}: {}", strict.stderr),
                _ => {
                    assert_eq!(strict.code(), 4, "{call} {error}: {}", strict.stdout.len());
                    assert!(
                        strict.stderr.contains("missing layers"),
                        "{}",
                        strict.stderr
                    );
                }
            }
        }
    }
}

#[test]
fn granted_directories_are_read_where_their_calls_are_refused() {
    let _test = test();
    let folder = Folder::new();
    folder.file("text", "one two\n");
    let calls = [
        "openat2",
        "statx",
        "faccessat2",
        "open_tree",
        "mount_setattr",
    ];
    for error in ERRORS {
        for call in calls {
            let grant = format!("{}::/data", folder.path().display());
            let words = ["run", "--dir", &grant, "wc.wasm", "-w", "/data/text"];
            let ended = refusing(sandpool(words), call, error).run();
            assert_eq!(ended.code(), 0, "{call} {error}: {}", ended.stderr);
            assert!(ended.text().contains("2 /data/text"), "{}", ended.text());
        }
    }
}

#[test]
fn a_deadline_is_kept_where_processes_cannot_be_signalled_by_descriptor() {
    let _test = test();
    let folder = Folder::new();
    folder.file("spin.wat", SPIN);
    for error in ERRORS {
        let words = ["apply", "spin.wat", "spin", "--timeout", "100ms"];
        let line = folder.sandpool(words).deadline(Duration::from_secs(20));
        let ended = refusing(line, "pidfd_send_signal", error).run();
        assert_eq!(ended.code(), 1, "{}", ended.stderr);
        assert!(ended.stderr.contains("ran past 100ms"), "{}", ended.stderr);
    }
}

#[test]
fn an_idle_pool_uses_no_cpu_where_bells_cannot_be_silenced() {
    let _test = test_alone();
    let folder = Folder::new();
    folder.file("add.wat", wat::ADD);
    for error in ERRORS {
        let line = folder.sandpool(["map", "add.wat", "add", "--to", "values"]);
        let mut host = refusing(line, "preadv2", error).start();
        host.write(b"[1,2]\n[3,4]\n");
        host.wait_for_lines(2);
        let before = cpu_ticks(host.pid()).expect("it runs");
        let since = Instant::now();
        eventually("half a second is over", || {
            since.elapsed() > Duration::from_millis(500)
        });
        let used = cpu_ticks(host.pid()).expect("it runs") - before;
        assert!(used < 20, "{used} ticks of 50: {error}");
    }
}

#[test]
fn a_worker_that_may_not_be_killed_at_all_is_asked_to_end_and_the_error_is_told() {
    let _test = test();
    let folder = Folder::new();
    folder.file("spin.wat", SPIN);
    for error in ERRORS {
        let words = ["apply", "spin.wat", "spin", "--timeout", "100ms"];
        let line = folder.sandpool(words).deadline(Duration::from_secs(20));
        let ended = refusing(line, "pidfd_send_signal,kill", error).run();
        assert_eq!(ended.code(), 1, "{}", ended.stderr);
        assert!(ended.stderr.contains("ran past 100ms"), "{}", ended.stderr);
        assert!(ended.stderr.contains("may not kill its worker"));
        assert!(ended.stderr.contains("seccomp profile"));
    }
}

#[test]
fn a_guest_whose_stdin_cannot_be_passed_on_is_told_and_does_not_wait_for_ever() {
    let _test = test();
    let folder = Folder::new();
    folder.file("echo.wat", wat::COMMAND);
    for error in ERRORS {
        let line = folder.sandpool(["run", "echo.wat"]).input("to be read");
        let line = line.deadline(Duration::from_secs(20));
        let ended = refusing(line, "shutdown", error).run();
        assert_eq!(ended.code(), 125, "{}", ended.stderr);
        assert!(
            ended.stderr.contains("stdin cannot be passed on"),
            "{}",
            ended.stderr
        );
    }
}

#[test]
fn what_cannot_be_done_without_is_named_and_no_module_is_blamed() {
    let _test = test();
    let folder = Folder::new();
    folder.file("add.wat", wat::ADD);
    for (error, text) in [
        ("EPERM", "Operation not permitted (os error 1)"),
        ("ENOSYS", "Function not implemented (os error 38)"),
    ] {
        let line = folder.sandpool(["apply", "add.wat", "add", "2", "3"]);
        refusing(line, "memfd_create", error).run().assert_refuses(
            4,
            &format!(
                "error: cannot load `add.wat`: the system call `memfd_create` is refused here \
                 ({text}): allow it in the seccomp profile of the container\n"
            ),
        );
    }
}
