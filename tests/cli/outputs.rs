//! The results of `map`, and their places.

use std::fs;

use rustix::process::Signal;
use serde_json::{Value, json};

use super::map::results;
use super::{CommandLine, Finished, Folder, Started, guests, sandpool};
use crate::support::process::program;
use crate::support::{eventually, guest, test, wat};

/// A quiet map of a guest's function, in a folder.
fn within(folder: &Folder, module: &str, words: &[&str]) -> CommandLine {
    let module = guest(module);
    let module = module.to_str().expect("its path is text").to_owned();
    let words = words.iter().map(ToString::to_string);
    folder.sandpool(["map".into(), "-q".into(), module].into_iter().chain(words))
}

fn commands(words: &[&str], input: &str) -> Finished {
    let folder = Folder::new();
    folder.file("words.wat", wat::COMMAND);
    let all = ["map", "words.wat"].iter().chain(words);
    folder.sandpool(all).input(input).run()
}

fn read(folder: &Folder, name: &str) -> String {
    fs::read_to_string(folder.path().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The names of what is in a folder.
fn names(folder: &Folder) -> Vec<String> {
    let entries = fs::read_dir(folder.path()).expect("it is there");
    let name = |entry: std::io::Result<fs::DirEntry>| {
        entry
            .expect("an entry")
            .file_name()
            .to_string_lossy()
            .into_owned()
    };
    let mut names: Vec<_> = entries.map(name).collect();
    names.sort();
    names
}

/// The size of the file that a run writes to until it has a name.
fn unnamed_file(host: &Started) -> Option<u64> {
    let descriptors = fs::read_dir(format!("/proc/{}/fd", host.pid())).ok()?;
    let unnamed = descriptors.flatten().find(|descriptor| {
        let target = fs::read_link(descriptor.path()).unwrap_or_default();
        let target = target.to_string_lossy();
        // A memfd has no folder.
        target.ends_with(" (deleted)") && target.contains("/#")
    })?;
    Some(fs::metadata(unnamed.path()).ok()?.len())
}

#[test]
fn results_are_a_table_if_that_is_asked_for() {
    let _test = test();
    let words = ["map", "-q", "text.wasm", "greet", "--to", "csv", "--tag"];
    let ended = sandpool(words).input("a \"b\", c\n").run();
    ended.assert_prints(
        "index,input,verdict,value,error\r\n\
         0,\"a \"\"b\"\", c\",ok,\"hello, a \"\"b\"\", c\",\r\n",
    );
    // A record's fields are columns.
    let words = ["map", "-q", "text.wasm", "statistics", "--to", "csv"];
    sandpool(words).input("one three\n").run().assert_prints(
        "index,verdict,value.bytes,value.characters,value.words,value.lines,value.longest-word,error\r\n\
         0,ok,9,9,2,1,three,\r\n",
    );
    let ended = sandpool(["map", "-q", "math.wasm", "fib", "--to", "csv"])
        .input("x\n")
        .run();
    assert_eq!(ended.code(), 1);
    assert!(
        ended
            .text()
            .starts_with("index,verdict,value,error\r\n0,invalid_arguments,,")
    );
    let ended = commands(&["-q", "--to", "csv", "--", "-l"], "!x\n");
    assert_eq!(
        ended.text(),
        "index,verdict,exit_code,stdout,stderr,error\r\n0,exit,3,\"words\n-l\n\",\"!x\n\",\r\n"
    );
}

#[test]
fn a_tag_says_what_the_input_was() {
    let _test = test();
    let words = ["map", "-q", "math.wasm", "fib", "--tag"];
    sandpool(words)
        .input("5\n")
        .run()
        .assert_prints("{\"index\":0,\"input\":\"5\",\"verdict\":\"ok\",\"value\":5}\n");
    sandpool(words.into_iter().chain(["--to", "values", ":::", "10"]))
        .run()
        .assert_prints("10\t55\n");
}

#[test]
fn what_tasks_print_comes_in_one_piece_each() {
    let _test = test();
    let ended = commands(&["-q", "--to", "printed", "--", "-l"], "a b\n!c\n");
    assert_eq!(ended.text(), "words\n-l\na b\nwords\n-l\n");
    assert_eq!(ended.stderr, "!c\n");
    let ended = commands(&["-q", "--to", "printed", "--tag", "--", "{}"], "a\nb\n");
    assert_eq!(ended.text(), "a\twords\na\ta\nb\twords\nb\tb\n");
    // A task without output says why.
    let folder = Folder::new();
    folder.file("loop.wat", wat::ENDLESS_COMMAND);
    let words = [
        "map",
        "loop.wat",
        "--to",
        "printed",
        "--timeout",
        "100ms",
        "--",
        "x",
    ];
    let ended = folder.sandpool(words).input("1\n").run();
    assert_eq!((ended.code(), ended.text()), (1, ""));
    assert!(
        ended.stderr.contains("[0] timeout: ran past 100ms"),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_file_of_results_is_whole_or_as_it_was() {
    let _test = test();
    let folder = Folder::new();
    folder.file("out", "old\n");
    let words = ["sleep-then", "-j1", "--to", "values", "--output", "out"];
    let mut host = within(&folder, "sleeper", &words).start();
    host.write(b"[0,1]\n[600000,2]\n");
    eventually("a result is written, and has no name", || {
        unnamed_file(&host).is_some_and(|size| size > 0)
    });
    assert_eq!(read(&folder, "out"), "old\n");
    host.signal(Signal::KILL);
    drop(host);
    assert_eq!(read(&folder, "out"), "old\n");
    assert_eq!(
        names(&folder),
        ["out"],
        "of a run that was killed nothing is left"
    );

    within(&folder, "sleeper", &words)
        .input("[0,1]\n[0,2]\n")
        .run()
        .assert_prints("");
    assert_eq!(read(&folder, "out"), "1\n2\n");
    // A task that failed has its result there too.
    let ended = within(&folder, "sleeper", &words).input("x\n").run();
    assert_eq!((ended.code(), read(&folder, "out")), (1, "\n".into()));
}

#[test]
fn results_of_a_run_that_was_stopped_are_kept_beside_the_file() {
    let _test = test();
    let folder = Folder::new();
    folder.file("out", "old\n");
    let module = guest("sleeper");
    let module = module.to_str().expect("its path is text");
    let words = ["map", module, "sleep-then", "-j1", "-o", "out"];
    let words = words.into_iter().chain(["--slow-after", "200ms"]);
    let mut host = folder.sandpool(words).start();
    host.write(b"[0,1]\n[1000,2]\n");
    eventually("a result is written, and has no name", || {
        unnamed_file(&host).is_some_and(|size| size > 0)
    });
    // One that no worker has begun yet would be cancelled.
    eventually("the second runs", || host.stderr().contains("SLOW [1]"));
    host.ctrl_c();
    let ended = host.finish();
    assert_eq!(ended.code(), 130, "{}", ended.stderr);
    assert_eq!(names(&folder), ["out", "out.partial"]);
    assert_eq!(read(&folder, "out"), "old\n");
    assert_eq!(
        read(&folder, "out.partial"),
        "{\"index\":0,\"verdict\":\"ok\",\"value\":1}\n\
         {\"index\":1,\"verdict\":\"ok\",\"value\":2}\n"
    );
    assert!(
        ended
            .stderr
            .contains("sandpool: the results so far are in `"),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_file_that_cannot_be_made_is_one_error() {
    let _test = test();
    sandpool(["map", "math.wasm", "fib", "-o", "/none/out"])
        .run()
        .assert_refuses(
            4,
            "error: `/none/out` cannot be written\n  \
             because No such file or directory (os error 2)\n",
        );
    // A device is written to, and stays one.
    sandpool(["map", "-q", "math.wasm", "fib", "-o", "/dev/null"])
        .input("1\n")
        .run()
        .assert_prints("");
    let full = sandpool(["map", "-q", "math.wasm", "fib", "-o", "/dev/full"])
        .input("1\n")
        .run();
    assert_eq!(full.code(), 4);
    assert!(
        full.stderr
            .starts_with("error: `/dev/full` cannot be written\n"),
        "{}",
        full.stderr
    );
}

#[test]
fn a_stdout_that_is_closed_loses_no_result_in_silence() {
    let _test = test();
    let run = |words: &str, input: &str, stdout: &str| {
        let sandpool = env!("CARGO_BIN_EXE_sandpool");
        let line = format!("printf '{input}' | timeout 30 {sandpool} {words} {stdout}");
        let ended = program("sh")
            .args(["-c", &line])
            .current_dir(guests())
            .output();
        let ended = ended.expect("there is a shell");
        let stderr = String::from_utf8_lossy(&ended.stderr).into_owned();
        (ended.status.code(), stderr)
    };
    let refused = "error: stdout cannot be written\n  because Bad file descriptor (os error 9)\n";
    for words in [
        "map math.wasm fib",
        "map math.wasm fib --dry-run",
        "apply math.wasm fib 5",
        "inspect math.wasm",
    ] {
        for stdout in [">&-", "1</dev/null"] {
            let ended = run(words, "5\\n", stdout);
            assert_eq!(ended, (Some(4), refused.into()), "{words} {stdout}");
        }
    }
    // Results that go to a file need no other place.
    let folder = Folder::new();
    let out = folder.path().join("out");
    let words = format!("map -q math.wasm fib -o {}", out.display());
    assert_eq!(run(&words, "5\\n", ">&-"), (Some(0), String::new()));
    assert_eq!(read(&folder, "out").lines().count(), 1);
}

#[test]
fn each_task_has_a_folder_named_by_its_index() {
    let _test = test();
    let folder = Folder::new();
    let words = ["greet", "--results", "all/tasks"];
    let ended = within(&folder, "text", &words).input("../x\n\nann\n").run();
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    assert_eq!(results(&ended).len(), 2);
    assert_eq!(read(&folder, "all/tasks/0/value"), "hello, ../x");
    assert_eq!(read(&folder, "all/tasks/1/value"), "hello, ann");
    assert_eq!(read(&folder, "all/tasks/1/stdout"), "");
    let outcome: Value =
        serde_json::from_str(&read(&folder, "all/tasks/1/outcome.json")).expect("JSON");
    assert_eq!(
        (&outcome["index"], &outcome["input"], &outcome["verdict"]),
        (&json!(1), &json!("ann"), &json!("ok"))
    );
    assert!(outcome["cpu_time_ms"].is_number() && outcome.get("value").is_none());
    // Existing results are not mixed with new ones.
    within(&folder, "text", &words)
        .input("x\n")
        .run()
        .assert_refuses(
            3,
            "error: the folder for results, `all/tasks`, is not empty\n\n\
         hint: name another folder, or remove this one first\n",
        );
}

#[test]
fn a_resumed_run_goes_on_in_its_file_and_its_folders() {
    let _test = test();
    let folder = Folder::new();
    let words = [
        "fib",
        "-o",
        "out",
        "--joblog",
        "log",
        "--results",
        "all",
        "--to",
        "csv",
    ];
    let run = |more: &[&str], input: &str| {
        let ended = within(&folder, "math", &[&words[..], more].concat())
            .input(input)
            .run();
        assert_eq!((ended.code(), ended.text()), (0, ""), "{}", ended.stderr);
    };
    run(&[], "5\n6\n");
    let first = "index,verdict,value,error\r\n0,ok,5,\r\n1,ok,8,\r\n";
    assert_eq!(read(&folder, "out"), first);
    // Results that a kill left beyond the log are cut off.
    fs::write(folder.path().join("out"), format!("{first}2,ok,1")).expect("written");
    run(&["--resume"], "5\n6\n7\n");
    assert_eq!(read(&folder, "out"), format!("{first}2,ok,13,\r\n"));
    assert_eq!(read(&folder, "all/2/value"), "13");
}

/// The folder by the name that errors call it.
fn real_path(folder: &Folder) -> String {
    let path = folder.path().canonicalize().expect("it is there");
    path.display().to_string()
}

#[test]
fn results_of_another_form_are_not_put_behind_those_that_are_there() {
    let _test = test();
    let folder = Folder::new();
    let words = ["fib", "-o", "out", "--joblog", "log"];
    let run = |more: &[&str]| {
        let words = [&words[..], more].concat();
        within(&folder, "math", &words).input("1\n2\n").run()
    };
    assert_eq!(run(&[]).code(), 0);
    let before = read(&folder, "out");
    let path = real_path(&folder);
    run(&["--resume", "--to", "csv", "--tag"]).assert_refuses(
        3,
        &format!(
            "error: the log, `log`, belongs to another place or form of results: `jsonl in file \
             {path}/out` instead of `tagged csv in file {path}/out`\n\nhint: another `--joblog` \
             starts a new run\n"
        ),
    );
    assert_eq!(read(&folder, "out"), before);
}

#[test]
fn results_do_not_go_where_an_input_the_log_or_the_module_is() {
    let _test = test();
    let folder = Folder::new();
    folder.file("in", "1\n2\n");
    let refused = |words: &[&str], stdin: &str, code: i32, text: &str| {
        let words = [&["fib"], words].concat();
        let ended = within(&folder, "math", &words).input(stdin).run();
        ended.assert_refuses(code, &text.replace("FOLDER", &real_path(&folder)));
    };
    refused(
        &["-i", "in", "-o", "in", "--joblog", "log"],
        "",
        2,
        "error: `FOLDER/in` is an input: results need a file of their own\n",
    );
    refused(
        &["-o", "in", "--joblog", "log", "::::", "in"],
        "",
        2,
        "error: `FOLDER/in` is an input: results need a file of their own\n",
    );
    assert_eq!(read(&folder, "in"), "1\n2\n");
    refused(
        &["-o", "log", "--joblog", "log"],
        "1\n",
        2,
        "error: `FOLDER/log` is the log: results need a file of their own\n",
    );
    assert_eq!(names(&folder), ["in"]);
}

#[test]
fn results_are_not_lost_to_a_log_that_was_named_wrongly() {
    let _test = test();
    let folder = Folder::new();
    let run = |words: &[&str]| {
        let words = [&["fib", "-o", "out"], words].concat();
        within(&folder, "math", &words).input("1\n").run()
    };
    assert_eq!(run(&["--joblog", "log"]).code(), 0);
    let before = read(&folder, "out");
    let refusal = format!(
        "error: the log, `lgo`, is empty, but there are results in `{}/out`\n\nhint: name the log \
         of these results; to start over, remove them\n",
        real_path(&folder)
    );
    run(&["--joblog", "lgo", "--resume"]).assert_refuses(3, &refusal);
    assert_eq!(read(&folder, "out"), before);
    assert_eq!(names(&folder), ["log", "out"]);
    // All that failed by a log that is not there is nothing.
    within(
        &folder,
        "math",
        &["fib", "--joblog", "lgo", "--retry-failed"],
    )
    .input("1\n")
    .run()
    .assert_refuses(
        3,
        "error: the log, `lgo`, lists no task\n\nhint: `--resume` starts a log; without a log no \
             task can be run again\n",
    );
}
