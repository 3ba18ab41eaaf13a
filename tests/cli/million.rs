//! A million lines: what a map costs that is as long as a night's.

use std::fs;
use std::io::Write;
use std::ops::Range;
use std::path::Path;
use std::process::ChildStdin;
use std::time::Duration;

use super::Folder;
use crate::support::process::{children, cpu_time_of_threads, peak_memory};
use crate::support::terminal::Terminal;
use crate::support::{eventually_within, test_alone};

const LINES: u64 = 1_000_000;

/// A function that gives back what it is given.
const SAME: &str = r#"
(module (func (export "same") (param i32) (result i32) (local.get 0)))
"#;

/// Feeds lines, and waits until each has its result.
fn feed(stdin: &mut ChildStdin, lines: Range<u64>, results: &Path) {
    let result = |n| format!("{{\"index\":{n},\"verdict\":\"ok\",\"value\":{n}}}\n");
    let size: usize = (0..lines.end).map(|n| result(n).len()).sum();
    let lines: String = lines.map(|n| format!("{n}\n")).collect();
    stdin.write_all(lines.as_bytes()).expect("it reads");
    eventually_within(Duration::from_secs(100), "all have their results", || {
        let written = fs::metadata(results).expect("it is there").len();
        written == size as u64
    });
}

#[test]
fn a_million_lines_take_no_more_memory_than_few_and_the_bar_next_to_no_time() {
    let _test = test_alone();
    let folder = Folder::new();
    folder.file("same.wat", SAME);
    let terminal = Terminal::open();
    // In order, results wait for one that is late: a bounded number, and not always
    // the same.
    let words = ["map", "same.wat", "same", "-j2", "--unordered"];
    let words = words.iter().chain(&["--joblog", "log", "-o", "out"]);
    let host = folder.sandpool(words).stderr_on(&terminal);
    let mut host = host.deadline(Duration::from_secs(120)).start();
    let mut stdin = host.stdin.take().expect("piped");
    let results = folder.path().join("out");
    feed(&mut stdin, 0..LINES / 10, &results);
    let few = peak_memory(host.pid());
    feed(&mut stdin, LINES / 10..LINES, &results);
    let many = peak_memory(host.pid());
    let threads = cpu_time_of_threads(host.pid());
    let bar: Duration = threads
        .iter()
        .filter(|(name, _)| name == "progress")
        .map(|(_, time)| *time)
        .sum();
    let workers = children(host.pid());
    let workers = workers.into_iter().flat_map(cpu_time_of_threads);
    let all: Duration = threads
        .iter()
        .cloned()
        .chain(workers)
        .map(|(_, time)| time)
        .sum();
    drop(stdin);
    assert_eq!(host.finish().code(), 0);
    let share = 100.0 * bar.as_secs_f64() / all.as_secs_f64();
    println!("{LINES} lines: peak {few} bytes for a tenth, {many} for all");
    println!("the bar: {bar:?} of {all:?} CPU time, {share:.2} %");
    assert!(
        many < few + (6 << 20),
        "{few} bytes at first, {many} in the end"
    );
    assert!(bar > Duration::ZERO && share < 2.0, "{share} % for the bar");
    assert!(terminal.seen().contains(" done, "), "there was a bar");
}
