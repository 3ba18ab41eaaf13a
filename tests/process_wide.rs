//! Counts for a whole process, in a binary of its own, where no other test opens
//! descriptors or starts threads: one test, on purpose.

use std::fs;
use std::time::{Duration, Instant};

use sandpool::{Pool, Verdict};

/// A guest that loops, and one that adds.
const GUEST: &str = r#"
(module
  (func (export "spin") (loop $l (br $l)))
  (func (export "add") (param i32 i32) (result i32)
    (i32.add (local.get 0) (local.get 1))))
"#;

fn entries(folder: &str) -> usize {
    fs::read_dir(folder).expect("/proc can be read").count()
}

fn descriptors() -> usize {
    entries("/proc/self/fd")
}

fn threads() -> usize {
    entries("/proc/self/task")
}

fn children() -> String {
    let threads = fs::read_dir("/proc/self/task").expect("/proc can be read");
    let lists = threads
        .flatten()
        .map(|thread| thread.path().join("children"));
    lists
        .filter_map(|list| fs::read_to_string(list).ok())
        .collect()
}

/// Polls until both are what they were; threads take a moment to be gone.
fn settles_at(what: &str, count: impl Fn() -> usize, most: usize) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while count() > most {
        assert!(
            Instant::now() < deadline,
            "{} {what}, at most {most}",
            count()
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn neither_timeouts_nor_large_values_nor_pools_leak_descriptors_threads_or_children() {
    let (fds_before, threads_before) = (descriptors(), threads());
    {
        let pool = Pool::builder()
            .worker_binary(env!("CARGO_BIN_EXE_sandpool"))
            .processes(2)
            .timeout(Duration::from_millis(20));
        let pool = pool.build().expect("the pool is built");
        let module = pool.load_bytes(GUEST).expect("loads");
        let spin = |times: usize| {
            let items = (0..times).map(|_| ());
            for outcome in pool.map::<()>(&module, "spin", items).expect("sent") {
                assert_eq!(outcome.verdict, Verdict::Timeout, "{outcome}");
            }
            let sum: i32 = pool.apply(&module, "add", (1, 2)).expect("ok");
            assert_eq!(sum, 3);
        };
        spin(10);
        let after_some = descriptors();
        spin(200);
        // The second worker may live now, and may not have lived then.
        settles_at("descriptors", descriptors, after_some + 8);
        assert!(pool.worker_pids().len() <= 2);
    }
    settles_at("descriptors after the pool", descriptors, fds_before);
    settles_at("threads after the pool", threads, threads_before);
    assert_eq!(children(), "", "a child is left, be it as a zombie");

    for _ in 0..20 {
        let pool = Pool::builder().worker_binary(env!("CARGO_BIN_EXE_sandpool"));
        let pool = pool.processes(1).build().expect("the pool is built");
        let module = pool.load_bytes(GUEST).expect("loads");
        let sum: i32 = pool.apply(&module, "add", (1, 2)).expect("ok");
        assert_eq!(sum, 3);
        // A stream that is dropped half-way, too.
        let items = (0..).map(|n| (n, 1));
        let mut stream = pool.imap::<i32>(&module, "add", items).expect("sent");
        assert_eq!(stream.next().expect("one comes").value, Some(1));
    }
    settles_at("descriptors after many pools", descriptors, fds_before);
    settles_at("threads after many pools", threads, threads_before);
    assert_eq!(children(), "", "a child is left, be it as a zombie");
}
