//! `map --dry-run`: what would be run, checked, and nothing is.

use super::{Folder, sandpool};
use crate::support::{guest, test};

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
        ended.text().ends_with("wc.wasm -l 'a b'\n"),
        "{}",
        ended.text()
    );
    let left = std::fs::read_dir(folder.path())
        .expect("it is there")
        .count();
    assert_eq!(left, 0);
}
