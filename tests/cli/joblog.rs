//! `--joblog`, and going on from one.

use std::fs;

use serde_json::json;

use super::map::results;
use super::{Finished, Folder, guests};
use crate::support::test;

/// A map of numbers that is logged in the folder.
fn fib(folder: &Folder, flags: &[&str], input: &str) -> Finished {
    let module = guests().join("math.wasm");
    let module = module.to_str().expect("a path");
    let words = ["map", module, "fib", "--joblog", "run.log"];
    let words = words.into_iter().chain(flags.iter().copied());
    folder.sandpool(words).input(input).run()
}

fn log(folder: &Folder) -> String {
    fs::read_to_string(folder.path().join("run.log")).expect("there is a log")
}

/// The lines of the log that are of tasks, field by field.
fn entries(log: &str) -> Vec<Vec<&str>> {
    let is_entry = |line: &&str| line.starts_with(|c: char| c.is_ascii_digit());
    let lines = log.lines().filter(is_entry);
    lines.map(|line| line.split('\t').collect()).collect()
}

fn indices(ended: &Finished) -> Vec<u64> {
    let results = results(ended);
    results.iter().filter_map(|r| r["index"].as_u64()).collect()
}

#[test]
fn a_log_is_a_regular_file() {
    let _test = test();
    let folder = Folder::new();
    let module = guests().join("math.wasm");
    let module = module.to_str().expect("a path");
    for device in ["/dev/null", "/dev/full"] {
        let words = ["map", module, "fib", "--joblog", device, ":::", "10"];
        let ended = folder.sandpool(words).run();
        assert_eq!(ended.code(), 3, "{}", ended.stderr);
        let says = format!("the log, `{device}`, is not a regular file");
        assert!(ended.stderr.contains(&says), "{}", ended.stderr);
    }
}

#[test]
fn a_log_has_the_columns_of_gnu_parallel_and_ours_behind_them() {
    let _test = test();
    let folder = Folder::new();
    let ended = fib(&folder, &[], "10\n\n\"a\tb\"\n");
    assert_eq!(ended.code(), 1);
    let log = log(&folder);
    assert_eq!(
        log.lines().next(),
        Some(
            "Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand\t\
             Verdict\tAttempts\tInput\tInputs\tOutput"
        )
    );
    let entries = entries(&log);
    let [ok, bad] = entries.as_slice() else {
        panic!("two entries: {log}");
    };
    assert_eq!(
        (ok[0], ok[1], ok[6], ok[7], ok[8]),
        ("1", ":", "0", "0", "fib 10")
    );
    assert_eq!((ok[9], ok[10]), ("ok", "1"));
    assert_eq!((bad[0], bad[6], bad[8]), ("2", "126", "fib \"a\\tb\""));
    assert_eq!((bad[9], bad[10]), ("invalid_arguments", "0"));
    let started: f64 = ok[2].parse().expect("a time");
    assert!(started > 1.6e9 && ok[3].parse::<f64>().is_ok());
    let says = |what: &str| log.lines().any(|line| line.starts_with(what));
    assert!(says("# sandpool 1") && says("# module ") && says("# job fib"));
    assert!(says("# limits default"));
}

#[test]
fn a_resumed_run_runs_what_the_log_does_not_know_under_its_own_number() {
    let _test = test();
    let folder = Folder::new();
    assert_eq!(indices(&fib(&folder, &[], "1\n2\n3\n")), [0, 1, 2]);
    let more = fib(&folder, &["--resume"], "1\n2\n3\n4\n5\n");
    assert_eq!(more.code(), 0, "{}", more.stderr);
    assert_eq!(
        results(&more),
        [
            json!({"index": 3, "verdict": "ok", "value": 3}),
            json!({"index": 4, "verdict": "ok", "value": 5})
        ]
    );
    assert_eq!(more.counts(), "2 tasks, 2 ok");
    assert!(
        more.stderr
            .contains("sandpool: 3 inputs not run, because the log has them\n")
    );
    let none = fib(&folder, &["--resume"], "1\n2\n3\n4\n5\n");
    assert_eq!((none.code(), none.text()), (0, ""));
    let log = log(&folder);
    let seqs: Vec<_> = entries(&log).iter().map(|entry| entry[0]).collect();
    assert_eq!(seqs, ["1", "2", "3", "4", "5"]);
}

#[test]
fn what_failed_is_run_again_only_when_asked_for() {
    let _test = test();
    let folder = Folder::new();
    let input = "1\n90\n3\n91\n";
    let first = fib(&folder, &["--timeout", "100ms"], input);
    assert_eq!(first.counts(), "4 tasks, 2 ok, 2 timeout");
    assert_eq!(indices(&fib(&folder, &["--resume"], input)), [0; 0]);
    let again = fib(
        &folder,
        &["--retry-failed", "--timeout", "50ms"],
        "1\n90\n3\n91\n5\n",
    );
    assert_eq!(indices(&again), [1, 3]);
    let changed = "sandpool: the limits changed since the log was begun: from default to \
                   --timeout 50ms\n";
    assert!(again.stderr.starts_with(changed), "{}", again.stderr);
    let both = fib(
        &folder,
        &["--resume-failed", "--timeout", "50ms"],
        "1\n90\n3\n91\n5\n",
    );
    assert_eq!(indices(&both), [1, 3, 4]);
    assert!(!both.stderr.contains("limits changed"), "{}", both.stderr);
    assert!(log(&folder).contains("\n# resumed\n# limits --timeout 50ms\n"));
}

#[test]
fn a_log_of_something_else_is_refused() {
    let _test = test();
    let folder = Folder::new();
    assert_eq!(fib(&folder, &[], "1\n2\n3\n").code(), 0);
    let before = log(&folder);
    // No second run is begun over it.
    fib(&folder, &[], "1\n").assert_refuses(
        2,
        "error: the log, `run.log`, exists already\n\nhint: `--resume` continues from it, \
         `--retry-failed` runs failed tasks again; to start over, remove it\n",
    );
    let resume = |module: &str, function: &str| {
        let module = guests().join(module);
        let words = ["map", module.to_str().expect("a path"), function];
        let words = words.into_iter().chain(["--joblog", "run.log", "--resume"]);
        folder.sandpool(words).input("1\n2\n3\n4\n").run()
    };
    let other = resume("math.wasm", "primes-below");
    assert_eq!((other.code(), other.text()), (3, ""));
    assert_eq!(
        other.stderr,
        "error: the log, `run.log`, belongs to another function or command: `fib` instead of \
         `primes-below`\n\nhint: another `--joblog` starts a new run\n"
    );
    let other = resume("text.wasm", "greet");
    assert_eq!((other.code(), other.text()), (3, ""));
    assert!(
        other
            .stderr
            .starts_with("error: the log, `run.log`, belongs to another module: `")
    );
    // Nor one of other inputs, and nothing is run of them.
    for inputs in [
        "1\n2\n4\n5\n",
        "2\n1\n3\n4\n",
        "0\n2\n3\n4\n",
        "1\n\n22\n3\n",
    ] {
        let other = fib(&folder, &["--resume"], inputs);
        assert_eq!((other.code(), other.text()), (3, ""), "{inputs}");
        assert_eq!(
            other.stderr,
            "error: the inputs have changed: the first 3 are not all as the log has them\n"
        );
    }
    let fewer = fib(&folder, &["--resume"], "1\n2\n");
    assert_eq!((fewer.code(), fewer.text()), (3, ""));
    assert_eq!(
        fewer.stderr,
        "error: there are 2 inputs, but the log names a later one: they are not the inputs of the \
         log\n"
    );
    folder.file("notes.txt", "hello\n");
    let words = ["map", "x.wat", "--joblog", "notes.txt", "--resume"];
    folder.file("x.wat", "(module (func (export \"f\") (param i32)))");
    folder.sandpool(words).input("1\n").run().assert_refuses(
        3,
        "error: `notes.txt` is not a log from which a run can continue: its first line does not \
         name sandpool's columns\n",
    );
    let entries_before = entries(&before);
    assert_eq!(
        entries(&log(&folder)),
        entries_before,
        "none of them was logged"
    );
}

#[test]
fn a_log_that_another_run_writes_is_left_alone() {
    let _test = test();
    let folder = Folder::new();
    let module = guests().join("sleeper.wasm");
    let words = ["map", module.to_str().expect("a path"), "sleep-ms"];
    let words = words.into_iter().chain(["--joblog", "run.log"]);
    let mut host = folder.sandpool(words.clone()).start();
    host.write(b"1\n");
    host.wait_for_lines(1);
    folder
        .sandpool(words.chain(["--resume"]))
        .run()
        .assert_refuses(
            3,
            "error: the log, `run.log`, is being written by another run\n",
        );
    drop(host.stdin.take());
    assert_eq!(host.finish().code(), 0);
}

#[test]
fn flags_that_need_a_log_or_exclude_each_other_say_so() {
    let _test = test();
    for words in [
        &["map", "math.wasm", "fib", "--resume"][..],
        &[
            "map",
            "math.wasm",
            "fib",
            "--joblog",
            "x",
            "--resume",
            "--retry-failed",
        ],
        &["map", "math.wasm", "fib", "--delay", "1s"],
        &["map", "math.wasm", "fib", "--halt", "later"],
        &[
            "map",
            "math.wasm",
            "fib",
            "--retries",
            "1",
            "--retry-on",
            "ok",
        ],
        &["map", "math.wasm", "fib", "--timeout", "50%"],
        &[
            "map",
            "math.wasm",
            "fib",
            "--keep-going",
            "--halt",
            "now,fail=1",
        ],
    ] {
        let ended = super::sandpool(words).run();
        assert_eq!(ended.code(), 2, "{words:?}");
        let name = words[3..]
            .join("_")
            .replace(|c: char| !c.is_alphanumeric(), "_");
        insta::assert_snapshot!(format!("refused{name}"), ended.stderr);
    }
    let folder = Folder::new();
    assert_eq!(fib(&folder, &[], "1\n").code(), 0);
    fib(&folder, &["--retry-failed", "--to", "values"], "1\n").assert_refuses(
        2,
        "error: values in input order cannot hold the result of an input that is run \
         again\n\nhint: use `--unordered`, or results with an index: `--to jsonl`\n",
    );
}

#[test]
fn an_interrupted_run_goes_on_where_it_was() {
    let _test = test();
    let folder = Folder::new();
    let module = guests().join("sleeper.wasm");
    let words = [
        "map",
        module.to_str().expect("a path"),
        "sleep-then",
        "-j",
        "2",
    ];
    let words = words.into_iter().chain(["--joblog", "run.log"]);
    let input: String = (0..40).map(|n| format!("[50,{n}]\n")).collect();
    let mut host = folder.sandpool(words.clone()).start();
    host.write(input.as_bytes());
    host.wait_for_lines(5);
    host.ctrl_c();
    let first = host.finish();
    assert_eq!(first.code(), 130);
    let goes_on = " not run; run the same command with `--resume` to continue from here\n";
    assert!(first.stderr.ends_with(goes_on), "{}", first.stderr);
    let second = folder
        .sandpool(words.chain(["--resume"]))
        .input(input)
        .run();
    assert_eq!(second.code(), 0, "{}", second.stderr);
    // Of two tasks that were on their way, the younger may have been running
    // already, and the older not.
    let mut all = [indices(&first), indices(&second)].concat();
    all.sort_unstable();
    assert_eq!(all, (0..40).collect::<Vec<_>>());
    assert!(indices(&first).len() < 40);
}
