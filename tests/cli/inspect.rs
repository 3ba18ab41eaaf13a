//! The description of a module: `sandpool inspect`.

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
                lines.push("grants that the task may need: [...]".into());
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
fn an_import_that_nobody_gives_is_shown_with_its_type_and_its_remedies() {
    let _test = test();
    let folder = Folder::new();
    folder.file(
        "wants.wat",
        r#"(module (import "env" "f" (func (param i32) (result f64))) (func (export "g")))"#,
    );
    let inspect = |words: &[&str]| {
        let ended = folder
            .sandpool([&["inspect", "wants.wat"], words].concat())
            .run();
        assert_eq!((ended.code(), ended.stderr.as_str()), (0, ""));
        ended
    };
    insta::assert_snapshot!(redacted(&inspect(&[])));
    let ended = inspect(&["--unknown-imports", "deny"]);
    let lines = ended.lines();
    assert!(lines.contains(&"  env#f  refused at the call"), "{lines:?}");
    assert!(!ended.text().contains("cannot run here"), "{lines:?}");
    let all = json(&inspect(&["--json"]));
    let import = &all["imports"][0];
    assert_eq!(import["granted_by"], Value::Null);
    assert_eq!(import["kind"], "functions");
    let function = &import["functions"][0];
    assert_eq!(
        (&function["name"], &function["interface"]),
        (&"f".into(), &"env".into())
    );
    assert_eq!(function["params"][0]["type"], "i32");
    assert_eq!(function["result"], "f64");
}

#[test]
fn a_component_shows_what_it_wants_of_the_program_and_what_is_never_granted() {
    let _test = test();
    let folder = Folder::new();
    folder.file(
        "wants.wat",
        r#"(component
          (import "acme:kv/store@0.1.0" (instance
            (export "bucket" (type $bucket (sub resource)))
            (export "open" (func (param "name" string) (result (own $bucket))))
            (export "[method]bucket.get" (func (param "self" (borrow $bucket))
              (param "key" string) (result (option (list u8)))))))
          (import "acme:kv/types@0.1.0" (instance (type $m (enum "a" "b"))
            (export "mode" (type (eq $m)))))
          (import "wasi:keyvalue/store@0.2.0-draft" (instance (export "f" (func))))
          (core module $m (func (export "g")))
          (core instance $i (instantiate $m))
          (func (export "g") (canon lift (core func $i "g"))))"#,
    );
    let ended = folder.sandpool(["inspect", "wants.wat"]).run();
    let text = ended.show();
    let imports = text.split_once("imports\n").expect("imports").1;
    insta::assert_snapshot!(imports);
}

#[test]
fn unknown_imports_are_refused_by_default_and_denied_if_that_is_asked_for() {
    let _test = test();
    let folder = Folder::new();
    folder.file(
        "wants.wat",
        r#"(module (import "env" "f" (func $f)) (func (export "g") (result i32) (i32.const 7))
          (func (export "h") (call $f)) (func (export "_start") (call $f)))"#,
    );
    let run = |words: &[&str]| folder.sandpool(words).run();
    let ended = run(&["apply", "wants.wat", "g"]);
    assert_eq!(ended.code(), 3);
    insta::assert_snapshot!(ended.stderr);
    let deny = ["--unknown-imports", "deny", "wants.wat"];
    run(&[&["apply"], &deny[..], &["g"]].concat()).assert_prints("7\n");
    let ended = run(&[&["apply"], &deny[..], &["h"]].concat());
    assert_eq!(ended.code(), 1, "{}", ended.stderr);
    assert!(
        ended.stderr.contains("import was not granted: env#f"),
        "{}",
        ended.stderr
    );
    let ended = run(&[&["run"], &deny[..]].concat());
    assert_eq!(ended.code(), 137, "{}", ended.stderr);
    assert!(
        ended.stderr.contains("import was not granted: env#f"),
        "{}",
        ended.stderr
    );
    let ended = folder
        .sandpool([&["map"], &deny[..], &["h"]].concat())
        .input("[]\n")
        .run();
    assert!(
        ended.text().contains(r#""verdict":"denied""#),
        "{}",
        ended.text()
    );
    let ended = run(&["apply", "--unknown-imports", "no", "wants.wat", "g"]);
    assert_eq!(ended.code(), 2, "{}", ended.stderr);
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

/// A resource with a constructor, a method and a static function, and two functions
/// beside it, one of which takes such a resource.
const COUNTER: &str = r#"
(component
  (type $counter' (resource (rep i32)))
  (export $counter "counter" (type $counter'))
  (core module $m
    (func (export "one") (param i32) (result i32) (local.get 0))
    (func (export "plain") (result i32) (i32.const 7)))
  (core instance $i (instantiate $m))
  (func (export "[constructor]counter") (param "start" u32) (result (own $counter))
    (canon lift (core func $i "one")))
  (func (export "[method]counter.next") (param "self" (borrow $counter)) (result u32)
    (canon lift (core func $i "one")))
  (func (export "[static]counter.last") (param "of" (own $counter)) (result u32)
    (canon lift (core func $i "one")))
  (func (export "count") (param "with" (borrow $counter)) (result u32)
    (canon lift (core func $i "one")))
  (func (export "plain") (result u32) (canon lift (core func $i "plain"))))
"#;

#[test]
fn exported_resources_are_listed_and_said_to_need_a_session() {
    let _test = test();
    let folder = Folder::new();
    folder.file("counter.wat", COUNTER);
    let ended = folder.sandpool(["inspect", "counter.wat"]).run();
    insta::assert_snapshot!(redacted(&ended));
    let all = json(&folder.sandpool(["inspect", "--json", "counter.wat"]).run());
    let functions = all["functions"].as_array().expect("a list");
    let callable: Vec<_> = functions
        .iter()
        .map(|function| (function["name"].as_str(), function["callable"].as_bool()))
        .collect();
    let expected = [(Some("count"), Some(false)), (Some("plain"), Some(true))];
    assert_eq!(callable, expected);
    let resource = &all["resources"][0];
    assert_eq!(resource["name"], "counter");
    assert_eq!(resource["callable"], false);
    let names = resource["functions"].as_array().expect("a list").iter();
    let names: Vec<_> = names.map(|function| function["name"].as_str()).collect();
    let expected = [
        "[constructor]counter",
        "[method]counter.next",
        "[static]counter.last",
    ];
    assert_eq!(names, expected.map(Some));
}

#[test]
fn what_needs_a_resource_says_so_when_it_is_called() {
    let _test = test();
    let folder = Folder::new();
    folder.file("counter.wat", COUNTER);
    let call = |words: &[&str]| {
        folder
            .sandpool([&["apply", "counter.wat"], words].concat())
            .run()
    };
    call(&["plain"]).assert_prints("7\n");
    for name in [
        "counter",
        "counter.next",
        "[method]counter.next",
        "[constructor]counter",
        "count",
    ] {
        let ended = call(&[name, "1"]);
        assert_eq!(ended.code(), 3, "{}", ended.stderr);
        let says = "cannot be called: it takes or returns the resource `counter`; use a session\n";
        assert!(ended.stderr.contains(says), "{}", ended.stderr);
    }
}

#[test]
fn a_component_with_nothing_but_a_resource_or_an_interface_of_wasi_is_described() {
    let _test = test();
    let folder = Folder::new();
    folder.file(
        "only.wat",
        r#"(component (type $c (resource (rep i32))) (export "counter" (type $c)))"#,
    );
    let ended = folder.sandpool(["inspect", "only.wat"]).run();
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    assert!(
        ended.text().contains("exports resources\n  counter\n"),
        "{}",
        ended.text()
    );
    folder.file(
        "serves.wat",
        r#"(component (component $c) (instance $i (instantiate $c))
          (export "wasi:http/incoming-handler@0.2.0" (instance $i)))"#,
    );
    let ended = folder.sandpool(["inspect", "serves.wat"]).run();
    assert_eq!(ended.code(), 3, "{}", ended.text());
    let says = "it exports `wasi:http/incoming-handler@0.2.0`";
    assert!(ended.stderr.contains(says), "{}", ended.stderr);
}
