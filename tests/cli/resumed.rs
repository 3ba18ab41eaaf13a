//! Every kind of input is gone on with, and into every kind of output.

use std::fs;

use super::{Folder, guests};
use crate::support::{test, wat};

/// A command line of a map, by its words and what it reads.
struct Asked {
    words: &'static [&'static str],
    input: &'static str,
}

const MODULES: [&str; 2] = ["math.wasm", "text.wasm"];

const ASKED: [Asked; 9] = [
    Asked {
        words: &["words.wat", "--pipe", "--block", "4", "--", "{#}"],
        input: "a\nb\nc\nd\ne\nf\ng\n",
    },
    Asked {
        words: &["words.wat", "--stdin-each", "--to", "csv"],
        input: "a\n\nb\nc\nd\n",
    },
    Asked {
        words: &[
            "words.wat",
            "-0",
            "--to",
            "printed",
            "--tag",
            "--",
            "{}",
            "{#}",
        ],
        input: "a\nb\0c\0\0d\0e\0",
    },
    Asked {
        words: &["math.wasm", "add", "--from", "csv", "--to", "csv", "--tag"],
        input: "b,a\n1,2\nx,3\n4,5\n6,7\n",
    },
    Asked {
        words: &["math.wasm", "add", ":::", "1", "2", "x", ":::", "10", "20"],
        input: "",
    },
    Asked {
        words: &[
            "math.wasm",
            "add",
            "--from",
            "tsv",
            "--no-header",
            ":::",
            "1\t2",
            "3\t4",
            "5\t6",
        ],
        input: "",
    },
    Asked {
        words: &[
            "text.wasm",
            "greet",
            "--from",
            "files",
            ":::",
            "words.wat",
            "none",
            "one",
            "two",
        ],
        input: "",
    },
    Asked {
        words: &[
            "math.wasm",
            "fib",
            "-i",
            "numbers",
            "-i",
            "numbers",
            "-i",
            "-",
            "--to",
            "values",
        ],
        input: "5\n\n6\n",
    },
    Asked {
        words: &[
            "text.wasm",
            "greet",
            "--from",
            "lines",
            "--results",
            "all",
            "--to",
            "values",
            "--unordered",
        ],
        input: "a\nb\n\nc\nd\n",
    },
];

#[test]
fn each_kind_of_input_and_output_is_gone_on_with_as_if_nothing_had_been() {
    let _test = test();
    for Asked { words, input } in ASKED {
        let folder = Folder::new();
        folder.file("words.wat", wat::COMMAND);
        folder.file("numbers", "3\n\n22\nx\n4");
        folder.file("one", "first\n");
        folder.file("two", "second\n");
        let module = words[0];
        let path = match MODULES.contains(&module) {
            true => guests().join(module),
            false => module.into(),
        };
        let path = path.to_str().expect("its path is text");
        let run = |more: &[&str]| {
            let flags = ["map", "-q", path, "-j1", "--joblog", "log", "-o", "out"];
            let words = [&flags[..], more, &words[1..]].concat();
            let ended = folder.sandpool(&words).input(input).run();
            assert!(
                ended.code() <= 1 && ended.text().is_empty(),
                "{words:?}: {}",
                ended.stderr
            );
        };
        let read = |name: &str| fs::read_to_string(folder.path().join(name)).expect(name);
        run(&[]);
        let (log, whole) = (read("log"), read("out"));
        let entries: Vec<_> = log.lines().filter(|line| !line.starts_with('#')).collect();
        assert!(entries.len() > 3, "{log}");
        // As if it had been killed after each of its tasks.
        for entry in &entries[1..] {
            let known = log.find(entry).expect("it is there") + entry.len() + 1;
            fs::write(folder.path().join("log"), &log[..known]).expect("written");
            run(&["--resume"]);
            assert_eq!(read("out"), whole, "{words:?} after {entry}");
            let again = read("log");
            let seqs = again
                .lines()
                .filter(|line| line.starts_with(|c: char| c.is_ascii_digit()));
            assert_eq!(seqs.count(), entries.len() - 1, "{words:?}: {again}");
        }
    }
}
