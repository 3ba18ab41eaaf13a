//! Resuming after a power cut: a log that is ahead of the results, files that end too
//! early, pages of zeros. Each input has one right result in the end.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use serde_json::Value;

use super::{CommandLine, Finished, Folder, guests};
use crate::support::{guest, random, test, wat};

const INPUTS: u64 = 40;

/// Returns the result of `fib`.
fn fib(n: u64) -> u64 {
    (0..n).fold((0, 1), |(a, b), _| (b, a + b)).0
}

/// The number of an input: large ones take more fuel than there is at first.
fn number(index: u64) -> u64 {
    if index % 4 == 1 { 21 } else { index % 9 }
}

fn map(folder: &Folder, flags: &[&str]) -> CommandLine {
    let module = guests().join("math.wasm");
    let module = module.to_str().expect("a path");
    let words = [
        "map", "-q", module, "fib", "-i", "in", "-j", "2", "--joblog", "log",
    ];
    folder.sandpool([&words[..], &["-o", "out"], flags].concat())
}

fn input(inputs: u64) -> String {
    (0..inputs)
        .map(|index| format!("{}\n", number(index)))
        .collect()
}

/// Runs of which some inputs failed and were run again, with the flags of an output.
fn runs(folder: &Folder, to: &[&str]) {
    folder.file("in", input(INPUTS / 2));
    let run = |flags: &[&str]| {
        let ended = map(folder, &[flags, to].concat()).run();
        assert!(ended.code() <= 1, "{}", ended.stderr);
    };
    run(&["--fuel", "20000"]);
    run(&["--retry-failed"]);
    folder.file("in", input(INPUTS));
    run(&["--fuel", "20000", "--resume"]);
    run(&["--retry-failed"]);
    run(&["--resume"]);
}

/// Index and value of each result.
fn results(out: &str, to: &str) -> Vec<(u64, u64)> {
    let mut all: Vec<(u64, u64)> = match to {
        "csv" => out
            .strip_prefix("index,verdict,value,error\r\n")
            .unwrap_or_else(|| panic!("no header in {out}"))
            .lines()
            .map(|line| {
                let cells: Vec<_> = line.split(',').collect();
                assert!(cells.len() == 4 && cells[1] == "ok", "{line:?} in {out:?}");
                (
                    cells[0].parse().expect("an index"),
                    cells[2].parse().expect("a value"),
                )
            })
            .collect(),
        _ => out
            .lines()
            .map(|line| {
                let result: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"));
                assert_eq!(result["verdict"], "ok", "{line}");
                let number = |name: &str| result[name].as_u64().expect("a number");
                (number("index"), number("value"))
            })
            .collect(),
    };
    all.sort_unstable();
    all
}

fn right() -> Vec<(u64, u64)> {
    (0..INPUTS)
        .map(|index| (index, fib(number(index))))
        .collect()
}

/// Where the log's first lines end.
fn head(log: &[u8]) -> usize {
    let text = std::str::from_utf8(log).expect("text");
    let last = text.find("# output").expect("it is in the head");
    last + text[last..].find('\n').expect("a line") + 1
}

#[test]
fn whatever_is_lost_of_log_and_results_each_input_has_one_right_result() {
    let _test = test();
    let (seed, mut random) = random();
    for to in ["jsonl", "csv"] {
        let folder = Folder::new();
        let flags = ["--to", to];
        runs(&folder, &flags);
        let path = |name: &str| folder.path().join(name);
        let whole = (
            fs::read(path("log")).expect("log"),
            fs::read(path("out")).expect("out"),
        );
        assert_eq!(results(&String::from_utf8_lossy(&whole.1), to), right());
        for round in 0..24 {
            let (mut log, mut out) = whole.clone();
            let mut below = |length: usize| random(length as u64 + 1) as usize;
            let what = round % 6;
            let in_log = head(&log) + below(log.len() - head(&log));
            let in_out = below(out.len());
            match what {
                0 => out.truncate(in_out),
                1 => out[in_out..].fill(0),
                2 => log.truncate(in_log),
                3 => log[in_log..].fill(0),
                4 => {
                    log.truncate(in_log);
                    out[in_out..].fill(0);
                }
                _ => {
                    log[in_log..].fill(0);
                    out.truncate(in_out);
                }
            }
            let about = format!("seed {seed}, {to}, {what}, log at {in_log}, out at {in_out}");
            fs::write(path("log"), &log).expect("written");
            fs::write(path("out"), &out).expect("written");
            // A result of a second run may have been cut off.
            let ended = map(&folder, &[&["--resume-failed"], &flags[..]].concat()).run();
            assert_eq!(ended.code(), 0, "{about}: {}", ended.stderr);
            let now = fs::read(path("out")).expect("out");
            assert_eq!(
                results(&String::from_utf8_lossy(&now), to),
                right(),
                "{about}"
            );
            // And there is nothing left to do.
            let ended = map(&folder, &[&["--resume-failed"], &flags[..]].concat()).run();
            assert_eq!(ended.code(), 0, "{about}: {}", ended.stderr);
            assert!(fs::read(path("out")).expect("out") == now, "{about}");
        }
    }
}

#[test]
fn a_page_in_the_midst_that_never_came_to_the_disk_is_found() {
    let _test = test();
    let folder = Folder::new();
    runs(&folder, &[]);
    let out = folder.path().join("out");
    let mut bytes = fs::read(&out).expect("out");
    bytes[300..310].fill(0);
    fs::write(&out, bytes).expect("written");
    let module = guests().join("math.wasm");
    let words = ["map", module.to_str().expect("a path"), "fib", "-i", "in"];
    let words = words
        .into_iter()
        .chain(["--joblog", "log", "-o", "out", "--resume-failed"]);
    let ended = folder.sandpool(words).run();
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    assert!(
        ended.stderr.contains(" in the log are incomplete in `"),
        "{}",
        ended.stderr
    );
    let now = fs::read_to_string(&out).expect("text");
    assert_eq!(results(&now, "jsonl"), right());
}

#[test]
fn values_in_the_order_of_the_input_and_what_tasks_print_are_whole_again() {
    let _test = test();
    for to in ["values", "printed"] {
        let folder = Folder::new();
        folder.file("words.wat", wat::COMMAND);
        folder.file("in", "a\n\nb\nc\nd\ne\n");
        let run = |flags: &[&str]| {
            let words = ["map", "-q", "words.wat", "--to", to, "-j1", "-i", "in"];
            let words = [&words[..], &["--joblog", "log", "-o", "out"], flags].concat();
            let ended = folder.sandpool([&words[..], &["--", "{}"]].concat()).run();
            assert!(ended.code() <= 1, "{}", ended.stderr);
        };
        run(&[]);
        let path = folder.path().join("out");
        let whole = fs::read(&path).expect("out");
        for lost in 0..=whole.len() {
            for zeros in [false, true] {
                if lost % 3 != 0 && lost + 3 < whole.len() {
                    continue;
                }
                let mut left = whole[..whole.len() - lost].to_vec();
                if zeros {
                    left.resize(whole.len(), 0);
                }
                fs::write(&path, left).expect("written");
                run(&["--resume"]);
                let now = fs::read(&path).expect("out");
                assert!(
                    now == whole,
                    "{to}, {lost} lost: {}",
                    String::from_utf8_lossy(&now)
                );
            }
        }
    }
}

/// A map to greetings, with results in files and a log.
fn greet(folder: &Folder, named: &str, more: &[&str]) -> Finished {
    let module = guest("text");
    let module = module.to_str().expect("its path is text");
    let words = [
        "map",
        module,
        "greet",
        "-i",
        "in",
        "--joblog",
        "log",
        "--results",
        named,
    ];
    folder.sandpool([&words[..], more].concat()).run()
}

fn lines(text: &str) -> Vec<String> {
    let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
    lines.sort_unstable();
    lines
}

#[test]
fn files_of_results_that_are_gone_or_cut_short_are_made_again() {
    let _test = test();
    for (named, values) in [
        ("out/{}.txt", ["out/a.txt", "out/b.txt", "out/d.txt"]),
        ("out/{}/", ["out/a/value", "out/b/value", "out/d/value"]),
        ("out", ["out/0/value", "out/1/value", "out/3/value"]),
    ] {
        for to in [
            &["--to", "jsonl", "-o", "lines"][..],
            &["--to", "values", "-o", "lines"],
            &["--to", "csv"],
        ] {
            let folder = Folder::new();
            folder.file("in", "a\nb\n\nc\nd\n");
            let first = greet(&folder, named, to);
            assert_eq!(first.code(), 0, "{}", first.stderr);
            let path = |name: &str| folder.path().join(name);
            let whole = fs::read_to_string(path("lines")).unwrap_or_default();
            let [gone, short, other] = values.map(path);
            let inode = fs::metadata(&other).expect("it is there").ino();
            match gone.ends_with("value") {
                true => fs::remove_dir_all(gone.parent().expect("a folder")).expect("removed"),
                false => absent(&gone),
            }
            fs::write(&short, "hel").expect("cut");
            let resumed = [to, &["--resume"]].concat();
            let ended = greet(&folder, named, &resumed);
            let about = format!("{named} {to:?}: {}", ended.stderr);
            assert_eq!(ended.code(), 0, "{about}");
            assert_eq!(ended.counts(), "2 tasks, 2 ok", "{about}");
            let told = "sandpool: the files of 2 inputs in the log were incomplete in `out`, as \
                        after a power cut; these inputs counted as not run\n";
            assert_eq!(ended.stderr.matches(told).count(), 1, "{about}");
            for (path, name) in [(&gone, "a"), (&short, "b"), (&other, "d")] {
                let value = fs::read_to_string(path).expect("it is there");
                assert_eq!(value, format!("hello, {name}"), "{about}");
            }
            assert_eq!(fs::metadata(&other).expect("it is there").ino(), inode);
            let now = fs::read_to_string(path("lines")).unwrap_or_default();
            match to.contains(&"values") {
                true => assert_eq!(now, whole, "{about}"),
                false => assert_eq!(lines(&now), lines(&whole), "{about}"),
            }
            let ended = greet(&folder, named, &resumed);
            assert_eq!(
                (ended.code(), ended.counts()),
                (0, "0 tasks, 0 ok"),
                "{about}"
            );
            assert!(!ended.stderr.contains("not whole"), "{}", ended.stderr);
        }
    }
}

#[test]
fn files_that_are_as_they_should_be_are_left_alone() {
    let _test = test();
    let folder = Folder::new();
    folder.file("in", "SET\nNOT\nX\n");
    let module = guest("misbehave");
    let run = |named: &str, more: &[&str]| {
        let words = [
            "map",
            module.to_str().expect("text"),
            "env",
            "-i",
            "in",
            "--joblog",
            "log",
            "--env",
            "SET=",
            "--env",
            "X=y",
            "--results",
            named,
        ];
        let ended = folder.sandpool([&words[..], more].concat()).run();
        assert_eq!(ended.code(), 0, "{}", ended.stderr);
        ended
    };
    run("out/{}", &[]);
    // An empty one is whole, and of an option that is nothing there is none.
    assert_eq!(run("out/{}", &["--resume"]).counts(), "0 tasks, 0 ok");
    let path = |name: &str| folder.path().join(name);
    fs::remove_file(path("out/SET")).expect("it was there");
    // Nothing else is to be run.
    assert_eq!(run("out/{}", &["--retry-failed"]).counts(), "0 tasks, 0 ok");
    assert!(!path("out/SET").exists());
    // A file that has grown was whole, and belongs to somebody by now.
    fs::write(path("out/SET"), "mine").expect("written");
    fs::write(path("out/X"), "more").expect("written");
    assert_eq!(run("out/{}", &["--resume"]).counts(), "0 tasks, 0 ok");
    // Other names are not those that the log knows of.
    assert_eq!(run("new/{}", &["--resume"]).counts(), "0 tasks, 0 ok");
    let ended = run("out/{}", &["--resume"]);
    assert_eq!(ended.counts(), "0 tasks, 0 ok", "{}", ended.stderr);
}

#[test]
fn a_log_that_is_a_link_stays_one_where_it_is_cut_to_its_results() {
    let _test = test();
    let folder = Folder::new();
    let path = |name: &str| folder.path().join(name);
    std::os::unix::fs::symlink("real", path("log")).expect("a link");
    folder.file("in", "5\n6\n7\n");
    let ended = map(&folder, &[]).run();
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    let whole = fs::read(path("out")).expect("results");
    fs::write(path("out"), &whole[..whole.len() / 2]).expect("written");
    let ended = map(&folder, &["--resume"]).run();
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    let log = path("log").symlink_metadata().expect("a log");
    assert!(log.is_symlink(), "the log is a file in place of the link");
    let lines = fs::read_to_string(path("real")).expect("the log");
    assert!(lines.contains("# resumed"), "{lines}");
    assert_eq!(fs::read(path("out")).expect("results"), whole);
}

#[test]
fn a_log_of_which_only_a_part_of_its_head_is_left_is_begun_anew() {
    let _test = test();
    let folder = Folder::new();
    folder.file("in", "5\n");
    let run = |flags: &[&str]| map(&folder, flags).run();
    assert_eq!(run(&[]).code(), 0);
    let path = |name: &str| folder.path().join(name);
    let log = fs::read(path("log")).expect("log");
    let begin_anew = |left: &[u8], out: Option<&str>| {
        fs::write(path("log"), left).expect("written");
        match out {
            Some(out) => fs::write(path("out"), out).expect("written"),
            None => absent(&path("out")),
        }
        run(&["--resume"])
    };
    let zeros = vec![0; 4096];
    for left in [&log[..20], &log[..head(&log) - 3], &zeros, &[]] {
        for out in [None, Some("")] {
            let ended = begin_anew(left, out);
            assert_eq!(ended.code(), 0, "{}", ended.stderr);
            let line = "{\"index\":0,\"verdict\":\"ok\",\"value\":5}\n";
            assert_eq!(fs::read_to_string(path("out")).expect("out"), line);
        }
        // Results that no log knows are nobody's to take back.
        let ended = begin_anew(left, Some("results\n"));
        assert_eq!(ended.code(), 3, "{}", ended.stderr);
        assert!(
            ended
                .stderr
                .starts_with("error: the log, `log`, is empty, but there")
        );
        assert_eq!(fs::read_to_string(path("out")).expect("out"), "results\n");
    }
}

fn absent(path: &Path) {
    let _ = fs::remove_file(path);
}
