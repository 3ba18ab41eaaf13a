//! `sandpool bench`: that every figure it promises is there, that peers which are not
//! installed are named, and that its page needs nothing from elsewhere. The figures
//! themselves are not tested.

use std::time::Duration;

use serde_json::Value;

use super::{Folder, sandpool};
use crate::support::{test, test_alone};

/// A quick run takes less than 20 s by itself; this build is not optimised, and
/// may not be alone. A test as a whole has a minute.
const DEADLINE: Duration = Duration::from_secs(55);

/// One of each kind, for a machine with nothing but sandpool on it.
const FIGURES: [&str; 37] = [
    "apply/native/empty",
    "apply/threads/sleep",
    "apply/in-process/fresh/empty",
    "apply/in-process/reused/spin",
    "apply/process/fresh/empty",
    "apply/process/fresh/no-spin/empty",
    "apply/process/fresh/snapshot/empty",
    "apply/process/reused/sleep",
    "apply/session/empty",
    "apply/process-per-task/empty",
    "map/native/spin",
    "map/threads/empty",
    "map/in-process/fresh/empty",
    "map/in-process/reused/sleep",
    "map/process/fresh/empty",
    "map/process/reused/empty",
    "map/process/reused/chunks/empty",
    "map/process-per-task/spin",
    "floor/socket/asleep",
    "floor/socket/spinning",
    "floor/wasmtime/fresh",
    "floor/wasmtime/reused",
    "floor/processes/fresh",
    "start/cold",
    "start/switch",
    "start/run",
    "echo/in-process/1KiB",
    "echo/process/64MiB",
    "layer/cost/seccomp",
    "sandbox/off/empty",
    "checks/epoch",
    "checks/fuel",
    "idle/memory",
    "idle/sessions",
    "lines/rate",
    "scale/workers/rate/64",
    "scale/queue/host/100000",
];

fn names<'a>(list: &'a Value, of: &str) -> Vec<&'a str> {
    let items = list[of].as_array().expect("a list");
    items
        .iter()
        .map(|item| item["name"].as_str().expect("a name"))
        .collect()
}

#[test]
fn a_quick_run_has_every_figure_and_names_the_peers_that_are_missing() {
    let _test = test_alone();
    let empty = Folder::new();
    let ended = sandpool(["bench", "--quick", "--json"])
        .env("PATH", empty.path())
        .deadline(DEADLINE)
        .run();
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    let report: Value = serde_json::from_slice(&ended.stdout).expect("JSON");
    assert_eq!(report["notes"], serde_json::json!([]));
    let figures = names(&report, "figures");
    for name in FIGURES {
        assert!(figures.contains(&name), "there is no `{name}`");
    }
    for figure in report["figures"].as_array().expect("a list") {
        assert!(figure["median"].is_f64() && !figure["rounds"].is_null());
        let is_latency = figure["name"]
            .as_str()
            .expect("a name")
            .starts_with("apply/");
        assert_eq!(figure["p99"].is_f64(), is_latency || figure["p50"].is_f64());
    }
    let peers = report["peers"].as_array().expect("a list");
    assert_eq!(peers.len(), 7);
    for peer in peers {
        assert_eq!(peer["state"], "not installed", "{peer}");
    }
    for target in report["targets"].as_array().expect("a list") {
        let name = target["name"].as_str().expect("a name");
        let needs_a_peer = [
            "multiprocessing",
            "python",
            "bubblewrap",
            "wasmtime",
            "guest",
        ];
        let is_alone = !needs_a_peer.iter().any(|peer| name.contains(peer));
        assert_eq!(target["held"].is_boolean(), is_alone, "{target}");
    }
}

#[test]
fn the_page_is_one_file_that_refers_to_nothing() {
    let _test = test_alone();
    let folder = Folder::new();
    let only = "apply/process,echo/process,layer/,scale/workers";
    let ended = folder
        .sandpool(["bench", "--quick", "--html", "prices.html", "--only", only])
        .env("PATH", folder.path())
        .deadline(DEADLINE)
        .run();
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    let page = std::fs::read_to_string(folder.path().join("prices.html")).expect("a page");
    let plots = page.matches("<svg ").count();
    assert_eq!(
        plots, 6,
        "latency, distribution, payloads, layers, workers twice"
    );
    let elsewhere = page.replace("http://www.w3.org/2000/svg", "");
    for reference in [
        "http", "src=", "href=", "url(", "@import", "<script", "<link",
    ] {
        assert!(!elsewhere.contains(reference), "it refers by `{reference}`");
    }
    assert!(page.contains("prefers-color-scheme:dark"));
    assert!(page.contains("not installed"));
    assert!(ended.text().contains("pooled process, fresh instance"));
}

#[test]
fn peers_are_measured_in_the_same_rounds_where_they_are_installed() {
    let _test = test_alone();
    let only = "apply/mp/empty,map/mp/,echo/mp/1KiB,map/xargs,floor/socket/asleep";
    let ended = sandpool(["bench", "--quick", "--json", "--only", only])
        .deadline(DEADLINE)
        .run();
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    let report: Value = serde_json::from_slice(&ended.stdout).expect("JSON");
    let figures = names(&report, "figures");
    for (peer, name) in [
        ("Python multiprocessing.Pool", "map/mp/chunks/empty"),
        ("Python multiprocessing.Pool", "echo/mp/1KiB"),
        ("xargs", "map/xargs/empty"),
    ] {
        let peers = report["peers"].as_array().expect("a list");
        let found = peers.iter().find(|found| found["name"] == peer);
        let state = &found.expect("it is named")["state"];
        assert_eq!(figures.contains(&name), state == "measured", "{report:#}");
    }
    assert!(figures.contains(&"floor/socket/asleep"));
    assert!(!figures.contains(&"apply/process/fresh/empty"));
}

/// A module that knows one answer.
const KNOWS_TWO: &str = r#"
(component
  (core module $m
    (memory (export "memory") 2)
    ;; The case `ok`, with a text of one byte at 32.
    (data (i32.const 16) "\00\00\00\00\20\00\00\00\01\00\00\00")
    (data (i32.const 32) "2")
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
    (func (export "eval") (param i32 i32 i32 i32) (result i32) (i32.const 16)))
  (core instance $i (instantiate $m))
  (alias core export $i "memory" (core memory $memory))
  (alias core export $i "realloc" (core func $realloc))
  (func (export "eval") (param "source" string) (param "input" string)
    (result (result string (error string)))
    (canon lift (core func $i "eval") (memory $memory) (realloc $realloc))))
"#;

#[test]
fn an_interpreter_that_answers_wrongly_is_left_out_of_that_case() {
    let _test = test_alone();
    let folder = Folder::new();
    std::fs::write(folder.path().join("python.wasm"), KNOWS_TWO).expect("a module");
    let chosen = [
        "--only",
        "interpreters/python",
        "--also",
        "older=python.wasm",
    ];
    let ended = folder
        .sandpool([&["bench", "--quick", "--json"][..], &chosen].concat())
        .env("SANDPOOL_MODULES", folder.path())
        .env("PATH", folder.path())
        .deadline(DEADLINE)
        .run();
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    let report: Value = serde_json::from_slice(&ended.stdout).expect("JSON");
    let measured = ["fresh", "kept"].map(|case| {
        ["sandpool", "older"].map(|contender| format!("interpreters/python/{case}/{contender}"))
    });
    assert_eq!(names(&report, "figures"), measured.concat());
    let notes = report["notes"].as_array().expect("a list");
    let wrong = "Python, `fib(24)`: sandpool is left out: it answers wrongly: 2";
    assert!(notes.iter().any(|note| note == wrong), "{notes:#?}");
    assert_eq!(notes.len(), 12, "six cases, two modules");
    let ratios = report["ratios"].as_array().expect("a list");
    assert_eq!(ratios.len(), 2);
    assert_eq!(ratios[0]["over"], "interpreters/python/fresh/older");
    let peers = report["peers"].as_array().expect("a list");
    assert_eq!(names(&report, "peers"), ["CPython", "pydantic-monty"]);
    assert!(peers.iter().all(|peer| peer["state"] == "not installed"));
    let targets = names(&report, "targets");
    assert!(targets.contains(&"python-call-vs-monty"));
}

#[test]
fn a_page_that_cannot_be_written_is_known_before_anything_is_measured() {
    let _test = test();
    let ended = sandpool(["bench", "--html", "no/such/folder/prices.html"]).run();
    ended.assert_refuses(
        2,
        "error: `no/such/folder/prices.html` cannot be written\n  because No such file or \
         directory (os error 2)\n",
    );
}

#[test]
fn a_folder_for_plots_that_cannot_be_made_is_known_before_anything_is_measured() {
    let _test = test();
    let ended = sandpool(["bench", "--plots", "/dev/null/plots"]).run();
    ended.assert_refuses(
        2,
        "error: `/dev/null/plots` cannot be made\n  because Not a directory (os error 20)\n",
    );
}
