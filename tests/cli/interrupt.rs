//! Ctrl-C, SIGTERM, SIGHUP and SIGKILL: what had finished is printed, and no
//! process is left.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::{Finished, Folder, Started, assert_gone, sandpool};
use crate::support::process::{Host, cpu_ticks, is_alive, program};
use crate::support::{eventually, eventually_within, guest, test, wat};

/// The time in which the kernel ends a process that must end with its parent.
const A_SECOND: Duration = Duration::from_secs(1);

/// A command that makes an empty file with the name that it is given; if that
/// begins with `!`, it then loops without end.
pub(super) const MARK: &str = r#"
(module
  (import "wasi_snapshot_preview1" "args_sizes_get"
    (func $args_sizes_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_get"
    (func $args_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (memory (export "memory") 1)
  ;; 0: number of the words; 4: their bytes, each with a NUL; 8: a descriptor;
  ;; 16: where each is; 1024: the words
  (func (export "_start") (local $name i32) (local $length i32)
    (drop (call $args_sizes_get (i32.const 0) (i32.const 4)))
    (drop (call $args_get (i32.const 16) (i32.const 1024)))
    (local.set $name (i32.load (i32.const 20)))
    ;; It is the last word: from its start to the last NUL.
    (local.set $length (i32.sub
      (i32.add (i32.const 1023) (i32.load (i32.const 4)))
      (local.get $name)))
    ;; In the first folder that was granted: create it, to write to it.
    (if (call $path_open (i32.const 3) (i32.const 0) (local.get $name) (local.get $length)
          (i32.const 1) (i64.const 64) (i64.const 0) (i32.const 0) (i32.const 8))
      (then unreachable))
    (if (i32.eq (i32.load8_u (local.get $name)) (i32.const 33))
      (then (loop $l (br $l))))))
"#;

/// A map on two workers that has two results and will never have a third.
fn half_done_map() -> (Started, Vec<u32>) {
    let words = [
        "map",
        "sleeper.wasm",
        "sleep-then",
        "-j",
        "2",
        "--timeout",
        "none",
        "--slow-after",
        "200ms",
    ];
    let mut host = sandpool(words).start();
    host.write(b"[0,1]\n[0,2]\n[600000,3]\n[600000,4]\n");
    host.wait_for_lines(2);
    let workers = host.wait_for_children(2);
    wait_until_slow(&host, &[2, 3]);
    (host, workers)
}

/// Waits until these tasks are known to run.
fn wait_until_slow(host: &Started, tasks: &[u64]) {
    eventually("the tasks are slow", || {
        let told = host.stderr();
        let is_slow = |task: &u64| told.contains(&format!("SLOW [{task}] "));
        tasks.iter().all(is_slow)
    });
}

/// Asserts all that can be seen of a map that was interrupted and had `left` some
/// inputs, but for how slow its tasks were.
#[track_caller]
fn assert_interrupted(mut ended: Finished, stdout: &str, left: &str) {
    let is_kept = |line: &&str| !line.starts_with("sandpool: SLOW ");
    ended.stderr = ended.stderr.split_inclusive('\n').filter(is_kept).collect();
    let log = "with a log (`--joblog FILE`), `--resume` could continue from here";
    let left = format!("sandpool: interrupted: {left} not run; {log}\n");
    ended.assert(130, stdout, &format!("{STOPPING}{left}"));
}

/// The message of a map with two running tasks that is asked to end.
const STOPPING: &str = "sandpool: stopping; 2 running tasks may end; another Ctrl-C or signal ends everything at \
     once\n";

/// A second wish, which a first one too close to it would swallow.
fn insist(host: &Started, send: impl Fn(&Started)) {
    eventually("the first is heard", || host.stderr().contains(STOPPING));
    eventually("the second ends it", || {
        let ended = !is_alive(host.pid());
        if !ended {
            send(host);
        }
        ended
    });
}

const TWO_LEFT: &str = "at least 2 inputs were";

const FINISHED: &str = "{\"index\":0,\"verdict\":\"ok\",\"value\":1}\n\
                        {\"index\":1,\"verdict\":\"ok\",\"value\":2}\n";

#[test]
fn the_first_ctrl_c_lets_running_tasks_end_and_starts_no_other() {
    let _test = test();
    let words = ["map", "sleeper.wasm", "sleep-then", "-j", "2"];
    let words = words.into_iter().chain(["--slow-after", "200ms"]);
    let mut host = sandpool(words).start();
    host.write(b"[0,1]\n[0,2]\n");
    host.wait_for_lines(2);
    let workers = host.wait_for_children(2);
    // They end before a line of progress is due.
    host.write(b"[3000,3]\n[3000,4]\n[0,5]\n");
    wait_until_slow(&host, &[2, 3]);
    host.ctrl_c();
    // Its stdin is still open: it must not wait for the next line.
    let ended = host.finish();
    assert_gone(&workers);
    // The last line may not have been read yet.
    let left = match ended.counts() {
        "4 tasks, 4 ok, 1 not run" => "at least 1 input was",
        "4 tasks, 4 ok" => "the rest of the inputs was not read, and",
        counts => panic!("{counts}"),
    };
    let lines: Vec<String> = (0..4)
        .map(|n| format!("{{\"index\":{n},\"verdict\":\"ok\",\"value\":{}}}\n", n + 1))
        .collect();
    assert_interrupted(ended, &lines.concat(), left);
}

#[test]
fn the_second_ctrl_c_prints_what_had_finished_and_leaves_130_and_no_worker() {
    let _test = test();
    let (host, workers) = half_done_map();
    host.ctrl_c();
    insist(&host, Started::ctrl_c);
    let ended = host.finish();
    assert_gone(&workers);
    assert_eq!(ended.counts(), "2 tasks, 2 ok, 2 not run");
    assert_interrupted(ended, FINISHED, TWO_LEFT);
}

#[test]
fn sigterm_and_the_end_of_the_terminal_do_the_same() {
    let _test = test();
    for signal in [Signal::TERM, Signal::HUP] {
        let (host, workers) = half_done_map();
        host.signal(signal);
        insist(&host, |host| host.signal(signal));
        let ended = host.finish();
        assert_gone(&workers);
        assert_interrupted(ended, FINISHED, TWO_LEFT);
    }
}

#[test]
fn under_nohup_the_end_of_the_terminal_is_no_wish() {
    let _test = test();
    let folder = Folder::new();
    folder.file("loop.wat", wat::ENDLESS_COMMAND);
    let script = r#"trap "" HUP && exec "$0" run loop.wat"#;
    let mut command = program("sh");
    command.args(["-c", script, env!("CARGO_BIN_EXE_sandpool")]);
    let host = Host::of(command.current_dir(folder.path()));
    eventually("a worker is at work", || {
        let children = crate::support::process::children(host.pid());
        children.iter().any(|pid| cpu_ticks(*pid) > Some(10))
    });
    // By now it listens to the signals that it means to hear.
    let status = std::fs::read_to_string(format!("/proc/{}/status", host.pid()));
    let status = status.expect("it lives");
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = u64::from_str_radix(ignored.expect("a line").trim(), 16);
    assert_eq!(ignored.expect("a number") & 1, 1);
}

#[test]
fn two_signals_at_once_are_one_wish() {
    let _test = test();
    // timeout(1) sends its signal twice: to its child and to the group.
    for _ in 0..3 {
        let (host, workers) = half_done_map();
        host.signal(Signal::INT);
        host.signal(Signal::TERM);
        eventually("it is heard", || host.stderr().contains(STOPPING));
        let since = Instant::now();
        eventually("time passes", || since.elapsed() > A_SECOND / 2);
        assert!(workers.iter().all(|pid| is_alive(*pid)), "it is one wish");
        insist(&host, Started::ctrl_c);
        let ended = host.finish();
        assert_gone(&workers);
        assert_interrupted(ended, FINISHED, TWO_LEFT);
    }
}

#[test]
fn what_finished_behind_a_running_task_is_printed_too() {
    let _test = test();
    let folder = Folder::new();
    folder.file("mark.wat", MARK);
    let words = [
        "map",
        "mark.wat",
        "-j",
        "2",
        "--timeout",
        "none",
        "--slow-after",
        "200ms",
        "--dir",
        ".:rw",
    ];
    let mut host = folder
        .sandpool(words.into_iter().chain(["--", "{}"]))
        .start();
    // The first line never ends, so nothing can be printed in order. When the
    // other worker has begun with the last one, those between have finished.
    for name in ["!1", "b", "c", "d", "!5"] {
        host.write(format!("{name}\n").as_bytes());
        eventually("it has begun", || folder.path().join(name).exists());
    }
    let workers = host.wait_for_children(2);
    assert_eq!(host.stdout(), "");
    wait_until_slow(&host, &[0, 4]);
    host.ctrl_c();
    insist(&host, Started::ctrl_c);
    let ended = host.finish();
    assert_gone(&workers);
    let line = |index| {
        format!("{{\"index\":{index},\"verdict\":\"ok\",\"stdout\":\"\",\"stderr\":\"\"}}\n")
    };
    assert_interrupted(ended, &[1, 2, 3].map(line).concat(), TWO_LEFT);
}

/// A quiet map of so many inputs in a file, interrupted once it has a result.
fn interrupted_in_a_file(folder: &Folder, inputs: usize, more: &[&str]) -> Finished {
    let module = guest("sleeper");
    folder.file("in", "[0,1]\n".to_owned() + &"[300,2]\n".repeat(inputs - 1));
    let module = module.to_str().expect("its path is text");
    let words = ["map", "-q", "-j1", "-i", "in", module, "sleep-then"];
    let line = folder.sandpool([&words[..], more].concat());
    let host = line.start();
    host.wait_for_lines(1);
    host.ctrl_c();
    host.finish()
}

#[test]
fn an_interrupted_map_counts_what_it_left_out_though_it_is_quiet() {
    let _test = test();
    let folder = Folder::new();
    let ended = interrupted_in_a_file(&folder, 60_000, &[]);
    let left = 60_000 - ended.lines().len();
    // A comma stands before the last three digits.
    let left = format!("{},{:03}", left / 1000, left % 1000);
    let text = format!(
        "sandpool: interrupted: {left} inputs were not run; with a log (`--joblog FILE`), \
         `--resume` could continue from here\n"
    );
    assert_eq!((ended.code(), &ended.stderr), (130, &text));
}

#[test]
fn what_an_interrupt_left_out_is_counted_in_the_summary_and_brought_by_the_log() {
    let _test = test();
    let folder = Folder::new();
    let log = ["--joblog", "log", "--to", "values"];
    let ended = interrupted_in_a_file(&folder, 8, &log);
    let (done, left) = (ended.lines().len(), 8 - ended.lines().len());
    let text = format!(
        "sandpool: interrupted: {left} inputs were not run; run the same command with `--resume` \
         to continue from here\n"
    );
    assert_eq!((ended.code(), &ended.stderr), (130, &text));
    let module = guest("sleeper");
    let words = ["map", "-j2", "-i", "in", module.to_str().expect("text")];
    let words = [&words[..], &["sleep-then", "--resume"], &log].concat();
    let ended = folder.sandpool(words).run();
    assert_eq!((ended.code(), ended.lines().len()), (0, left));
    assert_eq!(ended.counts(), format!("{left} tasks, {left} ok"));
    assert!(ended.stderr.contains(&format!("sandpool: {done} input")));
}

#[test]
fn a_map_that_is_interrupted_before_its_first_task_says_that_none_was_run() {
    let _test = test();
    let host = sandpool(["map", "-q", "math.wasm", "fib"])
        .launched(&["--default", "INT"])
        .start();
    // From when it listens to the signal, it can be asked to end.
    eventually("it listens", || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", host.pid()));
        let status = status.unwrap_or_default();
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
        let caught = caught.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
        caught.is_some_and(|mask| mask & 0b10 != 0)
    });
    host.ctrl_c();
    let text = "sandpool: interrupted: no input was run\n";
    host.finish().assert(130, "", text);
}

#[test]
fn ctrl_c_ends_a_call() {
    let _test = test();
    let host = sandpool(["apply", "misbehave.wasm", "spin", "--timeout", "none"]).start();
    let workers = wait_for_a_busy_child(&host);
    host.ctrl_c();
    let ended = host.finish();
    assert_gone(&workers);
    ended.assert(130, "", "");
}

#[test]
fn ctrl_c_ends_a_command() {
    let _test = test();
    let folder = Folder::new();
    folder.file("loop.wat", wat::ENDLESS_COMMAND);
    let host = folder.sandpool(["run", "loop.wat"]).start();
    let workers = wait_for_a_busy_child(&host);
    host.ctrl_c();
    let ended = host.finish();
    assert_gone(&workers);
    ended.assert(130, "", "");
}

#[test]
fn ctrl_c_ends_a_compilation() {
    let _test = test();
    let folder = Folder::new();
    folder.file("large.wat", slow_to_compile());
    let host = folder
        .sandpool(["apply", "--no-cache", "large.wat", "f"])
        .start();
    let compilers = wait_for_a_busy_child(&host);
    host.ctrl_c();
    let ended = host.finish();
    assert_gone(&compilers);
    ended.assert(130, "", "");
}

#[test]
fn a_host_killed_in_a_map_leaves_no_worker_for_a_second() {
    let _test = test();
    let (host, workers) = half_done_map();
    host.signal(Signal::KILL);
    eventually_within(A_SECOND, "the workers are gone", || {
        !workers.iter().any(|pid| is_alive(*pid))
    });
}

#[test]
fn a_host_killed_while_it_runs_a_command_leaves_no_worker_for_a_second() {
    let _test = test();
    let folder = Folder::new();
    folder.file("loop.wat", wat::ENDLESS_COMMAND);
    let host = folder.sandpool(["run", "loop.wat"]).start();
    let workers = wait_for_a_busy_child(&host);
    host.signal(Signal::KILL);
    eventually_within(A_SECOND, "the worker is gone", || {
        !workers.iter().any(|pid| is_alive(*pid))
    });
}

#[test]
fn a_host_killed_while_it_inspects_leaves_no_compiler_for_a_second() {
    let _test = test();
    let folder = Folder::new();
    folder.file("large.wat", slow_to_compile());
    let host = folder
        .sandpool(["inspect", "--no-cache", "large.wat"])
        .start();
    let compilers = wait_for_a_busy_child(&host);
    host.signal(Signal::KILL);
    eventually_within(A_SECOND, "the compiler is gone", || {
        !compilers.iter().any(|pid| is_alive(*pid))
    });
}

/// The children of a host that has one which uses the processor.
fn wait_for_a_busy_child(host: &Started) -> Vec<u32> {
    eventually("a child is at work", || {
        let children = crate::support::process::children(host.pid());
        children.iter().any(|pid| cpu_ticks(*pid) > Some(10))
    });
    crate::support::process::children(host.pid())
}

/// A module of thousands of functions, which takes seconds to compile.
fn slow_to_compile() -> String {
    let body = "(local.set 0 (i32.mul (local.get 0) (i32.add (local.get 0) (i32.const 7))))";
    let function = format!(
        "(func (param i32) (result i32) {} (local.get 0))\n",
        body.repeat(60)
    );
    format!(
        r#"(module {} (func (export "f") (result i32) (i32.const 1)))"#,
        function.repeat(6000)
    )
}
