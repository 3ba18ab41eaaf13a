//! The memory that large arguments and results take.

use crate::support::{eventually, one_worker, open, pool, test};

/// Bytes of a worker's memory: its own, and what it shares with the host.
fn resident(pid: u32) -> [u64; 2] {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it lives");
    ["RssAnon:", "RssShmem:"].map(|name| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
        kib.and_then(|kib| kib.parse::<u64>().ok()).expect("a size") * 1024
    })
}

#[test]
fn a_worker_that_has_nothing_to_do_keeps_no_memory_of_large_payloads() {
    let _test = test();
    let pool = one_worker();
    let digest = pool.guest("digest");
    let data = vec![7_u8; 40 << 20];
    let echo = || pool.apply::<Vec<u8>>(&digest, "echo", (&data,));
    assert_eq!(echo().expect("ok").len(), data.len());
    let worker = pool.worker_pids()[0];
    // It is there at once when the next follows soon.
    let [_, shared] = resident(worker);
    assert!(shared > 70 << 20, "{shared}");
    eventually("all memory is given back", || {
        let [own, shared] = resident(worker);
        own < 16 << 20 && shared < 8 << 20
    });
    assert_eq!(echo().expect("ok").len(), data.len());
    assert_eq!(pool.worker_pids(), [worker]);
}

#[test]
fn memory_is_given_back_too_if_a_caller_took_the_last_answer_itself() {
    let _test = test();
    let data = vec![7_u8; 40 << 20];
    // Calls that the dispatcher sees run, and whose answers a waiting caller takes:
    // which they are depends on the machine.
    let pools = [5, 10, 20, 40, 80, 160, 320].map(|kib| {
        let pool = open(pool().processes(1).timeout(None));
        let digest = pool.guest("digest");
        pool.apply::<Vec<u8>>(&digest, "echo", (&data,))
            .expect("ok");
        for _ in 0..50 {
            let hex = pool.apply::<String>(&digest, "sha256", (&data[..kib << 10],));
            assert_eq!(hex.expect("ok").len(), 64);
        }
        pool
    });
    eventually("all memory is given back", || {
        pools.iter().all(|pool| {
            let [_, shared] = resident(pool.worker_pids()[0]);
            shared < 8 << 20
        })
    });
}
