//! The cost of a task: one blocking call, many calls in a row, a worker's cold start.
//! Run by `cargo xtask bench`, which keeps the last results to compare with.

#![expect(
    missing_docs,
    reason = "criterion_group! writes a function without any"
)]

use std::hint::black_box;
use std::num::NonZeroU64;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sandpool::{Isolation, Module, Pool};

// Its pools start this very program for their workers.
sandpool::worker_entry_before_main!();

const EMPTY: &str = include_str!("empty.wat");

fn pool(isolation: Isolation) -> (Pool, Module) {
    let pool = Pool::builder()
        .processes(2)
        .isolation(isolation)
        .build()
        .expect("a pool");
    let module = pool.load_bytes(EMPTY).expect("a module");
    // Both workers are up and warm before anything is measured.
    pool.map::<u32>(&module, "empty", (0..1000).map(|n| (n,)))
        .expect("warm");
    (pool, module)
}

fn kept() -> Isolation {
    Isolation::ProcessReuse(NonZeroU64::MAX)
}

fn latency(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("apply");
    for (name, isolation) in [
        ("fresh instance", Isolation::Process),
        ("kept instance", kept()),
    ] {
        let (pool, module) = pool(isolation);
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                pool.apply::<u32>(&module, "empty", (black_box(1),))
                    .expect("ok")
            });
        });
    }
    group.finish();
}

fn throughput(criterion: &mut Criterion) {
    const TASKS: u32 = 10_000;
    let mut group = criterion.benchmark_group("map");
    group.throughput(Throughput::Elements(TASKS as u64));
    group.sample_size(10);
    for (name, isolation) in [
        ("fresh instances", Isolation::Process),
        ("kept instances", kept()),
    ] {
        let (pool, module) = pool(isolation);
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let items = (0..TASKS).map(|n| (n,));
                pool.map::<u32>(&module, "empty", items).expect("ok").len()
            });
        });
    }
    group.finish();
}

fn cold_start(criterion: &mut Criterion) {
    let (pool, module) = pool(Isolation::ProcessPerTask);
    criterion.bench_function("process per task", |bencher| {
        bencher.iter(|| pool.apply::<u32>(&module, "empty", (1,)).expect("ok"));
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().measurement_time(Duration::from_secs(4));
    targets = latency, throughput, cold_start
}
criterion_main!(benches);
