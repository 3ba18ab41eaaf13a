//! The memory that a guest can make the host side of its worker allocate.

use sandpool::{KIB, LimitName, MIB, Outcome, Verdict};

use super::assert_hit;
use crate::support::{TestPool, one_worker, open, pool, process, test, wat};

/// Calls a function of [`wat::HOST_CALLS`] with a number.
fn call(pool: &TestPool, function: &str, n: impl sandpool::value::ToValue) -> Outcome {
    let module = pool.wat(wat::HOST_CALLS);
    let call = pool.call(&module, function).arg(n);
    call.outcome().expect("sent")
}

#[test]
fn random_bytes_by_the_gigabyte_are_refused_and_the_worker_lives_on() {
    let _test = test();
    let pool = one_worker();
    let before = call(&pool, "random", MIB);
    assert!(before.is_ok(), "{before}");
    let text = "made its worker allocate more in one host call than 256MiB (default); \
                the setting `host_call_memory` raises it";
    for bytes in [u64::MAX, 1 << 40, 257 * MIB] {
        let outcome = call(&pool, "random", bytes);
        assert_hit(&outcome, Verdict::MemoryLimit, LimitName::HostCalls, text);
        assert_eq!(outcome.worker_pid, before.worker_pid);
    }
    let peak = process::peak_memory(before.worker_pid.expect("told"));
    assert!(peak < 200 * MIB, "nothing was allocated: {peak}");
    let p1 = pool.wat(wat::HOST_CALLS_P1);
    let outcome = pool.call(&p1, "random").arg(-1).outcome().expect("sent");
    assert_hit(&outcome, Verdict::MemoryLimit, LimitName::HostCalls, text);
}

#[test]
fn what_one_host_call_may_allocate_is_the_pools_or_the_calls() {
    let _test = test();
    let pool = open(pool().processes(1).host_call_memory(100 * KIB));
    let module = pool.wat(wat::HOST_CALLS);
    let text = |origin: &str, limit: &str| {
        format!(
            "made its worker allocate more in one host call than {limit} ({origin}); \
             the setting `host_call_memory` raises it"
        )
    };
    let outcome = call(&pool, "random", 101 * KIB);
    let said = text("set for the pool", "100KiB");
    assert_hit(&outcome, Verdict::MemoryLimit, LimitName::HostCalls, &said);
    let outcome = call(&pool, "log", 200_000u32);
    assert_hit(&outcome, Verdict::MemoryLimit, LimitName::HostCalls, &said);
    let outcome = call(&pool, "strings", 10_000u32);
    assert_hit(&outcome, Verdict::MemoryLimit, LimitName::HostCalls, &said);
    let strings = || pool.call(&module, "strings").arg(10_000u32);
    let outcome = strings()
        .host_call_memory(200 * KIB)
        .outcome()
        .expect("sent");
    let said = text("set for this call", "200KiB");
    assert_hit(&outcome, Verdict::MemoryLimit, LimitName::HostCalls, &said);
    assert!(
        strings()
            .host_call_memory(MIB)
            .outcome()
            .expect("sent")
            .is_ok()
    );
    assert!(
        strings()
            .host_call_memory(None)
            .outcome()
            .expect("sent")
            .is_ok()
    );
    let random = pool.call(&module, "random").arg(MIB);
    assert!(
        random
            .host_call_memory(None)
            .outcome()
            .expect("sent")
            .is_ok()
    );
}

#[test]
fn handles_are_bounded_wherever_they_are_kept() {
    let _test = test();
    let pool = one_worker();
    let text = "asked for more handles than 10000 (default)";
    let fits = call(&pool, "handles", 9990u32);
    assert!(fits.is_ok(), "{fits}");
    for (function, n) in [("handles", 10_001u32), ("poll", 1_000_000)] {
        let outcome = call(&pool, function, n);
        assert_hit(&outcome, Verdict::MemoryLimit, LimitName::Handles, text);
        assert_eq!(outcome.worker_pid, fits.worker_pid);
    }
    let p1 = pool.wat(wat::HOST_CALLS_P1);
    let poll = |n: i32| pool.call(&p1, "poll").arg(n).outcome().expect("sent");
    assert!(poll(5000).is_ok());
    let outcome = poll(2_000_000);
    assert_hit(&outcome, Verdict::MemoryLimit, LimitName::Handles, text);
    let peak = process::peak_memory(outcome.worker_pid.expect("told"));
    assert!(peak < 300 * MIB, "{peak}");
}
