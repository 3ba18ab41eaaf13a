//! `sandpool new`. That such a project builds and runs is tried by `cargo xtask
//! test`, which has the compiler for it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::Folder;
use crate::support::test;

/// The files beneath a folder, sorted.
fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).expect("readable") {
            let path = entry.expect("readable").path();
            match path.is_dir() {
                true => folders.push(path),
                false => {
                    let name = path.strip_prefix(folder).expect("beneath it");
                    found.push(name.to_string_lossy().into_owned());
                }
            }
        }
    }
    found.sort();
    found
}

const PROJECT: [&str; 6] = [
    ".gitignore",
    "Cargo.toml",
    "README.md",
    "rust-toolchain.toml",
    "src/lib.rs",
    "wit/world.wit",
];

#[test]
fn a_new_project_has_all_its_files_under_its_own_name() {
    let _test = test();
    let folder = Folder::new();
    let said = "made `word-count`, a project for a task module; now

  cd word-count
  cargo build --release --target wasm32-wasip2
  sandpool apply target/wasm32-wasip2/release/word_count.wasm greet Ada
";
    folder
        .sandpool(["new", "word-count"])
        .run()
        .assert_prints(said);
    let project = folder.path().join("word-count");
    assert_eq!(files(&project), PROJECT);
    for name in PROJECT {
        let text = fs::read_to_string(project.join(name)).expect("text");
        assert!(!text.contains("{{"), "{name}: {text}");
    }
    let read = |name| fs::read_to_string(project.join(name)).expect("text");
    assert!(read("Cargo.toml").contains("name = \"word-count\"\n"));
    assert!(read("wit/world.wit").contains("\nworld word-count {\n"));
    assert!(read("README.md").contains("target/wasm32-wasip2/release/word_count.wasm"));
    // Nothing else, and a folder as anybody would have made it.
    let beside = folder.path().join("beside");
    fs::create_dir(&beside).expect("made");
    let mode = |path: &Path| path.metadata().expect("there").permissions().mode();
    assert_eq!(mode(&project), mode(&beside));
    assert_eq!(fs::read_dir(folder.path()).expect("readable").count(), 2);
}

#[test]
fn an_empty_folder_becomes_the_project_and_any_other_is_left_alone() {
    let _test = test();
    let folder = Folder::new();
    fs::create_dir_all(folder.path().join("in/empty")).expect("made");
    let made = folder.sandpool(["new", "in/empty", "--lang", "rust"]).run();
    assert_eq!(made.code(), 0, "{}", made.stderr);
    assert_eq!(files(&folder.path().join("in/empty")), PROJECT);

    let again = folder.sandpool(["new", "in/empty"]).run();
    again.assert_refuses(2, "error: `in/empty` exists and is not empty\n");
    folder.file("file", "mine");
    let file = folder.sandpool(["new", "file"]).run();
    file.assert_refuses(2, "error: `file` exists already\n");
    fs::create_dir(folder.path().join("other")).expect("made");
    folder.file("other/.hidden", "mine");
    let other = folder.sandpool(["new", "other"]).run();
    other.assert_refuses(2, "error: `other` exists and is not empty\n");
    assert_eq!(files(&folder.path().join("other")), [".hidden"]);
    assert_eq!(fs::read_dir(folder.path()).expect("readable").count(), 3);
}

#[test]
fn a_name_that_rust_or_wit_cannot_have_is_refused_in_one_line() {
    let _test = test();
    let folder = Folder::new();
    let hint = "
hint: use words of small letters and digits, each beginning with a letter, joined by dashes: \
`word-count`
";
    for bad in ["Word", "word_count", "2d", "a--b", "a b", "..x"] {
        let text = format!("error: `{bad}` is not a name for a project\n{hint}");
        folder.sandpool(["new", bad]).run().assert_refuses(2, &text);
    }
    for bad in ["match", "record", "std", "wit-bindgen"] {
        let text = format!("error: `{bad}` is a name that Rust or WIT reserves\n");
        folder.sandpool(["new", bad]).run().assert_refuses(2, &text);
    }
    folder
        .sandpool(["new", ".."])
        .run()
        .assert_refuses(2, "error: `..` is not a name\n");
    assert_eq!(files(folder.path()), [""; 0]);
}

#[test]
fn what_cannot_be_written_leaves_nothing() {
    let _test = test();
    let folder = Folder::new();
    let nowhere = folder.sandpool(["new", "no/such/word-count"]).run();
    assert_eq!(nowhere.code(), 4);
    let line = "error: cannot make `no/such/word-count`\n  because No such file or directory";
    assert!(nowhere.stderr.starts_with(line), "{}", nowhere.stderr);
    // An empty folder by way of a link can be seen, but not replaced.
    fs::create_dir(folder.path().join("real")).expect("made");
    std::os::unix::fs::symlink("real", folder.path().join("link")).expect("made");
    let link = folder.sandpool(["new", "link"]).run();
    link.assert_refuses(2, "error: `link` exists already\n");
    assert_eq!(files(folder.path()), [""; 0]);
    assert_eq!(fs::read_dir(folder.path()).expect("readable").count(), 2);
}
