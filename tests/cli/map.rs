//! A call for each line: `sandpool map`.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Finished, Folder, assert_harmless, sandpool};
use crate::support::{guest, test, test_alone, wat};

/// The lines of stdout as JSON.
pub(super) fn results(ended: &Finished) -> Vec<Value> {
    let read = |line: &&str| serde_json::from_str(line).unwrap_or_else(|_| panic!("JSON: {line}"));
    ended.lines().iter().map(read).collect()
}

pub(super) fn fib(n: u32) -> u64 {
    (0..n).fold((0, 1), |(a, b), _| (b, a + b)).0
}

/// `from` to `to`, each on a line of its own.
fn numbers(from: u32, to: u32) -> String {
    (from..=to).map(|n| format!("{n}\n")).collect()
}

#[test]
fn sixty_lines_in_order_each_right_or_timeout() {
    let _test = test_alone();
    let words = "map math.wasm fib -j 2 --timeout 300ms --progress none";
    let ended = sandpool(words.split(' ')).input(numbers(1, 60)).run();
    assert!(ended.took < Duration::from_secs(15), "{:?}", ended.took);
    assert_eq!(ended.code(), 1);
    let results = results(&ended);
    assert_eq!(results.len(), 60);
    let mut late = 0;
    for (index, result) in (0..).zip(&results) {
        assert_eq!(result["index"], index, "in order: {result}");
        match result["verdict"].as_str() {
            Some("ok") => assert_eq!(result["value"], fib(index + 1), "{result}"),
            Some("timeout") => late += 1,
            _ => panic!("neither right nor late: {result}"),
        }
    }
    // A millisecond is enough for the first ones, an age too short for the last.
    assert!(results[..20].iter().all(|result| result["verdict"] == "ok"));
    assert!(
        results[50..]
            .iter()
            .all(|result| result["verdict"] == "timeout")
    );
    assert_eq!(ended.stderr, "");
    let counts = format!("60 tasks, {} ok, {late} timeout", 60 - late);
    assert_eq!(ended.counts(), counts);
}

#[test]
fn a_line_that_does_not_fit_costs_itself_alone() {
    let _test = test();
    let input = "1\n2\n\"x\"\n4\n[1,2]\n{\"m\":1}\n{\"n\":5}\n[6]\n1.5\n{\n99999999999\n8\n";
    let ended = sandpool(["map", "math.wasm", "fib"]).input(input).run();
    assert_eq!(ended.code(), 1);
    let results = results(&ended);
    let values = results.iter().map(|result| result["value"].as_u64());
    let (one, none) = (Some, None);
    assert_eq!(
        values.collect::<Vec<_>>(),
        [
            one(1),
            one(1),
            none,
            one(3),
            none,
            none,
            one(5),
            one(8),
            none,
            none,
            none,
            one(21)
        ]
    );
    assert_eq!(
        ended.lines()[2],
        r#"{"index":2,"verdict":"invalid_arguments","error":"`\"x\"` is not a valid u32 for parameter `n` of `fib: func(n: u32) -> u64`"}"#
    );
    assert_eq!(ended.counts(), "12 tasks, 6 ok, 6 invalid_arguments");
}

#[test]
fn a_line_that_is_no_text_costs_itself_alone() {
    let _test = test();
    let ended = sandpool(["map", "text.wasm", "greet"])
        .input(&b"ann\n\xff\xfe\nbob\n"[..])
        .run();
    assert_eq!(ended.code(), 1);
    let results = results(&ended);
    assert_eq!(results[0]["value"], "hello, ann");
    assert_eq!(results[1]["verdict"], "invalid_arguments");
    assert_eq!(
        results[1]["error"],
        "the line is not UTF-8 (`--lossy` puts U+FFFD in place of bytes that are not)"
    );
    assert_eq!(results[2]["value"], "hello, bob");
}

#[test]
fn a_line_is_spread_over_several_parameters() {
    let _test = test();
    sandpool(["map", "math.wasm", "add", "--to", "values"])
        .input("[1,2]\n{\"b\":3,\"a\":-4}\n")
        .run()
        .assert_prints("3\n-1\n");
}

#[test]
fn a_function_of_one_string_takes_plain_lines() {
    let _test = test();
    let words = ["map", "text.wasm", "greet", "--to", "values"];
    sandpool(words)
        .input("ann\n\"bob\"\n 7\n")
        .run()
        .assert_prints("\"hello, ann\"\n\"hello, \\\"bob\\\"\"\n\"hello,  7\"\n");
    sandpool(words.into_iter().chain(["--from", "jsonl"]))
        .input("\"ann\"\n[\"bob\"]\n{\"name\":\"eve\"}\n")
        .run()
        .assert_prints("\"hello, ann\"\n\"hello, bob\"\n\"hello, eve\"\n");
}

#[test]
fn one_compound_parameter_is_the_whole_line_unless_it_is_spread() {
    let _test = test();
    let words = ["map", "digest.wasm", "echo", "--to", "values"];
    sandpool(words)
        .input("[104,105]\n")
        .run()
        .assert_prints("{\"base64\":\"aGk=\"}\n");
    sandpool(words.into_iter().chain(["--spread"]))
        .input("[[104,105]]\n")
        .run()
        .assert_prints("{\"base64\":\"aGk=\"}\n");
}

#[test]
fn empty_lines_are_skipped() {
    let _test = test();
    let ended = sandpool(["map", "math.wasm", "fib"])
        .input("\n\n5\n\r\n6\r\n\n7")
        .run();
    ended.assert_prints(
        "{\"index\":0,\"verdict\":\"ok\",\"value\":5}\n\
         {\"index\":1,\"verdict\":\"ok\",\"value\":8}\n\
         {\"index\":2,\"verdict\":\"ok\",\"value\":13}\n",
    );
}

#[test]
fn an_input_without_lines_is_no_failure() {
    let _test = test();
    for input in ["", "\n\n"] {
        sandpool(["map", "math.wasm", "fib"])
            .input(input)
            .run()
            .assert_prints("");
    }
}

#[test]
fn with_values_alone_line_n_answers_line_n() {
    let _test = test();
    let ended = sandpool(["map", "math.wasm", "fib", "--to", "values"])
        .input("\n1\n\"x\"\n\n\n4\n\n")
        .run();
    assert_eq!(ended.text(), "\n1\n\n\n\n3\n\n");
    assert_eq!(ended.code(), 1);
    assert_eq!(ended.counts(), "3 tasks, 2 ok, 1 invalid_arguments");
}

#[test]
fn a_command_module_runs_for_each_line_with_the_line_where_the_braces_are() {
    let _test = test();
    let folder = Folder::new();
    folder.file("words.wat", wat::COMMAND);
    let ended = folder
        .sandpool(["map", "words.wat", "--", "-l", "<{}>"])
        .input("a b\n!c\n")
        .run();
    assert_eq!(ended.code(), 1);
    let results = results(&ended);
    assert_eq!(
        results[0],
        json!({"index": 0, "verdict": "exit", "exit_code": 3,
            "stdout": "words\n-l\n<a b>\n", "stderr": ""})
    );
    assert_eq!(results[1]["stdout"], "words\n-l\n<!c>\n");

    let last = folder
        .sandpool(["map", "words.wat", "--", "-l"])
        .input("!c\n")
        .run();
    let last: Value = serde_json::from_slice(&last.stdout).expect("a line");
    assert_eq!(
        (&last["stdout"], &last["stderr"]),
        (&json!("words\n-l\n"), &json!("!c\n"))
    );
}

#[test]
fn a_mapped_command_reads_what_it_was_granted() {
    let _test = test();
    let folder = Folder::new();
    folder.file("one", "a b\nc\n");
    folder.file("two", "d\n");
    let wc = guest("wc");
    let wc = wc.to_str().expect("its path is text");
    let words = ["map", wc, "--dir", ".", "--", "-l", "{}"];
    let ended = folder.sandpool(words).input("one\ntwo\nnone\n").run();
    assert_eq!(ended.code(), 1);
    let lines = ended.lines();
    assert_eq!(
        lines[..2],
        [
            r#"{"index":0,"verdict":"ok","stdout":"2 one\n","stderr":""}"#,
            r#"{"index":1,"verdict":"ok","stdout":"1 two\n","stderr":""}"#
        ]
    );
    assert!(lines[2].starts_with(r#"{"index":2,"verdict":"exit","exit_code":1,"#));
    folder
        .sandpool(["map", wc, "--to", "values", "--dir", ".", "--", "-l", "{}"])
        .input("two\n\none\n")
        .run()
        .assert_prints("\"1 two\\n\"\n\n\"2 one\\n\"\n");
}

#[test]
fn the_wrong_kind_of_module_gets_the_right_command_as_hint() {
    let _test = test();
    sandpool(["map", "wc.wasm"]).run().assert_refuses(
        3,
        "error: `wc.wasm` is a command; give its arguments for each line after `--`\n\nhint: \
         `sandpool map wc.wasm -- {}` passes the line as the only argument\n",
    );
    sandpool(["map", "math.wasm", "--", "{}"])
        .run()
        .assert_refuses(
            3,
            "error: `math.wasm` is not a command, so it takes no words after `--`\n\nhint: \
         `sandpool map math.wasm fib`\n",
        );
    sandpool(["map", "math.wasm"]).run().assert_refuses(
        2,
        "error: `math.wasm` has several functions; say which\n\n\
         hint: it has `fib`, `primes-below`, `add`\n",
    );
}

#[test]
fn the_only_function_needs_no_name() {
    let _test = test();
    let folder = Folder::new();
    folder.file(
        "double.wat",
        r#"(module (func (export "double") (param i32) (result i32)
             (i32.mul (local.get 0) (i32.const 2))))"#,
    );
    folder
        .sandpool(["map", "double.wat", "--to", "values"])
        .input("4\n-5\n")
        .run()
        .assert_prints("8\n-10\n");
}

#[test]
fn the_input_may_be_a_file() {
    let _test = test();
    let folder = Folder::new();
    folder.file("input", "5\n6\n");
    let math = guest("math");
    let math = math.to_str().expect("its path is text");
    let words = ["map", math, "fib", "--to", "values", "--input"];
    folder
        .sandpool(words.into_iter().chain(["input"]))
        .run()
        .assert_prints("5\n8\n");
    folder
        .sandpool(words.into_iter().chain(["none"]))
        .run()
        .assert_refuses(
            3,
            "error: the input, `none`, cannot be read\n  \
             because No such file or directory (os error 2)\n",
        );
    // A folder can be opened, and then not be read.
    let ended = folder.sandpool(words.into_iter().chain(["."])).run();
    assert_eq!((ended.code(), ended.text()), (3, ""), "{}", ended.stderr);
}

#[test]
fn all_that_is_known_of_a_task_may_be_written() {
    let _test = test();
    let ended = sandpool([
        "map",
        "math.wasm",
        "fib",
        "--outcomes",
        "--timeout",
        "300ms",
    ])
    .input("20\n70\n\"x\"\n")
    .run();
    let results = results(&ended);
    let verdicts: Vec<_> = results.iter().map(|result| &result["verdict"]).collect();
    assert_eq!(verdicts, ["ok", "timeout", "invalid_arguments"]);
    let (ok, late, invalid) = (&results[0], &results[1], &results[2]);
    assert_eq!((&ok["value"], &ok["attempts"]), (&json!(6765), &json!(1)));
    assert_eq!(ok["function"], "fib");
    for key in ["worker_pid", "run_time_ms", "queue_wait_ms", "peak_memory"] {
        assert!(ok[key].is_number(), "{key}: {ok}");
    }
    assert_eq!(
        late["limit"],
        json!({"name": "timeout", "flag": "--timeout", "value": "300ms", "origin": "flag"})
    );
    assert!(late["run_time_ms"].as_f64() >= Some(300.0), "{late}");
    assert_eq!(invalid["attempts"], 0, "{invalid}");
    assert!(invalid.get("worker_pid").is_none(), "{invalid}");
}

#[test]
fn a_crash_a_loop_and_a_flood_cost_their_own_lines() {
    let _test = test();
    let folder = Folder::new();
    folder.file(
        "moody.wat",
        r#"(module (memory 1)
  (func $deep (param i32) (result i32) (i32.add (call $deep (local.get 0)) (i32.const 1)))
  (func (export "f") (param i32) (result i32)
    (if (i32.eq (local.get 0) (i32.const 1)) (then unreachable))
    (if (i32.eq (local.get 0) (i32.const 2)) (then (loop $l (br $l))))
    (if (i32.eq (local.get 0) (i32.const 3)) (then
      (if (i32.eq (memory.grow (i32.const 5000)) (i32.const -1)) (then unreachable))))
    (if (i32.eq (local.get 0) (i32.const 4)) (then (return (call $deep (i32.const 0)))))
    (local.get 0)))"#,
    );
    let input = "1\n10\n2\n11\n3\n12\n4\n13\n".repeat(3);
    let ended = folder
        .sandpool(["map", "moody.wat", "-j", "2", "--timeout", "200ms"])
        .input(input)
        .run();
    let results = results(&ended);
    let verdicts = [
        "trap",
        "ok",
        "timeout",
        "ok",
        "memory_limit",
        "ok",
        "trap",
        "ok",
    ];
    let expected: Vec<_> = verdicts.into_iter().cycle().take(24).collect();
    let got: Vec<_> = results.iter().map(|result| &result["verdict"]).collect();
    assert_eq!(got, expected, "{}", ended.text());
    assert_eq!(results[1]["value"], 10);
    assert_eq!(results[23]["value"], 13);
    let counts = "24 tasks, 12 ok, 3 memory_limit, 3 timeout, 6 trap, \
                  3 with refusals (memory: 3)";
    assert_eq!(ended.counts(), counts);
}

#[test]
fn errors_of_guests_are_no_control_codes_in_any_line() {
    let _test = test();
    let ended = sandpool(["map", "misbehave.wasm", "open-file"])
        .input("\u{1b}[2J\u{9b}x\u{7f}\n")
        .run();
    assert_harmless(ended.text());
    assert_harmless(&ended.stderr);
    let result = &results(&ended)[0];
    assert_eq!(result["verdict"], "error");
    assert_eq!(result["refusals"][0]["what"], "file");
    assert_eq!(
        ended.counts(),
        "1 task, 0 ok, 1 error, 1 with refusals (file: 1)"
    );
}

#[test]
fn quiet_says_nothing_but_errors() {
    let _test = test();
    let ended = sandpool(["map", "math.wasm", "fib", "-q"])
        .input("\"x\"\n")
        .run();
    assert_eq!((ended.code(), ended.stderr.as_str()), (1, ""));
    assert_eq!(ended.summary, "");
}
