//! The output of tasks, on a terminal and elsewhere.

use super::Folder;
use crate::support::terminal::Terminal;
use crate::support::{test, wat};

/// Words that would clear the screen, give the window a title, and write over what
/// stands there.
const EVIL: [&str; 3] = ["\u{1b}[2J\u{9b}2J", "\u{1b}]0;mine\u{7}", "a\rb\u{8}c\td"];

fn words(more: &[&'static str]) -> Vec<&'static str> {
    let map = ["map", "words.wat", "-q", "-j1", "--to", "printed"];
    let behind = ["--", "{}"];
    [&map[..], more, &behind[..], &EVIL].concat()
}

#[test]
fn control_codes_of_tasks_are_shown_on_a_terminal_and_not_obeyed() {
    let _test = test();
    let folder = Folder::new();
    folder.file("words.wat", wat::COMMAND);
    for tag in ["", "\\u{1b}x\t"] {
        let terminal = Terminal::open();
        let flags: &[&str] = if tag.is_empty() { &[] } else { &["--tag"] };
        let host = folder.sandpool(words(flags)).output_on(&terminal);
        let ended = host.input("\u{1b}x\n").run();
        let seen = terminal.seen().replace("\r\n", "\n");
        let lines = [
            "words",
            "\\u{1b}x",
            "\\u{1b}[2J\\u{9b}2J",
            "\\u{1b}]0;mine\\u{7}",
            "a\\rb\\u{8}c\td",
        ];
        let expected: String = lines.iter().map(|line| format!("{tag}{line}\n")).collect();
        assert_eq!((ended.code(), seen), (1, expected));
    }
}

#[test]
fn what_tasks_print_goes_on_as_it_is_where_no_terminal_is() {
    let _test = test();
    let folder = Folder::new();
    folder.file("words.wat", wat::COMMAND);
    let ended = folder.sandpool(words(&[])).input("\u{1b}x\n").run();
    let expected = format!("words\n\u{1b}x\n{}\n", EVIL.join("\n"));
    assert_eq!((ended.code(), ended.text()), (1, expected.as_str()));
    let file = [&words(&[])[..4], &["-o", "out"], &words(&[])[4..]].concat();
    // A terminal for the rest changes nothing of a file.
    let terminal = Terminal::open();
    let host = folder.sandpool(file).output_on(&terminal);
    assert_eq!(host.input("\u{1b}x\n").run().code(), 1);
    let out = std::fs::read_to_string(folder.path().join("out")).expect("it is there");
    assert_eq!(out, expected);
}
