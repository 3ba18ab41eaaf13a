//! The invariants that ARCHITECTURE.md states, checked against the sources.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::repository;

/// The crates of ours that each crate may use, and `true` if it may name wasmtime.
const CRATES: [(&str, &[&str], bool); 7] = [
    ("value", &["derive"], false),
    ("sys", &[], false),
    ("protocol", &["sys", "value"], false),
    ("worker", &["protocol", "sys", "value"], true),
    // wasmtime for the level without processes alone, which is a feature.
    ("sandpool", &["protocol", "sys", "value", "worker"], true),
    ("bench", &["sandpool"], false),
    ("cli", &["bench", "sandpool"], false),
];

/// Every Rust file below a folder of `host`, with its text without comments.
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
    collect(&repository().join("host").join(folder), &mut found);
    assert!(!found.is_empty(), "`{folder}` has sources");
    found
}

fn all_sources() -> Vec<(PathBuf, String)> {
    let crates = CRATES.iter();
    crates
        .flat_map(|(name, ..)| sources(&format!("{name}/src")))
        .collect()
}

fn assert_absent(folder: &str, words: &[&str]) {
    for (path, code) in sources(folder) {
        for word in words {
            assert!(!code.contains(word), "{} names `{word}`", path.display());
        }
    }
}

/// The names in the section `[dependencies]` of a crate's manifest.
fn dependencies(folder: &str) -> Vec<String> {
    let path = repository().join("host").join(folder).join("Cargo.toml");
    let manifest = fs::read_to_string(path).expect("a manifest");
    let section = manifest.split("\n[").find_map(|section| {
        let (name, lines) = section.split_once("]\n")?;
        (name == "dependencies").then_some(lines)
    });
    let lines = section.expect("it depends on something").lines();
    let names = lines.filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase()));
    names
        .filter_map(|line| line.split(['.', ' ']).next())
        .map(str::to_owned)
        .collect()
}

#[test]
fn arrows_between_crates_point_one_way() {
    for (name, may_use, may_name_wasmtime) in CRATES {
        let named = dependencies(name);
        let ours = named
            .iter()
            .filter_map(|name| name.strip_prefix("sandpool").map(|rest| (name, rest)))
            .map(|(name, rest)| rest.strip_prefix('-').unwrap_or(name));
        for used in ours {
            assert!(may_use.contains(&used), "`{name}` uses `{used}`");
        }
        let wasmtime = named.iter().any(|name| name.starts_with("wasmtime"));
        assert!(may_name_wasmtime || !wasmtime, "`{name}` names wasmtime");
    }
}

#[test]
fn the_library_names_the_worker_in_its_entry_and_in_process_alone() {
    for (path, code) in sources("sandpool/src") {
        let allowed = ["entry.rs", "lib.rs", "module/compile.rs"]
            .iter()
            .any(|file| path.ends_with(Path::new("sandpool/src").join(file)))
            || path
                .components()
                .any(|part| part.as_os_str() == "in_process");
        for word in ["sandpool_worker", "wasmtime::", "wasmtime_wasi"] {
            let named = code.contains(word);
            assert!(allowed || !named, "{} names `{word}`", path.display());
        }
    }
    for folder in ["pool", "module", "process", "shared"] {
        assert_absent(&format!("sandpool/src/{folder}"), &["crate::in_process"]);
    }
    assert_absent("sandpool/src/shared", &["crate::pool"]);
    let children = ["crate::serving", "crate::compiler"];
    assert_absent("worker/src/engine", &children);
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
    for (path, code) in all_sources() {
        if !path.ends_with("sys/src/stdio.rs") {
            for word in all {
                assert!(!code.contains(word), "{} names `{word}`", path.display());
            }
        }
    }
}

#[test]
fn unsafe_code_is_in_sys_and_in_engine_code_alone() {
    let sys = repository().join("host/sys");
    for (path, code) in all_sources() {
        let allowed = path.starts_with(&sys) || path.ends_with("worker/src/engine/code.rs");
        assert!(
            allowed || !code.contains("unsafe {"),
            "{} has unsafe code",
            path.display()
        );
    }
}

#[test]
fn processes_are_started_in_sys_alone() {
    // The programs that `sandpool bench` measures beside a pool are not the pool's
    // children.
    for (path, code) in all_sources() {
        let allowed = path.ends_with("bench/src/child.rs");
        assert!(
            allowed || !code.contains("Command::new("),
            "{} starts a process",
            path.display()
        );
    }
}

/// The words of a page in backticks that are paths of this repository.
fn paths_in(page: &str) -> Vec<&str> {
    let quoted = page.split('`').skip(1).step_by(2);
    let folders = [
        "host/",
        "tests/",
        "xtask/",
        "wit/",
        "guest-tasks/",
        "docs/",
        ".github/",
    ];
    let is_path = |word: &&str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
        folders.iter().any(|folder| word.starts_with(folder)) && word.chars().all(plain)
    };
    quoted.filter(is_path).collect()
}

#[test]
fn the_files_that_newcomers_are_sent_to_are_there() {
    let page = fs::read_to_string(repository().join("CONTRIBUTING.md")).expect("a page");
    let paths = paths_in(&page);
    assert!(paths.len() > 30, "{paths:?}");
    for path in paths {
        assert!(repository().join(path).exists(), "there is no `{path}`");
    }
}
