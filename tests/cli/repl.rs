//! `sandpool repl`: names that live from one input to the next, at a terminal and from a pipe.

use super::{COMPILING, Folder, sandpool};
use crate::support::terminal::Terminal;
use crate::support::{eventually_within, is_built, test_alone_for};

fn piped(words: &[&str], input: &str) -> (i32, String, String) {
    let ended = sandpool([&["repl"], words].concat())
        .deadline(COMPILING)
        .input(input)
        .run();
    let text = ended.text().to_owned();
    (ended.code(), text, ended.stderr)
}

#[test]
fn names_live_from_one_input_to_the_next_and_values_are_shown_as_the_language_does() {
    let _test = test_alone_for(COMPILING);
    if !is_built("python") || !is_built("javascript") {
        return;
    }
    let input = "x = 3\nx * 2\ndef f(n):\n    return n + 1\n\nf(_)\nlen\n'é'\n1 / 0\nx";
    let (code, text, stderr) = piped(&[], input);
    assert_eq!(
        (code, &*text),
        (0, "6\n7\n<built-in function len>\n'é'\n3\n"),
        "{stderr}"
    );
    assert!(
        stderr.ends_with("ZeroDivisionError: division by zero\n"),
        "{stderr}"
    );
    let input = "let x = 3\nfunction f(n) {\n  return n + x\n}\nf(1)\nf\n({a: [1]})\nawait 5\n";
    let (code, text, stderr) = piped(&["--lang", "js"], input);
    let expected = "4\n[Function: f]\n{ a: [ 1 ] }\n5\n";
    assert_eq!((code, &*text), (0, expected), "{stderr}");
}

#[test]
fn a_limit_ends_the_session_and_the_prompt_goes_on() {
    let _test = test_alone_for(COMPILING);
    if !is_built("python") {
        return;
    }
    let input = "x = 1\nwhile True: pass\n'x' in globals()\nexit(3)\n'not reached'\n";
    let (code, text, stderr) = piped(&["--timeout", "1s"], input);
    assert_eq!((code, &*text), (1, "False\n"), "{stderr}");
    assert!(stderr.contains("timeout: ran past 1s"), "{stderr}");
    assert!(stderr.contains("the session has ended"), "{stderr}");
}

/// Types keys at a prompt, and waits after each until the screen ends with these lines. The
/// last one is the next prompt: keys that come before it may be lost.
fn session_at_a_terminal(inputs: &[(&str, &[&str])], history: &Folder) {
    let terminal = Terminal::open();
    let mut started = sandpool(["repl"])
        .deadline(COMPILING)
        .env("XDG_STATE_HOME", history.path())
        .stdin(terminal.stdin())
        .output_on(&terminal)
        .start();
    let first: (&str, &[&str]) = ("", &[">>>"]);
    for (keys, lines) in [&[first], inputs].concat() {
        terminal.type_keys(keys);
        eventually_within(COMPILING, &lines.join(" / "), || {
            terminal.screen().ends_with(
                &lines
                    .iter()
                    .map(|line| (*line).to_owned())
                    .collect::<Vec<_>>(),
            )
        });
    }
    terminal.type_keys("\u{4}");
    assert_eq!(started.wait().code(), Some(0));
}

#[test]
fn ctrl_c_interrupts_what_runs_and_keeps_the_session() {
    let _test = test_alone_for(COMPILING);
    if !is_built("python") || !is_built("javascript") {
        return;
    }
    let folder = Folder::new();
    let endless = [
        (
            "python",
            ">>> ",
            "x = 'kept'; print('ru' + 'ns', flush=True); exec('while 1: pass')\r",
        ),
        (
            "javascript",
            "> ",
            "x = 'kept'; console.log('ru' + 'ns'); for (;;) {}\r",
        ),
    ];
    for (lang, prompt, endless) in endless {
        let terminal = Terminal::open();
        let mut started = sandpool(["repl", "--lang", lang])
            .deadline(COMPILING)
            .env("XDG_STATE_HOME", folder.path())
            .stdin(terminal.stdin())
            .output_on(&terminal)
            .start();
        let shows = |what: &str| {
            eventually_within(COMPILING, what, || terminal.seen().contains(what));
        };
        // Keys that come before the prompt are lost.
        shows(prompt);
        terminal.type_keys(endless);
        shows("runs");
        started.ctrl_c();
        let ended = if lang == "python" {
            "KeyboardInterrupt"
        } else {
            "interrupted"
        };
        shows(ended);
        terminal.type_keys("x\r");
        eventually_within(COMPILING, "the name lives", || {
            terminal.screen().iter().any(|row| row == "'kept'")
        });
        assert!(
            !terminal.seen().contains("the session has ended"),
            "{}",
            terminal.seen()
        );
        terminal.type_keys("\u{4}");
        assert_eq!(started.wait().code(), Some(0));
    }
}

#[test]
fn lines_are_edited_go_on_while_they_are_incomplete_and_are_kept_as_history() {
    let _test = test_alone_for(COMPILING);
    if !is_built("python") {
        return;
    }
    let folder = Folder::new();
    let first: [(&str, &[&str]); 4] = [
        ("2 + (\r3)\r", &["5", ">>>"]),
        // Left, and a digit before the last.
        ("12\u{1b}[D7\r", &[">>> 172", "172", ">>>"]),
        // Ctrl-C gives up a line.
        ("raise\u{3}", &[">>> raise", ">>>"]),
        ("'next'\r", &["'next'", ">>>"]),
    ];
    session_at_a_terminal(&first, &folder);
    // Up: the last input of the session before.
    let again: (&str, &[&str]) = ("\u{1b}[A\r", &[">>> 'next'", "'next'", ">>>"]);
    session_at_a_terminal(&[again], &folder);
}
