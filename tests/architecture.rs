//! The invariants that ARCHITECTURE.md states, checked against the sources.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::process::program;

/// Every Rust file below a folder of `host/src`, with its text without
/// comments.
fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    fn collect(folder: &Path, into: &mut Vec<(PathBuf, String)>) {
        for entry in fs::read_dir(folder).expect("a folder of the sources") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                collect(&path, into);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let text = fs::read_to_string(&path).expect("a source file");
                let code = text
                    .lines()
                    .filter(|line| !line.trim_start().starts_with("//"));
                let code = code.collect::<Vec<_>>().join("\n");
                into.push((path, code));
            }
        }
    }
    let mut found = Vec::new();
    collect(
        &Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("src")
            .join(folder),
        &mut found,
    );
    assert!(!found.is_empty(), "`{folder}` has sources");
    found
}

fn assert_absent(folder: &str, words: &[&str]) {
    for (path, code) in sources(folder) {
        for word in words {
            assert!(!code.contains(word), "{} names `{word}`", path.display());
        }
    }
}

#[test]
fn pool_and_worker_never_import_each_other() {
    assert_absent(
        "pool",
        &["crate::worker", "crate::compiler", "crate::engine"],
    );
    assert_absent(
        "module",
        &["crate::worker", "crate::compiler", "crate::engine"],
    );
    assert_absent(
        "process",
        &["crate::worker", "crate::compiler", "crate::engine"],
    );
    let parents = ["crate::pool", "crate::module", "crate::process"];
    assert_absent("worker", &parents);
    assert_absent("compiler", &parents);
    assert_absent(
        "engine",
        &[
            "crate::pool",
            "crate::module",
            "crate::process",
            "crate::worker",
            "crate::compiler",
        ],
    );
    // The notch without processes uses what children share, and none of them.
    assert_absent("in_process", &["crate::worker", "crate::compiler"]);
    for folder in ["pool", "module", "process", "worker", "compiler", "engine"] {
        assert_absent(folder, &["crate::in_process"]);
    }
}

#[test]
fn standard_streams_are_read_and_written_in_one_place() {
    let all = [
        "println!(",
        "print!(",
        "stdin().lock",
        "stdin().lines",
        "stdin().read",
        "stdout().write",
        "stdout().lock().write",
        "stderr().write",
        "stderr().lock",
    ];
    for (path, code) in sources("") {
        if !path.ends_with("src/stdio.rs") {
            for word in all {
                assert!(!code.contains(word), "{} names `{word}`", path.display());
            }
        }
    }
}

#[test]
fn only_children_name_wasmtime() {
    for folder in [
        "pool", "process", "module", "protocol", "value", "sys", "sandbox", "cli",
    ] {
        assert_absent(folder, &["wasmtime::", "wasmtime_wasi", "cranelift"]);
    }
}

#[test]
fn shared_objects_know_neither_pool_nor_worker() {
    assert_absent("shared", &["crate::pool", "crate::worker", "wasmtime"]);
}

#[test]
fn values_know_nothing_of_the_rest() {
    assert_absent("value", &["crate::"]);
}

#[test]
fn unsafe_code_is_in_sys_and_in_engine_code_alone() {
    for (path, code) in sources("") {
        let allowed = path.components().any(|part| part.as_os_str() == "sys")
            || path.ends_with("engine/code.rs");
        assert!(
            allowed || !code.contains("unsafe {"),
            "{} has unsafe code",
            path.display()
        );
    }
}

#[test]
fn processes_are_started_in_sys_alone() {
    for folder in [
        "pool", "process", "module", "protocol", "value", "sandbox", "worker", "compiler",
    ] {
        assert_absent(folder, &["Command::new(", "process::Command"]);
    }
    // What `sandpool bench` measures beside a pool is none of its children.
    for (path, code) in sources("cli") {
        assert!(
            path.ends_with("cli/bench/child.rs") || !code.contains("Command::new("),
            "{} starts a process",
            path.display()
        );
    }
}

#[test]
fn every_package_carries_its_licenses_and_its_readme() {
    for package in ["sandpool", "sandpool-derive"] {
        let listed = program(env!("CARGO"))
            .args(["package", "--list", "--allow-dirty", "--offline"])
            .args(["--package", package])
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
            .output();
        let listed = match listed {
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
                eprintln!("skipped: this user may not run `{}`", env!("CARGO"));
                return;
            }
            listed => listed.expect("cargo runs"),
        };
        let complaints = String::from_utf8_lossy(&listed.stderr);
        assert!(listed.status.success(), "{complaints}");
        let files = String::from_utf8_lossy(&listed.stdout);
        for wanted in ["Cargo.toml", "LICENSE-APACHE", "LICENSE-MIT", "README.md"] {
            let is_there = files.lines().any(|file| file == wanted);
            assert!(is_there, "`{package}` has no `{wanted}`: {files}");
        }
    }
}
