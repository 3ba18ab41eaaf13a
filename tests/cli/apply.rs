//! One call of a function: `sandpool apply`.

use super::{Folder, sandpool};
use crate::support::{guest, test, wat};

#[test]
fn a_call_prints_its_result() {
    let _test = test();
    sandpool(["apply", "math.wasm", "fib", "30"])
        .run()
        .assert_prints("832040\n");
}

#[test]
fn an_argument_may_be_given_by_its_name() {
    let _test = test();
    sandpool(["apply", "math.wasm", "fib", "--kwarg", "n=30"])
        .run()
        .assert_prints("832040\n");
    sandpool(["apply", "math.wasm", "add", "40", "--kwarg=b=2"])
        .run()
        .assert_prints("42\n");
}

#[test]
fn a_negative_number_is_a_value_and_flags_may_stand_anywhere() {
    let _test = test();
    sandpool(["apply", "math.wasm", "add", "-1", "2"])
        .run()
        .assert_prints("1\n");
    sandpool([
        "apply",
        "--timeout",
        "5s",
        "math.wasm",
        "add",
        "-j",
        "1",
        "-3",
        "--quiet",
        "-4",
    ])
    .run()
    .assert_prints("-7\n");
}

#[test]
fn a_word_that_is_no_number_names_the_parameter_and_its_type() {
    let _test = test();
    sandpool(["apply", "math.wasm", "fib", "ten"])
        .run()
        .assert_refuses(
            3,
            "error: `ten` is not a valid u32 for parameter `n` of `fib: func(n: u32) -> u64`\n",
        );
    // A number, but none that the type has.
    sandpool(["apply", "math.wasm", "add", "1", "2147483648"])
        .run()
        .assert_refuses(
            3,
            "error: `2147483648` is not a valid s32 for parameter `b` of `add: func(a: s32, b: s32) -> s32`: \
             the range is -2147483648 to 2147483647\n",
        );
    sandpool(["apply", "math.wasm", "fib", "-1"])
        .run()
        .assert_refuses(
            3,
            "error: `-1` is not a valid u32 for parameter `n` of `fib: func(n: u32) -> u64`: \
             the range is 0 to 4294967295\n",
        );
}

#[test]
fn too_many_arguments_and_too_few_name_the_signature() {
    let _test = test();
    sandpool(["apply", "math.wasm", "fib", "1", "2"])
        .run()
        .assert_refuses(
            3,
            "error: 2 arguments for `fib: func(n: u32) -> u64`, which takes 1\n",
        );
    sandpool(["apply", "math.wasm", "add", "1"])
        .run()
        .assert_refuses(
            3,
            "error: there is no argument for parameter `b` of `add: func(a: s32, b: s32) -> s32`\n",
        );
}

#[test]
fn an_unknown_keyword_names_those_there_are() {
    let _test = test();
    sandpool(["apply", "math.wasm", "fib", "--kwarg", "m=1"])
        .run()
        .assert_refuses(
            3,
            "error: `fib: func(n: u32) -> u64` has no parameter `m`: it has `n`\n",
        );
}

#[test]
fn a_parameter_that_is_given_twice_is_refused() {
    let _test = test();
    let twice = sandpool(["apply", "math.wasm", "fib", "1", "--kwarg", "n=2"]).run();
    assert_eq!(twice.code(), 3, "{}", twice.stderr);
    assert!(twice.stderr.contains("`n`"), "{}", twice.stderr);
}

#[test]
fn an_unknown_function_names_those_there_are() {
    let _test = test();
    sandpool(["apply", "math.wasm", "zip"])
        .run()
        .assert_refuses(
            3,
            "error: the module has no function `zip`\n\n\
             hint: it has `fib`, `primes-below`, `add`\n",
        );
    sandpool(["apply", "math.wasm", "fibb", "1"])
        .run()
        .assert_refuses(
            3,
            "error: the module has no function `fibb`\n\nhint: did you mean `fib`? the module has \
             `fib`, `primes-below`, `add`\n",
        );
}

#[test]
fn a_tasks_own_error_is_said_and_the_code_is_1() {
    let _test = test();
    sandpool(["apply", "text.wasm", "greet", "bob"])
        .run()
        .assert_prints("\"hello, bob\"\n");
    sandpool(["apply", "text.wasm", "greet", ""])
        .run()
        .assert_refuses(1, "error: nobody to greet: the name is empty\n");
}

#[test]
fn a_string_is_never_unquoted() {
    let _test = test();
    sandpool(["apply", "text.wasm", "greet", "\"bob\""])
        .run()
        .assert_prints("\"hello, \\\"bob\\\"\"\n");
    sandpool(["apply", "text.wasm", "greet", "null"])
        .run()
        .assert_prints("\"hello, null\"\n");
    // A word that looks like a flag stands after `--`.
    sandpool(["apply", "text.wasm", "greet", "--", "--raw"])
        .run()
        .assert_prints("\"hello, --raw\"\n");
}

#[test]
fn values_are_json_or_wave_and_trailing_options_may_be_left_out() {
    let _test = test();
    for shape in [
        r#"{"rectangle":{"width":2,"height":3.5}}"#,
        "rectangle({width: 2, height: 3.5})",
    ] {
        let described = sandpool(["apply", "text.wasm", "describe", shape]).run();
        assert_eq!(described.code(), 0, "{}", described.stderr);
        assert!(described.text().contains("3.5"), "{}", described.text());
    }
    let spans = "[{\"start\":0,\"end\":2},{\"start\":3,\"end\":5}]\n";
    sandpool(["apply", "text.wasm", "find", "ab ab AB", "ab"])
        .run()
        .assert_prints(spans);
    let options = r#"{"flags":["ignore-case"],"limit":2}"#;
    sandpool(["apply", "text.wasm", "find", "ab ab AB", "ab", options])
        .run()
        .assert_prints(spans);
}

#[test]
fn a_word_may_be_the_content_of_a_file_or_of_stdin() {
    let _test = test();
    let folder = Folder::new();
    folder.file("name.txt", "ünïcödé");
    let text = guest("text");
    let text = text.to_str().expect("its path is text");
    folder
        .sandpool(["apply", text, "greet", "@name.txt"])
        .run()
        .assert_prints("\"hello, ünïcödé\"\n");
    sandpool(["apply", "text.wasm", "greet", "@-"])
        .input("stdin")
        .run()
        .assert_prints("\"hello, stdin\"\n");
    sandpool(["apply", "text.wasm", "greet", "@@name.txt"])
        .run()
        .assert_prints("\"hello, @name.txt\"\n");
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let _test = test();
    let missing = sandpool(["apply", "text.wasm", "greet", "@no such file"]).run();
    assert_eq!(missing.code(), 3);
    assert!(
        missing.stderr.contains("no such file"),
        "{}",
        missing.stderr
    );
    assert!(missing.stderr.starts_with("error: "), "{}", missing.stderr);
}

#[test]
fn bytes_of_a_file_are_those_that_the_guest_gets_and_gives() {
    let _test = test();
    let folder = Folder::new();
    let bytes: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    folder.file("bytes", &bytes);
    let digest = guest("digest");
    let digest = digest.to_str().expect("its path is text");
    let echoed = folder
        .sandpool(["apply", digest, "echo", "@bytes", "--raw"])
        .run();
    assert_eq!(echoed.code(), 0, "{}", echoed.stderr);
    assert!(echoed.stdout == bytes, "the bytes have changed");
    let sum = "\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"\n";
    sandpool(["apply", "digest.wasm", "sha256", "@-"])
        .run()
        .assert_prints(sum);
}

#[test]
fn raw_prints_a_string_as_it_is() {
    let _test = test();
    sandpool(["apply", "--raw", "text.wasm", "greet", "a\"b"])
        .run()
        .assert_prints("hello, a\"b");
    // A result that is neither text nor bytes stays JSON.
    sandpool(["apply", "--raw", "math.wasm", "primes-below", "8"])
        .run()
        .assert_prints("[2,3,5,7]\n");
}

#[test]
fn a_result_may_be_printed_as_wave() {
    let _test = test();
    let words = ["apply", "text.wasm", "word-count", "b a b"];
    sandpool(words)
        .run()
        .assert_prints("[[\"b\",2],[\"a\",1]]\n");
    sandpool(words.into_iter().chain(["--format", "wave"]))
        .run()
        .assert_prints("[(\"b\", 2), (\"a\", 1)]\n");
}

#[test]
fn a_task_that_ends_badly_is_said_with_its_verdict() {
    let _test = test();
    sandpool(["apply", "misbehave.wasm", "spin", "--timeout", "200ms"])
        .run()
        .assert_refuses(
            1,
            "error: timeout: ran past 200ms (set by the flag); raise it with `--timeout`\n",
        );
    let trap = sandpool(["apply", "misbehave.wasm", "trap"]).run();
    assert_eq!(trap.code(), 1);
    assert!(
        trap.stderr.starts_with("error: trap: wasm `unreachable`"),
        "{}",
        trap.stderr
    );
    let words = ["apply", "misbehave.wasm", "allocate", "99000000"];
    sandpool(words).run().assert_prints("99000000\n");
    let refused = sandpool(words.into_iter().chain(["--memory", "64MiB"])).run();
    assert_eq!(refused.code(), 1);
    assert!(
        refused.stderr.contains(
            "error: memory_limit: asked for more memory than 64MiB (set by the flag); \
             raise it with `--memory`; then it trapped: wasm `unreachable`"
        ),
        "{}",
        refused.stderr
    );
}

#[test]
fn a_limit_that_a_flag_set_names_the_flag() {
    let _test = test();
    let folder = Folder::new();
    folder.file("calls.wat", wat::HOST_CALLS);
    let last = |args: &[&str]| {
        let words = ["apply", "calls.wat"].iter().chain(args);
        let finished = folder.sandpool(words).run();
        assert_ne!(finished.code(), 0);
        let lines: Vec<_> = finished.stderr.lines().map(str::to_owned).collect();
        lines.last().cloned().unwrap_or_default()
    };
    assert_eq!(
        last(&["random", "3000000", "--host-call-memory", "2MiB"]),
        "error: memory_limit: made its worker allocate more in one host call than 2MiB \
         (set by the flag); raise it with `--host-call-memory`"
    );
    assert_eq!(
        last(&["strings", "5000000", "--process-memory", "160MiB"]),
        "error: memory_limit: its process asked for more memory than 160MiB \
         (set by the flag); raise it with `--process-memory`"
    );
    assert_eq!(
        last(&["random", "1", "--module-size", "100B"]),
        "error: cannot load `calls.wat`: it is larger than 100B (set by the flag); \
         raise it with `--module-size`"
    );
    assert_eq!(
        last(&["random", "1", "--arguments-limit", "1B"]),
        "error: its arguments take more than 1B (set by the flag); \
         raise it with `--arguments-limit`"
    );
    assert_eq!(
        last(&["handles", "20000"]),
        "error: memory_limit: asked for more handles than 10000 (default)"
    );
}

#[test]
fn a_core_module_in_text_adds_two_numbers() {
    let _test = test();
    let folder = Folder::new();
    folder.file("add.wat", wat::ADD);
    folder
        .sandpool(["apply", "add.wat", "add", "-1", "2"])
        .run()
        .assert_prints("1\n");
    folder
        .sandpool(["apply", "add.wat", "add64", "9007199254740993", "1"])
        .run()
        .assert_prints("9007199254740994\n");
    let few = folder.sandpool(["apply", "add.wat", "add", "1"]).run();
    assert_eq!(few.code(), 3, "{}", few.stderr);
}

#[test]
fn a_command_module_gets_the_right_command_as_hint() {
    let _test = test();
    sandpool(["apply", "wc.wasm", "wc"]).run().assert_refuses(
        3,
        "error: the module has no function `wc`\n\n\
         hint: it is a command: `sandpool run wc.wasm`\n",
    );
}

#[test]
fn only_what_it_was_granted_is_a_guests_to_see() {
    let _test = test();
    let words = ["apply", "misbehave.wasm", "env", "COLOUR"];
    sandpool(words)
        .env("COLOUR", "green")
        .run()
        .assert_prints("null\n");
    sandpool(words.into_iter().chain(["--env", "COLOUR"]))
        .env("COLOUR", "green")
        .run()
        .assert_prints("\"green\"\n");
    sandpool(words.into_iter().chain(["--env", "COLOUR=red"]))
        .run()
        .assert_prints("\"red\"\n");
    let unset = sandpool(words.into_iter().chain(["--env", "COLOUR"])).run();
    assert_eq!(unset.code(), 2, "{}", unset.stderr);

    let folder = Folder::new();
    folder.file("secret", "42");
    let misbehave = guest("misbehave");
    let misbehave = misbehave.to_str().expect("its path is text");
    let words = ["apply", misbehave, "open-file", "secret"];
    let denied = folder.sandpool(words).run();
    assert_eq!(denied.code(), 1, "{}", denied.stderr);
    // The guest's own words, then what was refused, then what can be done about it.
    assert!(
        denied.stderr.starts_with("error: cannot read `secret`: "),
        "{}",
        denied.stderr
    );
    let told = "\n  refused: file /secret\n\n\
                hint: `--dir HOST::GUEST` lets the task read the directory HOST, as GUEST\n";
    assert!(denied.stderr.ends_with(told), "{}", denied.stderr);
    folder
        .sandpool(words.into_iter().chain(["--dir", "."]))
        .run()
        .assert_prints("\"42\"\n");
}

#[test]
fn nothing_of_a_guests_reaches_stderr_as_a_control_code() {
    let _test = test();
    let evil = "\u{1b}[31mred\u{7}\u{9b}2J\r\nhint: rm";
    for function in ["panic", "open-file"] {
        let ended = sandpool(["apply", "misbehave.wasm", function, evil]).run();
        assert_eq!(ended.code(), 1);
        super::assert_harmless(&ended.stderr);
        assert!(ended.stderr.contains("\\u{1b}[31mred"), "{}", ended.stderr);
        let forged = |line: &str| line.starts_with("hint: rm");
        let in_error = ended.stderr.split("error: ").nth(1).unwrap_or_default();
        assert!(!in_error.lines().any(forged), "{}", ended.stderr);
    }
}

#[test]
fn a_cache_folder_that_cannot_be_used_does_not_stop_a_call() {
    let _test = test();
    let folder = Folder::new();
    let file = folder.file("no-folder", "");
    let ended = sandpool(["apply", "math.wasm", "fib", "10"])
        .env("SANDPOOL_CACHE_DIR", file)
        .run();
    assert_eq!(
        (ended.code(), ended.text()),
        (0, "55\n"),
        "{}",
        ended.stderr
    );
    let cache = folder.path().join("cache");
    for _ in 0..2 {
        sandpool(["apply", "math.wasm", "fib", "10"])
            .env("SANDPOOL_CACHE_DIR", &cache)
            .run()
            .assert_prints("55\n");
        assert!(cache.is_dir(), "it is used");
    }
}

#[test]
fn a_bad_command_line_is_usage() {
    let _test = test();
    for words in [
        &["apply"][..],
        &["apply", "math.wasm"],
        &["apply", "math.wasm", "fib", "1", "--timeout", "soon"],
        &["apply", "math.wasm", "fib", "1", "--memory", "much"],
        &["apply", "math.wasm", "fib", "1", "-j", "0"],
        &["apply", "math.wasm", "fib", "1", "--bogus"],
        &["apply", "math.wasm", "fib", "--kwarg", "n"],
        &[
            "apply",
            "math.wasm",
            "fib",
            "1",
            "--raw",
            "--format",
            "wave",
        ],
        &["apply", "math.wasm", "fib", "1", "--dir", "no/such/folder"],
        &["aply"],
        &[],
    ] {
        let ended = sandpool(words).run();
        assert_eq!(ended.code(), 2, "{words:?}: {}", ended.stderr);
        assert_eq!(ended.text(), "", "{words:?}");
        assert!(!ended.stderr.is_empty(), "{words:?}");
    }
}
