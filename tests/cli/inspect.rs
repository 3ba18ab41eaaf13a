//! What a module is: `sandpool inspect`.

use serde_json::Value;

use super::{Finished, Folder, assert_harmless, sandpool};
use crate::support::test;

/// Replaces what differs from one toolchain to the next: size, hash, which
/// parts of WASI the standard library asks for, and so what could be granted.
fn redacted(ended: &Finished) -> String {
    let mut wasi = false;
    let mut lines = Vec::new();
    for line in ended.show().lines() {
        let is_wasi = line.trim_start().starts_with("wasi:");
        match line.trim_start().split_once(' ') {
            Some((word @ ("size" | "sha256"), _)) => lines.push(format!("  {word}  [...]")),
            Some(("to", _)) => {
                assert!(line.contains("--env"), "{line}");
                lines.push("to be granted, if the task is to use it: [...]".into());
            }
            _ if is_wasi && wasi => {}
            _ if is_wasi => lines.push("  [what the standard library asks for]".into()),
            _ => lines.push(line.to_owned()),
        }
        wasi = is_wasi;
    }
    lines.join("\n")
}

fn json(ended: &Finished) -> Value {
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    assert_eq!(ended.stderr, "");
    serde_json::from_slice(&ended.stdout).expect("it is JSON")
}

#[test]
fn the_exports_of_a_component_with_lines_to_paste() {
    let _test = test();
    for name in ["math", "text", "wc"] {
        let ended = sandpool(["inspect", &format!("{name}.wasm")]).run();
        insta::assert_snapshot!(format!("inspect_{name}"), redacted(&ended));
    }
}

#[test]
fn the_same_as_json() {
    let _test = test();
    for name in ["math", "text"] {
        let ended = sandpool(["inspect", "--json", &format!("{name}.wasm")]).run();
        let mut all = json(&ended);
        let imports = all["imports"].take();
        let grants = all["grants"].take();
        assert!(grants.as_array().expect("a list").contains(&"--env".into()));
        assert!(all["size"].take().as_u64() > Some(1000));
        assert_eq!(all["sha256"].take().as_str().map(str::len), Some(64));
        insta::assert_snapshot!(format!("inspect_{name}_json"), format!("{all:#}"));
        let streams = imports.as_array().expect("a list").iter().find(|import| {
            import["name"]
                .as_str()
                .is_some_and(|name| name.starts_with("wasi:io/streams@"))
        });
        assert_eq!(streams.expect("it prints")["granted_by"], "given");
    }
}

#[test]
fn a_core_module_shows_types_size_and_hash() {
    let _test = test();
    let folder = Folder::new();
    folder.file(
        "core.wat",
        r#"(module
  (import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
  (func (export "half") (param f64) (result f64) (f64.div (local.get 0) (f64.const 2))))"#,
    );
    let ended = folder.sandpool(["inspect", "core.wat"]).run();
    insta::assert_snapshot!(ended.show());
}

#[test]
fn an_import_that_nobody_gives_is_shown_as_such() {
    let _test = test();
    let folder = Folder::new();
    folder.file(
        "wants.wat",
        r#"(module (import "env" "f" (func)) (func (export "g")))"#,
    );
    let ended = folder.sandpool(["inspect", "wants.wat"]).run();
    assert_eq!((ended.code(), ended.stderr.as_str()), (0, ""));
    let import = ended
        .lines()
        .into_iter()
        .find(|line| line.contains("env#f"));
    assert_eq!(import, Some("  env#f  not to be had"));
    let all = json(&folder.sandpool(["inspect", "--json", "wants.wat"]).run());
    assert_eq!(all["imports"][0]["granted_by"], Value::Null);
}

/// The words of a line that a user would paste, as a shell reads them.
fn paste(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for c in line.trim().chars() {
        match c {
            '\'' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            c => words.last_mut().expect("never empty").push(c),
        }
    }
    words
}

#[test]
fn every_line_to_paste_can_be_run_as_it_is() {
    let _test = test();
    for module in ["math.wasm", "text.wasm"] {
        let ended = sandpool(["inspect", "--json", module]).run();
        let all = json(&ended);
        let functions = all["functions"].as_array().expect("a list");
        assert!(functions.len() >= 3, "{all}");
        for function in functions {
            let words = paste(function["example"].as_str().expect("a line"));
            assert_eq!(words[0], "sandpool");
            let ended = sandpool(&words[1..]).run();
            assert_eq!(ended.code(), 0, "{words:?}: {}", ended.stderr);
        }
    }
}

#[test]
fn a_hostile_name_shows_as_its_escape() {
    let _test = test();
    let folder = Folder::new();
    folder.file(
        "evil.wat",
        r#"(module (func (export "\1b[31m\c2\9bred\0a") (result i32) (i32.const 1)))"#,
    );
    for words in [
        &["inspect", "evil.wat"][..],
        &["inspect", "--json", "evil.wat"],
        &["apply", "evil.wat", "other"],
        &["map", "evil.wat", "other"],
        &["run", "evil.wat"],
    ] {
        let ended = folder.sandpool(words).run();
        assert_harmless(&ended.stderr);
        assert_harmless(ended.text());
        let all = format!("{}{}", ended.text(), ended.stderr);
        assert!(all.contains("[31m"), "{words:?} names it: {all}");
    }
}
