//! `map --results`: files and folders named after inputs.

use std::fs;
use std::path::Path;

use rustix::process::Signal;
use serde_json::json;

use super::inputs::within;
use super::kwarg::picture;
use super::map::results;
use super::{Finished, Folder, guests};
use crate::support::{eventually, test, wat};

/// All that is below a folder, by path.
fn below(folder: &Folder, name: &str) -> Vec<String> {
    fn walk(path: &Path, base: &Path, all: &mut Vec<String>) {
        for entry in fs::read_dir(path).into_iter().flatten() {
            let path = entry.expect("an entry").path();
            let name = path.strip_prefix(base).expect("it is below").display();
            match path.is_dir() && !path.is_symlink() {
                true => walk(&path, base, all),
                false => all.push(name.to_string()),
            }
        }
    }
    let base = folder.path().join(name);
    let mut all = Vec::new();
    walk(&base, &base, &mut all);
    all.sort();
    all
}

fn read(folder: &Folder, name: &str) -> String {
    fs::read_to_string(folder.path().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// A quiet map to greetings, named so.
fn greet(folder: &Folder, named: &str, more: &[&str], input: &str) -> Finished {
    let words = [&["greet", "--results", named][..], more].concat();
    within(folder, "text", &words).input(input).run()
}

#[test]
fn thumbnails_are_files_named_after_their_pictures() {
    let _test = test();
    let folder = Folder::new();
    fs::create_dir(folder.path().join("photos")).expect("it is made");
    for name in ["photos/a.jpg", "photos/b.png"] {
        fs::write(folder.path().join(name), picture(200, 100)).expect("it is written");
    }
    folder.file("photos/c.png", "no picture");
    let words = [
        "thumbnail",
        "--from",
        "files",
        "--kwarg",
        "max-side=10",
        "--results",
        "small/{/.}.png",
        ":::",
        "photos/a.jpg",
        "photos/b.png",
        "photos/c.png",
    ];
    let ended = within(&folder, "image", &words).run();
    assert_eq!(ended.code(), 1, "{}", ended.stderr);
    let results = results(&ended);
    assert_eq!(
        results[..2],
        [
            json!({"index": 0, "verdict": "ok", "file": "small/a.png"}),
            json!({"index": 1, "verdict": "ok", "file": "small/b.png"}),
        ]
    );
    assert_eq!(results[2]["verdict"], "error");
    assert_eq!(below(&folder, "small"), ["a.png", "b.png"]);
    let small = fs::read(folder.path().join("small/a.png")).expect("it is there");
    let small = image::load_from_memory(&small).expect("a picture");
    assert_eq!((small.width(), small.height()), (10, 5));
}

#[test]
fn folders_are_made_as_names_need_them() {
    let _test = test();
    let folder = Folder::new();
    let ended = greet(&folder, "out/{}.txt", &[], "a\nd/b\n./e//f/../c\ng//h\n");
    assert_eq!(results(&ended)[2]["verdict"], "invalid_arguments");
    assert_eq!(below(&folder, "out"), ["a.txt", "d/b.txt", "g/h.txt"]);
    assert_eq!(read(&folder, "out/d/b.txt"), "hello, d/b");
    let files: Vec<_> = results(&ended).iter().map(|r| r["file"].clone()).collect();
    assert_eq!(files[3], "out/g/h.txt");
    // A folder for each task, named after its input.
    let ended = greet(&folder, "all/{/}/", &["--outcomes"], "x/ann\nbob\n");
    let results = results(&ended);
    assert_eq!(results[0]["folder"], "all/ann");
    assert!(results[0].get("value").is_none() && results[0].get("stdout").is_none());
    assert_eq!(
        below(&folder, "all")[..4],
        ["ann/outcome.json", "ann/stderr", "ann/stdout", "ann/value"]
    );
    assert_eq!(read(&folder, "all/bob/value"), "hello, bob");
}

#[test]
fn no_input_leads_out_of_the_folder() {
    let _test = test();
    let folder = Folder::new();
    fs::create_dir_all(folder.path().join("in/out")).expect("it is made");
    fs::create_dir(folder.path().join("else")).expect("it is made");
    let link = folder.path().join("in/out/link");
    std::os::unix::fs::symlink(folder.path().join("else"), &link).expect("it is made");
    let absolute = folder.path().join("else/y").display().to_string();
    let input = format!("../../x\n{absolute}\n..\n/\na/../../../x\nfine\n");
    let ended = greet(&folder, "in/out/{}", &[], &input);
    assert_eq!(ended.code(), 1);
    let all = results(&ended);
    for refused in &all[..5] {
        assert_eq!(refused["verdict"], "invalid_arguments", "{refused}");
    }
    assert_eq!(
        all[0]["error"],
        "its result would be `../../x` in `in/out`, which is outside that folder"
    );
    assert_eq!(below(&folder, "in"), ["out/fine", "out/link"]);
    assert!(below(&folder, "else").is_empty());
    // Nor does a link that is there, which costs nothing but its own input.
    folder.file("in/out/file", "mine");
    let ended = greet(&folder, "in/out/{}", &[], "link/z\nfile/z\nlast\n");
    assert_eq!((ended.code(), below(&folder, "else").len()), (1, 0));
    let all = results(&ended);
    for (at, name) in ["link/z", "file/z"].iter().enumerate() {
        let error = format!(
            "its result would be `in/out/{name}`, and there is already a file in the place of its \
             folder"
        );
        assert_eq!(all[at]["error"], error);
    }
    assert_eq!(all[2]["file"], "in/out/last");
    assert_eq!(read(&folder, "in/out/file"), "mine");
}

#[test]
fn no_result_takes_the_place_of_another() {
    let _test = test();
    let folder = Folder::new();
    let ended = greet(&folder, "out/{/.}", &["-j2"], "d/a.x\ne/a.y\nb\na/c\n");
    let all = results(&ended);
    assert_eq!(
        all[1],
        json!({"index": 1, "verdict": "invalid_arguments", "error": "its result would be \
               `out/a`, and an earlier input's result has that name"})
    );
    assert_eq!(read(&folder, "out/a"), "hello, d/a.x");
    assert_eq!(below(&folder, "out"), ["a", "b", "c"]);
    // A file where a folder would have to be, and the other way round.
    let ended = greet(&folder, "mixed/{}", &[], "a\na/b\nc/d\nc\n");
    assert_eq!(ended.code(), 1);
    assert_eq!(below(&folder, "mixed"), ["a", "c/d"]);
    // A file that was there before the run stays.
    folder.file("out/z", "mine");
    let ended = greet(&folder, "out/{}", &[], "z\ny\n");
    assert_eq!(
        results(&ended)[0]["error"],
        "its result would be `out/z`, and a file of that name exists already"
    );
    assert_eq!(read(&folder, "out/z"), "mine");
    assert_eq!(read(&folder, "out/y"), "hello, y");
    // An option that is nothing is no file, and a file of nothing is one.
    let words = [
        "env",
        "--results",
        "env/{}",
        "--env",
        "SET=",
        "--env",
        "X=y",
    ];
    let ended = within(&folder, "misbehave", &words)
        .input("SET\nNOT\nX\n")
        .run();
    assert_eq!(below(&folder, "env"), ["SET", "X"]);
    assert_eq!(read(&folder, "env/X"), "y");
    assert_eq!(
        results(&ended)[1],
        json!({"index": 1, "verdict": "ok", "value": null})
    );
}

#[test]
fn a_pattern_is_checked_before_anything_is_run() {
    let _test = test();
    let folder = Folder::new();
    let refused = |named: &str, more: &[&str], text: &str| {
        let ended = greet(&folder, named, more, "name\nx\n");
        ended.assert_refuses(2, text);
        assert!(!folder.path().join("out").exists());
    };
    refused(
        "out/{nam}.txt",
        &["--from", "csv"],
        "error: `{nam}`, in `--results`, is not a placeholder, and the columns are name\n\n\
         hint: `sandpool map --help` lists them\n",
    );
    refused(
        "out/{2}",
        &[],
        "error: `{2}` stands for a value that does not exist: an input has one value\n",
    );
    let ended = greet(&folder, "out/{name}.txt", &["--from", "csv"], "name\nx\n");
    assert_eq!(
        (ended.code(), read(&folder, "out/x.txt").as_str()),
        (0, "hello, x")
    );
}

#[test]
fn a_dry_run_tells_of_names_that_cannot_be() {
    let _test = test();
    let folder = Folder::new();
    folder.file("there", "mine");
    let ended = greet(&folder, "{/}", &["--dry-run"], "a\nx/a\n..\nthere\n");
    let lines = ended.lines();
    assert_eq!(ended.code(), 1);
    assert!(lines[0].ends_with("text.wasm greet a"), "{}", lines[0]);
    let of = "its result would be";
    assert_eq!(
        lines[1..],
        [
            format!("# 1: {of} `a`, and an earlier input's result has that name"),
            format!("# 2: {of} `..` in `.`, which is outside that folder"),
            format!("# 3: {of} `there`, and a file of that name exists already"),
        ]
    );
    let dry = greet(&folder, "out/{x}", &["--dry-run"], "a\n");
    assert_eq!((dry.code(), folder.path().join("out").exists()), (2, false));
}

#[test]
fn what_a_command_prints_is_its_file_and_a_failed_one_leaves_none() {
    let _test = test();
    let folder = Folder::new();
    folder.file("words.wat", wat::COMMAND);
    let words = [
        "map",
        "-q",
        "words.wat",
        "--results",
        "out/{#}-{}.txt",
        "--",
        "{}",
    ];
    // It leaves with the number of its words.
    let ended = folder.sandpool(words).input("a\n").run();
    let result = &results(&ended)[0];
    assert_eq!(result["verdict"], "exit");
    assert!(result["stdout"].is_string(), "it is nowhere else: {result}");
    assert!(below(&folder, "out").is_empty());
    let wc = guests().join("wc.wasm");
    let wc = wc.to_str().expect("its path is text");
    let words = [
        "map",
        "-q",
        wc,
        "--stdin-each",
        "--results",
        "out/{#}",
        "--",
        "-l",
    ];
    let ended = folder.sandpool(words).input("a\nb\n").run();
    assert_eq!(
        results(&ended)[1],
        json!({"index": 1, "verdict": "ok", "stderr": "", "file": "out/2"})
    );
    assert_eq!(read(&folder, "out/2").trim(), "1");
}

#[test]
fn values_are_where_they_were_asked_for_by_name() {
    let _test = test();
    let folder = Folder::new();
    let ended = greet(&folder, "out/{}", &["--to", "values"], "a\n");
    ended.assert_prints("\"hello, a\"\n");
    assert_eq!(read(&folder, "out/a"), "hello, a");
    // Else they are not repeated, in folders by index either.
    let ended = greet(&folder, "all", &[], "a\n");
    ended.assert_prints("{\"index\":0,\"verdict\":\"ok\",\"folder\":\"all/0\"}\n");
    let words = ["big-result", "--results", "bytes"];
    let ended = within(&folder, "misbehave", &words).input("3\n").run();
    assert_eq!(ended.code(), 0);
    let value = fs::read(folder.path().join("bytes/0/value")).expect("it is there");
    assert_eq!(value.len(), 3);
}

#[test]
fn bytes_are_in_their_files_and_no_form_repeats_them() {
    let _test = test();
    let forms = |at: usize, place: &str| -> [(&str, String); 5] {
        let place = format!("{{\"file\":\"{place}\"}}");
        let cell = format!("\"{}\"", place.replace('"', "\"\""));
        let table = format!("index,verdict,value,error\r\n{at},ok,{cell},\r\n");
        [
            ("jsonl", String::new()),
            ("values", place.clone() + "\n"),
            ("json-values", place + "\n"),
            ("csv", table),
            ("printed", String::new()),
        ]
    };
    for (named, place) in [
        ("out/{}.bin", "out/3.bin"),
        ("out/{}/", "out/3/value"),
        ("out", "out/0/value"),
    ] {
        for (form, text) in forms(0, place) {
            let folder = Folder::new();
            let words = ["big-result", "--results", named, "--to", form];
            let ended = within(&folder, "misbehave", &words).input("3\n").run();
            assert_eq!((ended.code(), ended.stderr.as_str()), (0, ""));
            match form {
                "jsonl" => assert!(!ended.text().contains("base64"), "{}", ended.text()),
                _ => assert_eq!(ended.text(), text, "{form} {named}"),
            }
            let value = fs::read(folder.path().join(place)).expect("it is there");
            assert_eq!(value.len(), 3);
        }
    }
    // Without files they are on stdout, as ever.
    let folder = Folder::new();
    let words = ["big-result", "--to", "values"];
    let ended = within(&folder, "misbehave", &words).input("3\n").run();
    assert!(ended.text().starts_with("{\"base64\":"), "{}", ended.text());
}

#[test]
fn a_killed_run_leaves_whole_files_and_goes_on() {
    let _test = test();
    let folder = Folder::new();
    let module = guests().join("text.wasm");
    let module = module.to_str().expect("its path is text");
    let words = [
        "map",
        "-q",
        module,
        "greet",
        "--joblog",
        "log",
        "--results",
        "out/{}.txt",
        "-o",
        "lines",
    ];
    let input: String = (0..300).map(|n| format!("n{n}\n")).collect();
    let mut host = folder.sandpool(words).start();
    let (first, rest) = input.split_at(input.len() / 2);
    host.write(first.as_bytes());
    eventually("there are files", || below(&folder, "out").len() > 20);
    host.signal(Signal::KILL);
    drop(host);
    let files = below(&folder, "out");
    for name in &files {
        let text = read(&folder, &format!("out/{name}"));
        assert_eq!(text, format!("hello, {}", name.trim_end_matches(".txt")));
    }
    // As if the kill had come between a file and its line in the log.
    let log = read(&folder, "log");
    let mut lines: Vec<_> = log.split_inclusive('\n').collect();
    let last = lines.iter().rposition(|line| !line.starts_with('#'));
    if let Some(last) = last.filter(|last| *last > 0) {
        lines.remove(last);
    }
    let cut = lines.concat();
    folder.file("log", &cut);
    folder.file("out/n299.txt", "mine");
    let again = folder.sandpool([&words[..], &["--resume"]].concat());
    let ended = again.input(format!("{first}{rest}")).run();
    assert_eq!(ended.code(), 1, "{}", ended.stderr);
    assert_eq!(read(&folder, "out/n299.txt"), "mine");
    assert_eq!(below(&folder, "out").len(), 300);
    for n in 0..299 {
        assert_eq!(
            read(&folder, &format!("out/n{n}.txt")),
            format!("hello, n{n}")
        );
    }
    assert_eq!(read(&folder, "lines").lines().count(), 300);
    // The file that was in the way is gone.
    fs::remove_file(folder.path().join("out/n299.txt")).expect("it was there");
    let again = folder.sandpool([&words[..], &["--resume-failed"]].concat());
    let ended = again.input(input).run();
    assert_eq!((ended.code(), ended.text()), (0, ""), "{}", ended.stderr);
    assert_eq!(read(&folder, "out/n299.txt"), "hello, n299");
}
