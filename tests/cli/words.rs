//! Words of a command line as values: what is taken, what is refused, and what is
//! said then.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;

use super::{Folder, sandpool};
use crate::support::{guest, test, wat};

#[test]
fn a_number_is_taken_whole_or_refused() {
    let _test = test();
    let folder = Folder::new();
    folder.file("add.wat", wat::ADD);
    let apply = |words: &[&str]| {
        folder
            .sandpool(["apply", "add.wat"].iter().chain(words))
            .run()
    };
    apply(&["add", "4294967295", "1"]).assert_prints("0\n");
    apply(&["add", "2147483648", "0"]).assert_prints("-2147483648\n");
    apply(&["add64", "18446744073709551615", "0"]).assert_prints("-1\n");
    apply(&["add", "1.0", "2e1"]).assert_prints("21\n");
    let refused = |words: &[&str], why: &str| {
        let ended = apply(words);
        assert_eq!((ended.code(), ended.text()), (3, ""), "{}", ended.stderr);
        assert!(ended.stderr.contains(why), "{}", ended.stderr);
    };
    refused(
        &["add", "4294967296", "1"],
        "error: `4294967296` is not a valid i32 for parameter `p0` of `add: func(p0: i32, p1: i32) -> i32`: \
         the range is -2147483648 to 4294967295\n",
    );
    refused(&["add", "-2147483649", "1"], "the range is");
    refused(&["add64", "18446744073709551616", "0"], "the range is");
    refused(&["add", "1.5", "1"], "`1.5` is not a valid i32");
    refused(&["add", "0x10", "1"], "`0x10` is not a valid i32");
    refused(&["root", "1e400"], "`1e400` is not a valid f64");
    refused(
        &["root", "9007199254740993"],
        "no float holds this integer exactly",
    );
    refused(&["halve", "1e39"], "`1e39` is not a valid f32");
    refused(&["halve", "16777217"], "exactly");
}

#[test]
fn cases_named_as_keywords_are_words_lines_and_cells() {
    let _test = test();
    let folder = Folder::new();
    folder.file("choice.wat", wat::CHOICE);
    let picked = |word: &str, value: &str| {
        folder
            .sandpool(["apply", "choice.wat", "pick", word])
            .run()
            .assert_prints(&format!("{value}\n"));
    };
    picked("none", "0");
    picked("%none", "0");
    picked("\"none\"", "0");
    picked("some(3)", "13");
    picked("%some(3)", "13");
    picked("{\"some\":3}", "13");
    let values =
        |from: &str| folder.sandpool(["map", "-q", "choice.wat", "--from", from, "--to", "values"]);
    values("jsonl")
        .input("\"none\"\n{\"some\":3}\n")
        .run()
        .assert_prints("0\n13\n");
    values("csv")
        .input("choice\nnone\nsome(3)\n\"{\"\"some\"\":4}\"\n")
        .run()
        .assert_prints("0\n13\n14\n");
    let ended = folder
        .sandpool(["apply", "choice.wat", "pick", "some"])
        .run();
    assert_eq!(ended.code(), 3, "{}", ended.stderr);
    assert!(
        ended.stderr.contains("a payload is missing"),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_files_name_in_place_of_its_contents_is_explained() {
    let _test = test();
    let folder = Folder::new();
    folder.file("a photo.jpg", "no image");
    let image = guest("image");
    let image = image.to_str().expect("its path is text");
    let of = "`thumbnail: func(image: list<u8>, max-side: u32) -> result<list<u8>, string>`: bytes \
              are written as `{\"base64\":\"...\"}` or as an array of numbers\n";
    folder
        .sandpool(["apply", image, "thumbnail", "a photo.jpg", "128"])
        .run()
        .assert_refuses(
            3,
            &format!(
                "error: `a photo.jpg` is not a valid list<u8> for parameter `image` of {of}\n\
                 hint: `'@a photo.jpg'` stands for that file's contents\n"
            ),
        );
    folder
        .sandpool([
            "apply",
            image,
            "thumbnail",
            "--kwarg",
            "image=none.jpg",
            "--kwarg=max-side=128",
        ])
        .run()
        .assert_refuses(
            3,
            &format!(
                "error: `none.jpg` is not a valid list<u8> for parameter `image` of {of}\n\
                 hint: `@FILE` stands for a file's contents\n"
            ),
        );
}

#[test]
fn what_is_not_utf8_is_refused_with_the_flag_that_replaces_it() {
    let _test = test();
    let folder = Folder::new();
    folder.file("latin", b"caf\xe9");
    let text = guest("text");
    let greet = |words: &[&str]| {
        let start = ["apply".as_ref(), text.as_os_str(), "greet".as_ref()];
        let words = words.iter().map(AsRef::as_ref);
        folder.sandpool(start.into_iter().chain(words)).run()
    };
    greet(&["@latin"]).assert_refuses(
        3,
        "error: `latin` is not UTF-8 text for parameter `name` of `greet: func(name: string) -> \
         result<string, string>`\n\nhint: `--lossy` puts U+FFFD in place of bytes that are not\n",
    );
    greet(&["--lossy", "@latin"]).assert_prints("\"hello, caf\u{fffd}\"\n");
    greet(&["--lossy", "--kwarg", "name=@latin"]).assert_prints("\"hello, caf\u{fffd}\"\n");
}

#[test]
fn names_of_files_are_bytes() {
    let _test = test();
    let folder = Folder::new();
    let name = OsStr::from_bytes(b"na\xefve");
    fs::write(folder.path().join(name), "x").expect("written");
    let file = [OsStr::new("@"), name].join(OsStr::new(""));
    let text = guest("text");
    let apply = |words: &[&OsStr]| {
        let start = ["apply".as_ref(), text.as_os_str(), "greet".as_ref()];
        folder.sandpool(start.into_iter().chain(words.iter().copied()))
    };
    apply(&[&file]).run().assert_prints("\"hello, x\"\n");
    let keyword = [OsStr::new("--kwarg=name=@"), name].join(OsStr::new(""));
    apply(&[&keyword]).run().assert_prints("\"hello, x\"\n");
    let shown = apply(&["--dry-run".as_ref(), &file]).run();
    assert!(
        shown.text().ends_with(" greet $'@na\\xefve'\n"),
        "{}",
        shown.text()
    );
    // A word that is an argument itself has to be text.
    let ended = apply(&[name]).run();
    assert_eq!(ended.code(), 3, "{}", ended.stderr);
    assert!(
        ended.stderr.contains("is not UTF-8 text"),
        "{}",
        ended.stderr
    );
    let wc = guest("wc");
    let ended = folder
        .sandpool(["run".as_ref(), wc.as_os_str(), name])
        .run();
    assert_eq!(ended.code(), 125, "{}", ended.stderr);
    assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
}

#[test]
fn a_flag_that_there_is_not_is_not_sent_behind_the_dashes() {
    let _test = test();
    let ended = sandpool(["inspect", "math.wasm", "--kwarg", "n=1"]).run();
    assert_eq!(ended.code(), 2);
    assert!(!ended.stderr.contains("-- --kwarg"), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("is a flag of `sandpool apply`"),
        "{}",
        ended.stderr
    );
    let ended = sandpool(["apply", "math.wasm", "fib", "-x"]).run();
    assert!(
        ended
            .stderr
            .contains("tip: an argument that begins with a dash"),
        "{}",
        ended.stderr
    );
}
