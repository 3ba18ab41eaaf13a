//! `sandpool eval`, and what else knows the interpreters: `warm`, `doctor`, `inspect`.

use super::{COMPILING, CommandLine, Folder, sandpool};
use crate::support::{is_built, test_alone_for};

fn eval(words: &[&str]) -> CommandLine {
    // Quiet, since an interpreter that is being compiled is worth a notice.
    sandpool([&["eval", "-q"], words].concat()).deadline(COMPILING)
}

/// Returns the exit code and stdout.
fn shown(words: &[&str]) -> (i32, String) {
    let ended = eval(words).run();
    (ended.code(), ended.text().to_owned())
}

#[test]
fn the_value_is_json_and_none_is_not_printed() {
    let _test = test_alone_for(COMPILING);
    if !is_built("python") || !is_built("javascript") {
        return;
    }
    for (words, printed) in [
        (&["sum(n * n for n in range(10))"][..], "285\n"),
        (
            &["x = 2\nresult = {'a': (x, None)}"],
            "{\"a\":{\"$tuple\":[2,null]}}\n",
        ),
        (&["print('seen')"], "seen\n"),
        (&["None"], ""),
        (&["-5"], "-5\n"),
        (&["--lang", "js", "[3, 1, 2].toSorted()"], "[1,2,3]\n"),
        (
            &["--lang", "javascript", "await Promise.resolve(input)"],
            "",
        ),
        (&["--raw", "'a\\nb'"], "a\nb"),
        (&["--raw", "[1]"], "[1]\n"),
        (&["--input", r#"{"n": 20}"#, "input['n'] + 1"], "21\n"),
        (&["import sys; sys.exit(0)"], ""),
    ] {
        assert_eq!(shown(words), (0, printed.to_owned()), "{words:?}");
    }
}

#[test]
fn code_and_input_come_from_words_files_and_stdin() {
    let _test = test_alone_for(COMPILING);
    if !is_built("python") || !is_built("javascript") {
        return;
    }
    let folder = Folder::new();
    folder.file("double.js", "input * 2");
    folder.file("code.txt", "input + 1");
    folder.file("n.json", " 21\n");
    let run = |words: &[&str], stdin: &str| {
        let command = eval(words).within(folder.path()).input(stdin);
        let ended = command.run();
        assert_eq!(ended.code(), 0, "{words:?}: {}", ended.stderr);
        ended.text().to_owned()
    };
    assert_eq!(run(&["-f", "double.js", "--input", "@n.json"], ""), "42\n");
    // A byte order mark, and lines that end as on Windows.
    folder.file("bom.py", "\u{feff}x = 1\r\nx + 1\r\n");
    assert_eq!(run(&["-f", "bom.py"], ""), "2\n");
    assert_eq!(run(&["-f", "code.txt", "--input", "@-"], "1"), "2\n");
    assert_eq!(run(&["-"], "1 + 1"), "2\n");
    assert_eq!(run(&[], "1 + 2"), "3\n");
    assert_eq!(
        run(&["-f", "-", "--lang", "js"], "typeof 1"),
        "\"number\"\n"
    );
}

#[test]
fn what_cannot_be_used_is_one_line() {
    let _test = test_alone_for(COMPILING);
    if !is_built("python") {
        return;
    }
    for (words, code, line) in [
        (
            &["-f", "/nonexistent.py"][..],
            3,
            "error: the code cannot be read from `/nonexistent.py`",
        ),
        (&["--input", "{", "1"], 3, "error: the input is not JSON"),
        (
            &["--input", "@/nonexistent", "1"],
            3,
            "error: the input cannot be read from `/nonexistent`",
        ),
        (
            &["--input", "@-", "-"],
            2,
            "error: the code and the input cannot both be read from stdin",
        ),
        (
            &["--timeout", "200%", "1"],
            2,
            "error: `--timeout 200%` is for `map`",
        ),
        (&["-f", "a.py", "1"], 2, "error: the argument"),
        (&["--lang", "cobol", "1"], 2, "error: invalid value 'cobol'"),
    ] {
        let ended = eval(words).run();
        assert_eq!(ended.code(), code, "{words:?}: {}", ended.stderr);
        assert!(
            ended.stderr.starts_with(line),
            "{words:?}: {}",
            ended.stderr
        );
        assert_eq!(ended.text(), "");
    }
}

#[test]
fn a_failure_is_its_traceback_and_a_limit_is_told_with_its_flag() {
    let _test = test_alone_for(COMPILING);
    if !is_built("python") {
        return;
    }
    let ended = eval(&["def f(n):\n    return 1 / n\nprint('before')\nf(0)"]).run();
    assert_eq!((ended.code(), ended.text()), (1, "before\n"));
    let lines: Vec<_> = ended.stderr.lines().collect();
    assert_eq!(lines[0], "Traceback (most recent call last):");
    assert!(
        lines.contains(&"  File \"<snippet>\", line 2, in f"),
        "{lines:?}"
    );
    assert_eq!(lines.last(), Some(&"ZeroDivisionError: division by zero"));
    let ended = eval(&["x = (\n1 +"]).run();
    assert!(ended.stderr.contains("SyntaxError"), "{}", ended.stderr);
    assert!(!ended.stderr.contains("refused"), "{}", ended.stderr);

    let ended = eval(&["while True: pass", "--timeout", "1s"]).run();
    assert_eq!(ended.code(), 1);
    let line = "error: timeout: ran past 1s (set by the flag); raise it with `--timeout`\n";
    assert_eq!(ended.stderr, line);
    let ended = eval(&["open('/etc/passwd')"]).run();
    assert_eq!(ended.code(), 1);
    assert!(
        ended.stderr.contains("refused file /etc/passwd"),
        "{}",
        ended.stderr
    );
    assert!(ended.stderr.contains("hint: `--dir"), "{}", ended.stderr);
    // No text of the code passes for a line of ours or reaches the terminal as it is.
    let ended = eval(&["raise ValueError('\\x1b[2J')"]).run();
    assert!(!ended.stderr.contains('\u{1b}'), "{:?}", ended.stderr);
}

#[test]
fn limits_and_grants_hold() {
    let _test = test_alone_for(COMPILING);
    if !is_built("python") {
        return;
    }
    let folder = Folder::new();
    folder.file("data.csv", "a,b\n1,2\n");
    let grant = format!("{}::/data", folder.path().display());
    let code = "import csv\nlist(csv.DictReader(open('/data/data.csv')))";
    let ended = eval(&["--dir", &grant, code]).run();
    assert_eq!(
        ended.text(),
        "[{\"a\":\"1\",\"b\":\"2\"}]\n",
        "{}",
        ended.stderr
    );
    let ended = eval(&["--memory", "64MiB", "x = 'a' * 10**9"]).run();
    assert_eq!(ended.code(), 1);
    let told = ended.stderr.contains("memory_limit") || ended.stderr.contains("MemoryError");
    assert!(told, "{}", ended.stderr);
    let words = ["--env", "NAME=value", "import os; os.environ['NAME']"];
    assert_eq!(shown(&words), (0, "\"value\"\n".to_owned()));
}

#[test]
fn deep_recursion_is_an_error_that_can_be_caught() {
    let _test = test_alone_for(COMPILING);
    if !is_built("python") || !is_built("javascript") {
        return;
    }
    let python = "import sys\nsys.setrecursionlimit(5000)\n\
                  def f(n): return f(n - 1) + 1 if n else 0\nf(4900)";
    assert_eq!(shown(&[python]), (0, "4900\n".into()));
    let caught = "def f(): return f()\ntry: f()\nexcept RecursionError: result = 'caught'";
    assert_eq!(shown(&[caught]), (0, "\"caught\"\n".into()));
    let javascript = "const f = n => n ? f(n - 1) + 1 : 0; f(5000)";
    assert_eq!(shown(&["--lang", "js", javascript]), (0, "5000\n".into()));
    let mapped = "const f = n => n ? [n].map(n => f(n - 1) + 1)[0] : 0; f(1000)";
    assert_eq!(shown(&["--lang", "js", mapped]), (0, "1000\n".into()));
}

#[test]
fn the_interpreters_are_found_inspected_and_compiled_by_name() {
    let _test = test_alone_for(COMPILING);
    if !is_built("python") || !is_built("javascript") {
        return;
    }
    let ended = sandpool(["warm"]).deadline(COMPILING).run();
    assert_eq!((ended.code(), ended.text()), (0, ""), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("`python` is ready"),
        "{}",
        ended.stderr
    );
    assert!(
        ended.stderr.contains("`javascript` is ready"),
        "{}",
        ended.stderr
    );
    assert_eq!(sandpool(["warm", "-q", "math.wasm"]).run().stderr, "");
    assert_eq!(sandpool(["warm", "nobody-has-it"]).run().code(), 3);
    assert_eq!(sandpool(["warm", "--no-cache"]).run().code(), 2);
    let ended = sandpool(["warm"])
        .env("SANDPOOL_CACHE_DIR", "/dev/null")
        .run();
    assert_eq!(ended.code(), 4, "{}", ended.stderr);

    let file = "/python.wasm";
    let inspected = sandpool(["inspect", "python"]).run();
    assert!(
        inspected.text().lines().any(|line| line.ends_with(file)),
        "{}",
        inspected.text()
    );
    let doctor = sandpool(["doctor"]).run();
    let line = doctor
        .text()
        .lines()
        .find(|line| line.contains("python"))
        .expect("a line");
    assert!(line.contains("installed") && line.ends_with(file), "{line}");
    let json = sandpool(["doctor", "--json"]).run();
    let json: serde_json::Value = serde_json::from_str(json.text()).expect("JSON");
    let found = json["interpreters"][0]["file"].as_str().expect("a file");
    assert!(found.ends_with(file), "{found}");
}
