//! A command module as if it were a program: `sandpool run`.

use std::fs::{self, File};
use std::io::{Read, Seek};
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::{Folder, assert_gone, sandpool};
use crate::support::{eventually, guest, test, wat};

/// Copies stdin to stdout, byte for byte, however little is taken at a time.
pub const CAT: &str = r#"
(module
  (import "wasi_snapshot_preview1" "fd_read"
    (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2)
  ;; 0: one iovec, its start and length; 8: a count; 65536: a buffer
  (func (export "_start")
    (block $end
      (loop $more
        (i32.store (i32.const 0) (i32.const 65536))
        (i32.store (i32.const 4) (i32.const 65536))
        (br_if $end (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
        (br_if $end (i32.eqz (i32.load (i32.const 8))))
        (i32.store (i32.const 4) (i32.load (i32.const 8)))
        (loop $rest
          (if (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))
            (then unreachable))
          (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.load (i32.const 8))))
          (i32.store (i32.const 4) (i32.sub (i32.load (i32.const 4)) (i32.load (i32.const 8))))
          (br_if $rest (i32.load (i32.const 4))))
        (br $more)))))
"#;

/// Writes a line, and then loops without end.
const LINE_THEN_LOOP: &str = r#"
(module
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "ready\n")
  (func (export "_start")
    (i32.store (i32.const 0) (i32.const 16))
    (i32.store (i32.const 4) (i32.const 6))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
    (loop $l (br $l))))
"#;

/// Writes `y` without end and cares for no error: `yes` at its worst.
const YES: &str = r#"
(module
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "y\n")
  (func (export "_start")
    (i32.store (i32.const 0) (i32.const 16))
    (i32.store (i32.const 4) (i32.const 2))
    (loop $l
      (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
      (br $l))))
"#;

const TRAP: &str = r#"(module (func (export "_start") unreachable))"#;

const GREEDY: &str = r#"
(module
  (memory (export "memory") 1)
  (func (export "_start")
    (if (i32.eq (memory.grow (i32.const 5000)) (i32.const -1)) (then unreachable))))
"#;

/// A command that leaves with the code.
fn leaves_with(code: i32) -> String {
    format!(
        r#"(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (func (export "_start") (call $exit (i32.const {code}))))"#
    )
}

/// Bytes of every value in an order that no line discipline survives.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..length).map(|_| next()).collect()
}

#[test]
fn wc_counts_lines_as_a_program_does() {
    let _test = test();
    let folder = Folder::new();
    folder.file("text", "one\ntwo\nthree\n");
    sandpool(["run", "wc.wasm", "-l"])
        .stdin(folder.open("text"))
        .run()
        .assert_prints("3\n");
    sandpool(["run", "wc.wasm", "-l"])
        .input("one\ntwo\n")
        .run()
        .assert_prints("2\n");
}

#[test]
fn every_word_after_the_module_is_the_guests() {
    let _test = test();
    let folder = Folder::new();
    folder.file("words.wat", wat::COMMAND);
    let words = ["--timeout", "--help", "-q", "--", "a b", "", "ünïcödé"];
    let ended = folder
        .sandpool(["run", "words.wat"].into_iter().chain(words))
        .run();
    let (name, rest) = ended.text().split_once('\n').expect("a line for each word");
    assert!(name.starts_with("words"), "{name}");
    assert_eq!(rest, "--timeout\n--help\n-q\n--\na b\n\nünïcödé\n");
    assert_eq!((ended.code(), ended.stderr.as_str()), (8, ""));
}

#[test]
fn stdout_and_stderr_are_kept_apart() {
    let _test = test();
    let folder = Folder::new();
    folder.file("words.wat", wat::COMMAND);
    let ended = folder.sandpool(["run", "words.wat", "!err", "out"]).run();
    assert_eq!((ended.code(), ended.stderr.as_str()), (3, "!err\n"));
    assert!(ended.text().ends_with("\nout\n"), "{}", ended.text());
}

#[test]
fn bytes_pass_through_unchanged_both_ways() {
    let _test = test();
    let folder = Folder::new();
    folder.file("cat.wat", CAT);
    for length in [0, 1, 65_536, 3_000_001] {
        let bytes = noise(length);
        let ended = folder
            .sandpool(["run", "cat.wat"])
            .input(bytes.clone())
            .run();
        assert_eq!((ended.code(), ended.stderr.as_str()), (0, ""));
        assert!(ended.stdout == bytes, "{length} bytes have changed");
    }
    // No line end is added, and no control code is taken away.
    let bytes = b"\x1b[31mred\r\n\0 no end of line";
    let ended = folder.sandpool(["run", "cat.wat"]).input(&bytes[..]).run();
    assert_eq!(ended.stdout, bytes);
}

#[test]
fn the_exit_code_of_a_command_is_handed_on() {
    let _test = test();
    let folder = Folder::new();
    let mut got = Vec::new();
    for code in [0, 1, 42, 125, 126, 200, 255] {
        folder.file("exit.wat", leaves_with(code));
        let ended = folder.sandpool(["run", "exit.wat"]).run();
        got.push((code, ended.code(), ended.stderr));
    }
    let wanted = [0, 1, 42, 125, 126, 200, 255].map(|code| (code, code, String::new()));
    assert_eq!(got, wanted);
}

#[test]
fn a_guest_that_failed_never_passes_for_one_that_did_not() {
    let _test = test();
    let folder = Folder::new();
    for code in [256, 512, -256, 0x1_0000] {
        folder.file("exit.wat", leaves_with(code));
        let ended = folder.sandpool(["run", "exit.wat"]).run();
        assert_ne!(ended.code(), 0, "exit code {code}");
    }
}

#[test]
fn a_guest_that_runs_too_long_leaves_124() {
    let _test = test();
    let folder = Folder::new();
    folder.file("loop.wat", wat::ENDLESS_COMMAND);
    let ended = folder
        .sandpool(["run", "--timeout", "200ms", "loop.wat"])
        .run();
    ended.assert_refuses(
        124,
        "error: timeout: ran past 200ms (set by the flag); raise it with `--timeout`\n",
    );
    assert!(ended.took >= Duration::from_millis(200));
    assert!(ended.took < Duration::from_secs(5), "{:?}", ended.took);
}

#[test]
fn a_bad_command_line_leaves_125() {
    let _test = test();
    for words in [
        &["run"][..],
        &["run", "--bogus", "wc.wasm"],
        &["run", "-l", "wc.wasm"],
        &["run", "--timeout", "soon", "wc.wasm"],
        &["run", "--dir", "no/such/folder", "wc.wasm"],
    ] {
        let ended = sandpool(words).run();
        assert_eq!(ended.code(), 125, "{words:?}: {}", ended.stderr);
        assert_eq!(ended.text(), "", "{words:?}");
    }
}

#[test]
fn a_module_that_is_no_command_leaves_126_and_names_the_right_one() {
    let _test = test();
    sandpool(["run", "math.wasm", "30"]).run().assert_refuses(
        126,
        "error: `math.wasm` is not a command: it exports neither `wasi:cli/run` nor `_start`\n\n\
         hint: it has functions: `sandpool apply math.wasm fib 7`\n",
    );
}

#[test]
fn a_missing_module_leaves_127() {
    let _test = test();
    sandpool(["run", "nowhere.wasm"]).run().assert_refuses(
        127,
        "error: cannot load `nowhere.wasm`: the file does not exist\n",
    );
}

#[test]
fn a_trap_leaves_134() {
    let _test = test();
    let folder = Folder::new();
    folder.file("trap.wat", TRAP);
    let ended = folder.sandpool(["run", "trap.wat"]).run();
    assert_eq!((ended.code(), ended.text()), (134, ""));
    assert!(
        ended
            .stderr
            .starts_with("error: trap: wasm `unreachable` instruction executed"),
        "{}",
        ended.stderr
    );
    assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
}

#[test]
fn another_limit_leaves_137() {
    let _test = test();
    let folder = Folder::new();
    folder.file("greedy.wat", GREEDY);
    let greedy = folder.sandpool(["run", "greedy.wat"]).run();
    assert_eq!(greedy.code(), 137);
    assert!(
        greedy.stderr.starts_with(
            "error: memory_limit: asked for more memory than 128MiB (default); \
             raise it with `--memory`; then it trapped: wasm `unreachable`"
        ),
        "{}",
        greedy.stderr
    );
    assert!(
        greedy.stderr.contains("\n  refused: memory "),
        "{}",
        greedy.stderr
    );
    folder
        .sandpool(["run", "--memory", "none", "greedy.wat"])
        .run()
        .assert_prints("");
    folder.file("loop.wat", wat::ENDLESS_COMMAND);
    let cpu = folder
        .sandpool(["run", "--cpu-time", "100ms", "loop.wat"])
        .run();
    assert_eq!(cpu.code(), 137, "{}", cpu.stderr);
    assert!(
        cpu.stderr.starts_with("error: cpu_limit: "),
        "{}",
        cpu.stderr
    );
    folder.file("yes.wat", YES);
    let flood = folder
        .sandpool(["run", "--stdout-limit", "1000", "yes.wat"])
        .run();
    assert_eq!(flood.code(), 137, "{}", flood.stderr);
    assert!(flood.stdout.len() <= 1000, "{} bytes", flood.stdout.len());
    assert!(
        flood.stderr.starts_with("error: output_limit: "),
        "{}",
        flood.stderr
    );
}

#[test]
fn a_guest_whose_process_is_killed_leaves_137() {
    let _test = test();
    let folder = Folder::new();
    folder.file("loop.wat", LINE_THEN_LOOP);
    let host = folder.sandpool(["run", "loop.wat"]).start();
    host.wait_for_lines(1);
    for worker in host.wait_for_children(1) {
        crate::support::process::kill(worker);
    }
    let ended = host.finish();
    assert_eq!((ended.code(), ended.text()), (137, "ready\n"));
    assert!(
        ended.stderr.starts_with("error: worker_lost: "),
        "{}",
        ended.stderr
    );
}

#[test]
fn the_outcome_says_exactly_what_happened() {
    let _test = test();
    let folder = Folder::new();
    folder.file("exit.wat", leaves_with(42));
    folder.file("greedy.wat", GREEDY);
    let outcome = |module: &str, code: i32| -> Value {
        let words = ["run", "--outcome", "why.json", module];
        assert_eq!(folder.sandpool(words).run().code(), code);
        let mut text = String::new();
        let read = folder.open("why.json").read_to_string(&mut text);
        read.expect("it is text");
        serde_json::from_str(&text).expect("it is JSON")
    };
    let exit = outcome("exit.wat", 42);
    assert_eq!(
        (&exit["verdict"], &exit["exit_code"]),
        (&"exit".into(), &42.into())
    );
    assert!(exit["run_time_ms"].is_number() && exit["cpu_time_ms"].is_number());
    let greedy = outcome("greedy.wat", 137);
    assert_eq!(greedy["verdict"], "memory_limit");
    assert_eq!(greedy["limit"]["flag"], "--memory");
    assert_eq!(greedy["refusals"][0]["what"], "memory");
}

#[test]
fn an_outcome_that_could_not_be_written_is_said_before_the_guest_runs() {
    let _test = test();
    let words = ["run", "--outcome", "no/such/folder/o.json", "wc.wasm"];
    sandpool(words).input("x\n").run().assert_refuses(
        125,
        "error: the outcome cannot be written to `no/such/folder/o.json`\n  \
         because No such file or directory (os error 2)\n",
    );
}

#[test]
fn output_is_there_before_the_guest_ends() {
    let _test = test();
    let folder = Folder::new();
    folder.file("loop.wat", LINE_THEN_LOOP);
    let host = folder.sandpool(["run", "loop.wat"]).start();
    eventually("its line is there", || host.stdout() == "ready\n");
    let workers = host.wait_for_children(1);
    assert!(
        workers
            .iter()
            .all(|pid| crate::support::process::is_alive(*pid))
    );
    drop(host);
    eventually("its worker is gone", || {
        !workers
            .iter()
            .any(|pid| crate::support::process::is_alive(*pid))
    });
}

#[test]
fn a_guest_answers_a_line_before_it_gets_the_next() {
    let _test = test();
    let folder = Folder::new();
    folder.file("cat.wat", CAT);
    let mut host = folder.sandpool(["run", "cat.wat"]).start();
    let mut expected = String::new();
    for line in ["one\n", "two\n", "three\n"] {
        host.write(line.as_bytes());
        expected.push_str(line);
        eventually("it is echoed", || host.stdout() == expected);
    }
    drop(host.stdin.take());
    host.finish().assert_prints(&expected);
}

#[test]
fn stdin_that_the_guest_does_not_read_is_left_to_others() {
    let _test = test();
    let folder = Folder::new();
    folder.file("quiet.wat", wat::QUIET_COMMAND);
    folder.file("input", "for the next program\n".repeat(10_000));
    let mut input = folder.open("input");
    // The same open file, and so the same offset, for it and for us.
    let shared = |file: &File| file.try_clone().expect("a second descriptor");
    folder
        .sandpool(["run", "quiet.wat"])
        .stdin(shared(&input))
        .run()
        .assert_prints("");
    assert_eq!(input.stream_position().expect("a file"), 0);
    // The check is one: a guest that reads moves the offset.
    folder.file("cat.wat", CAT);
    let ended = folder
        .sandpool(["run", "cat.wat"])
        .stdin(shared(&input))
        .run();
    assert_eq!(ended.stdout.len(), 210_000);
    assert_eq!(input.stream_position().expect("a file"), 210_000);
}

#[test]
fn a_closed_stdout_ends_a_guest_that_writes_without_end() {
    let _test = test();
    let folder = Folder::new();
    folder.file("yes.wat", YES);
    let mut host = folder.sandpool(["run", "yes.wat"]).start_with_raw_stdout();
    let mut stdout = host.stdout.take().expect("piped");
    let mut some = [0; 4];
    stdout.read_exact(&mut some).expect("it writes");
    assert_eq!(&some, b"y\ny\n");
    let workers = host.started.wait_for_children(1);
    drop(stdout);
    let ended = host.started.finish();
    assert_gone(&workers);
    assert_eq!(ended.stderr, "", "it ends quietly");
    assert!(ended.took < Duration::from_secs(10), "{:?}", ended.took);
}

#[test]
fn a_guest_sees_the_folder_that_it_was_granted_and_cannot_write_to_it() {
    let _test = test();
    let folder = Folder::new();
    folder.file("text", "a\nb\n");
    let wc = guest("wc");
    let run = |grant: &[&str], file: &str| {
        let words = ["run"].iter().chain(grant).map(Path::new);
        let words = words.chain([wc.as_path(), Path::new("-l"), Path::new(file)]);
        folder.sandpool(words).run()
    };
    let denied = run(&[], "text");
    assert_eq!(denied.code(), 1, "{}", denied.stderr);
    let told = "sandpool: the task was refused file /text\n\n\
                hint: `--dir HOST::GUEST` lets the task read the directory HOST, as GUEST\n";
    assert!(denied.stderr.ends_with(told), "{}", denied.stderr);
    run(&["--dir", "."], "text").assert_prints("2 text\n");
    run(&["--dir", ".::/data"], "/data/text").assert_prints("2 /data/text\n");
    assert_eq!(run(&["--dir", "."], "/etc/hostname").code(), 1);
    let refused = run(&["--dir", "."], "../text");
    assert_eq!(refused.code(), 1);
    assert!(
        refused.stderr.contains("was refused file"),
        "{}",
        refused.stderr
    );
    let grants: [&[&str]; 4] = [
        &["--dir", ".::/a", "--dir", ".::a/"],
        &["--dir", "../"],
        &["--dir", "text"],
        &["--env", "A=1", "--dir", "no/such"],
    ];
    for grant in grants {
        let refused = run(grant, "text");
        assert_eq!(refused.code(), 125, "{grant:?}: {}", refused.stderr);
        assert_eq!(refused.stderr.lines().count(), 1, "{}", refused.stderr);
    }
}

#[test]
fn an_outcome_names_what_was_not_granted() {
    let _test = test();
    let folder = Folder::new();
    folder.file("one", "a\n");
    let wc = guest("wc");
    let wc = wc.to_str().expect("its path is text");
    let outcome = |words: &[&str], code: i32| -> Value {
        let run = ["run", "--outcome", "why.json", "--dir", ".::/data", wc];
        let ended = folder.sandpool([&run, words].concat()).run();
        assert_eq!(ended.code(), code, "{}", ended.stderr);
        let mut text = String::new();
        let read = folder.open("why.json").read_to_string(&mut text);
        read.expect("it is text");
        serde_json::from_str(&text).expect("it is JSON")
    };
    let denied = outcome(&["/data/one", "/home/two"], 1);
    assert_eq!(denied["verdict"], "exit");
    assert_eq!(denied["refusals"][0]["what"], "file");
    assert_eq!(denied["refusals"][0]["detail"], "/home/two");
    let ok = outcome(&["/data/one"], 0);
    assert!(ok["refusals"].as_array().is_none_or(Vec::is_empty), "{ok}");
}

#[test]
fn a_grant_says_ro_or_rw_and_a_path_of_the_guests_has_no_colon() {
    let _test = test();
    let folder = Folder::new();
    folder.file("text", "a\nb\n");
    fs::create_dir(folder.path().join("a:b")).expect("made");
    folder.file("a:b/text", "a\n");
    let wc = guest("wc");
    let wc = wc.to_str().expect("its path is text");
    let run = |grant: &str, file: &str| {
        folder
            .sandpool(["run", "--dir", grant, wc, "-l", file])
            .run()
    };
    run(".::/data:ro", "/data/text").assert_prints("2 /data/text\n");
    run(".:ro", "text").assert_prints("2 text\n");
    run("a:b::/data:ro", "/data/text").assert_prints("1 /data/text\n");
    run("a:b", "a:b/text").assert_prints("1 a:b/text\n");
    for (grant, told) in [
        (".::/data:rx", "`/data:rx` has a colon"),
        (".::/data:rw:ro", "twice"),
        (".:/data", "as in `.::/data`"),
        ("::", "a directory is `HOST`"),
        (":ro", "a directory is `HOST`"),
    ] {
        let refused = run(grant, "/data/text");
        assert_eq!(refused.code(), 125, "{grant}: {}", refused.stderr);
        assert!(refused.stderr.contains(told), "{grant}: {}", refused.stderr);
    }
}
