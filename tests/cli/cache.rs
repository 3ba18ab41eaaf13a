//! The cache of compiled modules, and what is said where it is not used.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use serde_json::Value;

use super::{CommandLine, Folder, sandpool};
use crate::support::process::program;
use crate::support::{test, wat};

fn apply(folder: &Folder, more: &[&str]) -> CommandLine {
    folder.file("add.wat", wat::ADD);
    folder.sandpool(["apply", "add.wat", "add", "2", "3"].iter().chain(more))
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("allowed");
}

fn artifacts(folder: &Path) -> usize {
    fs::read_dir(folder).map_or(0, Iterator::count)
}

#[test]
fn a_cache_that_is_not_private_is_not_used_and_that_is_said_once() {
    let _test = test();
    let folder = Folder::new();
    let cache = folder.path().join("cache");
    fs::create_dir(&cache).expect("made");
    mode(&cache, 0o755);
    let in_cache = |more: &[&str]| apply(&folder, more).env("SANDPOOL_CACHE_DIR", &cache).run();
    let told = format!(
        "sandpool: the cache of compiled modules, `{}`, is not used, so modules are compiled anew \
         each time: others may use the folder, whose mode is 0755; `sandpool doctor` shows how to \
         fix it\n",
        cache.display()
    );
    in_cache(&[]).assert(0, "5\n", &told);
    in_cache(&["--quiet"]).assert_prints("5\n");
    in_cache(&["--no-cache"]).assert_prints("5\n");
    assert_eq!(artifacts(&cache), 0);
    let doctor = |words: &[&str]| {
        let words = ["doctor"].iter().chain(words);
        sandpool(words).env("SANDPOOL_CACHE_DIR", &cache).run()
    };
    let json = |ended: &super::Finished| -> Value {
        let found: Value = serde_json::from_slice(&ended.stdout).expect("JSON");
        found["cache"].clone()
    };
    let found = json(&doctor(&["--json"]));
    assert_eq!(
        (&found["used"], found["folder"].as_str().map(Path::new)),
        (&Value::Bool(false), Some(cache.as_path()))
    );
    assert_eq!(
        found["why"],
        "others may use the folder, whose mode is 0755"
    );
    let remedy = found["remedy"].as_str().expect("a remedy").to_owned();
    let text = doctor(&[]);
    assert!(
        text.text().contains("cache of compiled modules"),
        "{}",
        text.text()
    );
    assert!(text.text().contains(&remedy), "{}", text.text());
    mode(&cache, 0o700);
    in_cache(&[]).assert_prints("5\n");
    assert_eq!(artifacts(&cache), 1);
    assert_eq!(json(&doctor(&["--json"]))["used"], true);
    assert_eq!(artifacts(&cache), 1, "of the check nothing is left");
    // A link may come to lead elsewhere.
    let link = folder.path().join("link");
    symlink(&cache, &link).expect("a link");
    let ended = apply(&folder, &[]).env("SANDPOOL_CACHE_DIR", &link).run();
    assert!(
        ended.stderr.contains("it is a symbolic link;"),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_cache_that_cannot_be_written_is_said_and_costs_nothing_else() {
    let _test = test();
    let folder = Folder::new();
    folder.file("add.wat", wat::ADD);
    fs::create_dir(folder.path().join("cache")).expect("made");
    for (size, more, why) in [
        ("size=8k", "", "No space left on device (os error 28)"),
        (
            "size=1m",
            "mount -o remount,ro cache",
            "read-only filesystem or storage medium",
        ),
    ] {
        let script = format!(
            "mount -t tmpfs -o {size},mode=700 none cache && {{ {more}\n \
             timeout 50 {} apply add.wat add 2 3; }}",
            env!("CARGO_BIN_EXE_sandpool")
        );
        let output = program("unshare")
            .args(["-m", "sh", "-c", &script])
            .current_dir(folder.path())
            .env("SANDPOOL_CACHE_DIR", "cache")
            .output();
        let output = output.expect("started");
        let told = String::from_utf8_lossy(&output.stderr);
        if told.contains("unshare: ") || told.contains("mount: ") {
            eprintln!("skipped: nothing can be mounted here: {told}");
            return;
        }
        assert_eq!(output.stdout, b"5\n", "{told}");
        let says = format!("nothing can be written there: {why};");
        assert!(told.contains(&says) && told.lines().count() == 1, "{told}");
    }
}

#[test]
fn a_relative_xdg_cache_home_is_ignored_and_our_own_variable_may_be_relative() {
    let _test = test();
    let folder = Folder::new();
    let home = folder.path().join("home");
    fs::create_dir(&home).expect("made");
    apply(&folder, &[])
        .env("XDG_CACHE_HOME", "xdg")
        .env("HOME", &home)
        .run()
        .assert_prints("5\n");
    assert_eq!(artifacts(&home.join(".cache/sandpool")), 1);
    assert!(!folder.path().join("xdg").exists());
    apply(&folder, &[])
        .env("SANDPOOL_CACHE_DIR", "ours")
        .env("HOME", &home)
        .run()
        .assert_prints("5\n");
    assert_eq!(artifacts(&folder.path().join("ours")), 1);
}
