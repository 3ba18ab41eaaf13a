//! The guides for people who know multiprocessing, in English and in Chinese:
//! they say the same, and they name every example. That their snippets compile
//! is seen to by the doc tests.

use std::collections::BTreeSet;
use std::fs;

use crate::support::repository;

const GUIDES: [&str; 2] = ["multiprocessing.md", "multiprocessing.zh-CN.md"];

fn guides() -> [String; 2] {
    GUIDES.map(|name| fs::read_to_string(repository().join("docs").join(name)).expect("there"))
}

/// A line of code without what is for people to read, which is translated.
fn without_words(line: &str) -> String {
    let code = line.split("//").next().unwrap_or_default();
    let code = code.split("# ").next().unwrap_or_default();
    // Every other piece stands outside of quotes.
    code.split('"').step_by(2).collect::<String>().trim().into()
}

/// The code of a guide, a line each, with its language where it begins.
fn code(guide: &str) -> Vec<String> {
    let mut inside = false;
    let lines = guide.lines().filter(|line| {
        let fence = line.starts_with("```");
        inside ^= fence;
        inside || fence
    });
    lines.map(without_words).collect()
}

#[test]
fn both_guides_have_the_same_code() {
    let [english, chinese] = guides().map(|guide| code(&guide));
    assert!(english.len() > 200, "{} lines", english.len());
    for (one, other) in english.iter().zip(&chinese) {
        assert_eq!(one, other);
    }
    assert_eq!(english.len(), chinese.len());
}

#[test]
fn both_guides_have_the_same_tables() {
    let [english, chinese] = guides().map(|guide| {
        let mut tables = vec![0];
        for line in guide.lines() {
            match line.starts_with('|') {
                true => *tables.last_mut().expect("never empty") += 1,
                false => tables.push(0),
            }
        }
        tables.retain(|rows| *rows > 0);
        tables
    });
    assert_eq!(english, chinese);
}

#[test]
fn both_guides_name_every_example() {
    let examples: BTreeSet<String> = fs::read_dir(repository().join("host/sandpool/examples"))
        .expect("there")
        .map(|entry| entry.expect("readable").path())
        .filter(|path| path.extension().is_some_and(|it| it == "rs"))
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .collect();
    for (name, guide) in GUIDES.iter().zip(guides()) {
        for example in &examples {
            let named = guide.contains(&format!("`{example}`"));
            assert!(named, "{name} does not name `{example}`");
        }
    }
}

#[test]
fn both_guides_call_functions_that_the_tutorials_module_has() {
    let world = include_str!("../guest-tasks/tutorials/wit/world.wit");
    for (name, guide) in GUIDES.iter().zip(guides()) {
        let calls = guide.split(r#"Process::call("tutorials.wasm", ""#).skip(1);
        let functions: Vec<&str> = calls.filter_map(|call| call.split('"').next()).collect();
        assert!(functions.len() >= 4, "{name}: {functions:?}");
        for function in functions {
            let export = format!("export {function}: func(");
            assert!(world.contains(&export), "{name} calls `{function}`");
        }
    }
}

#[test]
fn both_guides_name_every_error_of_what_is_shared() {
    let source = include_str!("../host/protocol/src/shared_error.rs");
    let variants = source.lines().filter_map(|line| {
        let variant = line.strip_prefix("    ")?.strip_suffix(',')?;
        let is_name = variant.chars().all(|c| c.is_ascii_alphabetic());
        is_name.then(|| format!("`SharedError::{variant}`"))
    });
    let variants: Vec<String> = variants.collect();
    assert!(variants.len() >= 14, "{variants:?}");
    for (name, guide) in GUIDES.iter().zip(guides()) {
        for variant in &variants {
            assert!(guide.contains(variant), "{name} does not name {variant}");
        }
    }
}
