//! `sandpool map` as a stream: results come as they are ready, and neither a
//! slow reader nor a long input costs memory.

use std::io::{BufRead, BufReader, Write};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::map::{fib, results};
use super::{Finished, Folder, assert_gone, sandpool};
use crate::support::process::peak_memory;
use crate::support::{eventually, test, wat};

#[test]
fn unordered_results_are_complete_and_come_as_they_are_completed() {
    let _test = test();
    let mut host = sandpool([
        "map",
        "sleeper.wasm",
        "sleep-then",
        "-j",
        "2",
        "--unordered",
    ])
    .start();
    host.write(b"[2000,0]\n");
    for n in 1..=50 {
        host.write(format!("[0,{n}]\n").as_bytes());
    }
    host.wait_for_lines(50);
    assert!(!host.stdout().contains("\"value\":0}"), "the first is last");
    drop(host.stdin.take());
    let ended = host.finish();
    assert_eq!((ended.code(), ended.stderr.as_str()), (0, ""));
    let results = results(&ended);
    assert!(
        results
            .iter()
            .all(|result| result["index"] == result["value"])
    );
    let mut indices: Vec<_> = results.iter().filter_map(|r| r["index"].as_u64()).collect();
    indices.sort_unstable();
    assert_eq!(indices, (0..=50).collect::<Vec<_>>());
}

#[test]
fn every_result_appears_while_stdin_stays_open() {
    let _test = test();
    let mut host = sandpool(["map", "math.wasm", "fib", "--to", "values"]).start();
    let mut expected = String::new();
    for n in [10, 20, 3, 4] {
        host.write(format!("{n}\n").as_bytes());
        expected.push_str(&format!("{}\n", fib(n)));
        eventually("its result appears", || host.stdout() == expected);
    }
    drop(host.stdin.take());
    host.finish().assert_prints(&expected);
}

#[test]
fn a_result_does_not_wait_for_those_behind_it() {
    let _test = test();
    let words = [
        "map",
        "sleeper.wasm",
        "sleep-then",
        "-j",
        "2",
        "--timeout",
        "none",
    ];
    let mut host = sandpool(words).start();
    host.write(b"[0,1]\n[600000,2]\n[0,3]\n");
    host.wait_for_lines(1);
    assert_eq!(
        host.stdout(),
        "{\"index\":0,\"verdict\":\"ok\",\"value\":1}\n"
    );
}

#[test]
fn no_line_waits_for_one_behind_it() {
    let _test = test();
    let folder = Folder::new();
    folder.file("mark.wat", super::interrupt::MARK);
    let words = [
        "map",
        "mark.wat",
        "-j",
        "2",
        "--timeout",
        "none",
        "--dir",
        ".:rw",
        "--",
        "{}",
    ];
    let mut host = folder.sandpool(words).start();
    // Two endless ones for two workers: all before the second one must run,
    // also while the second worker is still starting.
    host.write(b"!1\nb\nc\nd\n!5\n");
    // One that was passed over would wait for ever.
    for name in ["!1", "b", "c", "d", "!5"] {
        eventually("it has begun", || folder.path().join(name).exists());
    }
}

/// Starts a map whose input never ends, and closes its stdout after a line.
fn read_one_line_of_an_endless_map(words: &[&str], line: &[u8]) -> Closed {
    let mut host = sandpool(words).start_with_raw_stdout();
    let mut stdin = host.started.stdin.take().expect("piped");
    let line = line.to_owned();
    let feeder = thread::spawn(move || {
        let many = line.repeat(1000);
        while stdin.write_all(&many).is_ok() {}
    });
    let mut first = String::new();
    let mut stdout = BufReader::new(host.stdout.take().expect("piped"));
    stdout.read_line(&mut first).expect("a line");
    drop(stdout);
    let since = Instant::now();
    let ended = host.started.finish();
    feeder.join().expect("it ends when nobody reads");
    Closed {
        first,
        ended,
        took: since.elapsed(),
    }
}

struct Closed {
    first: String,
    ended: Finished,
    took: Duration,
}

#[test]
fn a_closed_stdout_ends_the_map_quietly() {
    let _test = test();
    for more in [None, Some("--unordered")] {
        let words = ["map", "math.wasm", "fib", "-j", "2", "--to", "values"];
        let words: Vec<_> = words.into_iter().chain(more).collect();
        let closed = read_one_line_of_an_endless_map(&words, b"7\n");
        assert_eq!(closed.first, "13\n");
        assert_eq!(closed.ended.stderr, "");
        assert_eq!(closed.ended.code(), 0);
        assert!(closed.took < Duration::from_secs(3), "{:?}", closed.took);
    }
}

#[test]
fn memory_does_not_grow_with_the_number_of_lines() {
    let _test = test();
    for more in [None, Some("--unordered")] {
        let folder = Folder::new();
        folder.file("add.wat", wat::ADD);
        let words = ["map", "add.wat", "add", "-j", "2"];
        let mut host = folder.sandpool(words.into_iter().chain(more)).start();
        let mut stdin = host.stdin.take().expect("piped");
        let chunk = "[123456,654321]\n".repeat(20_000);
        // Whoever feeds it must not stop it when the pipe is full.
        let mut feed = |times: usize| {
            for _ in 0..times {
                stdin.write_all(chunk.as_bytes()).expect("it reads");
            }
        };
        feed(1);
        host.wait_for_lines(20_000);
        let early = peak_memory(host.pid());
        feed(4);
        host.wait_for_lines(100_000);
        let late = peak_memory(host.pid());
        drop(stdin);
        let ended = host.finish();
        assert_eq!((ended.code(), ended.lines().len()), (0, 100_000));
        assert!(late < early + (4 << 20), "from {early} to {late} bytes");
    }
}

#[test]
fn a_slow_reader_holds_the_map_back() {
    let _test = test();
    let mut host = sandpool(["map", "math.wasm", "fib", "-j", "2"]).start_with_raw_stdout();
    let mut stdin = host.started.stdin.take().expect("piped");
    let (taken, progress) = std::sync::mpsc::channel();
    let feeder = thread::spawn(move || {
        let line = "1\n".repeat(1000);
        for _ in 0..1000 {
            if stdin.write_all(line.as_bytes()).is_err() || taken.send(()).is_err() {
                return;
            }
        }
    });
    // Nobody reads its stdout: it stops to take lines long before it has them
    // all.
    let mut thousands = 0;
    while progress.recv_timeout(Duration::from_secs(1)).is_ok() {
        thousands += 1;
    }
    assert!(thousands < 500, "it took {thousands} thousand lines");
    let workers = crate::support::process::children(host.started.pid());
    host.started.signal(Signal::TERM);
    // Whoever reads what had finished ends the wait.
    let mut stdout = host.stdout.take().expect("piped");
    let reader = thread::spawn(move || std::io::copy(&mut stdout, &mut std::io::sink()));
    assert_eq!(host.started.finish().code(), 130);
    assert_gone(&workers);
    reader.join().expect("no panic").expect("read");
    feeder.join().expect("no panic");
}
