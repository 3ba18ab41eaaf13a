//! Tables as inputs of a map: a row is an input, the header names the parameters.

use serde_json::json;

use super::inputs::{commands, values, within, words_of};
use super::map::results;
use super::{Folder, sandpool};
use crate::support::test;

#[test]
fn columns_are_arguments_by_name() {
    let _test = test();
    let table = "b, a\n1,2\n\"3\",-4\n5\nx,1\n,\n";
    let ended = sandpool(["map", "-q", "math.wasm", "add", "--from", "csv"])
        .input(table)
        .run();
    let results = results(&ended);
    assert_eq!(
        (&results[0]["value"], &results[1]["value"]),
        (&json!(3), &json!(-1))
    );
    assert_eq!(
        results[2]["error"],
        "the row has 1 columns, and the header 2"
    );
    assert_eq!(
        results[3]["error"],
        "`x` is no s32 for parameter `b` of `add: func(a: s32, b: s32) -> s32`"
    );
    assert_eq!(results[4]["verdict"], "invalid_arguments");
    assert_eq!(results.len(), 5);
    let tsv = ["--from", "tsv"];
    values("text.wasm", "change-case", &tsv)
        .input("to\ttext\nupper\t\"a\", b\n")
        .run()
        .assert_prints("\"\\\"A\\\", B\"\n");
    values("math.wasm", "add", &["--from", "csv", "--no-header"])
        .input("1,2\n3,4\n")
        .run()
        .assert_prints("3\n7\n");
}

#[test]
fn a_cell_cannot_name_a_file_and_an_empty_one_is_nothing() {
    let _test = test();
    let ended = sandpool([
        "map",
        "-q",
        "text.wasm",
        "find",
        "--from",
        "csv",
        "--to",
        "values",
    ])
    .input("text,needle,options\n@/etc/passwd,@,\naXa,a,\"{flags: {}, limit: some(1)}\"\n")
    .run();
    ended.assert_prints("[{\"start\":0,\"end\":1}]\n[{\"start\":0,\"end\":1}]\n");
}

#[test]
fn a_header_that_does_not_fit_is_one_error_before_anything_runs() {
    let _test = test();
    let refused = |header: &str, because: &str| {
        let because = match because {
            "" => String::new(),
            text => format!("  because {text}\n"),
        };
        sandpool(["map", "math.wasm", "add", "--from", "csv"])
            .input(format!("{header}\n1,2\n"))
            .run()
            .assert_refuses(
                3,
                &format!("error: the header of stdin does not fit the function\n{because}"),
            );
    };
    let add = "`add: func(a: s32, b: s32) -> s32`";
    refused(
        "a,c",
        &format!("{add} has no parameter `c`: it has `a`, `b`"),
    );
    refused(
        "a",
        &format!("there is no argument for parameter `b` of {add}"),
    );
    let folder = Folder::new();
    folder.file("one", "a,b\n1,2\n");
    folder.file("two", "b,a\n1,2\n");
    let words = ["add", "--from", "csv", "-i", "one", "-i", "two"];
    within(&folder, "math", &words)
        .run()
        .assert_refuses(3, "error: the header of `two` is not that of `one`\n");
    sandpool(["map", "math.wasm", "add", "--from", "csv"])
        .run()
        .assert_refuses(
            3,
            "error: the input, stdin, has no header: its first row is to name the columns\n\n\
             hint: `--no-header` takes the columns in order\n",
        );
}

#[test]
fn columns_stand_in_a_template_by_name() {
    let _test = test();
    let words = [
        "--from",
        "csv",
        "--",
        "--name={name}",
        "{2}",
        "{file/.}.out",
        "{other}",
    ];
    let ended = commands(&words, "name,age,file\nAnn Lee,7,a/b.txt\n");
    assert_eq!(
        words_of(&ended),
        [["--name=Ann Lee", "7", "b.out", "{other}"]]
    );
}

#[test]
fn rows_may_stand_on_the_command_line() {
    let _test = test();
    let csv = |flags: &[&str]| values("math.wasm", "add", &[&["--from", "csv"], flags].concat());
    csv(&[":::", "b,a", "1,2", "\"3\",-4"])
        .run()
        .assert_prints("3\n-1\n");
    csv(&["--no-header", ":::", "1,2", "3,4"])
        .run()
        .assert_prints("3\n7\n");
    csv(&[":::", "x", "1"]).run().assert_refuses(
        3,
        "error: the header of `:::` does not fit the function\n  because `add: func(a: s32, b: \
         s32) -> s32` has no parameter `x`: it has `a`, `b`\n",
    );
    let folder = Folder::new();
    folder.file("t", "a\tb\n1\t2\n");
    let words = ["add", "--from", "tsv", "--to", "values", "::::", "t"];
    within(&folder, "math", &words).run().assert_prints("3\n");
}
