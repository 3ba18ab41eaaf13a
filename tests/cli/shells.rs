//! The texts for shells and man: made from its own command line, so each has every
//! subcommand; and taken by each shell that is here.

use std::fs;

use super::{CommandLine, DEADLINE, Finished, Folder, sandpool};
use crate::support::process::program;
use crate::support::test;

const COMMANDS: [&str; 12] = [
    "bench",
    "run",
    "apply",
    "map",
    "inspect",
    "doctor",
    "new",
    "completions",
    "man",
    "eval",
    "repl",
    "warm",
];

/// Runs a program of the system, which may not be here.
fn try_program(name: &str, args: &[&str]) -> Option<Finished> {
    let found = std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|folder| folder.join(name))
        .find(|path| path.is_file());
    let Some(path) = found else {
        eprintln!("there is no `{name}` here, which could say what it thinks");
        return None;
    };
    let mut command = program(path.to_str().expect("its path is text"));
    command
        .args(args)
        .env("MANWIDTH", "80")
        .env("LC_ALL", "C.UTF-8");
    let line = CommandLine {
        command,
        input: Vec::new(),
        file: None,
        terminal: None,
        deadline: DEADLINE,
    };
    Some(line.run())
}

#[test]
fn every_shell_completes_every_command() {
    let _test = test();
    let folder = Folder::new();
    for shell in ["bash", "zsh", "fish"] {
        let script = sandpool(["completions", shell]).run();
        assert_eq!((script.code(), &*script.stderr), (0, ""), "{shell}");
        for command in COMMANDS {
            assert!(script.text().contains(command), "{shell}: {command}");
        }
        for flag in ["timeout", "no-cache", "unordered"] {
            assert!(script.text().contains(flag), "{shell}: {flag}");
        }
        let path = folder.file(shell, script.text());
        let path = path.to_str().expect("text");
        let no_run = if shell == "fish" {
            "--no-execute"
        } else {
            "-n"
        };
        if let Some(checked) = try_program(shell, &[no_run, path]) {
            checked.assert_prints("");
        }
    }
    // Asks bash for the completions of the words so far.
    let ask = format!(
        "source {}; COMP_WORDS=(sandpool d); COMP_CWORD=1; _sandpool sandpool d sandpool; \
         echo ${{COMPREPLY[@]}}",
        folder.path().join("bash").display()
    );
    if let Some(answer) = try_program("bash", &["-c", &ask]) {
        answer.assert_prints("doctor\n");
    }
    let unknown = sandpool(["completions", "tcsh"]).run();
    assert_eq!(unknown.code(), 2);
    assert!(unknown.stderr.contains("bash"), "{}", unknown.stderr);
}

#[test]
fn the_manual_has_a_page_for_every_command() {
    let _test = test();
    let folder = Folder::new();
    let dir = folder.path().join("man/man1");
    let dir = dir.to_str().expect("text");
    sandpool(["man", "--dir", dir]).run().assert_prints("");
    let mut pages: Vec<String> = fs::read_dir(dir)
        .expect("made")
        .map(|entry| entry.expect("readable").file_name())
        .map(|name| name.into_string().expect("text"))
        .collect();
    pages.sort();
    let mut expected = COMMANDS
        .map(|command| format!("sandpool-{command}.1"))
        .to_vec();
    expected.push("sandpool.1".to_owned());
    expected.sort();
    assert_eq!(pages, expected);
    for page in pages {
        let text = fs::read_to_string(format!("{dir}/{page}")).expect("text");
        assert!(text.contains(".SH EXAMPLES\n.nf\n"), "{page}");
        let Some(shown) = try_program("man", &["--warnings", "-l", &format!("{dir}/{page}")])
        else {
            continue;
        };
        assert_eq!((shown.code(), &*shown.stderr), (0, ""), "{page}");
        // A small image has a `man` that only says that there is none.
        if shown.text().contains("NAME") {
            assert!(
                shown.text().contains("EXAMPLES"),
                "{page}: {}",
                shown.text()
            );
        }
    }
}

#[test]
fn one_page_goes_to_stdout() {
    let _test = test();
    let page = sandpool(["man", "map"]).run();
    assert_eq!((page.code(), &*page.stderr), (0, ""));
    assert!(
        page.text().contains(".TH sandpool-map 1"),
        "{}",
        page.text()
    );
    let example = "\n  sandpool map math.wasm add \\-\\-input pairs.jsonl \\-\\-unordered\n";
    assert!(page.text().contains(example), "{}", page.text());
    let whole = sandpool(["man"]).run();
    for command in COMMANDS {
        let named = format!("sandpool\\-{command}(1)");
        assert!(whole.text().contains(&named), "{command}: {}", whole.text());
    }
    sandpool(["man", "woman"])
        .run()
        .assert_refuses(2, "error: there is no command `woman`\n");
}
