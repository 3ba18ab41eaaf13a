//! Limits that a shell has set before the command was started: whatever they refuse,
//! the error names the one that did, and no signal ends anybody.

use std::process::Output;

use crate::support::process::program;
use crate::support::{test, wat};

/// Runs `apply` under limits of a shell, without a cache unless it is given.
fn apply(limits: &str, flags: &str) -> Output {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("add.wat"), wat::ADD).expect("written");
    let script = format!(
        r#"{limits} && exec "$0" apply --quiet --start-timeout 1s {flags} add.wat add 2 3"#
    );
    program("bash")
        .args(["-c", &script, env!("CARGO_BIN_EXE_sandpool")])
        .current_dir(folder.path())
        .env("SANDPOOL_CACHE_DIR", folder.path().join("cache"))
        .output()
        .expect("started")
}

/// Asserts that the command could not go on, and named the limit, and none of its own
/// flags, which would change nothing.
#[track_caller]
fn assert_names(limit: &str, output: &Output) {
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{output:?}");
    assert!(told.contains(limit), "{told}");
    assert!(!told.contains("raise it with"), "{told}");
    assert!(!told.contains("forbid"), "{told}");
}

#[test]
fn address_space_that_holds_no_engine_is_named_for_compiler_and_worker() {
    let _test = test();
    let limit = "`ulimit -v` allows 8000000KiB of address space";
    assert_names(limit, &apply("ulimit -v 8000000", "--no-cache"));
    assert_names(
        limit,
        &apply(
            r#""$0" apply add.wat add 2 3 > /dev/null && ulimit -v 8000000"#,
            "",
        ),
    );
}

#[test]
fn memory_that_holds_no_engine_is_named_unless_a_limit_of_ours_is_tighter() {
    let _test = test();
    let limit = "`ulimit -d` allows 50000KiB of memory";
    assert_names(limit, &apply("ulimit -d 50000", "--no-cache"));
    let output = apply("ulimit -d 900000", "--process-memory 10MiB");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(
        told.contains("than 10MiB (set by the flag); raise it with `--process-memory`")
            || told.contains("than 10MiB (set for the pool); raise it with `--process-memory`"),
        "{told}"
    );
}

#[test]
fn files_that_may_not_grow_are_an_error_and_no_signal() {
    let _test = test();
    for blocks in ["0", "1", "100", "100000"] {
        for flags in ["", "--no-cache"] {
            let output = apply(&format!("ulimit -f {blocks}"), flags);
            assert_names("`ulimit -f` allows files of", &output);
        }
    }
}

#[test]
fn descriptors_that_are_too_few_are_named_and_a_few_more_are_enough() {
    let _test = test();
    for count in 6..24 {
        let output = apply(&format!("ulimit -n {count}"), "--no-cache");
        if output.status.success() {
            assert_eq!(output.stdout, b"5\n");
        } else if count > 7 {
            assert_names(&format!("`ulimit -n` allows {count} open files"), &output);
        }
    }
    let output = apply("ulimit -n 32", "--no-cache");
    assert_eq!(output.stdout, b"5\n", "{output:?}");
}

#[test]
fn a_thread_that_is_never_to_be_had_is_told_at_once() {
    let _test = test();
    // A worker is no longer root when it starts its second thread.
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let output = apply("ulimit -u 1", "--no-cache");
    assert_names("it gets no second thread", &output);
    assert_names("`ulimit -u` allows this user 1 processes", &output);
}

#[test]
fn results_that_do_not_fit_their_file_are_an_error_that_says_how_much_is_left() {
    let _test = test();
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("add.wat"), wat::ADD).expect("written");
    let inputs: String = (0..50_000).map(|n| format!("[{n},1]\n")).collect();
    std::fs::write(folder.path().join("input"), inputs).expect("written");
    // A limit that leaves room for the rings of workers, and for no more than that.
    let script = r#"ulimit -f 300000 && truncate -s 307199000 output &&
        exec "$0" map -q add.wat add --input input >> output"#;
    let output = program("bash")
        .args(["-c", script, env!("CARGO_BIN_EXE_sandpool")])
        .current_dir(folder.path())
        .output()
        .expect("started");
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{told}");
    assert!(told.contains("File too large"), "{told}");
    assert!(
        told.contains("`ulimit -f` allows files of 307200000 bytes"),
        "{told}"
    );
    assert!(told.contains("inputs were not run"), "{told}");
}
