//! A file of results that a run goes on with, and runs inputs again for: each has
//! one result there in the end.

use std::fs;
use std::path::Path;

use rustix::process::Signal;
use serde_json::Value;

use super::{CommandLine, Finished, Folder, guests};
use crate::support::process::is_alive;
use crate::support::{eventually, random, test};

/// Fuel that is enough for the small numbers of [`INPUT`] alone.
const LITTLE: [&str; 2] = ["--fuel", "20000"];

const INPUT: &str = "5\n22\n6\n21\n\n7\n";

/// A map of numbers that is logged in the folder, with its results in a file.
fn fib(folder: &Folder, flags: &[&str]) -> CommandLine {
    let module = guests().join("math.wasm");
    let module = module.to_str().expect("a path");
    let words = ["map", module, "fib", "--joblog", "log", "-o", "out"];
    folder.sandpool([&words[..], flags].concat())
}

fn run(folder: &Folder, flags: &[&str], input: &str) -> Finished {
    fib(folder, flags).input(input).run()
}

fn read(folder: &Folder, name: &str) -> String {
    fs::read_to_string(folder.path().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Index and verdict of each line of results.
fn verdicts(out: &str) -> Vec<(u64, String)> {
    let lines = out.lines().map(|line| {
        let result: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"));
        let verdict = result["verdict"].as_str().expect("a verdict");
        (result["index"].as_u64().expect("an index"), verdict.into())
    });
    lines.collect()
}

fn names(folder: &Folder) -> Vec<String> {
    let entries = fs::read_dir(folder.path()).expect("it is there");
    let mut names: Vec<_> = entries
        .map(|entry| entry.expect("an entry").file_name().into_string())
        .map(|name| name.expect("text"))
        .collect();
    names.sort();
    names
}

fn all_ok(indices: impl IntoIterator<Item = u64>) -> Vec<(u64, String)> {
    indices.into_iter().map(|n| (n, "ok".into())).collect()
}

#[test]
fn what_was_run_again_has_its_last_result_alone() {
    let _test = test();
    let folder = Folder::new();
    assert_eq!(
        run(&folder, &LITTLE, INPUT).counts(),
        "5 tasks, 3 ok, 2 out_of_fuel"
    );
    // The same again, and one of them with as much as it wants.
    let more = ["--fuel", "600000", "--retry-failed"];
    assert_eq!(
        run(&folder, &more, INPUT).counts(),
        "2 tasks, 1 ok, 1 out_of_fuel"
    );
    let out = verdicts(&read(&folder, "out"));
    assert_eq!(out.len(), 5, "{out:?}");
    assert_eq!(out[3..], [(1, "out_of_fuel".into()), (3, "ok".into())]);
    // With what is new, and what fails still.
    let input = INPUT.to_owned() + "8\n22\n";
    let more = [&LITTLE[..], &["--resume-failed"]].concat();
    assert_eq!(
        run(&folder, &more, &input).counts(),
        "3 tasks, 1 ok, 2 out_of_fuel"
    );
    assert_eq!(
        run(&folder, &["--retry-failed"], &input).counts(),
        "2 tasks, 2 ok"
    );
    let mut out = verdicts(&read(&folder, "out"));
    out.sort();
    assert_eq!(out, all_ok(0..7));
    // Nothing is left to do, and nothing happens.
    let before = (read(&folder, "out"), names(&folder));
    assert_eq!(run(&folder, &["--resume-failed"], &input).code(), 0);
    assert_eq!((read(&folder, "out"), names(&folder)), before);
    assert_eq!(names(&folder), ["log", "out"]);
}

#[test]
fn a_table_keeps_its_header_and_what_tasks_print_its_order() {
    let _test = test();
    let folder = Folder::new();
    let csv = |flags: &[&str], input: &str| {
        let flags = [&["--to", "csv"], flags].concat();
        run(&folder, &flags, input).counts().to_owned()
    };
    // The first row is the first to go.
    assert_eq!(csv(&LITTLE, "21\n5\n"), "2 tasks, 1 ok, 1 out_of_fuel");
    assert_eq!(csv(&["--retry-failed"], "21\n5\n"), "1 task, 1 ok");
    let expected = "index,verdict,value,error\r\n1,ok,5,\r\n0,ok,10946,\r\n";
    assert_eq!(read(&folder, "out"), expected);
    assert_eq!(csv(&["--resume"], "21\n5\n6\n"), "1 task, 1 ok");
    assert_eq!(read(&folder, "out"), expected.to_owned() + "2,ok,8,\r\n");
}

#[test]
fn a_run_that_was_killed_as_it_removed_old_results_is_gone_on_with_in_both_ways() {
    let _test = test();
    for (replaced, torn) in [(false, ""), (true, ""), (false, "{\"i"), (true, "{\"i")] {
        let folder = Folder::new();
        let put = |name: &str, text: String| {
            fs::write(folder.path().join(name), text).expect("written");
        };
        assert_eq!(run(&folder, &LITTLE, "21\n5\n").code(), 1);
        let (failed, log) = (read(&folder, "out"), read(&folder, "log"));
        assert_eq!(run(&folder, &["--retry-failed"], "21\n5\n").code(), 0);
        let (kept, kept_log) = (read(&folder, "out"), read(&folder, "log"));
        let shrinks = format!("# results shrink to {}\n", kept.len());
        assert!(kept_log.starts_with(&log) && kept_log.ends_with(&shrinks));
        let mut out = kept.clone();
        if !replaced {
            // Both results of the first input are there.
            let again = kept.lines().last().expect("a line");
            out = format!("{failed}{again}\n");
        }
        if !torn.is_empty() {
            // The next run was killed, too, at its first result.
            let begins = format!("# resumed\n# results at {}\n", out.len());
            put("log", kept_log + &begins);
        }
        put("out", out + torn);
        let ended = run(&folder, &["--resume"], "21\n5\n");
        assert_eq!(ended.code(), 0, "{}", ended.stderr);
        assert_eq!(read(&folder, "out"), kept, "{replaced} {torn}");
        assert_eq!(run(&folder, &["--resume"], "21\n5\n6\n").code(), 0);
        assert_eq!(verdicts(&read(&folder, "out")), all_ok([1, 0, 2]));
    }
}

/// The number of kills.
const KILLS: u64 = 12;

#[test]
fn killed_at_any_moment_of_running_again_each_input_has_one_result() {
    let _test = test();
    let (seed, mut random) = random();
    const INPUTS: u64 = 1_500;
    let folder = Folder::new();
    let input: String = (0..INPUTS)
        .map(|n| format!("{}\n", if n % 3 == 0 { 21 } else { 3 }))
        .collect();
    folder.file("input", input);
    let flags = ["-i", "input", "-j2", "-q"];
    let first = [&flags[..], &LITTLE].concat();
    assert_eq!(fib(&folder, &first).run().code(), 1);
    let out = folder.path().join("out");
    let bytes = |path: &Path| fs::metadata(path).map_or(0, |file| file.len());
    let (mut kills, mut rounds) = (0, 0);
    while kills < KILLS && rounds < 60 {
        rounds += 1;
        // Now and then they fail again, so that there is always something to do.
        let again = if rounds % 2 == 1 {
            &["--fuel", "1000"][..]
        } else {
            &LITTLE
        };
        let words = [&flags[..], again, &["--resume-failed", "--unordered"]].concat();
        let before = bytes(&out);
        let goal = before + random(40_000);
        let host = fib(&folder, &words).start();
        let mut most = before;
        eventually(
            "it has come so far, has shrunk the file, or has ended",
            || {
                let now = bytes(&out);
                most = most.max(now);
                now > goal || now < most || !is_alive(host.pid())
            },
        );
        if is_alive(host.pid()) {
            host.signal(Signal::KILL);
            kills += 1;
        }
    }
    assert!(kills > 0, "seed {seed}");
    let last = [&flags[..], &["--resume-failed"]].concat();
    let ended = fib(&folder, &last).run();
    assert_eq!(ended.code(), 0, "seed {seed}: {}", ended.stderr);
    let mut out = verdicts(&read(&folder, "out"));
    out.sort();
    assert_eq!(out, all_ok(0..INPUTS), "seed {seed}");
    let names: Vec<_> = names(&folder)
        .into_iter()
        .filter(|name| name.starts_with(".out."))
        .collect();
    // Between having a name and having its own, a file can be met by a kill.
    assert!(names.len() <= 1, "{names:?}");
}

#[test]
fn a_refused_run_leaves_no_file_that_was_not_there() {
    let _test = test();
    let folder = Folder::new();
    assert_eq!(run(&folder, &[], "5\n6\n").code(), 0);
    fs::remove_file(folder.path().join("out")).expect("it is there");
    let ended = run(&folder, &["--resume"], "5\n6\n");
    assert_eq!(ended.code(), 3);
    assert!(
        ended
            .stderr
            .contains("was cut since the log was written, or removed"),
        "{}",
        ended.stderr
    );
    assert_eq!(names(&folder), ["log"]);
}

#[test]
fn grants_that_changed_are_noted_as_limits_are() {
    let _test = test();
    let folder = Folder::new();
    assert_eq!(run(&folder, &["--env", "SECRET=hunter2"], "5\n").code(), 0);
    let more = ["--resume", "--env", "LANG=C", "--dir", ".::/data:rw"];
    let ended = run(&folder, &more, "5\n6\n");
    let note = "sandpool: the grants changed since the log was begun: from --env SECRET to --dir \
                .::/data:rw --env LANG\n";
    assert_eq!(
        (ended.code(), ended.stderr.lines().next()),
        (0, note.lines().next())
    );
    let log = read(&folder, "log");
    assert!(
        log.contains("\n# grants --dir .::/data:rw --env LANG\n"),
        "{log}"
    );
    assert!(!log.contains("hunter2"), "{log}");
}
