//! `map --kwarg`: arguments that are the same for all inputs.

use std::fs;
use std::io::Cursor;

use image::{ImageFormat, RgbImage};
use serde_json::json;

use super::inputs::{values, within};
use super::map::results;
use super::{Folder, sandpool};
use crate::support::{guest, test, wat};

/// A picture of this size, as PNG.
pub fn picture(width: u32, height: u32) -> Vec<u8> {
    let mut png = Cursor::new(Vec::new());
    let picture = RgbImage::from_pixel(width, height, image::Rgb([200, 10, 10]));
    picture
        .write_to(&mut png, ImageFormat::Png)
        .expect("it is written to memory");
    png.into_inner()
}

#[test]
fn thumbnails_of_a_folder_are_made_with_one_size_for_all() {
    let _test = test();
    let folder = Folder::new();
    for (name, width) in [("a.png", 300), ("b.png", 64)] {
        fs::write(folder.path().join(name), picture(width, 20)).expect("it is written");
    }
    let words = [
        "thumbnail",
        "--from",
        "files",
        "--kwarg",
        "max-side=100",
        "--to",
        "csv",
        ":::",
        "a.png",
        "b.png",
        "none.png",
    ];
    let ended = within(&folder, "image", &words).run();
    let rows: Vec<_> = ended.text().lines().map(str::to_owned).collect();
    assert_eq!(ended.code(), 1, "of the one that is not there");
    assert!(rows[1].starts_with("0,ok,"), "{}", rows[1]);
    assert!(rows[2].starts_with("1,ok,"), "{}", rows[2]);
    assert!(rows[3].starts_with("2,invalid_arguments,"), "{}", rows[3]);
}

#[test]
fn inputs_are_read_as_if_the_function_had_only_the_other_parameters() {
    let _test = test();
    let upper = ["--kwarg", "to=upper"];
    // One string is left: its lines are plain text.
    values("text.wasm", "change-case", &upper)
        .input("a b\n[\"x\"]\n")
        .run()
        .assert_prints("\"A B\"\n\"[\\\"X\\\"]\"\n");
    // The first one is fixed: what a line gives is the second.
    values("math.wasm", "add", &["--kwarg", "a=10"])
        .input("1\n[2]\n{\"b\":3}\n")
        .run()
        .assert_prints("11\n12\n13\n");
    // An array goes over those that are left, whatever stands between them.
    values("text.wasm", "find", &["--kwarg", "needle=a"])
        .input("[\"xax\",{\"flags\":[],\"limit\":1}]\n[\"aa\"]\n")
        .run()
        .assert_prints(
            "[{\"start\":1,\"end\":2}]\n[{\"start\":0,\"end\":1},{\"start\":1,\"end\":2}]\n",
        );
    values(
        "text.wasm",
        "change-case",
        &["--kwarg", "to=upper", "--from", "csv"],
    )
    .input("text\na\n")
    .run()
    .assert_prints("\"A\"\n");
    let spread = ["--kwarg", "to=upper", "--spread"];
    values("text.wasm", "change-case", &spread)
        .input("[\"a\"]\n{\"text\":\"b\"}\n")
        .run()
        .assert_prints("\"A\"\n\"B\"\n");
    values(
        "text.wasm",
        "change-case",
        &["--kwarg", "to=upper", ":::", "a", "@b"],
    )
    .run()
    .assert_prints("\"A\"\n\"@B\"\n");
    values(
        "text.wasm",
        "change-case",
        &["--kwarg", "to=upper", "--pipe"],
    )
    .input("a\nb\n")
    .run()
    .assert_prints("\"A\\nB\\n\"\n");
    // All are fixed.
    values("math.wasm", "fib", &["--kwarg", "n=10"])
        .input("null\n[]\n")
        .run()
        .assert_prints("55\n55\n");
}

#[test]
fn what_an_input_gives_again_costs_that_input_alone() {
    let _test = test();
    let words = ["map", "-q", "math.wasm", "add", "--kwarg", "a=10"];
    let ended = sandpool(words)
        .input("{\"a\":1,\"b\":2}\n[1,2]\n\"x\"\n5\n")
        .run();
    let results = results(&ended);
    let of = "`add: func(a: s32, b: s32) -> s32`";
    let errors: Vec<_> = results.iter().map(|result| &result["error"]).collect();
    assert_eq!(
        errors[..3],
        [
            &json!(format!("parameter `a` of {of} is given twice")),
            &json!(format!("3 arguments for {of}, which takes 2")),
            &json!(format!(
                "`\"x\"` is not a valid s32 for parameter `b` of {of}"
            )),
        ]
    );
    assert_eq!(results[3]["value"], 15);
    // A table says it once, before anything is run.
    let words = [
        "map",
        "math.wasm",
        "add",
        "--kwarg",
        "a=10",
        "--from",
        "csv",
    ];
    sandpool(words).input("a,b\n1,2\n").run().assert(
        3,
        "",
        &format!(
            "error: the header of stdin does not fit the function\n  because parameter `a` of {of} \
             is given twice\n"
        ),
    );
}

#[test]
fn arguments_for_all_are_checked_before_anything_is_run() {
    let _test = test();
    let of = "`add: func(a: s32, b: s32) -> s32`";
    let refused = |kwargs: &[&str], code: i32, text: &str| {
        let words = ["map", "math.wasm", "add"].iter().chain(kwargs);
        let ended = sandpool(words).input("1\n").run();
        ended.assert(code, "", &format!("error: {text}"));
    };
    refused(
        &["--kwarg", "c=1"],
        3,
        &format!("{of} has no parameter `c`: it has `a`, `b`\n"),
    );
    refused(
        &["--kwarg", "a=1", "--kwarg", "a=2"],
        3,
        &format!("parameter `a` of {of} is given twice\n"),
    );
    refused(
        &["--kwarg", "a=x"],
        3,
        &format!("`x` is not a valid s32 for parameter `a` of {of}\n"),
    );
    refused(
        &["--kwarg", "a=@none"],
        3,
        &format!(
            "cannot read `none` for parameter `a` of {of}\n  because No such file or directory \
             (os error 2)\n"
        ),
    );
    refused(
        &["--kwarg", "a=@-"],
        2,
        "both `--kwarg a=@-` and the inputs read stdin\n\nhint: give the inputs with `--input \
         FILE` or `:::`\n",
    );
    let one_too_many = ["--kwarg", "a=1", ":::", "1", ":::", "2"];
    refused(
        &one_too_many,
        3,
        &format!(
            "`:::` gives 2 arguments beside `--kwarg`, which does not fit {of}\n\n\
             hint: each `:::` is one parameter's values; with `--from jsonl` a value is a whole \
             call\n"
        ),
    );
    assert_eq!(
        sandpool(["map", "math.wasm", "add", "--kwarg", "a"])
            .run()
            .code(),
        2
    );
    let folder = Folder::new();
    folder.file("words.wat", wat::COMMAND);
    let words = ["map", "words.wat", "--kwarg", "a=1", "--", "{}"];
    let ended = folder.sandpool(words).input("x\n").run();
    ended.assert(
        2,
        "",
        "error: `--kwarg` is for functions: constant words of a command stand in its TEMPLATE, \
         after `--`\n",
    );
}

#[test]
fn a_large_file_for_all_is_read_once_and_held_once() {
    let _test = test();
    let folder = Folder::new();
    let size = 2 << 20;
    folder.file("long", "x".repeat(size));
    let inputs: String = (0..40).map(|_| "\"x\"\n").collect();
    let words = [
        "find",
        "--kwarg",
        "text=@long",
        "--kwarg",
        "options={flags: {}, limit: some(1)}",
        "--from",
        "jsonl",
        "--to",
        "values",
        "-j2",
    ];
    let ended = within(&folder, "text", &words).input(inputs).run();
    ended.assert_prints(&"[{\"start\":0,\"end\":1}]\n".repeat(40));
    // Too large for any task, it is refused once.
    let words = ["find", "--kwarg", "text=@long", "--arguments-limit", "1MiB"];
    within(&folder, "text", &words)
        .input("\"x\"\n")
        .run()
        .assert_refuses(
            3,
            "error: its arguments take more than 1MiB (set by the flag); raise it with \
         `--arguments-limit`\n",
        );
    // On stdin, where the inputs are not.
    let text = guest("text");
    let words = ["map", "-q", text.to_str().expect("text"), "find"];
    let more = ["--kwarg", "text=@-", "--to", "values", ":::", "b"];
    folder
        .sandpool(words.iter().chain(&more))
        .input("abc")
        .run()
        .assert_prints("[{\"start\":1,\"end\":2}]\n");
}

#[test]
fn a_dry_run_shows_the_whole_call() {
    let _test = test();
    let words = ["map", "-q", "--dry-run", "math.wasm", "add"];
    let dry = |kwarg: &str| {
        let more = ["--kwarg", kwarg, ":::", "-1", "2"];
        sandpool(words.iter().chain(&more)).run()
    };
    dry("b=7").assert_prints(
        "sandpool apply --kwarg b=7 math.wasm add -1\n\
         sandpool apply --kwarg b=7 math.wasm add 2\n",
    );
    dry("a=-7").assert_prints(
        "sandpool apply --kwarg a=-7 math.wasm add --kwarg b=-1\n\
         sandpool apply --kwarg a=-7 math.wasm add --kwarg b=2\n",
    );
}
