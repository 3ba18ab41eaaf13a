//! The handling of failed tasks by a map: retries, poison, `--halt`, and a wall time
//! that follows the median.

use std::time::Duration;

use super::map::results;
use super::{Folder, Started, sandpool};
use crate::support::process::kill;
use crate::support::{eventually, guest, test, test_alone};

const SLEEP: [&str; 3] = ["map", "sleeper.wasm", "sleep-then"];

#[test]
fn a_task_is_run_again_on_the_verdicts_that_are_named_and_on_no_other() {
    let _test = test();
    let words = [
        "map",
        "misbehave.wasm",
        "spin",
        "--timeout",
        "50ms",
        "--outcomes",
    ];
    let retried = |flags: &[&str]| {
        let words = words.into_iter().chain(flags.iter().copied());
        let ended = sandpool(words).input("{}\n").run();
        assert_eq!(ended.code(), 1);
        let result = &results(&ended)[0];
        assert_eq!(result["verdict"], "timeout");
        (
            result["attempts"].as_u64(),
            ended.counts().to_owned(),
            ended,
        )
    };
    let (attempts, counts, ended) = retried(&[
        "--retries",
        "2",
        "--retry-on",
        "trap,timeout",
        "--delay",
        "0s",
    ]);
    assert_eq!(
        (attempts, counts.as_str()),
        (Some(3), "1 task, 0 ok, 1 timeout")
    );
    assert!(ended.summary.contains("; 2 retries\n"), "{}", ended.summary);
    // By default it is the loss of its worker alone.
    assert_eq!(retried(&["--retries", "2"]).0, Some(1));
    assert_eq!(
        retried(&["--retries", "1", "--retry-on", "all", "--delay", "1ms"]).0,
        Some(2)
    );
}

#[test]
fn the_time_before_a_retry_doubles_up_to_its_longest() {
    let _test = test_alone();
    let words = [
        "map",
        "misbehave.wasm",
        "spin",
        "--timeout",
        "20ms",
        "--outcomes",
    ];
    let flags = "--retries 4 --retry-on timeout --delay 200ms --max-delay 500ms";
    let ended = sandpool(words.into_iter().chain(flags.split(' ')))
        .input("{}\n")
        .run();
    // 200, 400, 500 and 500 ms.
    assert!(ended.took > Duration::from_millis(1600), "{:?}", ended.took);
    assert!(ended.took < Duration::from_millis(4000), "{:?}", ended.took);
}

/// Kills the only worker of a command once it sleeps in this task.
fn kill_worker_at(host: &Started, task: u64) {
    let before = host.stderr().matches(&format!("SLOW [{task}] ")).count();
    eventually("the task runs", || {
        host.stderr().matches(&format!("SLOW [{task}] ")).count() > before
    });
    let worker = host.wait_for_children(1)[0];
    kill(worker);
    eventually("it is gone", || {
        !crate::support::process::children(host.pid()).contains(&worker)
    });
}

#[test]
fn a_task_whose_worker_died_is_run_again_and_order_holds() {
    let _test = test();
    let words = SLEEP.into_iter().chain([
        "-j",
        "1",
        "--slow-after",
        "100ms",
        "--retries",
        "1",
        "--delay",
        "1ms",
    ]);
    let mut host = sandpool(words).start();
    host.write(b"[0,0]\n[800,1]\n[0,2]\n");
    drop(host.stdin.take());
    kill_worker_at(&host, 1);
    let ended = host.finish();
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    let values: Vec<_> = results(&ended).iter().map(|r| r["value"].clone()).collect();
    assert_eq!(values, [0, 1, 2]);
    assert!(ended.summary.contains("; 1 retry\n"), "{}", ended.summary);
}

#[test]
fn a_task_that_kills_three_workers_is_set_aside_as_poison_and_named() {
    let _test = test();
    let words = SLEEP.into_iter().chain([
        "-j",
        "1",
        "--slow-after",
        "100ms",
        "--retries",
        "9",
        "--delay",
        "1ms",
        "--timeout",
        "none",
        "--outcomes",
    ]);
    let mut host = sandpool(words).start();
    host.write(b"[0,0]\n[600000,1]\n[0,2]\n");
    drop(host.stdin.take());
    for _ in 0..3 {
        kill_worker_at(&host, 1);
    }
    let ended = host.finish();
    assert_eq!(ended.code(), 1);
    let results = results(&ended);
    let poisoned = &results[1];
    assert_eq!(
        (
            &poisoned["verdict"],
            &poisoned["attempts"],
            &poisoned["poison"]
        ),
        (&"worker_lost".into(), &3.into(), &true.into())
    );
    assert_eq!(
        poisoned["error"],
        "the worker was killed by signal 9 (SIGKILL); set aside as poison, since 3 workers have \
         died under it"
    );
    assert_eq!(
        (&results[2]["value"], &results[2]["poison"]),
        (&2.into(), &().into())
    );
    let named = "sandpool: poison, because each lost three workers: [1] [600000,1]\n";
    assert!(ended.stderr.contains(named), "{}", ended.stderr);
}

#[test]
fn halting_soon_lets_running_tasks_end_and_halting_now_does_not() {
    let _test = test();
    let halted = |how: &str, running: &str| {
        let flags = ["-j", "2", "--unordered", "--slow-after", "200ms"];
        let words = SLEEP.into_iter().chain(flags).chain(["--halt", how]);
        let mut host = sandpool(words).start();
        host.write(running.as_bytes());
        eventually("it runs", || host.stderr().contains("SLOW [0] "));
        host.write(b"\"x\"\n[0,2]\n");
        let ended = host.finish();
        let note = format!("sandpool: halted by `--halt {how}`\n");
        assert!(ended.stderr.ends_with(&note), "{}", ended.stderr);
        let mut indices: Vec<_> = results(&ended)
            .iter()
            .filter_map(|result| result["index"].as_u64())
            .collect();
        indices.sort_unstable();
        (ended.code(), indices)
    };
    let (code, indices) = halted("soon,fail=1", "[1500,0]\n");
    assert_eq!(code, 1);
    assert!(
        indices.starts_with(&[0, 1]),
        "the running one has ended: {indices:?}"
    );
    let (code, indices) = halted("now,fail=1", "[9000,0]\n");
    assert_eq!(code, 1);
    assert!(
        !indices.contains(&0),
        "the running one was ended: {indices:?}"
    );
    let (code, _) = halted("now,success=1", "[9000,0]\n");
    assert_eq!(code, 0);
}

#[test]
fn a_share_of_failures_halts_and_a_smaller_one_does_not() {
    let _test = test();
    let run = |halt: &str| {
        let input = "1\n\"x\"\n2\n3\n".repeat(2_000);
        // In order, or the bad ones would be there before any other has run.
        let words = ["map", "math.wasm", "fib", "--halt", halt];
        let ended = sandpool(words).input(input).run();
        assert_eq!(ended.code(), 1);
        ended.lines().len()
    };
    assert_eq!(run("soon,fail=80%"), 8_000);
    assert!(run("soon,fail=20%") < 8_000);
}

#[test]
fn what_a_halted_run_left_out_is_counted_in_its_summary() {
    let _test = test();
    let folder = Folder::new();
    folder.file("in", "1\n\"x\"\n2\n3\n".repeat(2_000));
    let module = guest("math");
    let module = module.to_str().expect("its path is text");
    let words = [
        "map",
        module,
        "fib",
        "-j1",
        "-i",
        "in",
        "--halt",
        "now,fail=1",
    ];
    let ended = folder.sandpool(words).run();
    let left = 8_000 - ended.lines().len();
    let left = format!(", {},{:03} not run", left / 1000, left % 1000);
    assert_eq!(ended.code(), 1);
    assert!(ended.counts().ends_with(&left), "{} {left}", ended.counts());
}

#[test]
fn a_wall_time_in_percent_follows_the_median() {
    let _test = test_alone();
    let words = SLEEP.into_iter().chain(["-j", "1", "--timeout", "300%"]);
    let mut host = sandpool(words).start();
    host.write(&b"[200,1]\n".repeat(3));
    // Its time is set while it runs, by the three before it.
    host.write(b"[600000,4]\n[200,5]\n");
    drop(host.stdin.take());
    let ended = host.finish();
    assert!(ended.took < Duration::from_secs(5), "{:?}", ended.took);
    let results = results(&ended);
    let verdicts: Vec<_> = results
        .iter()
        .map(|result| result["verdict"].clone())
        .collect();
    assert_eq!(verdicts, ["ok", "ok", "ok", "timeout", "ok"]);
    let error = results[3]["error"].as_str().expect("a text");
    assert!(error.contains("(set by the flag)"), "{error}");
}

#[test]
fn a_wall_time_in_percent_is_for_maps() {
    let _test = test();
    sandpool(["apply", "math.wasm", "fib", "1", "--timeout", "200%"])
        .run()
        .assert_refuses(
            2,
            "error: `--timeout 200%` is for `map`: a single task has no median\n",
        );
}
