//! Workers that were taken over: whatever one does to the channel, each task
//! has one outcome, its pool goes on with the next worker, other pools notice
//! nothing, and the host uses no more memory or processor than it should.
//!
//! Every behaviour is a real process; see `support/hostile.rs`.

use std::collections::HashSet;
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use sandpool::{Error, Interrupt, MIB, Outcome, PoolBuilder, Value, Verdict};

use crate::support::hostile::{
    ALL, Troupe, assert_lost_to_broken_rule, beside_honest_work, growth,
};
use crate::support::process::{children, cpu_ticks};
use crate::support::{SOON, TestPool, eventually, open, test, test_alone, wat};

/// Sends `add(20, 22)` to a pool whose first worker behaves as named.
fn first_task(behaviour: &str, pool: &TestPool) -> Outcome<i32> {
    let module = pool.wat(wat::ADD);
    let task = pool.apply_async::<i32>(&module, "add", (20, 22));
    let outcome = task.expect("sent").outcome(Some(SOON));
    outcome.unwrap_or_else(|error| panic!("{behaviour}: the task has no outcome: {error}"))
}

/// Returns the outcome of the first worker's task; then the pool must still do what it
/// is for.
fn fate(behaviour: &str, build: impl FnOnce(PoolBuilder) -> PoolBuilder) -> Outcome<i32> {
    let troupe = Troupe::new(behaviour, 1);
    let pool = open(build(troupe.pool()));
    let outcome = first_task(behaviour, &pool);
    assert_eq!(
        troupe.started(),
        1,
        "{behaviour}: a hostile worker was there"
    );
    pool.assert_whole();
    outcome
}

/// The task is lost to a broken rule, and the outcome says which.
fn assert_broken_rule(behaviour: &str, rule: &str) {
    let outcome = fate(behaviour, |pool| pool);
    assert_lost_to_broken_rule(behaviour, &outcome, rule);
    assert_eq!(outcome.value, None, "{behaviour}");
}

fn assert_broken_rules(cases: &[(&str, &str)]) {
    beside_honest_work(|| {
        for (behaviour, rule) in cases {
            assert_broken_rule(behaviour, rule);
        }
    });
}

#[test]
fn a_worker_that_misbehaves_before_its_first_task_is_replaced_and_none_is_lost() {
    let _test = test();
    beside_honest_work(|| {
        for behaviour in [
            "garbage-hello",
            "split-hello",
            "exits-at-start",
            "fails-for-ever",
            "logs-before-ready",
            "ready-and-gone",
            "never-claims",
            "slow-and-honest",
        ] {
            let outcome = fate(behaviour, |pool| pool);
            assert_eq!(outcome.value, Some(42), "{behaviour}: {outcome}");
        }
    });
}

#[test]
fn a_worker_that_stands_still_while_it_starts_is_replaced_within_seconds() {
    let _test = test();
    thread::scope(|scope| {
        for behaviour in ["no-hello", "never-ready", "stops-at-start"] {
            scope.spawn(move || {
                let begun = Instant::now();
                let outcome = fate(behaviour, |pool| pool);
                assert_eq!(outcome.value, Some(42), "{behaviour}: {outcome}");
                let time = begun.elapsed();
                assert!(time < Duration::from_secs(15), "{behaviour}: {time:?}");
            });
        }
    });
}

#[test]
fn a_binary_whose_workers_never_take_a_task_breaks_the_pool_and_nobody_hangs() {
    let _test = test();
    for behaviour in ["garbage-hello", "ready-and-gone", "never-claims"] {
        let troupe = Troupe::new(behaviour, ALL);
        let pool = open(troupe.pool());
        let outcome = first_task(behaviour, &pool);
        assert_eq!(
            outcome.verdict,
            Verdict::InternalError,
            "{behaviour}: {outcome}"
        );
        assert_eq!(troupe.started(), 3, "{behaviour}");
        let module = pool.wat(wat::ADD);
        let error = pool
            .apply::<i32>(&module, "add", (1, 1))
            .expect_err("broken");
        assert!(matches!(error, Error::Broken { .. }), "{error:?}");
    }
}

#[test]
fn lies_in_the_words_of_the_ring_cost_the_task_and_nothing_else() {
    let _test = test();
    assert_broken_rules(&[
        ("answers-twice", "it answered what it never claimed"),
        ("answers-unclaimed", "it answered what it never claimed"),
        ("claims-past-the-end", "past the tasks"),
        ("claims-backwards", "moved its claims backwards"),
        ("moves-the-tail", "it moved the tail"),
        ("publishes-backwards", "before it answered the last"),
        ("publishes-far", "it answered what it never claimed"),
        ("huge-slot", "outside its arena"),
        ("slot-outside", "outside its arena"),
        ("slot-crosses-the-end", "outside its arena"),
        ("slot-unaligned", "outside its arena"),
        ("floods-bell", "it keeps ringing without an answer"),
        ("swallows-rings", "it keeps ringing without an answer"),
    ]);
}

#[test]
fn words_that_change_all_the_time_cost_the_task_and_nothing_else() {
    let _test = test();
    assert_broken_rules(&[
        ("flips-published", ""),
        ("flips-claims", ""),
        ("scribbles", ""),
    ]);
}

#[test]
fn answers_that_lie_cost_the_task_and_nothing_else() {
    let _test = test();
    assert_broken_rules(&[
        ("no-payload", "of no known kind"),
        ("unknown-payload", "of no known kind"),
        ("garbage-payload", "of no known kind"),
        ("garbage-header", "header cannot be read"),
        ("endless-header", "header cannot be read"),
        ("lengths-lie", "do not add up"),
        ("lengths-overflow", "do not add up"),
        ("answers-another", "another task than it claimed"),
        ("wrong-type", "not of its function's type"),
        ("no-value", "not of its function's type"),
        ("huge-count", "not of its function's type"),
        ("file-without-room", "room it was not given"),
        ("room-of-another-size", "room of another size"),
        ("ready-twice", "out of turn"),
        ("failed-after-ready", "out of turn"),
    ]);
}

#[test]
fn a_verdict_that_cannot_have_come_about_is_not_believed() {
    let _test = test();
    assert_broken_rules(&[
        ("blames-initializer", "cannot have ended as it says"),
        ("claims-interrupted", "cannot have ended as it says"),
        ("claims-fuel", "cannot have ended as it says"),
        ("claims-memory", "cannot have ended as it says"),
        ("claims-output", "cannot have ended as it says"),
        ("claims-error", "cannot have ended as it says"),
    ]);
    for behaviour in ["too-much-stdout", "too-large-a-result"] {
        let small = |pool: PoolBuilder| pool.stdout_limit(1000).result_limit(1000);
        let outcome = fate(behaviour, small);
        let said = outcome.error.as_deref().unwrap_or_default();
        assert!(said.contains("answers more than"), "{behaviour}: {said}");
    }
    // Refused before it is copied out of the ring.
    let outcome = fate("large-slot", |pool| pool.result_limit(MIB));
    let said = outcome.error.as_deref().unwrap_or_default();
    assert!(said.contains("larger than its task's may be"), "{said}");
    let outcome = fate("runs-for-ever", |pool| pool);
    assert_eq!(outcome.value, Some(42), "{outcome}");
    let ran = outcome.run_time.expect("it ran");
    assert!(ran < SOON, "it says that it ran for {ran:?}");
}

#[test]
fn messages_out_of_turn_or_without_sense_cost_the_task_and_nothing_else() {
    let _test = test();
    assert_broken_rules(&[
        ("garbage-message", "cannot be read"),
        ("long-message", "too long"),
        ("message-with-more", "bytes left over"),
        ("log-of-a-lie", "cannot be read"),
        ("speaks-for-another", "a task that it does not run"),
        ("speaks-unclaimed", "has not claimed"),
        ("room-twice", "room twice"),
        ("room-huge", "room for more than its task may answer"),
        ("wants-stdin", "stdin for a task that has none"),
        ("floods-log", "logs more than"),
        ("floods-long-log", "logs more than"),
        ("floods-progress", "logs more than"),
    ]);
}

#[test]
fn standard_input_is_handed_over_once() {
    let _test = test();
    let troupe = Troupe::new("stdin-for-ever", 1);
    let pool = open(troupe.pool());
    let command = pool.wat(wat::QUIET_COMMAND);
    let task = pool.command(&command).stdin(sandpool::Stdin::Inherit);
    let outcome = task.outcome().expect("sent");
    let said = outcome.error.as_deref().unwrap_or_default();
    assert!(said.contains("stdin twice"), "{outcome}: {said}");
    assert!(pool.command(&command).outcome().expect("sent").is_ok());
}

#[test]
fn a_worker_that_leaves_or_stands_still_in_a_task_costs_that_task() {
    let _test = test();
    beside_honest_work(|| {
        for behaviour in ["hangs-up", "closes-everything", "empty-message"] {
            let outcome = fate(behaviour, |pool| pool);
            assert_eq!(
                outcome.verdict,
                Verdict::WorkerLost,
                "{behaviour}: {outcome}"
            );
        }
        let outcome = fate("exits-with-0", |pool| pool);
        assert_eq!(outcome.verdict, Verdict::WorkerLost, "{outcome}");
        assert_eq!(outcome.exit_code, Some(0), "{outcome}");
        let short = Duration::from_millis(300);
        for behaviour in ["silent", "dribbles", "stops-itself"] {
            let outcome = fate(behaviour, |pool| pool.timeout(short));
            assert_eq!(outcome.verdict, Verdict::Timeout, "{behaviour}: {outcome}");
        }
        // It was told to end its task, so that is what ended it.
        for behaviour in ["silent", "stops-itself", "dies-interrupted"] {
            let told = |pool: PoolBuilder| pool.timeout(short).interrupt(Interrupt::Epoch);
            let outcome = fate(behaviour, told);
            assert_eq!(outcome.verdict, Verdict::Timeout, "{behaviour}: {outcome}");
        }
    });
}

/// Returns the number of 300 sums that are lost, each having one outcome; and of 300
/// more.
fn lost_of_many(behaviour: &str, count: u32, processes: usize) -> usize {
    let troupe = Troupe::new(behaviour, count);
    let pool = open(troupe.pool().processes(processes));
    let module = pool.wat(wat::ADD);
    let mut lost = 0;
    for _ in 0..2 {
        let items = (0..300).map(|n| (n, 1));
        let outcomes = pool.imap_unordered::<i32>(&module, "add", items);
        let mut seen = HashSet::new();
        for outcome in outcomes.expect("sent") {
            let new = seen.insert(outcome.index);
            assert!(new, "{behaviour}: {outcome} came twice");
            assert_eq!(outcome.attempts, 1, "{behaviour}: {outcome} ran once");
            match outcome.verdict {
                Verdict::Ok => {}
                Verdict::WorkerLost => lost += 1,
                _ => panic!("{behaviour}: {outcome}"),
            }
        }
        assert_eq!(seen.len(), 300, "{behaviour}");
    }
    lost
}

#[test]
fn of_many_tasks_each_hostile_worker_costs_one_at_most() {
    let _test = test();
    beside_honest_work(|| {
        for behaviour in [
            "claims-two",
            "claims-two-and-dies",
            "flips-bytes",
            "scribbles",
        ] {
            for processes in [1, 2] {
                let lost = lost_of_many(behaviour, 3, processes);
                assert!(lost <= 3, "{behaviour}: {lost} of 600 were lost");
            }
        }
    });
}

#[test]
fn an_answer_that_changes_while_it_is_read_is_read_as_one_of_its_states() {
    let _test = test();
    let outcome = fate("changes-file", |pool| pool);
    match outcome.verdict {
        Verdict::Ok => assert!(outcome.stdout.is_some_and(|out| out.len() == 900_000)),
        _ => assert_eq!(outcome.verdict, Verdict::WorkerLost, "{outcome}"),
    }
}

/// Takes bytes and says how many; honest workers do.
const LENGTH: &str = r#"
(component
  (core module $m
    (memory (export "memory") 40)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 8))
    (func (export "length") (param i32 i32) (result i32) (local.get 1)))
  (core instance $i (instantiate $m))
  (func (export "length") (param "bytes" (list u8)) (result s32)
    (canon lift (core func $i "length") (memory (core memory $i "memory")) (realloc (core func $i "realloc")))))
"#;

#[test]
fn a_worker_that_reads_nothing_of_what_it_is_sent_is_replaced() {
    let _test = test();
    let troupe = Troupe::new("deaf", 1);
    // Each payload comes with a message, which it does not read.
    let pool = open(troupe.pool().most_in_ring(1 << 20));
    let module = pool.wat(LENGTH);
    let mut unread = 0;
    for n in 0..200 {
        let outcome = pool
            .call(&module, "length")
            .arg(vec![0u8; 2_000_000])
            .outcome();
        let outcome = outcome.expect("sent");
        assert_eq!(outcome.verdict, Verdict::Ok, "{n}: {outcome}");
        // The hostile worker makes its answers up.
        unread += usize::from(outcome.value == Some(Value::S32(0)));
    }
    assert!(
        (1..100).contains(&unread),
        "{unread} payloads were left unread"
    );
}

#[test]
fn a_compiler_that_misbehaves_loads_nothing_and_the_next_one_does() {
    let _test = test();
    for (behaviour, said) in [
        ("compiler-garbage", "is no sandpool"),
        ("compiler-without-a-word", "left with exit code 0"),
        ("compiler-with-nothing", "its description makes no sense"),
        ("compiler-with-garbage", "its description makes no sense"),
        ("compiler-with-much", "more than 1 MiB"),
        ("compiler-with-a-hole", "more than 1 MiB"),
        ("compiler-with-colours", r"\u{1b}[31mred\nand more"),
        ("compiler-floods", "ran past"),
        ("compiler-stands-still", "ran past"),
    ] {
        let troupe = Troupe::compiler(behaviour);
        let short = Duration::from_secs(2);
        let pool = open(troupe.pool().cache(false).compile_timeout(short));
        let error = pool.load_bytes(wat::ADD).expect_err(behaviour);
        assert!(error.to_string().contains(said), "{behaviour}: {error}");
        assert_eq!(troupe.started(), 1, "{behaviour}");
        pool.assert_whole();
    }
}

#[test]
fn an_artifact_of_garbage_breaks_the_pool_that_loads_it_and_nobody_hangs() {
    let _test = test();
    let troupe = Troupe::compiler("compiler-with-a-lie");
    let pool = open(troupe.pool().cache(false));
    let outcome = first_task("compiler-with-a-lie", &pool);
    assert_eq!(outcome.verdict, Verdict::InternalError, "{outcome}");
}

/// A list of one byte each that take 3 KiB each in memory.
fn bomb() -> String {
    let element = (0..60).fold("bool".to_owned(), |ty, _| format!("(tuple {ty})"));
    format!(
        r#"(component
          (core module $m
            (memory (export "memory") 1)
            (func (export "deep") (param i32 i32) (result i32) unreachable))
          (core instance $i (instantiate $m))
          (func (export "deep") (param "a" s32) (param "b" s32) (result (list {element}))
            (canon lift (core func $i "deep") (memory (core memory $i "memory")))))"#
    )
}

#[test]
fn a_short_answer_cannot_make_the_host_use_much_memory() {
    let _test = test_alone();
    let troupe = Troupe::new("bomb", 1);
    let pool = open(troupe.pool());
    let module = pool.wat(&bomb());
    let grown = growth(|| {
        for _ in 0..20 {
            let outcome = pool.call(&module, "deep").args((1, 2)).outcome();
            let outcome = outcome.expect("sent");
            // The value itself would be megabytes of text.
            assert_eq!(outcome.verdict, Verdict::OutputLimit);
        }
    });
    assert!(grown < 64 * MIB, "{} MiB", grown / MIB);
}

#[test]
fn floods_cost_the_host_little_memory_and_little_processor() {
    let _test = test_alone();
    for behaviour in [
        "floods-bell",
        "floods-log",
        "floods-long-log",
        "fails-for-ever",
    ] {
        let before = cpu_ticks(std::process::id()).expect("this process is there");
        let grown = growth(|| {
            // A handler that takes its time; what waits for it must not pile up.
            let slow = |_| thread::sleep(Duration::from_micros(100));
            drop(fate(behaviour, |pool| pool.on_log(slow)));
        });
        let after = cpu_ticks(std::process::id()).expect("this process is there");
        assert!(grown < 64 * MIB, "{behaviour}: {} MiB", grown / MIB);
        let ticks = after - before;
        assert!(ticks < 100, "{behaviour}: {} ms of processor", ticks * 10);
    }
}

fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd")
        .expect("/proc can be read")
        .count()
}

/// Threads of this process that are a pool's; what copies the standard input
/// stays.
fn pool_threads() -> usize {
    let threads = fs::read_dir("/proc/self/task").expect("/proc can be read");
    let names = threads
        .flatten()
        .filter_map(|thread| fs::read_to_string(thread.path().join("comm")).ok());
    names
        .filter(|name| name.starts_with("sandpool") && name.trim_end() != "sandpool-stdin")
        .count()
}

#[test]
fn hostile_workers_leave_no_descriptor_no_thread_and_no_process() {
    let _test = test_alone();
    let fds = descriptors();
    {
        let troupe = Troupe::new("sends-descriptors", 1);
        let pool = open(troupe.pool());
        let module = pool.wat(wat::ADD);
        let (first, rest) = (first_task("sends-descriptors", &pool), descriptors());
        assert_eq!(first.value, Some(42), "{first}");
        let sums = pool.map::<i32>(&module, "add", (0..200).map(|n| (n, 1)));
        for (n, outcome) in (0..).zip(sums.expect("sent")) {
            assert_eq!(outcome.value, Some(n + 1), "{outcome}");
        }
        assert!(descriptors() <= rest, "a descriptor was taken in");
    }
    for behaviour in [
        "closes-everything",
        "scribbles",
        "room-twice",
        "stops-itself",
    ] {
        drop(fate(behaviour, |pool| {
            pool.timeout(Duration::from_millis(300))
        }));
    }
    eventually("descriptors are as before", || descriptors() <= fds);
    eventually("no thread is left", || pool_threads() == 0);
    eventually("no process is left", || {
        children(std::process::id()).is_empty()
    });
}
