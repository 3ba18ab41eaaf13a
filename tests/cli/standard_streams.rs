//! Standard streams that others share, or that are not there: whatever they are, nothing
//! is lost, and an error is an error.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::Stdio;
use std::thread;

use rustix::io::{ioctl_fionbio, ioctl_fionread};
use rustix::pipe::{PipeFlags, fcntl_setpipe_size, pipe_with};

use super::run::CAT;
use super::{CommandLine, Folder, guests, sandpool};
use crate::support::process::program;
use crate::support::{eventually, eventually_within, test, wat};

/// Bytes that these pipes hold: the least that there is.
const ROOM: usize = 4096;

/// A pipe of which neither end blocks, as a program that shares it may have made it.
fn non_blocking_pipe() -> (File, File) {
    let (read, write) = pipe_with(PipeFlags::CLOEXEC).expect("a pipe");
    fcntl_setpipe_size(&write, ROOM).expect("set");
    for end in [&read, &write] {
        ioctl_fionbio(end, true).expect("set");
    }
    (read.into(), write.into())
}

fn stdio(end: &File) -> Stdio {
    Stdio::from(OwnedFd::from(end.try_clone().expect("a descriptor")))
}

/// Waits until a pipe takes no more, and only then begins to read it.
fn read_slowly(mut read: File) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let (mut there, mut looks) = (0, 0);
        eventually("it takes no more", || {
            let now = ioctl_fionread(&read).expect("its size");
            looks = if now > 0 && now == there {
                looks + 1
            } else {
                0
            };
            there = now;
            looks == 20
        });
        let mut all = Vec::new();
        let mut piece = [0; ROOM / 2];
        eventually_within(super::DEADLINE, "all is read", || {
            match read.read(&mut piece) {
                Ok(len) => all.extend_from_slice(&piece[..len]),
                Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock),
            }
            is_closed(&read)
        });
        all
    })
}

/// Returns whether nobody has the other end open any more, and nothing is left.
fn is_closed(read: &File) -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let mut polled = [PollFd::new(read, PollFlags::IN)];
    poll(&mut polled, Some(&Timespec::default())).expect("polled");
    polled[0].revents() == PollFlags::HUP
}

/// Runs it with a stdout, or a stderr, that does not block.
fn with_slow_reader(mut line: CommandLine, of_stderr: bool) -> (i32, Vec<u8>, String) {
    let (read, write) = non_blocking_pipe();
    line.terminal = Some(match of_stderr {
        true => (None, stdio(&write)),
        false => (Some(stdio(&write)), Stdio::piped()),
    });
    let reader = read_slowly(read);
    // The command's own copy is let go of when it has been started.
    drop(write);
    let ended = line.run();
    let read = reader.join().expect("no panic");
    let told = if of_stderr {
        String::new()
    } else {
        ended.stderr.clone()
    };
    (ended.code(), read, told)
}

#[test]
fn all_of_a_long_output_goes_to_a_stdout_that_does_not_block() {
    let _test = test();
    let folder = Folder::new();
    folder.file("cat.wat", CAT);
    let text = "ab\n".repeat(100_000);
    folder.file("text", &text);
    let run = folder.sandpool(["run", "cat.wat"]).input(text.clone());
    assert_eq!(
        with_slow_reader(run, false),
        (0, text.clone().into_bytes(), String::new())
    );
    let numbers = "1\n".repeat(20_000);
    let words = ["map", "-q", "math.wasm", "fib", "--to", "values"];
    let map = sandpool(words).input(numbers.clone());
    assert_eq!(
        with_slow_reader(map, false),
        (0, numbers.into_bytes(), String::new())
    );
    let text_path = folder.path().join("text");
    let at = format!("@{}", text_path.display());
    let (code, read, _) = with_slow_reader(
        sandpool(["apply", "--raw", "text.wasm", "greet", &at]),
        false,
    );
    assert_eq!((code, read.len()), (0, text.len() + "hello, ".len()));
    for words in [
        &["map", "--help"][..],
        &["man", "map"],
        &["completions", "bash"],
        &["map", "math.wasm", "fib", "--dry-run", "--quiet"],
    ] {
        let whole = sandpool(words).input("1\n".repeat(1_000)).run();
        let slow = sandpool(words).input("1\n".repeat(1_000));
        let (code, read, told) = with_slow_reader(slow, false);
        assert!(read.len() > ROOM, "{words:?}: {}", read.len());
        assert_eq!((code, told.as_str()), (0, ""), "{words:?}");
        assert!(read == whole.stdout, "{words:?}");
    }
}

#[test]
fn all_of_a_long_output_goes_to_a_stderr_that_does_not_block() {
    let _test = test();
    let folder = Folder::new();
    // The same to stderr.
    let to_stderr = "(call $fd_write (i32.const 2)";
    folder.file(
        "cat.wat",
        CAT.replace("(call $fd_write (i32.const 1)", to_stderr),
    );
    let text = "ab\n".repeat(100_000);
    let run = folder.sandpool(["run", "cat.wat"]).input(text.clone());
    let (code, read, _) = with_slow_reader(run, true);
    assert!(
        (code, read.len()) == (0, text.len()),
        "{code} {}",
        read.len()
    );
    folder.file("words.wat", wat::COMMAND);
    let words = ["map", "-q", "words.wat", "--to", "printed", "--", "!{}"];
    let line = format!("{}\n", "x".repeat(500));
    let map = folder.sandpool(words).input(line.repeat(100));
    let (code, read, _) = with_slow_reader(map, true);
    assert_eq!((code, read.len()), (1, 100 * (line.len() + 1)));
}

/// Gives it a stdin that does not block, and that has nothing for a while, again and
/// again.
fn with_slow_writer(line: CommandLine, input: &[u8]) -> super::Finished {
    let (read, mut write) = non_blocking_pipe();
    let pieces: Vec<Vec<u8>> = input.chunks(1_000).map(<[u8]>::to_vec).collect();
    let writer = thread::spawn(move || {
        for piece in pieces {
            eventually("all before it was read", || {
                ioctl_fionread(&write).is_ok_and(|there| there == 0)
            });
            // So that whoever reads meets nothing.
            thread::yield_now();
            write.write_all(&piece).expect("there is room");
        }
    });
    let ended = line.stdin(read).run();
    writer.join().expect("no panic");
    ended
}

#[test]
fn all_of_an_input_is_read_from_a_stdin_that_does_not_block() {
    let _test = test();
    let folder = Folder::new();
    folder.file("cat.wat", CAT);
    folder.file("words.wat", wat::COMMAND);
    let text = "ab\n".repeat(10_000);
    let run = folder.sandpool(["run", "cat.wat"]);
    let ended = with_slow_writer(run, text.as_bytes());
    assert_eq!((ended.code(), ended.text() == text), (0, true));
    let numbers = "1\n".repeat(5_000);
    let values = ["map", "-q", "math.wasm", "fib", "--to", "values"];
    let ended = with_slow_writer(sandpool(values), numbers.as_bytes());
    assert_eq!((ended.code(), ended.text() == numbers), (0, true));
    let table = format!("n\n{numbers}");
    let csv = values.into_iter().chain(["--from", "csv"]);
    let ended = with_slow_writer(sandpool(csv), table.as_bytes());
    assert_eq!((ended.code(), ended.text() == numbers), (0, true));
    let blocks = [
        "map",
        "-q",
        "words.wat",
        "--pipe",
        "--block",
        "3k",
        "--to",
        "printed",
    ];
    let ended = with_slow_writer(folder.sandpool(blocks), numbers.as_bytes());
    let read = ended.text().replace("words\n", "");
    // It leaves with the number of its words.
    assert_eq!((ended.code(), read == numbers), (1, true));
    let apply = ["apply", "--raw", "text.wasm", "greet", "@-"];
    let ended = with_slow_writer(sandpool(apply), text.as_bytes());
    assert_eq!(ended.text().len(), text.len() + "hello, ".len());
}

/// Returns the exit code and the output of a shell's line with `sandpool` in it.
pub(super) fn in_a_shell(folder: &Path, line: &str) -> (Option<i32>, String) {
    let line = line.replace(
        "sandpool",
        &format!("timeout 30 {}", env!("CARGO_BIN_EXE_sandpool")),
    );
    let ended = program("sh")
        .args(["-c", &line])
        .current_dir(folder)
        .output();
    let ended = ended.expect("there is a shell");
    let told = String::from_utf8_lossy(&ended.stderr).into_owned();
    (ended.status.code(), told)
}

#[test]
fn a_stdin_that_cannot_be_read_is_an_error_and_no_empty_input() {
    let _test = test();
    let folder = Folder::new();
    folder.file("cat.wat", CAT);
    let cat = folder.path().join("cat.wat");
    let cat = cat.display();
    for (stdin, why) in [
        ("<&-", "Bad file descriptor (os error 9)"),
        ("0>/dev/null", "Bad file descriptor (os error 9)"),
        ("</", "Is a directory (os error 21)"),
    ] {
        let check = |words: &str, code: i32, told: String| {
            let line = format!("sandpool {words} {stdin}");
            let ended = in_a_shell(&guests(), &line);
            assert_eq!(ended, (Some(code), told), "{line}");
        };
        let unreadable = |name: &str| format!("error: {name} cannot be read\n  because {why}\n");
        for words in [
            "map -q math.wasm fib",
            "map -q math.wasm fib --from csv",
            "map -q math.wasm fib --dry-run",
            "map -q math.wasm fib :::: -",
            "map -q math.wasm fib -i /dev/stdin",
            "map -q wc.wasm --pipe",
        ] {
            check(words, 3, unreadable("the input, stdin,"));
        }
        let told = format!("error: stdin cannot be read: {why}\n");
        check(&format!("run {cat}"), 125, told);
        let (code, told) = in_a_shell(
            &guests(),
            &format!("sandpool apply text.wasm greet @- {stdin}"),
        );
        assert_eq!(code, Some(3), "{told}");
        let says = told.starts_with("error: cannot read `-` for parameter `name`");
        assert!(says && told.contains(why), "{told}");
        // A command that asks for no input needs none.
        let ended = in_a_shell(
            &guests(),
            &format!("sandpool apply math.wasm fib 5 {stdin}"),
        );
        assert_eq!(ended, (Some(0), String::new()));
    }
    // An input without a line is one.
    let ended = in_a_shell(&guests(), "sandpool map -q math.wasm fib </dev/null");
    assert_eq!(ended, (Some(0), String::new()));
}

#[test]
fn output_of_a_guest_that_nobody_can_take_is_an_error_of_ours() {
    let _test = test();
    let folder = Folder::new();
    folder.file("words.wat", wat::COMMAND);
    folder.file("quiet.wat", wat::QUIET_COMMAND);
    let check = |line: &str, code: i32, told: &str| {
        let ended = in_a_shell(folder.path(), line);
        assert_eq!(ended, (Some(code), told.into()), "{line}");
    };
    let (closed, full) = (
        "Bad file descriptor (os error 9)",
        "No space left on device (os error 28)",
    );
    for (stdout, why) in [
        (">&-", closed),
        ("1</dev/null", closed),
        (">/dev/full", full),
    ] {
        let told = format!("error: stdout cannot be written: {why}\n");
        check(
            &format!("sandpool run words.wat a {stdout} </dev/null"),
            125,
            &told,
        );
        let told = format!("error: stdout cannot be written\n  because {why}\n");
        check(
            &format!("echo x | sandpool map -q words.wat {stdout} -- a"),
            4,
            &told,
        );
        check(&format!("sandpool --help {stdout}"), 4, &told);
        check(&format!("sandpool run --help {stdout}"), 125, &told);
        check(&format!("sandpool --version {stdout}"), 4, &told);
        check(&format!("sandpool man {stdout}"), 4, &told);
        // A command that prints nothing needs no reader.
        check(&format!("sandpool run quiet.wat {stdout}"), 0, "");
    }
    for stderr in ["2>&-", "2>/dev/full", "2</dev/null"] {
        let run = format!("sandpool run words.wat '!a' {stderr} </dev/null >out");
        check(&run, 125, "");
        let map = "sandpool map -q words.wat --to printed --";
        check(&format!("echo a | {map} '!{{}}' {stderr} >out"), 4, "");
        check(&format!("echo a | {map} '{{}}' {stderr} >out"), 1, "");
        check(&format!("sandpool run quiet.wat {stderr}"), 0, "");
        // An error that nobody can read has its code all the same, and is no panic.
        check(&format!("sandpool run none.wat {stderr}"), 127, "");
        check(&format!("sandpool apply --nonsense {stderr}"), 2, "");
    }
    check("sandpool --help | true", 0, "");
}
