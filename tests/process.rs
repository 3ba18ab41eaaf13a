//! One task in a process of its own: `Process`, by the rows of
//! `multiprocessing.Process`.

use std::collections::HashSet;
use std::env;
use std::fs;
use std::io::{self, Write};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use sandpool::{
    DirGrant, Error, Interrupt, MIB, Pool, Process, ProcessBuilder, ProcessError, Queue,
    SharedError, Stdin, Stdio, Verdict, active_children, pipe,
};

use crate::support::process::{exists, is_alive, kill, program};
use crate::support::{SOON, eventually, guest, one_worker, test, wat};

/// Longer than any test.
const LONG_MS: u32 = 600_000;

/// With this build's own binary, and its output kept.
fn ours(builder: ProcessBuilder) -> ProcessBuilder {
    builder.configure(|pool| {
        pool.worker_binary(env!("CARGO_BIN_EXE_sandpool"))
            .stdio(Stdio::Capture)
    })
}

fn call(module: &str, function: &str) -> ProcessBuilder {
    ours(Process::call(guest(module), function))
}

fn sleeper(ms: u32) -> ProcessBuilder {
    call("sleeper", "sleep-ms").args((ms,))
}

fn add(a: i32, b: i32) -> ProcessBuilder {
    ours(Process::call(wat::ADD.as_bytes(), "add")).args((a, b))
}

/// Waits for its end, which has to come soon.
fn end(process: &Process) {
    assert!(process.join(Some(SOON)).expect("started"), "{process:?}");
}

fn is_listed(process: &Process) -> bool {
    active_children()
        .iter()
        .any(|child| child.name() == process.name() && child.pid() == process.pid())
}

#[test]
fn a_process_runs_from_start_to_join_and_hands_over_its_value() {
    let _test = test();
    let process = add(20, 22).build();
    assert!(!process.is_alive());
    assert_eq!(process.pid(), None);
    assert_eq!(process.exitcode(), None);
    assert!(process.outcome().is_none());
    process.start().expect("started");
    let pid = process.pid().expect("there is one once it is started");
    end(&process);
    assert!(!exists(pid), "a joined process is gone");
    assert!(!process.is_alive());
    assert_eq!(process.exitcode(), Some(0));
    assert_eq!(process.pid(), Some(pid), "it is still told");
    let outcome = process.outcome().expect("it has ended").typed::<i32>();
    assert_eq!(outcome.value, Some(42), "{outcome}");
    assert_eq!(outcome.worker_pid, Some(pid));
    end(&process);
}

#[test]
fn while_it_lives_it_has_a_pid_and_no_exit_code() {
    let _test = test();
    let process = sleeper(LONG_MS).start().expect("started");
    let pid = process.pid().expect("it runs");
    assert!(exists(pid));
    assert!(process.is_alive());
    assert_eq!(process.exitcode(), None);
    assert!(process.outcome().is_none());
    let begun = Instant::now();
    let short = Duration::from_millis(50);
    assert!(!process.join(Some(short)).expect("started"));
    assert!(begun.elapsed() >= short, "{:?}", begun.elapsed());
    assert!(process.is_alive(), "a join that gave up changes nothing");
    process.kill().expect("started");
    end(&process);
}

#[test]
fn starting_twice_is_an_error() {
    let _test = test();
    let process = add(1, 1).start().expect("started");
    let error = process.start().expect_err("once");
    assert!(
        matches!(error, ProcessError::AlreadyStarted { .. }),
        "{error:?}"
    );
    end(&process);
    assert!(process.start().is_err(), "nor when it has ended");
    assert_eq!(process.exitcode(), Some(0));
}

#[test]
fn what_was_not_started_can_be_neither_joined_nor_ended() {
    let _test = test();
    let process = add(1, 1).name("unborn").build();
    let errors = [
        process.join(None).map(drop),
        process.terminate(),
        process.kill(),
    ];
    for error in errors {
        let error = error.expect_err("not started").to_string();
        assert_eq!(error, "process `unborn` was not started");
    }
    process.start().expect("it can still be");
    end(&process);
}

#[test]
fn a_start_fails_for_a_bad_module_function_or_argument_and_leaves_nothing() {
    let _test = test();
    let missing = ours(Process::call("no/such.wasm", "f"));
    let error = missing.start().expect_err("no such file");
    assert!(matches!(error, ProcessError::Load(_)), "{error:?}");
    let error = call("math", "no-such").start().expect_err("no function");
    let function = matches!(error, ProcessError::Task(Error::Function(_)));
    assert!(function, "{error:?}");
    let process = call("math", "fib").name("in-vain").args(("x",)).build();
    let error = process.start().expect_err("no number");
    let arguments = matches!(error, ProcessError::Task(Error::Arguments(_)));
    assert!(arguments, "{error:?}");
    assert!(!process.is_alive());
    assert!(!is_listed(&process));
    let again = process.start().expect_err("once");
    assert!(matches!(again, ProcessError::AlreadyStarted { .. }));
    let error = ours(Process::command(guest("math"))).start();
    let kind = error.expect_err("no command");
    assert!(matches!(kind, ProcessError::Task(Error::WrongKind { .. })));
}

#[test]
fn names_are_counted_unless_given_and_guests_know_theirs() {
    let _test = test();
    let number = |process: &Process| -> u64 {
        let number = process.name().strip_prefix("Process-");
        number.and_then(|it| it.parse().ok()).expect("a number")
    };
    let (first, second) = (add(1, 1).build(), add(1, 1).build());
    assert!(number(&second) > number(&first));
    let named = call("sleeper", "who-am-i").name("小明").start();
    let named = named.expect("started");
    end(&named);
    assert_eq!(named.name(), "小明");
    let said = format!("{:?}", named.outcome().expect("it has ended").value);
    assert!(said.contains("小明"), "{said}");
    let pid = named.pid().expect("it ran");
    assert!(said.contains(&pid.to_string()), "{said} in {pid}");
}

#[test]
fn a_guest_that_fails_leaves_with_1() {
    let _test = test();
    let trapped = call("misbehave", "trap").start().expect("started");
    end(&trapped);
    assert_eq!(trapped.exitcode(), Some(1));
    let outcome = trapped.outcome().expect("it has ended");
    assert_eq!(outcome.verdict, Verdict::Trap, "{outcome}");
}

#[test]
fn a_command_leaves_with_its_own_exit_code() {
    let _test = test();
    let command = || ours(Process::command(wat::COMMAND.as_bytes()));
    let process = command()
        .argv(["one", "two"])
        .stdin(Stdin::Bytes(b"read".to_vec()))
        .start()
        .expect("started");
    end(&process);
    assert_eq!(process.exitcode(), Some(3), "its own name counts");
    let outcome = process.outcome().expect("it has ended");
    let printed = String::from_utf8(outcome.stdout.expect("captured")).expect("text");
    assert!(printed.ends_with("one\ntwo\nread"), "{printed}");
    let quiet = ours(Process::command(wat::QUIET_COMMAND.as_bytes()));
    let quiet = quiet.start().expect("started");
    end(&quiet);
    assert_eq!(quiet.exitcode(), Some(0));
}

#[test]
fn terminate_ends_it_with_minus_15_and_kill_with_minus_9() {
    let _test = test();
    for interrupt in [Interrupt::Kill, Interrupt::Epoch] {
        let spin = || {
            let spin = call("misbehave", "spin").configure(|pool| pool.interrupt(interrupt));
            spin.start().expect("started")
        };
        let asked = spin();
        asked.terminate().expect("started");
        end(&asked);
        assert_eq!(asked.exitcode(), Some(-15), "{interrupt:?}");
        let killed = spin();
        killed.kill().expect("started");
        end(&killed);
        assert_eq!(killed.exitcode(), Some(-9), "{interrupt:?}");
        for process in [&asked, &killed] {
            let outcome = process.outcome().expect("it has ended");
            assert_eq!(outcome.verdict, Verdict::Cancelled, "{outcome}");
            assert!(process.pid().is_none_or(|pid| !exists(pid)));
        }
    }
}

#[test]
fn terminate_does_not_wait_and_a_guest_that_sleeps_is_killed_after_the_grace() {
    let _test = test();
    let process = sleeper(LONG_MS).configure(|pool| pool.interrupt(Interrupt::Epoch));
    let process = process.start().expect("started");
    process.terminate().expect("started");
    end(&process);
    assert_eq!(process.exitcode(), Some(-15));
    process.kill().expect("too late, and no error");
    process.terminate().expect("too late, and no error");
    assert_eq!(process.exitcode(), Some(-15), "it never changes");
}

#[test]
fn one_that_has_ended_keeps_its_exit_code_whatever_is_asked_later() {
    let _test = test();
    let process = add(1, 1).start().expect("started");
    eventually("it has ended", || !process.is_alive());
    process.terminate().expect("started");
    process.kill().expect("started");
    end(&process);
    assert_eq!(process.exitcode(), Some(0));
}

#[test]
fn a_process_killed_by_somebody_else_says_by_which_signal() {
    let _test = test();
    // It tells when it has begun to work: one that is killed before is only
    // replaced.
    let (begun, inbox) = channel();
    let process = call("sleeper", "chat")
        .args((1_000_000,))
        .configure(move |pool| {
            pool.log_limit(None).on_log(move |_| {
                let _ = begun.send(());
            })
        });
    let process = process.start().expect("started");
    inbox.recv_timeout(SOON).expect("it works");
    kill(process.pid().expect("it runs"));
    end(&process);
    assert_eq!(process.exitcode(), Some(-9));
    let outcome = process.outcome().expect("it has ended");
    assert_eq!(outcome.verdict, Verdict::WorkerLost, "{outcome}");
}

#[test]
fn there_is_no_wall_limit_unless_one_is_set() {
    let _test = test();
    let unlimited = call("sleeper", "who-am-i").start().expect("started");
    end(&unlimited);
    let said = format!("{:?}", unlimited.outcome().expect("ended").value);
    assert!(
        said.contains("time-left") && said.contains("None"),
        "{said}"
    );
    let limited = sleeper(LONG_MS).configure(|pool| pool.timeout(Duration::from_millis(100)));
    let limited = limited.start().expect("started");
    end(&limited);
    assert_eq!(limited.exitcode(), Some(-9));
    let outcome = limited.outcome().expect("it has ended");
    assert_eq!(outcome.verdict, Verdict::Timeout, "{outcome}");
}

#[test]
fn limits_and_grants_are_set_as_for_a_pool() {
    let _test = test();
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("text"), "one two three\n").expect("written");
    let grant = DirGrant {
        host: folder.path().to_owned(),
        guest: "/data".into(),
        writable: false,
    };
    let wc = || ours(Process::command(guest("wc"))).argv(["-w", "/data/text"]);
    let granted = wc().configure(|pool| pool.dir(grant)).start();
    let granted = granted.expect("started");
    let denied = wc().start().expect("started");
    let small = call("misbehave", "allocate-forever").configure(|pool| pool.memory(8 * MIB));
    let small = small.start().expect("started");
    for process in [&granted, &denied, &small] {
        end(process);
    }
    let outcome = granted.outcome().expect("ended");
    assert!(outcome.is_ok(), "{outcome}");
    let printed = outcome.stdout.expect("captured");
    assert!(printed.starts_with(b"3 "), "{printed:?}");
    let refused = denied.outcome().expect("ended");
    assert_eq!(
        (refused.verdict, refused.exit_code),
        (Verdict::Exit, Some(1))
    );
    assert_eq!(refused.refused().as_deref(), Some("file /data/text"));
    let verdict = small.outcome().expect("ended").verdict;
    assert_eq!((verdict, small.exitcode()), (Verdict::MemoryLimit, Some(1)));
}

#[test]
fn a_guest_is_given_objects_as_arguments_by_keyword_and_by_name() {
    let _test = test();
    let queue = Queue::<u32>::new(0);
    let put = |first: u32| call("sharing", "put-numbers").args((&queue, first, 2u32));
    end(&put(1).start().expect("started"));
    let by_keyword = call("sharing", "put-numbers").kwarg("queue", &queue);
    let by_keyword = by_keyword.kwarg("first", 3u32).kwarg("count", 2u32);
    end(&by_keyword.start().expect("started"));
    let steps = vec!["queue jobs put 5".to_owned()];
    let by_name = call("sharing", "attempt").args((steps,));
    end(&by_name.share("jobs", &queue).start().expect("started"));
    assert_eq!(queue.get_many(10, SOON), Ok(vec![1, 2, 3, 4, 5]));
    // Objects that were not granted are refused.
    let steps = vec!["queue jobs put 6".to_owned()];
    let process = call("sharing", "attempt").args((steps,)).start();
    let process = process.expect("started");
    end(&process);
    let outcome = process.outcome().expect("it has ended");
    assert_eq!(outcome.verdict, Verdict::Error, "{outcome}");
    assert_eq!(outcome.refused().as_deref(), Some("queue jobs"));
    assert!(queue.is_empty());
}

#[test]
fn its_side_of_a_pipe_is_closed_when_it_ends_however_it_ends() {
    let _test = test();
    let echo = |given_by_name: bool| {
        let (ours, theirs) = pipe();
        let process = match given_by_name {
            false => call("sharing", "echo").args((&theirs,)),
            true => call("sharing", "echo")
                .args(("side",))
                .share("side", &theirs),
        };
        let process = process.start().expect("started");
        drop(theirs);
        ours.send(&1).expect("it listens");
        assert_eq!(ours.recv_timeout(SOON), Ok(1));
        (ours, process)
    };
    for given_by_name in [false, true] {
        let (ours, process) = echo(given_by_name);
        process.kill().expect("started");
        // Nobody has joined it yet, and its handle lives.
        let received = ours.recv_timeout::<u32>(SOON);
        assert_eq!(received, Err(SharedError::EndOfFile));
        end(&process);
    }
    // A side that is given away needs no drop.
    let (ours, theirs) = pipe();
    let process = call("sharing", "echo").args((theirs,)).start();
    let process = process.expect("started");
    process.kill().expect("started");
    let received = ours.recv_timeout::<u32>(SOON);
    assert_eq!(received, Err(SharedError::EndOfFile));
    end(&process);
    // And the other way round: a guest is told that its host has gone.
    let (ours, process) = echo(false);
    drop(ours);
    end(&process);
    assert_eq!(process.exitcode(), Some(0), "{process:?}");
}

#[test]
fn active_children_lists_the_living_and_no_worker_of_a_pool() {
    let _test = test();
    let pool = one_worker();
    let workers = pool.warm(&pool.guest("sleeper"), "sleep-ms", 1);
    let unborn = sleeper(LONG_MS).build();
    let long = sleeper(LONG_MS).start().expect("started");
    let short = add(1, 1).start().expect("started");
    end(&short);
    assert!(is_listed(&long));
    assert!(!is_listed(&short));
    assert!(!is_listed(&unborn));
    let pids: HashSet<_> = active_children().iter().filter_map(Process::pid).collect();
    assert!(workers.iter().all(|worker| !pids.contains(worker)));
    long.kill().expect("started");
    end(&long);
    assert!(!is_listed(&long));
}

#[test]
fn a_process_whose_work_is_done_is_gone_before_anybody_joins_it() {
    let _test = test();
    let process = add(1, 1).start().expect("started");
    let pid = process.pid().expect("started");
    eventually("it is gone", || !exists(pid));
    // The system knows a moment before we do.
    eventually("it is known", || process.exitcode() == Some(0));
    end(&process);
}

#[test]
fn a_process_that_was_dropped_runs_on_and_is_found_again() {
    let _test = test();
    let process = sleeper(LONG_MS).name("let go").start().expect("started");
    let pid = process.pid().expect("it runs");
    drop(process);
    let found = active_children();
    let found = found.iter().find(|child| child.pid() == Some(pid));
    let found = found.expect("it is still there");
    assert_eq!(found.name(), "let go");
    assert!(is_alive(pid));
    found.kill().expect("started");
    end(found);
    assert!(!exists(pid));
}

#[test]
fn a_process_that_was_dropped_does_its_work_and_cleans_up_after_itself() {
    let _test = test();
    let (lines, inbox) = channel();
    let process = call("sleeper", "chat").args((5,)).configure(move |pool| {
        pool.on_log(move |record| {
            let _ = lines.send(record.message);
        })
    });
    let process = process.start().expect("started");
    let pid = process.pid().expect("it runs");
    drop(process);
    for line in 1..=5 {
        let said = inbox.recv_timeout(SOON).expect("it runs on");
        assert_eq!(said, format!("line {line} of 5"));
    }
    eventually("it is reaped, though nobody joined it", || !exists(pid));
    // The handler is gone with the threads that served it.
    let end = inbox.recv_timeout(SOON);
    assert_eq!(end, Err(RecvTimeoutError::Disconnected));
}

#[test]
fn pools_and_processes_side_by_side_never_share_a_worker() {
    let _test = test();
    let pools = [one_worker(), one_worker()];
    let module = pools[0].guest("sleeper");
    let processes: Vec<Process> = (0..3)
        .map(|_| ours(Process::call(&module, "sleep-ms")).args((LONG_MS,)))
        .map(|process| process.start().expect("started"))
        .collect();
    let mut pids: Vec<u32> = processes.iter().filter_map(Process::pid).collect();
    for pool in &pools {
        // A module that one pool has loaded is good for all.
        pids.extend(pool.warm(&module, "sleep-ms", 1));
    }
    let different: HashSet<u32> = pids.iter().copied().collect();
    assert_eq!((different.len(), pids.len()), (5, 5), "{pids:?}");
    for process in &processes {
        process.terminate().expect("started");
    }
    processes.iter().for_each(end);
    pools.iter().for_each(|pool| pool.assert_whole());
}

#[test]
fn a_module_of_a_pool_with_other_settings_is_refused() {
    let _test = test();
    let pool = Pool::builder().worker_binary(env!("CARGO_BIN_EXE_sandpool"));
    let pool = pool.fuel(1_000_000).build().expect("built");
    let module = pool.load_bytes(wat::ADD).expect("loads");
    let process = ours(Process::call(&module, "add")).args((1, 1));
    let error = process.start().expect_err("it counts fuel");
    assert!(
        matches!(error, ProcessError::Task(Error::ForeignModule { .. })),
        "{error:?}"
    );
}

#[test]
fn many_threads_may_join_and_end_one_process() {
    let _test = test();
    let process = sleeper(LONG_MS).start().expect("started");
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| end(&process));
            scope.spawn(|| process.terminate().expect("started"));
        }
    });
    assert_eq!(process.exitcode(), Some(-15));
}

#[test]
fn a_handler_that_joins_its_own_process_gets_an_error_and_no_hang() {
    let _test = test();
    let (handle, handles) = channel::<Process>();
    let (said, inbox) = channel();
    let process = call("sleeper", "chat")
        .args((1,))
        .configure(move |pool| {
            pool.on_log(move |_| {
                let process = handles.recv_timeout(SOON).expect("sent");
                let _ = said.send(process.join(None));
            })
        })
        .start()
        .expect("started");
    handle.send(process.clone()).expect("it listens");
    let error = inbox.recv_timeout(SOON).expect("it does not hang");
    let deadlock = matches!(error, Err(ProcessError::Task(Error::WouldDeadlock)));
    assert!(deadlock, "{error:?}");
    end(&process);
}

/// Prints `aaa...` in a hundred lines, a byte at a time, and half a line more.
const SLOW_PRINTER: &str = r#"
(module
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  ;; 0: one iovec; 8: a count; 16: the letter; 17: the end of a line
  (data (i32.const 16) "LETTER\n")
  (func $write (param $from i32)
    (i32.store (i32.const 0) (local.get $from))
    (i32.store (i32.const 4) (i32.const 1))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))
  (func (export "_start") (local $n i32)
    (loop $next
      (call $write (i32.const 16))
      (local.set $n (i32.add (local.get $n) (i32.const 1)))
      (if (i32.eqz (i32.rem_u (local.get $n) (i32.const 30)))
        (then (call $write (i32.const 17))))
      (br_if $next (i32.lt_u (local.get $n) (i32.const 3015))))))
"#;

/// Set for this program when a test starts it again, to be a host whose output
/// can be read.
const INSIDE: &str = "SANDPOOL_PROCESS_TEST_INSIDE";

#[test]
fn what_processes_print_side_by_side_comes_in_whole_lines() {
    let _test = test();
    if env::var_os(INSIDE).is_some() {
        return print_side_by_side();
    }
    let this = env::current_exe().expect("this program");
    let name = "process::what_processes_print_side_by_side_comes_in_whole_lines";
    let run = program(this.to_str().expect("its path is text"))
        .args(["--exact", name, "--nocapture"])
        .env(INSIDE, "1")
        .output()
        .expect("it runs");
    let printed = String::from_utf8(run.stdout).expect("text");
    assert!(run.status.success(), "{printed}");
    for letter in ["a", "b", "c"] {
        let lines = |length: usize| {
            let line = letter.repeat(length);
            printed.lines().filter(|it| **it == line).count()
        };
        assert_eq!(lines(30), 100, "{printed}");
        assert_eq!(lines(15), 1, "what has no end gets one: {printed}");
    }
}

fn print_side_by_side() {
    // The harness has begun a line of its own.
    writeln!(io::stdout()).expect("written");
    let print = |letter: &str| {
        let module = SLOW_PRINTER.replace("LETTER", letter).into_bytes();
        let builder = ours(Process::command(module));
        let process = builder.configure(|pool| pool.stdio(Stdio::Inherit));
        process.start().expect("started")
    };
    let processes = ["a", "b", "c"].map(print);
    processes.iter().for_each(end);
}
