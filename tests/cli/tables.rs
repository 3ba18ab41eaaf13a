//! Tables as inputs of a map: a row is an input, the header names the parameters.

use serde_json::json;

use super::inputs::{commands, values, within, words_of};
use super::map::results;
use super::{Folder, sandpool};
use crate::support::{test, wat};

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
        "the row has 1 column, and the header 2"
    );
    assert_eq!(
        results[3]["error"],
        "`x` is not a valid s32 for parameter `b` of `add: func(a: s32, b: s32) -> s32`"
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
        let because = format!("  because {because}\n");
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
        &format!(
            "{add} has no parameter `c`: it has `a`, `b`\n\n\
             hint: `--ignore-columns` leaves out the columns that no parameter takes"
        ),
    );
    refused(
        "a",
        &format!("there is no argument for parameter `b` of {add}"),
    );
    let folder = Folder::new();
    folder.file("one", "a,b\n1,2\n");
    folder.file("two", "b,a\n1,2\n");
    let words = ["add", "--from", "csv", "-i", "one", "-i", "two"];
    within(&folder, "math", &words).run().assert_refuses(
        3,
        "error: the header of `two` differs from the header of `one`\n",
    );
    sandpool(["map", "math.wasm", "add", "--from", "csv"])
        .run()
        .assert_refuses(
            3,
            "error: the input, stdin, has no header: its first row must name the columns\n\n\
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
         s32) -> s32` has no parameter `x`: it has `a`, `b`\n\n\
         hint: `--ignore-columns` leaves out the columns that no parameter takes\n",
    );
    let folder = Folder::new();
    folder.file("t", "a\tb\n1\t2\n");
    let words = ["add", "--from", "tsv", "--to", "values", "::::", "t"];
    within(&folder, "math", &words).run().assert_prints("3\n");
}

#[test]
fn a_whole_number_is_an_integer_as_tables_write_it() {
    let _test = test();
    values("math.wasm", "add", &["--from", "csv"])
        .input("a,b\n1.0,-2.0\n3e0,4\n")
        .run()
        .assert_prints("-1\n7\n");
    let ended = sandpool(["map", "-q", "math.wasm", "add", "--from", "csv"])
        .input("a,b\n1.5,2\n")
        .run();
    let error = &results(&ended)[0]["error"];
    assert_eq!(
        error,
        "`1.5` is not a valid s32 for parameter `a` of `add: func(a: s32, b: s32) -> s32`"
    );
    // Core modules have bits, with or without a sign.
    let folder = Folder::new();
    folder.file("add.wat", wat::ADD);
    let words = [
        "map", "-q", "add.wat", "add", "--from", "csv", "--to", "values",
    ];
    folder
        .sandpool(words)
        .input("p0,p1\n4294967295,2\n")
        .run()
        .assert_prints("1\n");
}

#[test]
fn utf16_without_a_mark_is_refused_in_one_line_that_says_how_to_convert_it() {
    let _test = test();
    let folder = Folder::new();
    let bytes =
        |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_le_bytes).collect() };
    folder.file("table", bytes("a,b\r\n1,2\r\n3,4\r\n"));
    folder.file("lines", bytes("5\n6\n7\n"));
    for (module, words) in [
        ("math", &["add", "--from", "csv", "-i", "table"][..]),
        ("math", &["fib", "-i", "lines"]),
        ("text", &["greet", "-i", "lines"]),
        ("text", &["greet", "-i", "lines", "--lossy"]),
        ("text", &["greet", "::::", "lines"]),
    ] {
        let ended = within(&folder, module, words).run();
        let file = if words.contains(&"table") {
            "table"
        } else {
            "lines"
        };
        let text = format!(
            "error: the input, `{file}`, cannot be read\n  because it looks like UTF-16 without a \
             byte order mark; `iconv -f UTF-16LE -t UTF-8` converts it\n"
        );
        ended.assert_refuses(3, &text);
    }
    // Lines that end with NUL may be of one letter each.
    let words = ["greet", "-0", "--to", "values"];
    let ended = within(&folder, "text", &words).input("a\0b\0").run();
    ended.assert_prints("\"hello, a\"\n\"hello, b\"\n");
}

#[test]
fn utf16_with_a_mark_is_read_and_what_is_unsound_is_refused_once() {
    let _test = test();
    let le = |text: &str| -> Vec<u8> {
        let units = std::iter::once(0xfeff).chain(text.encode_utf16());
        units.flat_map(u16::to_le_bytes).collect()
    };
    values("text.wasm", "change-case", &["--from", "csv"])
        .input(le("text,to\r\ngr\u{fc}n,upper\r\n"))
        .run()
        .assert_prints("\"GR\u{dc}N\"\n");
    values("math.wasm", "add", &["--from", "tsv"])
        .input(le("a\tb\n1\t2\n"))
        .run()
        .assert_prints("3\n");
    // Lines as well.
    values("math.wasm", "fib", &[])
        .input(le("5\n10\n"))
        .run()
        .assert_prints("5\n55\n");
    values("text.wasm", "greet", &[])
        .input(le("\u{fc}\n"))
        .run()
        .assert_prints("\"hello, \u{fc}\"\n");
    let mut cut = le("a,b\n1,2\n3,4");
    cut.push(b'x');
    let ended = values("math.wasm", "add", &["--from", "csv"])
        .input(cut)
        .run();
    assert_eq!(ended.code(), 3, "{}", ended.stderr);
    assert!(
        ended.stderr.contains("not valid UTF-16"),
        "{}",
        ended.stderr
    );
}

#[test]
fn columns_that_no_parameter_takes_are_told_once_or_ignored() {
    let _test = test();
    let add = |flags: &[&str], table: &str| {
        values("math.wasm", "add", &[&["--from", "csv"], flags].concat())
            .input(table)
            .run()
    };
    let hint = "hint: `--ignore-columns` leaves out the columns that no parameter takes\n";
    let table = "id,a,b,note\n7,1,2,x\n8,3,4,\n";
    add(&[], table).assert_refuses(
        3,
        &format!(
            "error: the header of stdin does not fit the function\n  because `add: func(a: s32, b: \
             s32) -> s32` has no parameters `id`, `note`: it has `a`, `b`\n\n{hint}"
        ),
    );
    add(&["--ignore-columns"], table).assert_prints("3\n7\n");
    // One that is missing is missing.
    let ended = add(&["--ignore-columns"], "id,a\n7,1\n");
    assert_eq!(ended.code(), 3, "{}", ended.stderr);
    assert!(
        ended.stderr.contains("no argument for parameter `b`"),
        "{}",
        ended.stderr
    );
    // Without a header, too.
    add(&["--no-header"], "1,2,x\n3,4,y\n").assert_refuses(
        3,
        &format!(
            "error: a row of stdin gives 3 arguments, which does not fit `add: func(a: s32, b: s32) \
             -> s32`\n\n{hint}"
        ),
    );
    add(&["--no-header", "--ignore-columns"], "1,2,x\n3,4,y\n").assert_prints("3\n7\n");
    add(&["--no-header"], "1\n2\n").assert_refuses(
        3,
        "error: a row of stdin gives one argument, which does not fit `add: func(a: s32, b: s32) -> \
         s32`\n",
    );
    let ended = sandpool(["map", "math.wasm", "fib", "--ignore-columns"]).run();
    assert_eq!((ended.code(), ended.text()), (2, ""), "{}", ended.stderr);
}

#[test]
fn cells_without_a_header_have_places() {
    let _test = test();
    let words = ["--from", "csv", "--no-header", "--", "{2}-{1}"];
    let ended = commands(&words, "a,1\nb,2\n");
    assert_eq!(words_of(&ended), [["1-a"], ["2-b"]]);
}

#[test]
fn a_row_that_is_not_utf8_costs_itself_or_is_replaced() {
    let _test = test();
    let table = b"text,to\ncaf\xe9,upper\nok,upper\n";
    let ended = sandpool(["map", "-q", "text.wasm", "change-case", "--from", "csv"])
        .input(table)
        .run();
    let all = results(&ended);
    assert_eq!(
        all[0]["error"],
        "the row is not UTF-8 (`--lossy` puts U+FFFD in place of bytes that are not)"
    );
    assert_eq!(all[1]["value"], "OK");
    values("text.wasm", "change-case", &["--from", "csv", "--lossy"])
        .input(table)
        .run()
        .assert_prints("\"CAF\u{fffd}\"\n\"OK\"\n");
}
