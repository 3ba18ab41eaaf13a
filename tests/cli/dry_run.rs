//! `map --dry-run`: what would be run, checked, and nothing is.

use std::path::Path;

use super::{Folder, sandpool};
use crate::support::process::program;
use crate::support::{guest, test, wat};

#[test]
fn calls_are_shown_as_lines_to_paste() {
    let _test = test();
    sandpool(["map", "text.wasm", "change-case", "--dry-run", "-q"])
        .input("[\"it's\",\"upper\"]\n[\"-x\",\"lower\"]\n")
        .run()
        .assert_prints(
            "sandpool apply text.wasm change-case 'it'\\''s' upper\n\
             sandpool apply text.wasm change-case -- -x lower\n",
        );
    let ended = sandpool(["map", "math.wasm", "fib", "--dry-run", ":::", "5"]).run();
    ended.assert(
        0,
        "sandpool apply math.wasm fib 5\n",
        "sandpool: 1 input, and all fit\n",
    );
}

#[test]
fn what_does_not_fit_is_a_comment() {
    let _test = test();
    let ended = sandpool(["map", "math.wasm", "fib", "--dry-run"])
        .input("5\nx\n")
        .run();
    assert_eq!(ended.code(), 1);
    let lines = ended.lines();
    assert_eq!(lines[0], "sandpool apply math.wasm fib 5");
    assert!(lines[1].starts_with("# 1: `x` is no"), "{}", lines[1]);
    assert_eq!(ended.stderr, "sandpool: 1 of 2 inputs do not fit\n");
}

#[test]
fn nothing_is_run_and_nothing_is_written() {
    let _test = test();
    let folder = Folder::new();
    let wc = guest("wc");
    let wc = wc.to_str().expect("its path is text");
    let words = [
        "map",
        wc,
        "--dry-run",
        "-q",
        "-o",
        "out",
        "--results",
        "all",
        "--",
        "-l",
    ];
    let ended = folder.sandpool(words).input("a b\n").run();
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    assert!(
        ended.text().ends_with("wc.wasm -l 'a b' < /dev/null\n"),
        "{}",
        ended.text()
    );
    let left = std::fs::read_dir(folder.path())
        .expect("it is there")
        .count();
    assert_eq!(left, 0);
}

#[test]
fn what_a_log_has_is_not_shown_and_the_log_stays_as_it_is() {
    let _test = test();
    let folder = Folder::new();
    let math = guest("math");
    let math = math.to_str().expect("its path is text");
    let run = |input: &str, more: &[&str]| {
        folder.file("in", input);
        let words = [
            "map", math, "fib", "-i", "in", "--joblog", "log", "-o", "out",
        ];
        folder.sandpool([&words[..], more].concat()).run()
    };
    assert_eq!(run("1\nx\n2\n", &[]).code(), 1);
    let files =
        || ["log", "out"].map(|name| std::fs::read(folder.path().join(name)).expect("it is there"));
    let before = files();
    let all = "1\nx\n2\n3\n4\ny\n";
    let shown = |input: &str, how: &[&str]| {
        let ended = run(input, &[&["--dry-run"], how].concat());
        let lines: Vec<_> = ended
            .lines()
            .iter()
            .map(|line| match line.rsplit_once("math.wasm fib ") {
                Some((_, word)) => word.to_owned(),
                None => line.split(':').next().unwrap_or_default().to_owned(),
            })
            .collect();
        assert!(files() == before, "nothing is written");
        (lines.join(" "), ended.stderr)
    };
    assert_eq!(
        shown(all, &["--resume"]),
        (
            "3 4 # 5".to_owned(),
            "sandpool: 1 of 3 inputs do not fit\nsandpool: 3 inputs not run, because the log has \
             them, 1 of them failed\n"
                .to_owned()
        )
    );
    assert_eq!(shown(all, &["--resume-failed"]).0, "# 1 3 4 # 5");
    assert_eq!(shown(all, &["--retry-failed"]).0, "# 1");
    // A log that a run would refuse is refused.
    let (lines, stderr) = shown("1\n9\n2\n3\n", &["--resume"]);
    assert_eq!(lines, "");
    assert!(
        stderr.starts_with("error: the inputs have changed"),
        "{stderr}"
    );
    let (_, stderr) = shown(all, &[]);
    assert!(
        stderr.starts_with("error: the log, `log`, exists already"),
        "{stderr}"
    );
    let (_, stderr) = shown(all, &["--resume", "--to", "csv"]);
    assert!(
        stderr.contains("belongs to another place or form of results"),
        "{stderr}"
    );
    std::fs::remove_file(folder.path().join("log")).expect("it is there");
    let ended = run("1\n", &["--dry-run", "--retry-failed"]);
    assert_eq!(ended.code(), 3);
    assert!(!folder.path().join("log").exists());
}

#[test]
fn names_of_results_that_are_taken_are_foretold() {
    let _test = test();
    let folder = Folder::new();
    std::fs::create_dir_all(folder.path().join("out/there")).expect("made");
    folder.file("out/file", "mine");
    let text = guest("text");
    let text = text.to_str().expect("its path is text");
    let dry = |named: &str, input: &str| {
        let words = ["map", text, "greet", "-q", "--dry-run", "--results", named];
        folder.sandpool(words).input(input).run()
    };
    let ended = dry("out/{}", "there\nfile/x\nthere/x\nnew\n");
    assert_eq!(ended.code(), 1);
    assert_eq!(
        ended.lines()[..2],
        [
            "# 0: its result would be `out/there`, and a file of that name exists already",
            "# 1: its result would be `out/file/x`, and there is already a file in the place of \
             its folder",
        ]
    );
    // The first would be a result, and no folder for the third.
    assert!(ended.lines()[2].starts_with("# 2: "), "{}", ended.text());
    assert!(ended.lines()[3].ends_with(" greet new"), "{}", ended.text());
    let ended = dry("out", "a\n");
    assert_eq!(ended.code(), 3);
    assert!(
        ended
            .stderr
            .contains("the folder for results, `out`, is not empty")
    );
}

/// Runs a printed line in a shell in this folder, and returns its output.
pub(super) fn pasted(line: &str, folder: &Path) -> String {
    let sandpool = Path::new(env!("CARGO_BIN_EXE_sandpool"));
    let bin = sandpool.parent().expect("it is in a folder").display();
    let path = std::env::var("PATH").unwrap_or_default();
    let ended = program("timeout")
        .args(["30", "bash", "-c", line])
        .current_dir(folder)
        .env("PATH", format!("{bin}:{path}"))
        .stdin(std::process::Stdio::null())
        .output();
    let ended = ended.expect("there is a shell");
    let stderr = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(stderr, "", "{line}");
    String::from_utf8(ended.stdout).expect("it prints text")
}

#[test]
fn a_line_that_is_pasted_makes_exactly_that_call() {
    let _test = test();
    let folder = Folder::new();
    let text = guest("text");
    let text = text.to_str().expect("its path is text");
    let odd = [
        "it's",
        "\u{1b}[31m",
        "two\nlines\r\n",
        "\t",
        "\\x41\\",
        "$HOME `id` \"q\"",
        "@x",
        "@",
        "-x",
        "null",
        "a\0b",
        "\u{9b}\u{202e}",
        "ü",
        "!!",
        "#",
        "~",
        " ",
    ];
    let input: String = odd
        .iter()
        .map(|text| format!("{}\n", serde_json::json!([text])))
        .collect();
    let map = ["map", text, "greet", "--from", "jsonl", "--spread", "-q"];
    let run = |more: &[&str]| {
        let ended = folder
            .sandpool([&map[..], more].concat())
            .input(input.as_str())
            .run();
        assert_eq!((ended.code(), ended.stderr.as_str()), (0, ""));
        ended.text().to_owned()
    };
    let lines = run(&["--dry-run"]);
    super::assert_harmless(&lines);
    let results = run(&["--to", "values"]);
    assert_eq!(lines.lines().count(), odd.len());
    for (line, result) in lines.lines().zip(results.lines()) {
        assert_eq!(pasted(line, folder.path()), format!("{result}\n"), "{line}");
    }
}

#[test]
fn a_command_that_is_pasted_has_the_grants_and_the_stdin_that_it_would_have() {
    let _test = test();
    let folder = Folder::new();
    folder.file("words.wat", wat::COMMAND);
    folder.file("a file", "x y\nz\n");
    let wc = guest("wc");
    let wc = wc.to_str().expect("its path is text");
    let inputs: [(&[&str], &str); 4] = [
        (
            &[wc, "--dir", ".::/my data", "--", "-l", "/my data/{}"],
            "a file\n",
        ),
        (
            &["words.wat", "--", "{#}", "\u{1b}", "{}"],
            "\u{1b}]0;x\u{7}\nb c\n",
        ),
        (
            &["words.wat", "--stdin-each", "--", "{#}"],
            "it's\\x41\n\u{1b}\0\n",
        ),
        (&["words.wat", "--pipe", "--block", "4"], "a\nb\nc\nd\n"),
    ];
    for (words, input) in inputs {
        let run = |more: &[&str]| {
            let words = [&["map", "-q"], more, words].concat();
            folder.sandpool(words).input(input).run().text().to_owned()
        };
        let lines = run(&["--dry-run"]);
        super::assert_harmless(&lines);
        let results: String = lines
            .lines()
            .map(|line| pasted(line, folder.path()))
            .collect();
        assert_eq!(results, run(&["--to", "printed"]), "{lines}");
        // Nor does one line read those behind it.
        assert_eq!(
            pasted(
                &format!("printf %s {} | bash", shell(&lines)),
                folder.path()
            ),
            results
        );
    }
}

fn shell(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[test]
fn flags_that_make_the_call_another_are_in_the_line() {
    let _test = test();
    let words = [
        "map",
        "-q",
        "math.wasm",
        "fib",
        "--dry-run",
        "-j",
        "2",
        "--unordered",
    ];
    let limits = [
        "--timeout",
        "300ms",
        "--memory=64MiB",
        "--env",
        "A=b c",
        "--wasm",
        "gc",
    ];
    let line = |more: &[&str]| {
        let words = [&words[..], more, &[":::", "5"]].concat();
        sandpool(words).run().text().to_owned()
    };
    let shown = line(&limits);
    for flag in [
        "--timeout 300ms",
        "--memory 64MiB",
        "--env 'A=b c'",
        "--wasm gc",
    ] {
        assert!(shown.contains(flag), "{shown}");
    }
    assert!(shown.starts_with("sandpool apply --") && shown.ends_with(" math.wasm fib 5\n"));
    assert!(
        !shown.contains("-j") && !shown.contains("unordered"),
        "{shown}"
    );
    // One call has no median.
    assert_eq!(
        line(&["--timeout", "200%"]),
        "sandpool apply --timeout none math.wasm fib 5\n"
    );
    let folder = Folder::new();
    folder.file("c.wat", wat::QUIET_COMMAND);
    let words = ["map", "-q", "c.wat", "--dry-run", "--", "x", ":::", "y"];
    let ended = folder.sandpool(words).run();
    ended.assert_prints("sandpool run --timeout 10s c.wat x y < /dev/null\n");
}

#[test]
fn apply_shows_its_call_too_and_does_not_make_it() {
    let _test = test();
    let words = ["apply", "math.wasm", "add", "--dry-run"];
    let with = |more: &[&str]| sandpool([&words[..], more].concat()).run();
    with(&["--timeout", "1s", "--kwarg", "b=2", "--", "-1"])
        .assert_prints("sandpool apply --kwarg b=2 --timeout 1s math.wasm add -1\n");
    let unfit = with(&["1", "x"]);
    assert_eq!((unfit.code(), unfit.text()), (3, ""));
    let ended = sandpool(["apply", "--dry-run", "text.wasm", "greet", "--", "-\u{1b}'"]).run();
    ended.assert_prints("sandpool apply text.wasm greet -- $'-\\x1b\\''\n");
}
