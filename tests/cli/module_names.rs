//! Modules by name: a word without `/` and `.` is looked for in a few folders.

use super::{Folder, sandpool};
use crate::support::{test, wat};

#[test]
fn a_word_is_the_name_of_an_installed_module() {
    let _test = test();
    let folder = Folder::new();
    folder.file("sum.wasm", wat::ADD);
    let line = ["apply", "sum", "add", "20", "22"];
    let named = sandpool(line).env("SANDPOOL_MODULES", folder.path()).run();
    assert_eq!(
        (named.code(), named.text()),
        (0, "42\n"),
        "{}",
        named.stderr
    );
    let among = format!("/nonexistent:{}", folder.path().display());
    let found = sandpool(["inspect", "sum"])
        .env("SANDPOOL_MODULES", among)
        .run();
    assert_eq!(found.code(), 0, "{}", found.stderr);
}

#[test]
fn a_name_that_nobody_has_is_told_with_the_places_and_a_file_is_named_by_its_path() {
    let _test = test();
    let folder = Folder::new();
    folder.file("sum", wat::ADD);
    let missing = folder.sandpool(["apply", "sum", "add", "1", "2"]).run();
    assert_eq!(missing.code(), 3);
    let said = &missing.stderr;
    assert!(
        said.contains("no module of this name is installed"),
        "{said}"
    );
    assert!(said.contains("/share/sandpool`"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    let file = folder.sandpool(["apply", "./sum", "add", "1", "2"]).run();
    assert_eq!((file.code(), file.text()), (0, "3\n"), "{}", file.stderr);
}
