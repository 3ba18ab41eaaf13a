//! The progress display of a map: on a terminal, and where there is none.

use std::time::Duration;

use super::{Folder, assert_harmless, sandpool};
use crate::support::terminal::Terminal;
use crate::support::{eventually, test};

const SLEEP: [&str; 5] = ["map", "sleeper.wasm", "sleep-then", "-j", "2"];

#[test]
fn a_bar_on_a_terminal_says_where_it_is_and_makes_way_for_the_summary() {
    let _test = test();
    let terminal = Terminal::open();
    let folder = Folder::new();
    let lines: String = (0..8).map(|n| format!("[400,{n}]\n")).collect();
    let input = folder.file("input", lines + "\"x\"\n[3000,9]\n");
    let words = SLEEP.map(str::to_owned).into_iter();
    let words = words.chain(["--input".into(), input.display().to_string()]);
    let host = sandpool(words).stderr_on(&terminal).start();
    eventually("the bar knows how many there are", || {
        terminal.screen().last().is_some_and(|line| {
            line.starts_with("[=") && line.contains("> ") && line.contains(" of 10 done")
        })
    });
    eventually("it names what failed, runs, and takes long", || {
        terminal.screen().last().is_some_and(|line| {
            line.contains("9 of 10 done, 1 failed, 1 running, ")
                && line.contains("/s, ETA ")
                && line.contains(", slowest [9] ")
                && line.contains("s [3000,9]")
        })
    });
    let seen = terminal.seen();
    assert!(seen.contains("\u{1b}[31m1 failed\u{1b}[0m"), "{seen:?}");
    let ended = host.finish();
    assert_eq!(ended.code(), 1);
    let screen = terminal.screen();
    assert_eq!(screen.len(), 3, "{screen:#?}");
    assert!(screen[0].starts_with("sandpool: 10 tasks, 9 ok, 1 invalid_arguments, in "));
    assert!(
        screen[1].starts_with("sandpool: run time p50 4"),
        "{screen:#?}"
    );
    assert!(
        screen[2].starts_with("sandpool: slowest: 3.0"),
        "{screen:#?}"
    );
    assert!(screen[2].contains("s [9] [3000,9], "), "{screen:#?}");
}

#[test]
fn a_bar_leaves_results_and_notes_on_the_same_terminal_whole() {
    let _test = test();
    let terminal = Terminal::open();
    let words = SLEEP.into_iter().chain(["--slow-after", "500ms"]);
    let mut host = sandpool(words).output_on(&terminal).start();
    for n in 0..10 {
        host.write(format!("[150,{n}]\n").as_bytes());
    }
    host.write(b"[700,10]\n");
    drop(host.stdin.take());
    assert_eq!(host.finish().code(), 0);
    let screen = terminal.screen();
    let results: Vec<_> = screen.iter().filter(|line| line.starts_with('{')).collect();
    let expected: Vec<_> = (0..=10)
        .map(|n| format!(r#"{{"index":{n},"verdict":"ok","value":{n}}}"#))
        .collect();
    assert_eq!(results, expected.iter().collect::<Vec<_>>());
    let notes: Vec<_> = screen.iter().filter(|line| line.contains("SLOW")).collect();
    // On a busy machine others may be slow as well.
    let last = "sandpool: SLOW [10] [700,10] has run for ";
    assert!(notes.iter().any(|note| note.starts_with(last)), "{notes:?}");
    assert!(terminal.seen().contains(" running, "), "there was a bar");
    assert_eq!(screen.len(), 11 + notes.len() + 3, "{screen:#?}");
}

#[test]
fn a_bar_is_one_row_of_a_narrow_terminal() {
    let _test = test();
    for rows in [1, 5] {
        let terminal = Terminal::of((rows, 20));
        let folder = Folder::new();
        let lines: String = (0..6).map(|n| format!("[300,{n}]\n")).collect();
        let input = folder.file("input", lines);
        let words = SLEEP.map(str::to_owned).into_iter();
        let words = words.chain(["--input".into(), input.display().to_string()]);
        let host = sandpool(words).stderr_on(&terminal).start();
        eventually("it says where it is", || {
            terminal.seen().contains(" of 6 done, ")
        });
        assert_eq!(host.finish().code(), 0);
        let seen = terminal.seen();
        let drawn = seen
            .split("sandpool: 6 tasks")
            .next()
            .expect("there is one");
        let rows: Vec<_> = drawn.split("\r\u{1b}[2K").collect();
        assert!(rows.len() > 1, "{seen:?}");
        for row in rows {
            // More would begin a second row, which nothing takes away again.
            let is_one = !row.contains(|c: char| c.is_control()) && row.chars().count() <= 20;
            assert!(is_one, "{row:?} in {seen:?}");
        }
    }
}

#[test]
fn a_bar_follows_the_size_of_its_terminal() {
    let _test = test();
    let terminal = Terminal::open();
    let mut host = sandpool(SLEEP).stderr_on(&terminal).start();
    host.write(b"[100,0]\n[600000,1]\n");
    for (columns, bar) in [(120, "⠁ "), (20, ""), (100, "⠁ ")] {
        if columns != 120 {
            terminal.resize((40, columns));
        }
        eventually("it is drawn in one row, as there is room for it", || {
            let screen = terminal.screen();
            assert!(screen.len() <= 1, "{screen:#?}");
            let row = screen.first().map_or("", String::as_str);
            let words = row.trim_start_matches(|c: char| !c.is_ascii());
            words.trim_start().starts_with("1 done, 1 running")
                && words.starts_with(' ') != bar.is_empty()
                && row.chars().count() <= columns.into()
        });
    }
    host.signal(rustix::process::Signal::KILL);
}

#[test]
fn without_colours_and_without_a_clever_terminal_there_is_less() {
    let _test = test();
    let terminal = Terminal::open();
    let host = sandpool(SLEEP).stderr_on(&terminal).env("NO_COLOR", "1");
    let mut host = host.start();
    host.write(b"[0,0]\n\"x\"\n[1500,2]\n");
    eventually("the bar tells of the failure", || {
        terminal.seen().contains(", 1 failed, ")
    });
    drop(host.stdin.take());
    host.finish();
    assert!(!terminal.seen().contains("[31m"), "{:?}", terminal.seen());
    let terminal = Terminal::open();
    let host = sandpool(SLEEP).stderr_on(&terminal).env("TERM", "dumb");
    assert_eq!(host.input("[300,0]\n").run().code(), 0);
    assert_harmless(&terminal.seen().replace('\r', ""));
    assert!(!terminal.seen().contains("running"));
}

#[test]
fn quiet_draws_nothing() {
    let _test = test();
    for flags in [&["--quiet"][..], &["--progress", "none"]] {
        let terminal = Terminal::open();
        let words = SLEEP.into_iter().chain(flags.iter().copied());
        let host = sandpool(words).stderr_on(&terminal);
        assert_eq!(host.input("[500,0]\n").run().code(), 0);
        let seen = terminal.seen();
        assert!(!seen.contains("running"), "{seen:?}");
        assert_eq!(seen.is_empty(), flags == ["--quiet"], "{seen:?}");
    }
}

#[test]
fn without_a_terminal_there_are_plain_lines_and_no_control_codes() {
    let _test = test();
    let ended = sandpool(SLEEP).input("[5600,0]\n[10,1]\n").run();
    assert!(ended.took > Duration::from_secs(5));
    let lines: Vec<_> = ended.stderr.lines().collect();
    assert_eq!(lines.len(), 1, "{lines:?}");
    let rest = lines[0].strip_prefix("sandpool: 0 of 2 done, 1 running, 0.0/s");
    assert!(
        rest.is_some_and(|rest| rest.starts_with(", slowest [0] ")),
        "{lines:?}"
    );
    assert_harmless(&ended.stderr);
    assert_harmless(&ended.summary);
    assert!(!ended.summary.contains('\r') && !ended.summary.contains('\u{1b}'));
}

#[test]
fn a_slow_task_is_told_of_each_time_and_an_ordinary_one_never() {
    let _test = test();
    let words = SLEEP.into_iter().chain(["--slow-after", "400ms"]);
    let ended = sandpool(words).input("[1000,0]\n[1,1]\n").run();
    let lines: Vec<_> = ended.stderr.lines().collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    for line in lines {
        assert!(
            line.starts_with("sandpool: SLOW [0] [1000,0] has run for "),
            "{line}"
        );
    }
}

#[test]
fn what_a_guest_reports_stands_with_its_task() {
    let _test = test();
    let folder = Folder::new();
    folder.file("steps.wat", REPORTS_AND_SPINS);
    let terminal = Terminal::open();
    let words = ["map", "steps.wat", "-j", "1", "--timeout", "none"];
    let host = folder.sandpool(words).stderr_on(&terminal);
    let mut host = host.start();
    host.write(b"7\n");
    eventually("the bar has it", || {
        terminal.seen().contains("7: 7 of 9, sieving")
    });
    host.signal(rustix::process::Signal::KILL);
}

/// A component that reports its argument as so many steps of nine, and never
/// ends.
const REPORTS_AND_SPINS: &str = r#"
(component
  (import "sandpool:task/progress@0.1.0" (instance $progress
    (export "report" (func
      (param "done" u64) (param "total" (option u64)) (param "message" (option string))))))
  (core module $libc
    (memory (export "memory") 1)
    (data (i32.const 16) "sieving"))
  (core instance $libc (instantiate $libc))
  (core func $report (canon lower (func $progress "report") (memory (core memory $libc "memory"))))
  (core module $code
    (import "host" "report" (func $report (param i64 i32 i64 i32 i32 i32)))
    (func (export "spin") (param i64)
      (call $report (local.get 0) (i32.const 1) (i64.const 9)
        (i32.const 1) (i32.const 16) (i32.const 7))
      (loop $l (br $l))))
  (core instance $code (instantiate $code
    (with "host" (instance (export "report" (func $report))))))
  (func (export "spin") (param "n" u64) (canon lift (core func $code "spin"))))
"#;

#[test]
fn how_many_there_are_is_counted_where_the_inputs_are_a_file() {
    let _test = test();
    let folder = Folder::new();
    // The first lines are as short as none of the others, so a guess would be far off.
    let lines: String = (0..20_000).map(|n| format!("[9,{n:0100}]\n\n")).collect();
    let short = "[6000,1]\n".repeat(40);
    let input = folder.file("input", format!("{short}{lines}"));
    let run = |stdin: bool| {
        let terminal = Terminal::open();
        let words = SLEEP.map(str::to_owned).into_iter();
        let path = input.display().to_string();
        let host = match stdin {
            true => sandpool(words).stdin(folder.open("input")),
            false => sandpool(words.chain(["-i".into(), path])),
        };
        let host = host.stderr_on(&terminal).start();
        eventually("the bar knows exactly how many there are", || {
            let screen = terminal.screen();
            screen
                .last()
                .is_some_and(|line| line.contains("0 of 20,040 done, "))
        });
        host.signal(rustix::process::Signal::KILL);
    };
    run(false);
    run(true);
}

#[test]
fn after_a_resume_done_and_failed_count_the_same_things() {
    let _test = test();
    let folder = Folder::new();
    let module = super::guests().join("sleeper.wasm");
    let module = module.to_str().expect("its path is text");
    let words = ["map", module, "sleep-then", "--joblog", "log"];
    let first = folder.sandpool(words).input("[1,1]\nx\ny\n[1,2]\n").run();
    assert_eq!(first.code(), 1);
    let terminal = Terminal::open();
    let words = words.iter().chain(&["--resume"]);
    let mut host = folder.sandpool(words).stderr_on(&terminal).start();
    host.write(b"[1,1]\nx\ny\n[1,2]\nz\n[1500,3]\n");
    drop(host.stdin.take());
    eventually("the bar counts all that failed", || {
        let screen = terminal.screen();
        let line = screen.last();
        line.is_some_and(|line| line.contains("5 of 6 done, 3 failed, 1 running, "))
    });
    assert_eq!(host.finish().code(), 1);
    assert!(
        terminal
            .seen()
            .contains("sandpool: 4 inputs not run, because the log has them, 2 of them failed"),
        "{}",
        terminal.seen()
    );
}
