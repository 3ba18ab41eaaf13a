//! The invariants that ARCHITECTURE.md states, checked against the sources.

mod imports;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use self::imports::{Import, imports, module_of};
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

/// Every Rust file below a folder of `host`, with its text without comments. Lines keep
/// their numbers.
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
                    .map(|line| match line.trim_start().starts_with("//") {
                        true => "",
                        false => line,
                    });
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
    for room in ["module", "outcome", "pool", "process", "shared"] {
        assert_absent("sandpool/src/http", &[&format!("crate::{room}")]);
    }
    assert_absent(
        "sandpool/src/http",
        &["sandpool_protocol", "sandpool_worker"],
    );
    let children = ["crate::serving", "crate::compiler"];
    assert_absent("worker/src/engine", &children);
}

/// The files below a folder of a crate's `src`, each with the path of its module and what
/// it names of its own crate.
fn imports_below(src: &str, folder: &str) -> Vec<(PathBuf, Vec<String>, Vec<Import>)> {
    let root = repository().join("host").join(src);
    let files = sources(&format!("{src}/{folder}")).into_iter();
    files
        .map(|(path, code)| {
            let module = module_of(path.strip_prefix(&root).expect("it is below"));
            let found = imports(&module, &code);
            (path, module, found)
        })
        .collect()
}

/// The rooms of `pool/`, in the order in which ARCHITECTURE.md has them. Files that stand
/// beside the rooms are in the room `files`, unless they are named here.
const ROOMS: [&[&str]; 9] = [
    &["config", "error", "http_grants", "keys", "trace"],
    &["tasks"],
    &["scheduler"],
    &["output"],
    &["broker"],
    &["worker"],
    &["files"],
    &["stream"],
    &["api"],
];

/// The place in `ROOMS` of what is directly below `pool/`; `None` if it is no module.
fn room_of(name: &str) -> Option<usize> {
    let pool = repository().join("host/sandpool/src/pool");
    let named = ROOMS.iter().position(|names| names.contains(&name));
    let is_file = pool.join(name).with_extension("rs").exists();
    named.or_else(|| is_file.then(|| room_of("files")).flatten())
}

#[test]
fn each_room_of_the_pool_uses_only_those_before_it() {
    let mut arrows = 0;
    for (path, module, imports) in imports_below("sandpool/src", "pool") {
        // The door of the whole names all rooms.
        let Some(from) = module.get(1).map(|name| room_of(name).expect("a room")) else {
            continue;
        };
        for Import { line, path: named } in imports {
            let (shown, place) = (named.join("::"), format!("{}:{line}", path.display()));
            let is_item = |name: &str| name.starts_with(|c: char| c.is_uppercase() || c == '*');
            // A re-export of the crate or of `pool/` would hide the room of the item.
            assert!(!is_item(&named[0]), "{place} names `{shown}` by `lib.rs`");
            if named[0] == "pool" && named.len() > 1 {
                let to = room_of(&named[1]);
                let to = to.unwrap_or_else(|| panic!("{place} names `{shown}` by `pool/mod.rs`"));
                assert!(to <= from, "{place} names `{shown}`, of a later room");
                arrows += usize::from(to != from);
            }
        }
    }
    assert!(arrows > 100, "imports are found: {arrows}");
}

/// The modules of a circle, if there is one that can be reached from `at`.
fn circle<'a>(
    arrows: &'a BTreeMap<String, BTreeSet<String>>,
    at: &'a str,
    way: &mut Vec<&'a str>,
    free: &mut BTreeSet<&'a str>,
) -> Option<Vec<&'a str>> {
    if let Some(begin) = way.iter().position(|name| *name == at) {
        return Some(way[begin..].to_vec());
    }
    if free.contains(at) {
        return None;
    }
    way.push(at);
    let found = arrows[at]
        .iter()
        .find_map(|to| circle(arrows, to, way, free));
    way.pop();
    free.insert(at);
    found
}

#[test]
fn the_files_of_the_engine_form_no_circle() {
    let files = imports_below("worker/src", "engine");
    let names: BTreeSet<String> = files.iter().filter_map(|it| it.1.get(1).cloned()).collect();
    let mut arrows: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (_, module, imports) in files {
        let Some(from) = module.get(1) else { continue };
        let named = imports
            .into_iter()
            .filter(|import| import.path[0] == "engine");
        let to = named.filter_map(|import| import.path.get(1).cloned());
        let to = to.filter(|name| names.contains(name) && name != from);
        arrows.entry(from.clone()).or_default().extend(to);
    }
    let count: usize = arrows.values().map(BTreeSet::len).sum();
    assert!(count > 30, "imports are found: {count}");
    let mut free = BTreeSet::new();
    for at in arrows.keys() {
        let found = circle(&arrows, at, &mut Vec::new(), &mut free);
        assert_eq!(found, None, "these files name each other in a circle");
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

/// The page without its blocks of code, and the first of these blocks.
fn prose_and_first_block(page: &str) -> (String, &str) {
    let parts: Vec<&str> = page.split("```").collect();
    let prose: Vec<&str> = parts.iter().step_by(2).copied().collect();
    (prose.join("\n"), parts[1])
}

/// The folders at which the sections of ARCHITECTURE.md let their paths begin.
const BASES: [&str; 8] = [
    "",
    "host",
    "host/protocol/src",
    "host/worker/src",
    "host/sandpool/src",
    "host/sandpool/src/http",
    "host/sandpool/src/pool",
    "host/cli/src/map",
];

#[test]
fn the_files_that_the_architecture_names_are_there() {
    let page = fs::read_to_string(repository().join("ARCHITECTURE.md")).expect("a page");
    let (prose, _) = prose_and_first_block(&page);
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    let is_path = |word: &&str| {
        // The first is a root directory's name, the other a figure of `sandpool bench`.
        let is_of_ours = !word.starts_with('/') && *word != "echo/";
        is_of_ours && word.chars().all(plain) && (word.ends_with(".rs") || word.ends_with('/'))
    };
    let quoted = prose.split('`').skip(1).step_by(2);
    let paths: Vec<&str> = quoted.filter(is_path).collect();
    assert!(paths.len() > 80, "{paths:?}");
    for path in paths {
        let mut bases = BASES.iter().map(|base| repository().join(base).join(path));
        assert!(bases.any(|path| path.exists()), "there is no `{path}`");
    }
}

#[test]
fn the_tree_in_the_architecture_is_that_of_the_sources() {
    let page = fs::read_to_string(repository().join("ARCHITECTURE.md")).expect("a page");
    let (_, tree) = prose_and_first_block(&page);
    // The folders around the current line, each with its indentation.
    let mut around: Vec<(usize, PathBuf)> = Vec::new();
    let mut count = 0;
    for line in tree.lines() {
        let word = line.split_whitespace().next().unwrap_or_default();
        if !word.ends_with('/') && !word.ends_with(".rs") {
            continue;
        }
        let indentation = line.len() - line.trim_start().len();
        while around.pop_if(|(at, _)| *at >= indentation).is_some() {}
        let parent = around
            .last()
            .map_or_else(repository, |(_, path)| path.clone());
        // The tree leaves out the folder `src` of a crate.
        let found = [parent.join(word), parent.join("src").join(word)];
        let found = found.into_iter().find(|path| path.exists());
        let found = found.unwrap_or_else(|| panic!("there is no `{line}`"));
        around.push((indentation, found));
        count += 1;
    }
    assert!(count > 40, "the tree is found: {count}");
}
