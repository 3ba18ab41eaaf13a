//! Where `map`'s inputs come from: lines, tables, files, blocks, and `:::`.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;

use serde_json::json;

use super::map::results;
use super::{CommandLine, Finished, Folder, sandpool};
use crate::support::{guest, test, wat};

/// A quiet map of a guest's function to bare values.
pub fn values(module: &str, function: &str, more: &[&str]) -> CommandLine {
    let words = ["map", "-q", module, function, "--to", "values"];
    sandpool(words.iter().chain(more))
}

/// A quiet map of a guest, in a folder that has files.
pub fn within(folder: &Folder, module: &str, words: &[&str]) -> CommandLine {
    let module = guest(module);
    let module = module.to_str().expect("its path is text").to_owned();
    let words = words.iter().map(ToString::to_string);
    folder.sandpool(["map".into(), "-q".into(), module].into_iter().chain(words))
}

/// Returns the words that a command got for each input.
pub fn words_of(ended: &Finished) -> Vec<Vec<String>> {
    let words = |result: serde_json::Value| {
        let stdout = result["stdout"].as_str().expect("text").to_owned();
        stdout.lines().skip(1).map(str::to_owned).collect()
    };
    results(ended).into_iter().map(words).collect()
}

/// Runs the command that prints its words, with these after the module.
pub fn commands(words: &[&str], input: &str) -> Finished {
    let folder = Folder::new();
    folder.file("words.wat", wat::COMMAND);
    let all = ["map", "-q", "words.wat"].iter().chain(words);
    folder.sandpool(all).input(input).run()
}

#[test]
fn values_behind_the_colons_are_read_as_words_are() {
    let _test = test();
    let run = |words: &[&str]| sandpool(["map", "-q"].iter().chain(words)).run();
    run(&["math.wasm", "fib", "--to", "values", ":::", "5", "10"]).assert_prints("5\n55\n");
    // Neither flags nor files: `@` means nothing there.
    run(&[
        "text.wasm",
        "greet",
        "--to",
        "values",
        ":::",
        "@x",
        "--help",
        "a b",
    ])
    .assert_prints("\"hello, @x\"\n\"hello, --help\"\n\"hello, a b\"\n");
    run(&["math.wasm", "fib", ":::"]).assert_prints("");
    let lines = [
        "math.wasm",
        "add",
        "--to",
        "values",
        "--from",
        "jsonl",
        ":::",
    ];
    run(&[&lines[..], &["[1,2]", "[3,4]"]].concat()).assert_prints("3\n7\n");
}

#[test]
fn several_sources_are_combined_the_last_changing_fastest() {
    let _test = test();
    values("math.wasm", "add", &[":::", "10", "20", ":::", "1", "2"])
        .run()
        .assert_prints("11\n12\n21\n22\n");
    values(
        "math.wasm",
        "add",
        &[":::", "10", "20", "30", ":::+", "1", "2"],
    )
    .run()
    .assert_prints("11\n22\n");
    let ended = commands(
        &["--", "{2}-{1}", "{#}", ":::", "a", "b", ":::", "1", "2"],
        "",
    );
    assert_eq!(words_of(&ended)[2], ["1-b", "3"]);
    let ended = commands(&["--", "-l", ":::", "a b", ":::", "c"], "");
    assert_eq!(words_of(&ended), [["-l", "a b", "c"]]);
}

#[test]
fn lines_of_files_are_sources_too() {
    let _test = test();
    let folder = Folder::new();
    folder.file("tens", "10\n\n20\n");
    folder.file("ones", "1\n2\n");
    let words = ["add", "--to", "values", "::::", "tens", "ones"];
    within(&folder, "math", &words)
        .run()
        .assert_prints("11\n12\n21\n22\n");
    let words = ["add", "--to", "values", "::::", "-", ":::", "5"];
    within(&folder, "math", &words)
        .input("1\n2\n")
        .run()
        .assert_prints("6\n7\n");
    within(&folder, "math", &["add", "::::", "none", ":::", "5"])
        .run()
        .assert_refuses(
            3,
            "error: the input, `none`, cannot be read\n  \
             because No such file or directory (os error 2)\n",
        );
}

#[test]
fn a_number_of_sources_that_does_not_fit_is_one_error() {
    let _test = test();
    values("math.wasm", "add", &[":::", "1", "2"]).run().assert_refuses(
        3,
        "error: `:::` gives one argument, which does not fit `add: func(a: s32, b: s32) -> s32`\n\n\
         hint: each `:::` is one parameter's values; with `--from jsonl` a value is a whole call\n",
    );
    commands(&["--", "{2}", ":::", "a"], "").assert_refuses(
        2,
        "error: `{2}` stands for a value that does not exist: an input has one value\n",
    );
    values("math.wasm", "fib", &["--input", "x", ":::", "1"])
        .run()
        .assert_refuses(
            2,
            "error: give inputs either after `:::` or with `--input`, not both\n",
        );
}

#[test]
fn several_inputs_are_read_one_after_the_other() {
    let _test = test();
    let folder = Folder::new();
    // Without a newline at its end, and a line is not made of two files.
    folder.file("one", "5\n6");
    folder.file("two", "\u{feff}7\n");
    let words = [
        "fib", "--to", "values", "-i", "one", "-i", "-", "--input", "two",
    ];
    within(&folder, "math", &words)
        .input("\n10\n")
        .run()
        .assert_prints("5\n8\n\n55\n13\n");
    within(&folder, "math", &["fib", "-i", "one", "-i", "none"])
        .run()
        .assert_refuses(
            3,
            "error: the input, `none`, cannot be read\n  \
             because No such file or directory (os error 2)\n",
        );
}

#[test]
fn parts_of_a_path_stand_in_a_template() {
    let _test = test();
    let words = ["--", "{}", "{.}", "{/}", "{//}", "{/.}", "{#}"];
    let ended = commands(&words, "dir/a b.tar.gz\nx\n");
    assert_eq!(
        words_of(&ended),
        [
            [
                "dir/a b.tar.gz",
                "dir/a b.tar",
                "a b.tar.gz",
                "dir",
                "a b.tar",
                "1"
            ],
            ["x", "x", "x", ".", "x", "2"]
        ]
    );
}

#[test]
fn lines_that_end_with_nul_may_hold_newlines() {
    let _test = test();
    values("text.wasm", "greet", &["-0"])
        .input("a\nb\0c\r\0")
        .run()
        .assert_prints("\"hello, a\\nb\"\n\"hello, c\\r\"\n");
}

#[test]
fn lines_are_text_if_that_is_asked_for() {
    let _test = test();
    values("text.wasm", "greet", &["--from", "lines"])
        .input("[1\n\"x\"\n")
        .run()
        .assert_prints("\"hello, [1\"\n\"hello, \\\"x\\\"\"\n");
    // Bytes, if the argument is bytes.
    values("digest.wasm", "echo", &["--from", "lines"])
        .input(&b"hi\n\xff\n"[..])
        .run()
        .assert_prints("{\"base64\":\"aGk=\"}\n{\"base64\":\"/w==\"}\n");
}

#[test]
fn contents_of_files_are_arguments() {
    let _test = test();
    let folder = Folder::new();
    folder.file("hi", "hi");
    folder.file("raw", [0, 255]);
    let words = ["echo", "--from", "files"];
    let ended = within(&folder, "digest", &words)
        .input("hi\nnone\nraw\n")
        .run();
    let results = results(&ended);
    assert_eq!(results[0]["value"], json!({"base64": "aGk="}));
    assert_eq!(results[1]["verdict"], "invalid_arguments");
    assert_eq!(
        results[1]["error"],
        "`none` cannot be read: No such file or directory (os error 2)"
    );
    assert_eq!(results[2]["value"], json!({"base64": "AP8="}));
    let words = ["echo", "--from", "files", "--to", "values", ":::", "hi"];
    within(&folder, "digest", &words)
        .run()
        .assert_prints("{\"base64\":\"aGk=\"}\n");
    // A command reads them on its stdin, and is granted nothing for it.
    let words = ["--from", "files", "--to", "values", "--", "-c"];
    within(&folder, "wc", &words)
        .input("hi\nraw\n")
        .run()
        .assert_prints("\"2\\n\"\n\"2\\n\"\n");
    within(
        &folder,
        "wc",
        &["--from", "files", "--to", "values", ":::", "hi"],
    )
    .run()
    .assert_prints("\"      0       1       2\\n\"\n");
}

#[test]
fn a_line_is_what_a_command_reads_if_that_is_asked_for() {
    let _test = test();
    let folder = Folder::new();
    let words = ["--stdin-each", "--to", "values", "--", "-c"];
    within(&folder, "wc", &words)
        .input(&b"abc\n\xff\xfe\n"[..])
        .run()
        .assert_prints("\"4\\n\"\n\"3\\n\"\n");
    values("math.wasm", "fib", &["--stdin-each"])
        .input("1\n")
        .run()
        .assert_refuses(
            2,
            "error: `--stdin-each` is for commands; this module exports functions, which take arguments\n",
        );
    within(&folder, "wc", &["--stdin-each", "--", "{}"])
        .run()
        .assert_refuses(
            2,
            "error: `{}` has no meaning if the input is on stdin; `{#}` is its number\n",
        );
}

#[test]
fn blocks_hold_whole_lines_and_every_line_once() {
    let _test = test();
    let folder = Folder::new();
    let input: String = (0..5000).map(|n| format!("line {n}\n")).collect();
    let words = ["--pipe", "--block", "1K", "--", "{#}"];
    folder.file("words.wat", wat::COMMAND);
    let ended = folder
        .sandpool(["map", "-q", "words.wat"].iter().chain(&words))
        .input(input.clone())
        .run();
    let results = results(&ended);
    assert!(results.len() > 30, "{}", results.len());
    let mut all = String::new();
    for (index, result) in results.iter().enumerate() {
        let text = result["stdout"].as_str().expect("text");
        let block = text
            .strip_prefix(&format!("words\n{}\n", index + 1))
            .expect("its words");
        assert!(block.len() <= 1024 && block.ends_with('\n'), "{block}");
        all.push_str(block);
    }
    assert!(all == input);
    // And for a function: the block is the argument.
    let ended = within(&folder, "text", &["statistics", "--pipe", "--block", "20K"])
        .input(input.clone())
        .run();
    let lines = super::map::results(&ended);
    let lines = lines
        .iter()
        .filter_map(|result| result["value"]["lines"].as_u64());
    assert_eq!(lines.sum::<u64>(), 5000);
}

#[test]
fn what_makes_no_sense_together_is_refused() {
    let _test = test();
    let refused = |words: &[&str]| {
        let ended = sandpool(["map", "math.wasm", "fib"].iter().chain(words)).run();
        assert_eq!(
            (ended.code(), ended.text()),
            (2, ""),
            "{words:?}: {}",
            ended.stderr
        );
    };
    refused(&["--from", "csv", "-0"]);
    refused(&["--from", "csv", "--pipe"]);
    refused(&["--no-header"]);
    refused(&["--block", "1M"]);
    refused(&["--pipe", "--from", "files"]);
    refused(&["--pipe", "--stdin-each"]);
    refused(&["--from", "csv", ":::", "1", ":::", "2"]);
    refused(&["--pipe", ":::", "1"]);
    refused(&["--from", "jsonl", ":::", "1", ":::", "2"]);
    refused(&[":::+", "1"]);
    refused(&["::::"]);
}

#[test]
fn names_of_files_are_bytes() {
    let _test = test();
    let folder = Folder::new();
    let name = OsStr::from_bytes(b"na\xefve");
    fs::write(folder.path().join(name), "hi").expect("written");
    let digest = guest("digest");
    let echo = |more: &[&OsStr]| {
        let words = ["map", "-q", "--to", "values", "--from", "files"].map(OsStr::new);
        let job = [digest.as_os_str(), "echo".as_ref()];
        folder.sandpool(words.into_iter().chain(job).chain(more.iter().copied()))
    };
    let hi = "{\"base64\":\"aGk=\"}\n";
    echo(&[]).input(&b"na\xefve\n"[..]).run().assert_prints(hi);
    echo(&["-0".as_ref()])
        .input(&b"na\xefve\0"[..])
        .run()
        .assert_prints(hi);
    echo(&[":::".as_ref(), name]).run().assert_prints(hi);
    fs::write(folder.path().join("list"), b"na\xefve\n").expect("written");
    echo(&["::::".as_ref(), "list".as_ref()])
        .run()
        .assert_prints(hi);
    // Its log and its results have it in letters that a log can hold.
    let logged = echo(&["--joblog".as_ref(), "log".as_ref(), ":::".as_ref(), name]).run();
    logged.assert_prints(hi);
    // To a command that gets no name of it, it is standard input as any other.
    let wc = guest("wc");
    let count = |more: &[&OsStr]| {
        let words = ["map", "-q", "--from", "files"].map(OsStr::new);
        let words = words.into_iter().chain([wc.as_os_str()]);
        let ended = folder.sandpool(words.chain(more.iter().copied())).run();
        results(&ended).remove(0)
    };
    let dashes = OsStr::new("--");
    assert_eq!(
        count(&[dashes, "-c".as_ref(), ":::".as_ref(), name])["stdout"],
        "2\n"
    );
    // A command's words are text.
    let refused = count(&[dashes, "{/}".as_ref(), ":::".as_ref(), name]);
    assert_eq!(refused["verdict"], "invalid_arguments");
    assert_eq!(
        refused["error"],
        "the name `na\u{fffd}ve` is not UTF-8, but the words of a command must be (`--lossy` puts \
         U+FFFD in place of bytes that are not)"
    );
}

#[test]
fn a_files_name_in_place_of_its_contents_is_explained() {
    let _test = test();
    let ended = sandpool(["map", "-q", "image.wasm", "dimensions", ":::", "photo.jpg"]).run();
    let error = results(&ended)[0]["error"].clone();
    let error = error.as_str().expect("text");
    assert!(
        error.starts_with("`photo.jpg` is not a valid list<u8> for"),
        "{error}"
    );
    assert!(
        error.ends_with("(`--from files` takes a file's contents)"),
        "{error}"
    );
}

#[test]
fn a_value_that_is_not_utf8_costs_itself_alone() {
    let _test = test();
    let bad = OsStr::from_bytes(b"caf\xe9");
    let greet = |flags: &[&str]| {
        let words = ["map", "-q", "text.wasm", "greet"].iter().chain(flags);
        let words = words
            .map(OsStr::new)
            .chain([":::".as_ref(), bad, "x".as_ref()]);
        sandpool(words).run()
    };
    let all = results(&greet(&[]));
    assert_eq!(
        all[0]["error"],
        "`caf\u{fffd}` is not UTF-8 (`--lossy` puts U+FFFD in place of bytes that are not)"
    );
    assert_eq!(all[1]["value"], "hello, x");
    assert_eq!(
        results(&greet(&["--lossy"]))[0]["value"],
        "hello, caf\u{fffd}"
    );
    let lines = |flags: &[&str]| {
        values("text.wasm", "greet", flags)
            .input(&b"caf\xe9\n"[..])
            .run()
    };
    assert_eq!(lines(&[]).code(), 1);
    lines(&["--lossy"]).assert_prints("\"hello, caf\u{fffd}\"\n");
    // And contents of files.
    let folder = Folder::new();
    folder.file("latin", b"caf\xe9");
    let words = ["greet", "--from", "files", ":::", "latin"];
    let ended = within(&folder, "text", &words).run();
    let error = results(&ended)[0]["error"].clone();
    assert!(
        error
            .as_str()
            .is_some_and(|error| error.contains("`--lossy`")),
        "{error}"
    );
    let words = [
        "greet", "--from", "files", "--lossy", "--to", "values", ":::", "latin",
    ];
    within(&folder, "text", &words)
        .run()
        .assert_prints("\"hello, caf\u{fffd}\"\n");
}
