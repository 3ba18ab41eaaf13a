//! The command's help.

use super::sandpool;
use crate::support::test;

#[test]
fn help_of_every_command() {
    let _test = test();
    for command in [
        "eval",
        "repl",
        "warm",
        "run",
        "apply",
        "map",
        "inspect",
        "bench",
        "doctor",
        "new",
        "completions",
        "man",
    ] {
        let ended = sandpool([command, "--help"]).run();
        assert!(ended.text().contains("\nExamples:\n"), "{command}");
        insta::assert_snapshot!(format!("help_{command}"), ended.show());
    }
    insta::assert_snapshot!("help", sandpool(["--help"]).run().show());
}

#[test]
fn short_help_is_the_same() {
    let _test = test();
    for command in ["run", "apply", "map", "inspect"] {
        let long = sandpool([command, "--help"]).run();
        assert!(long.text().contains("Exit codes:") || command == "inspect");
        assert_eq!(sandpool([command, "-h"]).run().code(), 0);
    }
}

#[test]
fn the_version_is_the_packages() {
    let _test = test();
    sandpool(["--version"]).run().assert_prints(concat!(
        "sandpool ",
        env!("CARGO_PKG_VERSION"),
        "\n"
    ));
}

#[test]
fn without_a_command_there_is_help_and_no_success() {
    let _test = test();
    insta::assert_snapshot!(sandpool([""; 0]).run().show());
}

#[test]
fn a_flag_with_a_value_that_cannot_be_says_what_can() {
    let _test = test();
    let wrong = [
        "--retries x",
        "--halt later",
        "--block 0",
        "--from x",
        "--to x",
        "--slow-after 0s",
        "-j 0",
        "--load 0",
        "--memfree x",
        "--nice 20",
        "--timeout 0s",
        "--timeout 50%",
        "--dir ::",
        "--env =",
        "--isolation x",
        "--progress x",
        "--wasm x",
        "--memory 1.5",
        "--max-tasks-per-process 0",
        "--no-such-flag",
    ];
    let mut shown = String::new();
    for flag in wrong {
        let words = ["map", "math.wasm", "fib", "--pipe"];
        let ended = sandpool(words.into_iter().chain(flag.split(' '))).run();
        assert_eq!((ended.code(), ended.text()), (2, ""), "{flag}");
        let lines = ended.stderr.lines().take_while(|line| !line.is_empty());
        let error: String = lines.map(|line| format!("    {line}\n")).collect();
        shown.push_str(&format!("{flag}\n{error}"));
    }
    insta::assert_snapshot!(shown);
}
