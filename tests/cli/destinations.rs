//! Where results are put when that is not an ordinary file in an ordinary folder: what
//! was computed is somewhere, and the message says where.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::Output;

use super::{Folder, guests, sandpool};
use crate::support::process::program;
use crate::support::{eventually, guest, test, wat};

fn read(path: impl AsRef<Path>) -> String {
    let path = path.as_ref();
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("it is there");
    let mut names: Vec<_> = entries
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    names.sort();
    names
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn where_the_working_directory_was_deleted_the_message_says_so() {
    let _test = test();
    let folder = Folder::new();
    let module = guest("math");
    let script = "mkdir gone && cd gone && rmdir ../gone && exec timeout 30 \"$@\"";
    let sandpool = env!("CARGO_BIN_EXE_sandpool");
    let output = program("sh")
        .args(["-c", script, "sh", sandpool, "map"])
        .arg(module)
        .args(["fib", "-o", "x", ":::", "1"])
        .current_dir(folder.path())
        .output()
        .expect("there is a shell");
    assert_eq!(
        (output.status.code(), text(&output.stderr).as_str()),
        (
            Some(4),
            "error: `x` cannot be written\n  because the working directory no longer exists: no \
             such directory\n"
        )
    );
    let words = ["map", "math.wasm", "fib", "-o", "none/x", ":::", "1"];
    sandpool_refuses(
        &words,
        "error: `none/x` cannot be written\n  because No such file or directory (os error 2)\n",
    );
}

#[track_caller]
fn sandpool_refuses(words: &[&str], text: &str) {
    sandpool(words).run().assert_refuses(4, text);
}

/// Runs a script in which `sandpool` is the command, and what it mounts is gone
/// afterwards. `None`, and a word about it, where nothing can be mounted.
fn with_mounts(folder: &Folder, script: &str) -> Option<Output> {
    let may_mount = program("unshare")
        .args(["-m", "sh", "-c", "mount -t tmpfs none /tmp"])
        .output()
        .is_ok_and(|output| output.status.success());
    if !may_mount {
        eprintln!("skipped: nothing can be mounted here, so no test of mounts");
        return None;
    }
    let module = guests().join("math.wasm");
    let script = script
        .replace(
            "sandpool",
            &format!("timeout 50 {}", env!("CARGO_BIN_EXE_sandpool")),
        )
        .replace("MATH", module.to_str().expect("its path is text"));
    let output = program("unshare")
        .args(["-m", "sh", "-ec", &script])
        .current_dir(folder.path())
        .output();
    Some(output.expect("started"))
}

#[test]
fn a_mount_point_is_written_where_it_is() {
    let _test = test();
    let folder = Folder::new();
    folder.file("a", "old and longer than what comes\n");
    folder.file("b", "");
    let bind = "mount --bind a b\n";
    let map = "printf '5\\n6\\n' | sandpool map MATH fib --to values";
    let Some(output) = with_mounts(&folder, &format!("{bind}{map} -o b; cat b")) else {
        return;
    };
    let told = text(&output.stderr);
    assert_eq!(text(&output.stdout), "5\n8\n", "{told}");
    let path = folder.path().canonicalize().expect("it is there");
    let notice = format!(
        "sandpool: `{}/b` cannot be replaced, so results are written into it as tasks end: it is \
         a mount point\n",
        path.display()
    );
    assert!(told.starts_with(&notice), "{told}");
    assert_eq!(read(folder.path().join("a")), "5\n8\n");
    assert_eq!(names(folder.path()), ["a", "b"]);
    // A run that does not begin leaves what was there.
    let bad = format!("{bind}printf '5\\n' | sandpool map -q MATH fob -o b || true");
    with_mounts(&folder, &bad).expect("it could a moment ago");
    assert_eq!(read(folder.path().join("a")), "5\n8\n");
    // And nobody's input is emptied before it was read.
    let same = format!("{bind}sandpool map -q MATH fib -i b -o b");
    let output = with_mounts(&folder, &same).expect("it could a moment ago");
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("is an input: results need a file of their own"));
    assert_eq!(read(folder.path().join("a")), "5\n8\n");
    // Of no input there are no results.
    let none = format!("{bind}sandpool map -q MATH fib -o b < /dev/null");
    with_mounts(&folder, &none).expect("it could a moment ago");
    assert_eq!(read(folder.path().join("a")), "");
}

#[test]
fn a_mount_point_that_is_gone_on_with_has_one_result_for_each_input() {
    let _test = test();
    let folder = Folder::new();
    folder.file("a", "");
    folder.file("b", "");
    let script = "mount --bind a b
        map() { printf '21\\n5\\n' | sandpool map -q MATH fib --joblog log -o b \"$@\"; }
        map --fuel 20000 || true
        map --retry-failed
        map --resume";
    let Some(output) = with_mounts(&folder, script) else {
        return;
    };
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(
        read(folder.path().join("a")),
        "{\"index\":1,\"verdict\":\"ok\",\"value\":5}\n\
         {\"index\":0,\"verdict\":\"ok\",\"value\":10946}\n"
    );
}

#[test]
fn where_there_is_no_room_the_results_so_far_are_left_and_named() {
    let _test = test();
    let folder = Folder::new();
    fs::create_dir(folder.path().join("small")).expect("made");
    let script = "mount -t tmpfs -o size=64k none small
        echo old > small/out
        code=0
        seq 1 20000 | sed 's/.*/[&,0]/' | sandpool map -q MATH add --to values -o small/out || code=$?
        echo $code; cat small/out; wc -l < small/out.partial; head -3 small/out.partial";
    let Some(output) = with_mounts(&folder, script) else {
        return;
    };
    let (stdout, told) = (text(&output.stdout), text(&output.stderr));
    let lines: Vec<_> = stdout.lines().collect();
    assert_eq!(lines[..2], ["4", "old"], "{told}");
    assert!(
        lines[2].parse::<u32>().expect("a number") > 5_000,
        "{stdout}"
    );
    assert_eq!(lines[3..], ["1", "2", "3"]);
    assert!(told.contains("small/out.partial`\n"), "{told}");
    assert!(
        told.contains("No space left on device (os error 28)"),
        "{told}"
    );
}

#[test]
fn results_whose_folder_was_taken_away_are_found_elsewhere() {
    let _test = test();
    let folder = Folder::new();
    for name in ["there", "tmp"] {
        fs::create_dir(folder.path().join(name)).expect("made");
    }
    let sleeper = guest("sleeper");
    let sleeper = sleeper.to_str().expect("its path is text");
    let words = ["map", "-q", sleeper, "sleep-then", "-o", "there/out"];
    let words = words.into_iter().chain(["--to", "values"]);
    let temporary = folder.path().join("tmp");
    let mut host = folder.sandpool(words).env("TMPDIR", &temporary).start();
    host.write(b"[0,1]\n");
    // It has been opened once a worker is there.
    host.wait_for_children(1);
    fs::remove_dir(folder.path().join("there")).expect("nothing in it has a name");
    host.write(b"[0,2]\n");
    drop(host.stdin.take());
    let ended = host.finish();
    assert_eq!(ended.code(), 4, "{}", ended.stderr);
    let saved = names(&temporary);
    let [saved] = saved.as_slice() else {
        panic!("{saved:?}: {}", ended.stderr);
    };
    let saved = temporary.join(saved);
    let hint = format!("hint: all results are in `{}`\n", saved.display());
    assert!(ended.stderr.ends_with(&hint), "{}", ended.stderr);
    assert_eq!(read(saved), "1\n2\n");
}

/// Runs a script as a user who is not root, in this folder, where `./sandpool` is the
/// command.
fn as_user(folder: &Folder, script: &str) -> Output {
    let binary = Path::new(env!("CARGO_BIN_EXE_sandpool"));
    let copy = folder.path().join("sandpool");
    if !copy.exists() {
        fs::hard_link(binary, &copy)
            .or_else(|_| fs::copy(binary, &copy).map(drop))
            .expect("copied");
        fs::write(folder.path().join("add.wat"), wat::ADD).expect("written");
        mode(folder.path(), 0o755);
    }
    let is_root = rustix::process::geteuid().is_root();
    let mut command = program(if is_root { "setpriv" } else { "sh" });
    if is_root {
        command.args(["--reuid", USER, "--regid", USER, "--clear-groups", "sh"]);
    }
    let output = command
        .args(["-c", script])
        .current_dir(folder.path())
        .env("SANDPOOL_CACHE_DIR", "/nonexistent")
        .output();
    output.expect("started")
}

/// A user id that nobody has.
const USER: &str = "54321";

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("allowed");
}

#[test]
fn a_file_that_may_be_written_and_not_replaced_is_written() {
    let _test = test();
    let folder = Folder::new();
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: only root can make another user's files");
        return;
    }
    let map = "echo '[2,3]' | timeout 50 ./sandpool map -q add.wat add --to values -o";
    // Another user's file in a sticky folder, and a file in a folder of another's.
    for (name, of_folder) in [("sticky", 0o1777), ("closed", 0o755)] {
        let inside = folder.path().join(name);
        fs::create_dir(&inside).expect("made");
        let out = inside.join("out");
        fs::write(&out, "old and long\n").expect("written");
        mode(&out, 0o666);
        mode(&inside, of_folder);
        let output = as_user(&folder, &format!("{map} {name}/out"));
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        assert_eq!(read(&out), "5\n", "{name}");
        assert_eq!(names(&inside), ["out"]);
        // One that may not be written either is refused before the run.
        mode(&out, 0o644);
        let output = as_user(&folder, &format!("{map} {name}/out"));
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(4), "{told}");
        assert!(told.contains("cannot be written\n  because "), "{told}");
        assert_eq!((read(&out).as_str(), names(&inside).len()), ("5\n", 1));
    }
    // The file keeps its owner.
    let out = folder.file("out", "");
    std::os::unix::fs::chown(&out, Some(54_321), Some(54_321)).expect("root may");
    mode(&out, 0o640);
    let words = ["map", "-q", "add.wat", "add", "-o", "out"];
    let ended = folder.sandpool(words).input("[2,3]\n").run();
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    let found = fs::metadata(&out).expect("it is there");
    assert_eq!(
        (found.uid(), found.gid(), found.mode() & 0o777),
        (54_321, 54_321, 0o640)
    );
    assert!(!read(&out).is_empty());
}

#[test]
fn a_link_stays_one_also_where_what_it_leads_to_is_not_there_yet() {
    let _test = test();
    let folder = Folder::new();
    fs::create_dir(folder.path().join("real")).expect("made");
    symlink("real/out", folder.path().join("link")).expect("a link");
    symlink("link", folder.path().join("links")).expect("a link");
    symlink("loop", folder.path().join("loop")).expect("a link");
    let module = guests().join("math.wasm");
    let module = module.to_str().expect("its path is text");
    let map = |out: &str, input: &str| {
        let words = ["map", "-q", module, "fib", "--to", "values", "-o", out];
        folder.sandpool(words).input(input).run()
    };
    for (out, input) in [("links", "5\n"), ("link", "6\n")] {
        map(out, input).assert_prints("");
        assert!(folder.path().join(out).is_symlink());
    }
    assert_eq!(read(folder.path().join("real/out")), "8\n");
    for out in ["loop", "new/", "real", "real/", ".", "none/out"] {
        let ended = map(out, "5\n");
        assert_eq!(ended.code(), 4, "{out}: {}", ended.stderr);
        assert!(ended.stderr.starts_with("error: `"), "{}", ended.stderr);
    }
    assert_eq!(names(folder.path()), ["link", "links", "loop", "real"]);
    // The longest name that there is.
    let long = "x".repeat(255);
    map(&long, "7\n").assert_prints("");
    assert_eq!(read(folder.path().join(&long)), "13\n");
}

#[test]
fn stdout_by_its_name_is_stdout() {
    let _test = test();
    let folder = Folder::new();
    let out = folder.file("out", "first\n");
    let module = guests().join("math.wasm");
    for name in ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"] {
        let map = format!(
            "sandpool map -q {} fib --to values -o {name}",
            module.display()
        );
        let script = format!("{{ echo 5 | {map}; echo more; }} >> out");
        let ended = super::standard_streams::in_a_shell(folder.path(), &script);
        assert_eq!(ended, (Some(0), String::new()));
    }
    assert_eq!(read(&out), "first\n5\nmore\n5\nmore\n5\nmore\n");
}

#[test]
fn a_pipe_by_its_name_is_written_and_read() {
    let _test = test();
    let folder = Folder::new();
    let module = guests().join("math.wasm");
    let script = format!(
        "mkfifo in out && {{ printf '5\\n6\\n' > in & cat out > result & \
         sandpool map -q {} fib --to values -i in -o out; wait; }}",
        module.display()
    );
    let ended = super::standard_streams::in_a_shell(folder.path(), &script);
    assert_eq!(ended, (Some(0), String::new()));
    assert_eq!(read(folder.path().join("result")), "5\n8\n");
    eventually("both are pipes still", || {
        names(folder.path()) == ["in", "out", "result"]
    });
    sandpool(["map", "math.wasm", "fib", "-i", "/none/in"])
        .run()
        .assert_refuses(
            3,
            "error: the input, `/none/in`, cannot be read\n  \
             because No such file or directory (os error 2)\n",
        );
}
