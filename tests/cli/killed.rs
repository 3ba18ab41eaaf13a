//! A run that is killed at any moment and gone on with gives each input exactly
//! one result.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use rustix::process::Signal;
use serde_json::Value;

use super::{Folder, guests};
use crate::support::process::is_alive;
use crate::support::{eventually, random, test};

/// Inputs of a run.
const INPUTS: u64 = 3_000;

/// The number of kills.
const KILLS: u64 = 20;

/// Lines that are whole.
fn whole_lines(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let lines = text.split_inclusive('\n');
    let whole = lines.filter_map(|line| line.strip_suffix('\n'));
    whole.map(str::to_owned).collect()
}

fn bytes(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |metadata| metadata.len())
}

#[test]
fn killed_at_twenty_moments_and_gone_on_with_each_input_has_one_result() {
    let _test = test();
    let (seed, mut random) = random();
    let folder = Folder::new();
    let (log, out) = (
        folder.path().join("run.log"),
        folder.path().join("out.jsonl"),
    );
    let module = guests().join("math.wasm");
    let input: String = (0..INPUTS).map(|n| format!("[{n},12]\n")).collect();
    folder.file("input", input);
    let start = |unordered: bool| {
        let words = [
            "map",
            module.to_str().expect("a path"),
            "add",
            "-j",
            "2",
            "--quiet",
        ];
        let files = [
            "--input",
            "input",
            "--joblog",
            "run.log",
            "--output",
            "out.jsonl",
        ];
        let mut words = [&words[..], &files, &["--resume"]].concat();
        if unordered {
            words.push("--unordered");
        }
        folder.sandpool(words).start()
    };
    let mut kills = 0;
    let mut done = Vec::new();
    while kills < KILLS {
        // At some byte of what it writes: it is in the middle of anything then.
        let (log_goal, out_goal) = (bytes(&log) + random(30_000), bytes(&out) + random(16_000));
        let host = start(kills % 2 == 1);
        eventually("it has come so far, or has ended", || {
            bytes(&log) > log_goal || bytes(&out) > out_goal || !is_alive(host.pid())
        });
        if is_alive(host.pid()) {
            host.signal(Signal::KILL);
            kills += 1;
            drop(host);
        } else {
            let ended = host.finish();
            assert_eq!(ended.code(), 0, "seed {seed}: {}", ended.stderr);
        }
        let logged = whole_lines(&log)
            .iter()
            .filter(|line| is_entry(line))
            .count();
        done.push(logged);
        if logged as u64 == INPUTS {
            // All was done before the kill: from the beginning, then.
            check(&log, &out, seed);
            fs::remove_file(&log).expect("it is there");
            fs::remove_file(&out).expect("it is there");
        }
    }
    let last = start(false).finish();
    assert_eq!(last.code(), 0, "seed {seed}, {done:?}: {}", last.stderr);
    check(&log, &out, seed);
}

fn is_entry(line: &str) -> bool {
    line.starts_with(|c: char| c.is_ascii_digit())
}

/// Asserts that log and results know each input once, and rightly.
fn check(log: &Path, out: &Path, seed: u64) {
    let mut seen = HashMap::new();
    for line in whole_lines(out) {
        let result: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line}"));
        let index = result["index"].as_u64().expect("an index");
        assert_eq!(result["value"], index + 12, "seed {seed}: {line}");
        let before = seen.insert(index, line);
        assert_eq!(before, None, "seed {seed}: twice");
    }
    assert_eq!(seen.len() as u64, INPUTS, "seed {seed}");
    let lines = whole_lines(log);
    let mut seqs: Vec<u64> = lines
        .iter()
        .filter(|line| is_entry(line))
        .filter_map(|line| line.split('\t').next()?.parse().ok())
        .collect();
    seqs.sort_unstable();
    assert_eq!(seqs, (1..=INPUTS).collect::<Vec<_>>(), "seed {seed}");
}
