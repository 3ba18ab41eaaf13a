//! `sandpool map --script`: a text in Python or JavaScript runs for each input.
//!
//! The interpreters are built by `cargo xtask guests` where Python 3 is; where one is
//! missing, these tests say that its language is skipped.

use std::collections::HashMap;
use std::fs;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};

use super::dry_run::pasted;
use super::map::results;
use super::{CommandLine, Finished, Folder};
use crate::support::process::{children, is_alive, kill};
use crate::support::{Running, eventually_within, is_built, random, test_alone_for};

/// The time for a test: the first one compiles the interpreters.
const PATIENT: Duration = Duration::from_secs(240);

/// A script in both languages.
struct Both {
    python: &'static str,
    javascript: &'static str,
}

/// A language that is installed: the name of the script's file, and its text.
struct InLanguage {
    file: &'static str,
    text: &'static str,
}

impl Both {
    /// Returns the script in the languages whose interpreter is installed.
    fn installed(&self) -> Vec<InLanguage> {
        let all = [
            ("python", "script.py", self.python),
            ("javascript", "script.js", self.javascript),
        ];
        let installed = all.into_iter().filter(|(name, ..)| is_built(name));
        installed
            .map(|(_, file, text)| InLanguage { file, text })
            .collect()
    }
}

impl InLanguage {
    fn folder(&self) -> Folder {
        let folder = Folder::new();
        folder.file(self.file, self.text);
        folder
    }

    /// Runs the script for these inputs.
    fn map(&self, more: &[&str], input: &str) -> Finished {
        map(&self.folder(), self.file, more).input(input).run()
    }
}

fn map(folder: &Folder, script: &str, more: &[&str]) -> CommandLine {
    let words = ["map", "--script", script, "--quiet"];
    let words = [&words[..], more].concat();
    folder.sandpool(words).deadline(PATIENT)
}

fn begin() -> Running<'static> {
    test_alone_for(PATIENT)
}

const KEPT: [&str; 4] = ["--isolation", "process-reuse=100", "-j", "1"];

/// Both with a function `main`.
const AREA: Both = Both {
    python: "def main(input):\n    return {'id': input['id'], 'area': input['w'] * input['h']}\n",
    javascript: "function main({id, w, h}) { return {id, area: w * h}; }\n",
};

const RECTANGLES: &str = "{\"id\":\"a\",\"w\":2,\"h\":3}\n{\"id\":\"b\",\"w\":2.5,\"h\":3}\n";

#[test]
fn the_value_of_a_script_is_json_in_every_form_of_output() {
    let _test = begin();
    for script in AREA.installed() {
        let to = |more: &[&str]| script.map(more, RECTANGLES);
        to(&[]).assert_prints(
            "{\"index\":0,\"verdict\":\"ok\",\"value\":{\"id\":\"a\",\"area\":6}}\n\
             {\"index\":1,\"verdict\":\"ok\",\"value\":{\"id\":\"b\",\"area\":7.5}}\n",
        );
        let values = "{\"id\":\"a\",\"area\":6}\n{\"id\":\"b\",\"area\":7.5}\n";
        to(&["--to", "values"]).assert_prints(values);
        to(&["--to", "json-values"]).assert_prints(values);
        to(&["--to", "csv"]).assert_prints(
            "index,verdict,value,error\r\n0,ok,\"{\"\"id\"\":\"\"a\"\",\"\"area\"\":6}\",\r\n\
             1,ok,\"{\"\"id\"\":\"\"b\"\",\"\"area\"\":7.5}\",\r\n",
        );
        to(&["--to", "csv", "--columns", "id,area"]).assert_prints(
            "index,verdict,value.id,value.area,value,error\r\n0,ok,a,6,,\r\n1,ok,b,7.5,,\r\n",
        );
    }
}

#[test]
fn a_kept_instance_runs_a_script_once_and_then_calls_its_main() {
    let _test = begin();
    let scripts = Both {
        python: "calls = 0\ndef main(input):\n    global calls\n    calls += 1\n    \
                 return [input, calls]\n",
        javascript: "let calls = 0;\nconst main = async (input) => [input, ++calls];\n",
    };
    for script in scripts.installed() {
        let values = |more: &[&str]| script.map(&[more, &["--to", "values"]].concat(), "7\n8\n9\n");
        values(&KEPT).assert_prints("[7,1]\n[8,2]\n[9,3]\n");
        values(&[]).assert_prints("[7,1]\n[8,1]\n[9,1]\n");
    }
}

#[test]
fn without_a_main_no_name_of_one_line_reaches_the_next() {
    let _test = begin();
    let scripts = Both {
        python: "seen = globals().get('seen', 0) + 1\nif input > 1:\n    result = [input, seen]\n",
        javascript: "globalThis.seen = (globalThis.seen ?? 0) + 1;\nlet once = typeof twice;\n\
                     var twice = 1;\nif (input > 1) var result = [input, seen];\nundefined\n",
    };
    for script in scripts.installed() {
        let ended = script.map(&[&KEPT[..], &["--to", "values"]].concat(), "1\n2\n1\n3\n");
        ended.assert_prints("null\n[2,1]\nnull\n[3,1]\n");
    }
}

#[test]
fn a_script_that_uses_its_input_outside_of_functions_runs_for_each_line() {
    let _test = begin();
    let called = Both {
        python: "def main(input):\n    return input + 1\nprint(input)\nmain(input) * 10\n",
        javascript: "function main(input) { return input + 1; }\nconsole.log(input);\n\
                     main(input) * 10\n",
    };
    let without_parameter = Both {
        python: "def main():\n    return input * 10 + 10\nprint(input)\nmain()\n",
        javascript: "function main() { return input * 10 + 10; }\nconsole.log(input);\nmain()\n",
    };
    let both = [called, without_parameter];
    for script in both.iter().flat_map(Both::installed) {
        let printed = |to: &str| script.map(&[&KEPT[..], &["--to", to]].concat(), "1\n2\n");
        printed("values").assert_prints("20\n30\n");
        printed("printed").assert_prints("1\n2\n");
    }
}

const SAME: Both = Both {
    python: "input",
    javascript: "input",
};

#[test]
fn an_input_is_json_and_every_other_form_is_text() {
    let _test = begin();
    for script in SAME.installed() {
        let folder = script.folder();
        folder.file("text", "one\ntwo\n");
        folder.file("latin", b"\xe9");
        let values = |more: &[&str], input: &str| {
            let more = [&["--to", "values"], more].concat();
            let ended = map(&folder, script.file, &more).input(input).run();
            ended.text().to_owned()
        };
        let deep = format!("{}1{}\n", "[".repeat(200), "]".repeat(200));
        let lines = "{\"a\":[1,null,\"\\ud83d\\ude00\"]}\n\"\\ud800\"\n";
        assert_eq!(
            values(&[], lines),
            "{\"a\":[1,null,\"\u{1f600}\"]}\n\"\\ud800\"\n",
        );
        assert_eq!(values(&[], &deep), deep);
        assert_eq!(values(&["--from", "lines"], "1\n[\n"), "\"1\"\n\"[\"\n");
        let table = "n,name\n1,\"a, b\"\n";
        let row = values(&["--from", "csv"], table);
        assert_eq!(row, "{\"n\":\"1\",\"name\":\"a, b\"}\n");
        let rows = values(&["--from", "csv", "--no-header"], table);
        assert_eq!(rows, "[\"n\",\"name\"]\n[\"1\",\"a, b\"]\n");
        let blocks = values(&["--pipe", "--block", "4"], "1\n2\n3\n");
        assert_eq!(blocks, "\"1\\n2\\n\"\n\"3\\n\"\n");
        let words = values(&[":::", "1", "{\"a\":2}", ":::", "null"], "");
        assert_eq!(words, "[1,null]\n[{\"a\":2},null]\n");
        let files = ["--from", "files", ":::", "text", "latin"];
        let files = map(&folder, script.file, &files).run();
        assert_eq!(
            results(&files),
            [
                json!({"index": 0, "verdict": "ok", "value": "one\ntwo\n"}),
                json!({"index": 1, "verdict": "invalid_arguments", "error": "`latin` is not UTF-8 \
                       (`--lossy` puts U+FFFD in place of bytes that are not)"}),
            ]
        );
    }
}

#[test]
fn a_line_that_is_no_json_fails_alone() {
    let _test = begin();
    for script in SAME.installed() {
        let ended = script.map(&[], "1\nx y\n\n2\n");
        assert_eq!(ended.code(), 1);
        let error = "`x y`: not JSON at byte 0: a value is missing before `x` (`--from lines` \
                     takes it as text)";
        assert_eq!(
            results(&ended),
            [
                json!({"index": 0, "verdict": "ok", "value": 1}),
                json!({"index": 1, "verdict": "invalid_arguments", "error": error}),
                json!({"index": 2, "verdict": "ok", "value": 2}),
            ]
        );
    }
}

#[test]
fn text_and_bytes_are_themselves_in_files_of_results() {
    let _test = begin();
    let scripts = Both {
        python: "[b'\\0\\xff', 'text', None, {'a': 1}][input]",
        javascript: "[new Uint8Array([0, 255]), 'text', null, {a: 1}][input]",
    };
    for script in scripts.installed() {
        let folder = script.folder();
        let ended = map(&folder, script.file, &["--results", "out/{#}.bin"])
            .input("0\n1\n2\n3\n")
            .run();
        assert_eq!(
            results(&ended),
            [
                json!({"index": 0, "verdict": "ok", "file": "out/1.bin"}),
                json!({"index": 1, "verdict": "ok", "file": "out/2.bin"}),
                json!({"index": 2, "verdict": "ok", "value": null}),
                json!({"index": 3, "verdict": "ok", "file": "out/4.bin"}),
            ]
        );
        let file = |number: u32| fs::read(folder.path().join(format!("out/{number}.bin"))).ok();
        let files: Vec<_> = (1..=4).map(file).collect();
        let expected: [Option<&[u8]>; 4] =
            [Some(b"\0\xff"), Some(b"text"), None, Some(b"{\"a\":1}")];
        assert_eq!(files, expected.map(|file| file.map(<[u8]>::to_vec)));
    }
}

#[test]
fn what_a_script_raises_is_an_error_with_its_type_and_its_traceback() {
    let _test = begin();
    let scripts = Both {
        python: "def half(n):\n    if n % 2:\n        raise ValueError(f'{n} is odd')\n    \
                 return n // 2\nhalf(input)\n",
        javascript: "function half(n) {\n  if (n % 2)\n    throw new RangeError(`${n} is odd`);\n  \
                     return n / 2;\n}\nhalf(input)\n",
    };
    for script in scripts.installed() {
        let ended = script.map(&[&KEPT[..], &["--outcomes"]].concat(), "4\n3\n8\n");
        assert_eq!(ended.code(), 1);
        let outcomes = results(&ended);
        assert_eq!([&outcomes[0]["value"], &outcomes[2]["value"]], [2, 4]);
        let failed = &outcomes[1];
        assert_eq!(failed["verdict"], "error");
        let record = &failed["error_value"];
        let (ty, message) = (record["type"].as_str(), record["message"].as_str());
        let shown = format!("{}: {}", ty.unwrap_or(""), message.unwrap_or(""));
        assert_eq!(
            (&failed["error"], message),
            (&json!(shown), Some("3 is odd"))
        );
        let traceback = record["traceback"].as_str().expect("text");
        let has_line = traceback.contains("line 3") || traceback.contains("<snippet>:3");
        assert!(has_line && traceback.ends_with(&shown), "{traceback}");
        let words = ["map", "--script", script.file, "--to", "printed"];
        let words = [&words[..], &["--progress", "none"]].concat();
        let folder = script.folder();
        let printed = folder.sandpool(words).deadline(PATIENT);
        let printed = printed.input("3\n").run();
        let said = &printed.stderr;
        assert!(
            said.starts_with("sandpool: [0] error:\n    Traceback "),
            "{said}"
        );
        assert!(said.ends_with(&format!("{shown}\n")), "{said}");
        let many = format!("3\n{}", "4\n".repeat(50_000));
        let halted = script.map(&["--halt", "now,fail=1"], &many);
        assert_eq!(halted.code(), 1);
        assert!(halted.lines().len() < 50_000, "it was halted");
    }
}

#[test]
fn a_script_that_cannot_be_parsed_fails_before_the_first_line_is_read() {
    let _test = begin();
    let scripts = Both {
        python: "x = 1\ny = = 2\n",
        javascript: "x = 1;\ny = = 2;\n",
    };
    for script in scripts.installed() {
        let folder = script.folder();
        // Nobody writes to its stdin or closes it.
        let ended = map(&folder, script.file, &[]).start().finish();
        assert_eq!((ended.code(), ended.text()), (3, ""));
        let said = &ended.stderr;
        let first = format!("error: the script `{}` cannot be parsed\n", script.file);
        assert!(said.starts_with(&first), "{said}");
        assert!(said.contains("SyntaxError: "), "{said}");
        let has_line = said.contains("line 2") || said.contains("<snippet>:2");
        assert!(has_line, "{said}");
    }
}

#[test]
fn a_script_that_cannot_be_used_is_refused_in_one_line() {
    let _test = begin();
    let folder = Folder::new();
    folder.file("s.py", "1");
    folder.file("s.txt", "1");
    folder.file("latin.py", b"x = '\xe9'");
    fs::create_dir(folder.path().join("folder.js")).expect("made");
    let refuses = |code: i32, words: &[&str], stderr: &str| {
        let words = [&["map", "--script"], words].concat();
        folder.sandpool(words).run().assert_refuses(code, stderr);
    };
    refuses(
        3,
        &["none.py"],
        "error: the script `none.py` cannot be read\n  because No such file or directory (os error 2)\n",
    );
    refuses(
        3,
        &["folder.js"],
        "error: the script `folder.js` cannot be read\n  because Is a directory (os error 21)\n",
    );
    refuses(
        3,
        &["latin.py"],
        "error: the script `latin.py` is not UTF-8, from byte 5 on\n",
    );
    refuses(
        3,
        &["s.py", "--arguments-limit", "0"],
        "error: the script `s.py` has 1 bytes, but the arguments of a call may have 0\n\n\
         hint: `--arguments-limit` raises the limit\n",
    );
    refuses(
        2,
        &["s.txt"],
        "error: the language of the script `s.txt` is not known by its ending\n\n\
         hint: give it with `--lang python` or `--lang javascript`\n",
    );
    refuses(
        2,
        &["-", "--lang", "python"],
        "error: both the script and the inputs are read from stdin\n\n\
         hint: give the inputs with `--input FILE` or `:::`\n",
    );
    refuses(
        2,
        &["s.py", "math.wasm", "fib"],
        "error: `math.wasm` stands in the place of MODULE, but `--script s.py` runs a script\n\n\
         hint: inputs stand after `:::`, or are read from `--input FILE`\n",
    );
    let but = ", but `--script s.py` runs a script\n";
    refuses(
        2,
        &["s.py", "--", "{}"],
        &format!("error: a TEMPLATE is for commands{but}"),
    );
    refuses(
        2,
        &["s.py", "--kwarg", "a=1"],
        &format!("error: `--kwarg` is for functions{but}"),
    );
    for flag in ["--spread", "--stdin-each"] {
        let why = "has no meaning for a script: all of an input is its variable `input`";
        refuses(2, &["s.py", flag], &format!("error: `{flag}` {why}\n"));
    }
    let alone = folder.sandpool(["map", "--lang", "python", "m.wasm"]).run();
    assert_eq!(alone.code(), 2);
    assert!(alone.stderr.contains("--script <FILE>"), "{}", alone.stderr);
}

#[test]
fn a_script_may_come_from_stdin_and_from_a_file_of_any_name() {
    let _test = begin();
    for script in SAME.installed() {
        let folder = script.folder();
        let lang = match script.file {
            "script.py" => "python",
            _ => "javascript",
        };
        folder.file("name", "\u{feff}[input, 1]");
        let words = ["--lang", lang, "--to", "values", ":::", "5"];
        let from_file = map(&folder, "name", &words).run();
        from_file.assert_prints("[5,1]\n");
        let from_stdin = map(&folder, "-", &words).input("[input, 2]").run();
        from_stdin.assert_prints("[5,2]\n");
        let dry = map(&folder, "-", &[&["--dry-run"], &words[..]].concat());
        let dry = dry.input("1").run();
        assert_eq!(
            dry.text(),
            "# 0: 5: no command line: the script was read from stdin\n"
        );
    }
}

#[test]
fn a_line_of_a_dry_run_runs_the_script_for_that_input() {
    let _test = begin();
    for script in AREA.installed() {
        let folder = script.folder();
        let input = format!("{RECTANGLES}{{\"id\":\"it's \\u001b\",\"w\":-1,\"h\":2}}\n");
        let run = |more: &[&str]| {
            let ended = map(&folder, script.file, more).input(input.as_str()).run();
            assert_eq!(ended.code(), 0, "{}", ended.stderr);
            ended.text().to_owned()
        };
        let lines = run(&["--dry-run", "--timeout", "5s"]);
        let interpreter = match script.file {
            "script.py" => "python",
            _ => "javascript",
        };
        let first = format!(
            "sandpool apply --timeout 5s --raw {interpreter} run @{} '{{\"id\":\"a\",\"w\":2,\"h\":3}}'\n",
            script.file
        );
        assert!(lines.starts_with(&first), "{lines}");
        let values = run(&["--to", "values"]);
        assert_eq!(lines.lines().count(), 3);
        for (line, value) in lines.lines().zip(values.lines()) {
            assert_eq!(pasted(line, folder.path()), value, "{line}");
        }
    }
}

#[test]
fn a_log_knows_a_script_by_its_hash_and_goes_on_with_no_other() {
    let _test = begin();
    let scripts = Both {
        python: "1 // input",
        javascript: "if (input === 0) throw new Error('zero');\nMath.floor(1 / input)",
    };
    for script in scripts.installed() {
        let folder = script.folder();
        let run = |file: &str, more: &[&str]| {
            let words = ["map", "--script", file, "--joblog", "log", "-o", "out"];
            let words = [&words[..], &["--progress", "none"], more].concat();
            folder
                .sandpool(words)
                .deadline(PATIENT)
                .input("1\n0\n2\n")
                .run()
        };
        let first = run(script.file, &[]);
        assert_eq!(first.counts(), "3 tasks, 2 ok, 1 error");
        let log = fs::read_to_string(folder.path().join("log")).expect("a log");
        let line = log.lines().find(|line| line.starts_with("# script "));
        let (hash, name) = line
            .and_then(|line| line[9..].split_once(' '))
            .expect("one");
        assert_eq!((hash.len(), name), (64, script.file));
        assert!(!log.contains(script.text), "{log}");
        // By another name it is the same script.
        folder.file("moved", script.text);
        let lang = match script.file {
            "script.py" => "python",
            _ => "javascript",
        };
        let moved = run("moved", &["--lang", lang, "--resume-failed"]);
        assert_eq!(moved.counts(), "1 task, 0 ok, 1 error", "{}", moved.stderr);
        folder.file(script.file, "5");
        let refused = run(script.file, &["--resume"]);
        assert_eq!(refused.code(), 3);
        let said = format!(
            "error: the log, `log`, belongs to another script: `{} ",
            &hash[..12]
        );
        assert!(refused.stderr.starts_with(&said), "{}", refused.stderr);
        let changed = run(script.file, &["--resume", "--changed-module"]);
        assert_eq!(changed.counts(), "1 task, 1 ok", "{}", changed.stderr);
        let note = "sandpool: the script changed, from `";
        assert!(changed.stderr.starts_with(note), "{}", changed.stderr);
        let out = fs::read_to_string(folder.path().join("out")).expect("results");
        let mut lines: Vec<&str> = out.lines().collect();
        lines.sort_unstable();
        assert_eq!(
            lines,
            [
                "{\"index\":0,\"verdict\":\"ok\",\"value\":1}",
                "{\"index\":1,\"verdict\":\"ok\",\"value\":5}",
                "{\"index\":2,\"verdict\":\"ok\",\"value\":0}",
            ]
        );
    }
}

#[test]
fn results_never_take_the_place_of_the_script() {
    let _test = begin();
    for script in SAME.installed() {
        let folder = script.folder();
        let words = ["--joblog", "log", "-o", script.file];
        let refused = map(&folder, script.file, &words).input("1\n").run();
        assert_eq!(refused.code(), 2);
        assert!(
            refused
                .stderr
                .contains("is the script: results need a file of their own"),
            "{}",
            refused.stderr
        );
        let text = fs::read_to_string(folder.path().join(script.file)).expect("it is there");
        assert_eq!(text, script.text);
    }
}

#[test]
fn limits_and_grants_of_a_map_hold_for_scripts() {
    let _test = begin();
    let scripts = Both {
        python: "if input == 0:\n    while True: pass\nif input == 1:\n    [0] * 100_000_000\n\
                 import os\nos.environ.get('NAME', 'none')\n",
        javascript: "if (input === 0) for (;;);\n\
                     if (input === 1) { const all = []; for (;;) all.push(new Uint8Array(1e6)); }\n\
                     typeof fetch\n",
    };
    for script in scripts.installed() {
        let limits = ["--timeout", "1s", "--memory", "96MiB", "--env", "NAME=x"];
        let ended = script.map(&limits, "2\n0\n1\n2\n");
        let results = results(&ended);
        let verdicts: Vec<_> = results.iter().map(|it| it["verdict"].as_str()).collect();
        // Python may catch that there is no memory left, and JavaScript ends there.
        let no_memory = match script.file {
            "script.py" => "error",
            _ => "memory_limit",
        };
        let expected = ["ok", "timeout", no_memory, "ok"];
        assert_eq!(verdicts, expected.map(Some), "{results:?}");
        if script.file == "script.py" {
            assert_eq!(results[0]["value"], "x");
        }
    }
}

/// The inputs of a run under fire, each a line of JSON.
const INPUTS: u64 = 20_000;

#[test]
fn twenty_thousand_lines_are_exact_while_workers_and_the_run_itself_are_killed() {
    let _test = begin();
    let scripts = Both {
        python: "def main(input):\n    return {'twice': input['n'] * 2}\n",
        javascript: "function main(input) { return {twice: input.n * 2}; }\n",
    };
    for script in scripts.installed() {
        let (seed, mut random) = random();
        let folder = script.folder();
        let lines: String = (0..INPUTS).map(|n| format!("{{\"n\":{n}}}\n")).collect();
        folder.file("in", lines);
        let words = ["-j", "2", "--isolation", "process-reuse=1000"];
        let files = ["--input", "in", "--joblog", "log", "-o", "out", "--resume"];
        let retries = ["--retries", "20", "--delay", "0s"];
        let words = [&words[..], &files, &retries].concat();
        // The compiler of the interpreter, which nobody is to kill.
        let warm = script.map(&[], "{\"n\":0}\n");
        assert_eq!(warm.code(), 0, "{}", warm.stderr);
        let results = || fs::read_to_string(folder.path().join("out")).unwrap_or_default();
        for goal in [4_000, 10_000] {
            let host = map(&folder, script.file, &words).start();
            let mut next_kill = 0;
            eventually_within(PATIENT, "it has come so far, or has ended", || {
                let done = results().lines().count();
                // None dies three times under one line, which would be set aside then.
                if done >= next_kill {
                    next_kill = done + 300 + random(600) as usize;
                    children(host.pid()).into_iter().take(1).for_each(kill);
                }
                done > goal || !is_alive(host.pid())
            });
            if is_alive(host.pid()) {
                host.signal(Signal::KILL);
            }
        }
        let last = map(&folder, script.file, &words).start().finish();
        assert_eq!(last.code(), 0, "seed {seed}: {}", last.stderr);
        let mut seen = HashMap::new();
        for line in results().lines() {
            let result: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"));
            let index = result["index"].as_u64().expect("an index");
            assert_eq!(result["value"]["twice"], index * 2, "seed {seed}: {line}");
            assert_eq!(seen.insert(index, ()), None, "seed {seed}: twice, {line}");
        }
        assert_eq!(seen.len() as u64, INPUTS, "seed {seed}");
    }
}
