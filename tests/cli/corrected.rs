//! `--changed-module`: a run goes on with a corrected module, script or argument. What
//! is done stays, what failed is run again.

use std::fs;
use std::time::Duration;

use serde_json::json;

use super::map::results;
use super::{Finished, Folder, guests};
use crate::support::{is_built, test};

/// Doubles its number, but fails for large ones: over `most`.
fn module(folder: &Folder, most: u32, factor: u32) {
    let text = format!(
        "(module (func (export \"f\") (param i32) (result i32)
           (if (i32.gt_u (local.get 0) (i32.const {most})) (then unreachable))
           (i32.mul (local.get 0) (i32.const {factor}))))"
    );
    folder.file("m.wat", text);
}

fn run(folder: &Folder, more: &[&str], input: &str) -> Finished {
    let words = ["map", "m.wat", "f", "--joblog", "log", "--progress", "none"];
    let words = [&words[..], more].concat();
    folder.sandpool(words).input(input).run()
}

fn read(folder: &Folder, name: &str) -> String {
    fs::read_to_string(folder.path().join(name)).expect(name)
}

const AGAIN: [&str; 2] = ["--resume", "--changed-module"];

#[test]
fn what_failed_is_run_again_with_a_corrected_module_and_the_rest_is_kept() {
    let _test = test();
    let folder = Folder::new();
    let input = "1\n20\n3\n40\n";
    module(&folder, 10, 2);
    let first = run(&folder, &["-o", "out"], input);
    assert_eq!(first.counts(), "4 tasks, 2 ok, 2 trap");
    // Without being asked for, another module is refused, with a way to go on.
    module(&folder, 30, 100);
    let refused = run(&folder, &["-o", "out", "--resume"], input);
    assert_eq!(refused.code(), 3);
    assert!(
        refused
            .stderr
            .starts_with("error: the log, `log`, belongs to another module: `")
            && refused.stderr.contains(
                "hint: `--resume --changed-module` keeps finished results and runs failed tasks again; \
                 another `--joblog` starts a new run\n"
            ),
        "{}",
        refused.stderr
    );
    let second = run(
        &folder,
        &[&["-o", "out"][..], &AGAIN].concat(),
        "1\n20\n3\n40\n5\n",
    );
    assert_eq!(second.counts(), "3 tasks, 2 ok, 1 trap");
    assert!(
        second
            .stderr
            .starts_with("sandpool: the module changed, from `")
            && second
                .stderr
                .contains(" m.wat`; finished results are kept\n"),
        "{}",
        second.stderr
    );
    let mut lines: Vec<serde_json::Value> = read(&folder, "out")
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    lines.sort_by_key(|line| line["index"].as_u64());
    let values: Vec<_> = lines.iter().map(|line| line["value"].as_u64()).collect();
    // One result for each, those that were done by the first module.
    assert_eq!(values, [Some(2), Some(2000), Some(6), None, Some(500)]);
    // The log notes it, and is of that module from then on.
    let log = read(&folder, "log");
    let modules = log.lines().filter(|line| line.starts_with("# module "));
    assert_eq!(modules.count(), 2, "{log}");
    let third = run(&folder, &["-o", "out", "--resume"], "1\n20\n3\n40\n5\n6\n");
    assert_eq!((third.code(), third.counts()), (0, "1 task, 1 ok"));
    assert!(!third.stderr.contains("changed"), "{}", third.stderr);
    // Nothing has to have changed.
    let fourth = run(
        &folder,
        &[&["-o", "out"][..], &AGAIN].concat(),
        "1\n20\n3\n40\n5\n6\n",
    );
    assert_eq!(fourth.counts(), "1 task, 0 ok, 1 trap");
}

#[test]
fn a_corrected_script_is_an_argument_that_changed() {
    let _test = test();
    if !is_built("javascript") {
        return;
    }
    let folder = Folder::new();
    let script = guests().join("javascript.wasm");
    let script = script.to_str().expect("its path is text");
    let words = [
        "map",
        script,
        "run",
        "--kwarg",
        "source=@s.js",
        "--joblog",
        "log",
    ];
    let run = |more: &[&str], input: &str| {
        let words = [&words[..], &["--progress", "none"], more].concat();
        // An interpreter takes its time to be compiled.
        let map = folder.sandpool(words).deadline(Duration::from_secs(120));
        map.input(input).run()
    };
    folder.file("s.js", "if (input > 2) throw 'too large'; input");
    assert_eq!(run(&[], "1\n2\n3\n").counts(), "3 tasks, 2 ok, 1 error");
    assert!(read(&folder, "log").contains(" source=@s.js\n"));
    // The file is the argument, whatever it is called.
    folder.file("s.js", "input * 10");
    let refused = run(&["--resume"], "1\n2\n3\n");
    assert_eq!(refused.code(), 3);
    let text = "error: the log, `log`, belongs to another constant argument (`--kwarg`): `";
    assert!(refused.stderr.starts_with(text), "{}", refused.stderr);
    let ended = run(&AGAIN, "1\n2\n3\n4\n");
    assert_eq!(
        results(&ended),
        [
            json!({"index": 2, "verdict": "ok", "value": "30"}),
            json!({"index": 3, "verdict": "ok", "value": "40"})
        ]
    );
    assert_eq!(run(&["--resume"], "1\n2\n3\n4\n").text(), "");
}

#[test]
fn inputs_that_changed_are_refused_all_the_same_and_so_is_another_function() {
    let _test = test();
    let folder = Folder::new();
    module(&folder, 10, 2);
    assert_eq!(run(&folder, &[], "1\n20\n").code(), 1);
    module(&folder, 30, 2);
    let changed = run(&folder, &AGAIN, "2\n20\n");
    assert_eq!((changed.code(), changed.text()), (3, ""));
    assert!(changed.stderr.contains("error: the inputs have changed: "));
    folder.file(
        "m.wat",
        "(module (func (export \"g\") (param i32) (result i32) (local.get 0)))",
    );
    let words = ["map", "m.wat", "g", "--joblog", "log"];
    let ended = folder
        .sandpool([&words[..], &AGAIN].concat())
        .input("1\n20\n")
        .run();
    ended.assert_refuses(
        3,
        "error: the log, `log`, belongs to another function or command: `f` instead of \
         `g`\n\nhint: another `--joblog` starts a new run\n",
    );
    let words = ["map", "m.wat", "g", "--joblog", "new", "--changed-module"];
    folder.sandpool(words).run().assert_refuses(
        2,
        "error: `--changed-module` continues from a log: use it with `--resume`, \
         `--resume-failed` or `--retry-failed`\n",
    );
}
