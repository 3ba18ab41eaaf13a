//! Results that say why a task failed, and text that is JSON.

use std::time::Duration;

use super::{Finished, Folder, sandpool};
use crate::support::{is_built, test, wat};

/// A map of inputs through JavaScript, which gives back JSON text. Its guest must be there.
fn eval(source: &str, more: &[&str], input: &str) -> Finished {
    let source = format!("source={source}");
    let words = ["map", "javascript.wasm", "run", "--kwarg", &source];
    let words = [&words[..], &["--progress", "none"], more].concat();
    // An interpreter takes its time to be compiled.
    let map = sandpool(words).deadline(Duration::from_secs(120));
    map.input(input).run()
}

#[test]
fn bare_values_say_on_stderr_how_many_failed_and_the_first_three_errors() {
    let _test = test();
    let words = [
        "map",
        "math.wasm",
        "fib",
        "--to",
        "values",
        "--progress",
        "none",
    ];
    let run = |more: &[&str], input: &str| sandpool([&words[..], more].concat()).input(input).run();
    let ended = run(&[], "1\nx\n2\n-1\n[1,2]\n\"y\"\n");
    let fib = "`fib: func(n: u32) -> u64`";
    assert_eq!((ended.code(), ended.text()), (1, "1\n\n1\n\n\n\n"));
    let lines: Vec<_> = ended.stderr.lines().collect();
    assert_eq!(lines[0], "sandpool: 4 inputs failed; the first 3:");
    assert!(lines[1].starts_with("sandpool: [1] x: invalid_arguments: `x` is not valid JSON: "));
    assert_eq!(
        lines[2],
        format!(
            "sandpool: [3] -1: invalid_arguments: `-1` is not a valid u32 for parameter `n` of {fib}: the \
             range is 0 to 4294967295"
        )
    );
    assert_eq!(
        lines[3],
        format!("sandpool: [4] [1,2]: invalid_arguments: 2 arguments for {fib}, which takes 1")
    );
    assert_eq!(lines.len(), 4);
    let one = run(&["--unordered"], "1\n[1,2]\n");
    assert!(
        one.stderr
            .starts_with("sandpool: 1 input failed:\nsandpool: [1] [1,2]: ")
    );
    // A sound result needs no remark, and JSON lines say it themselves.
    assert_eq!(run(&[], "1\n").stderr, "");
    assert_eq!(run(&["-q"], "x\n").stderr, "");
    let ended = sandpool(["map", "math.wasm", "fib", "--progress", "none"]);
    assert_eq!(ended.input("x\n").run().stderr, "");
}

#[test]
fn text_that_is_json_is_written_as_json() {
    let _test = test();
    if !is_built("javascript") {
        return;
    }
    let to = ["--to", "json-values"];
    let ended = eval("({n: input, l: [1.50, 'é']})", &to, "1\n2\n");
    assert_eq!(
        ended.text(),
        "{\"n\":1,\"l\":[1.5,\"é\"]}\n{\"n\":2,\"l\":[1.5,\"é\"]}\n"
    );
    assert_eq!((ended.code(), ended.stderr.as_str()), (0, ""));
    // Other text is a string, which is said.
    let words = [
        "map",
        "text.wasm",
        "change-case",
        "--kwarg",
        "to=lower",
        "--to",
        "json-values",
    ];
    let ended = sandpool(words)
        .input("{ \"A\" :1e400 }\nnot json\n[1,\n12345678901234567890123\n")
        .run();
    assert_eq!(
        ended.text(),
        "{\"a\":1e400}\n\"not json\"\n\"[1,\"\n12345678901234567890123\n"
    );
    assert_eq!(
        (ended.code(), ended.stderr.as_str()),
        (
            0,
            "sandpool: 2 results are not JSON text and are written as strings\n"
        )
    );
    // Line N answers line N.
    let ended = eval("if (input == 2) throw 'no'; input", &to, "1\n\n2\n3\n");
    assert_eq!((ended.code(), ended.text()), (1, "1\n\n\n3\n"));
    assert!(
        ended
            .stderr
            .starts_with("sandpool: 1 input failed:\nsandpool: [1] 2: error: ")
    );
    // A result that is not text is written as ever.
    sandpool(["map", "-q", "math.wasm", "fib", "--to", "json-values"])
        .input("10\n")
        .run()
        .assert_prints("55\n");
    // The stdout of a command is its value.
    let folder = Folder::new();
    folder.file("words.wat", wat::QUIET_COMMAND);
    let words = ["map", "-q", "words.wat", "--to", "json-values", "--", "{}"];
    folder
        .sandpool(words)
        .input("a\n")
        .run()
        .assert_prints("\"\"\n");
}

#[test]
fn keys_of_json_objects_are_columns() {
    let _test = test();
    if !is_built("javascript") {
        return;
    }
    let to = ["--to", "csv", "--columns", "name,n,none"];
    let source = "input > 2 ? [input] : {n: input, name: 'a \"' + input + '\"', more: {x: 1}}";
    let ended = eval(source, &to, "1\n2\n3\nx\n");
    let lines: Vec<_> = ended.text().split("\r\n").collect();
    assert_eq!(
        lines[..4],
        [
            "index,verdict,value.name,value.n,value.none,value,error",
            "0,ok,\"a \"\"1\"\"\",1,,,",
            "1,ok,\"a \"\"2\"\"\",2,,,",
            "2,ok,,,,[3],"
        ]
    );
    assert!(
        lines[4].starts_with("3,error,,,,,SyntaxError: the input is no JSON"),
        "{}",
        lines[4]
    );
    const EMPTY: &str = "error: `--columns` takes names of keys, as in `--columns id,size`, but \
                         one is empty\n";
    // A record is an object as well.
    let words = ["map", "-q", "text.wasm", "statistics", "--to", "csv"];
    sandpool([&words[..], &["--columns", "words,bytes"]].concat())
        .input("one three\n")
        .run()
        .assert_prints("index,verdict,value.words,value.bytes,value,error\r\n0,ok,2,9,,\r\n");
    for (more, text) in [
        (
            &["--columns", "a"][..],
            "error: `--columns` is for `--to csv`\n",
        ),
        (
            &["--to", "csv", "--columns", "a,b,a"],
            "error: `--columns` has `a` twice\n",
        ),
        (&["--to", "csv", "--columns", ""], EMPTY),
        (&["--to", "csv", "--columns", "a,,b"], EMPTY),
        (&["--columns", ""], "error: `--columns` is for `--to csv`\n"),
    ] {
        let words = ["map", "math.wasm", "fib"];
        sandpool([&words[..], more].concat())
            .run()
            .assert_refuses(2, text);
    }
}
