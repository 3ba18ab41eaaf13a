//! Modules that cannot be used: each costs one clear line, at once.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::time::Duration;

use rustix::fs::{CWD, FileType, Mode, mknodat};

use super::{Finished, Folder, assert_harmless};
use crate::support::{guest, test};

/// Seconds, where nothing has to be read or compiled to know better.
const AT_ONCE: Duration = Duration::from_secs(5);

/// Asserts that it says what is wrong in one line, perhaps with a hint, and
/// does nothing else.
#[track_caller]
fn assert_clear(ended: &Finished, code: i32, says: &str) {
    assert_eq!(ended.code(), code, "{}", ended.stderr);
    assert_eq!(ended.text(), "");
    let (error, hint) = match ended.stderr.split_once("\n\n") {
        Some((error, hint)) => (error, Some(hint.trim_end())),
        None => (ended.stderr.trim_end(), None),
    };
    let one_line = |text: &str| text.lines().count() == 1;
    assert!(error.starts_with("error: ") && one_line(error), "{error}");
    assert!(error.contains(says), "{error}");
    assert!(
        hint.is_none_or(|hint| hint.starts_with("hint: ") && one_line(hint)),
        "{hint:?}"
    );
    assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
    assert_harmless(&ended.stderr);
    assert!(ended.took < AT_ONCE, "it took {:?}", ended.took);
}

/// Tries the module with each subcommand.
#[track_caller]
fn assert_unusable(folder: &Folder, name: &str, says: &str) {
    let apply = folder.sandpool(["apply", name, "f"]).run();
    assert_clear(&apply, 3, says);
    let map = folder.sandpool(["map", name, "f"]).input("1\n").run();
    assert_clear(&map, 3, says);
    let run = folder.sandpool(["run", name]).run();
    assert_clear(&run, 126, says);
}

#[test]
fn garbage_is_no_module() {
    let _test = test();
    let folder = Folder::new();
    let garbage: Vec<u8> = (0..3000u32).map(|n| (n * n % 251) as u8 | 0x80).collect();
    folder.file("garbage.wasm", garbage);
    let says = "`garbage.wasm`: it is neither WebAssembly nor its text format";
    assert_unusable(&folder, "garbage.wasm", says);
}

#[test]
fn text_with_a_byte_order_mark_is_a_module() {
    let _test = test();
    let folder = Folder::new();
    let text = format!("\u{feff}{}", crate::support::wat::ADD);
    folder.file("marked.wat", text);
    let ended = folder
        .sandpool(["apply", "marked.wat", "add", "2", "3"])
        .run();
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
}

#[test]
fn garbage_behind_a_magic_number_is_no_module() {
    let _test = test();
    let folder = Folder::new();
    let mut garbage = b"\0asm\x01\0\0\0".to_vec();
    garbage.extend((0..3000u32).map(|n| (n * n % 251) as u8));
    folder.file("garbage.wasm", garbage);
    assert_unusable(&folder, "garbage.wasm", "cannot load `garbage.wasm`: ");
}

#[test]
fn a_truncated_module_is_no_module() {
    let _test = test();
    let folder = Folder::new();
    let whole = fs::read(guest("math")).expect("it is there");
    for length in [4, 6, 8, 100, whole.len() / 2, whole.len() - 1] {
        folder.file("cut.wasm", &whole[..length]);
        let ended = folder.sandpool(["apply", "cut.wasm", "fib", "1"]).run();
        assert_clear(&ended, 3, "cannot load `cut.wasm`: ");
    }
    folder.file("cut.wasm", &whole[..whole.len() / 2]);
    assert_unusable(&folder, "cut.wasm", "cannot load `cut.wasm`: ");
}

#[test]
fn an_empty_file_is_said_to_be_empty() {
    let _test = test();
    let folder = Folder::new();
    folder.file("empty.wasm", "");
    let says = "cannot load `empty.wasm`: it is empty";
    assert_unusable(&folder, "empty.wasm", says);
}

#[test]
fn a_file_of_a_gibibyte_is_not_read() {
    let _test = test();
    let folder = Folder::new();
    let file = File::create(folder.path().join("large.wasm")).expect("created");
    file.set_len(1 << 30).expect("a sparse file");
    let says = "cannot load `large.wasm`: it is larger than 256MiB (default); \
                raise it with `--module-size`";
    assert_unusable(&folder, "large.wasm", says);
}

#[test]
fn a_directory_is_no_module() {
    let _test = test();
    let folder = Folder::new();
    fs::create_dir(folder.path().join("dir.wasm")).expect("created");
    assert_unusable(&folder, "dir.wasm", "`dir.wasm`: it is a directory");
}

#[test]
fn a_fifo_that_nobody_writes_to_is_not_waited_for() {
    let _test = test();
    let folder = Folder::new();
    let path = folder.path().join("fifo.wasm");
    mknodat(CWD, &path, FileType::Fifo, Mode::from_raw_mode(0o600), 0).expect("made");
    assert_unusable(&folder, "fifo.wasm", "`fifo.wasm`: it is a fifo");
}

#[test]
fn a_device_is_no_module() {
    let _test = test();
    let folder = Folder::new();
    let says = "cannot load `/dev/zero`: ";
    assert_unusable(&folder, "/dev/zero", says);
}

#[test]
fn a_missing_file_is_said_to_be_missing() {
    let _test = test();
    let folder = Folder::new();
    symlink("nowhere.wasm", folder.path().join("dangling.wasm")).expect("made");
    for name in ["missing.wasm", "dangling.wasm", "no/such/folder.wasm"] {
        let says = format!("cannot load `{name}`: the file does not exist");
        let apply = folder.sandpool(["apply", name, "f"]).run();
        assert_clear(&apply, 3, &says);
        let inspect = folder.sandpool(["inspect", name]).run();
        assert_clear(&inspect, 3, &says);
        let run = folder.sandpool(["run", name]).run();
        assert_clear(&run, 127, &says);
    }
}

#[test]
fn an_import_that_nobody_gives_is_named() {
    let _test = test();
    let folder = Folder::new();
    folder.file(
        "core.wat",
        r#"(module (import "env" "f" (func)) (func (export "f")) (func (export "_start")))"#,
    );
    assert_unusable(&folder, "core.wat", "`env#f`");
    folder.file(
        "component.wat",
        r#"(component (import "demo:x/y" (instance (export "f" (func)))))"#,
    );
    assert_unusable(&folder, "component.wat", "`demo:x/y`");
    folder.file(
        "evil.wat",
        r#"(module (import "\1b[2J" "\c2\9b\0af" (func)) (func (export "f")))"#,
    );
    assert_unusable(&folder, "evil.wat", "[2J");
}

#[test]
fn a_module_that_exports_nothing_is_said_to_do_so() {
    let _test = test();
    let folder = Folder::new();
    folder.file("component.wat", "(component)");
    folder.file("core.wat", "(module)");
    for name in ["component.wat", "core.wat"] {
        assert_unusable(&folder, name, "it exports no function");
    }
}

#[test]
fn a_text_that_cannot_be_parsed_is_no_module() {
    let _test = test();
    let folder = Folder::new();
    folder.file("open.wat", "(module (func");
    assert_unusable(&folder, "open.wat", "its text cannot be parsed");
    // Text, but not of WebAssembly.
    folder.file("prose.txt", "It was a dark and stormy night.\n".repeat(50));
    assert_unusable(&folder, "prose.txt", "cannot load `prose.txt`: ");
}

#[test]
fn code_that_is_not_valid_is_no_module() {
    let _test = test();
    let folder = Folder::new();
    folder.file(
        "invalid.wat",
        r#"(module (func (export "f") (result i32) (i64.const 1)))"#,
    );
    assert_unusable(&folder, "invalid.wat", "cannot load `invalid.wat`: ");
}

#[test]
fn features_that_are_off_are_named_with_the_flag_that_allows_them() {
    let _test = test();
    let folder = Folder::new();
    folder.file("one.wat", r#"(module (func (export "f") (local exnref)))"#);
    let says = "which is off; allow it with `--wasm exceptions`";
    assert_unusable(&folder, "one.wat", says);
    folder.file(
        "two.wat",
        r#"(module (memory i64 1) (tag $e) (func (export "f") (throw $e)))"#,
    );
    let says = "which are off; allow them with `--wasm exceptions,memory64`";
    assert_unusable(&folder, "two.wat", says);
}
