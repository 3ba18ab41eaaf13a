//! The cost of an instance, without a process around it: loaded, fresh, reused; and
//! bare wasmtime beneath it. Run by `cargo xtask bench instantiate`.

#![expect(
    missing_docs,
    reason = "criterion_group! writes a function without any"
)]

use std::hint::black_box;
use std::num::NonZeroU64;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use sandpool::in_process::{Bare, InProcess};
use sandpool::{Isolation, Pool, PoolBuilder};

// Its pools start this very program for their workers.
sandpool::worker_entry_before_main!();

const EMPTY: &str = include_str!("empty.wat");

fn builder() -> PoolBuilder {
    Pool::builder()
}

fn instances(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("instance");
    let mut fresh = InProcess::load_bytes(builder(), EMPTY).expect("loaded");
    let kept = Isolation::ProcessReuse(NonZeroU64::MAX);
    let mut reused = InProcess::load_bytes(builder().isolation(kept), EMPTY).expect("loaded");
    let mut bare = Bare::new(&fresh, "empty").expect("loaded");
    group.bench_function("bare wasmtime, fresh", |bencher| {
        bencher.iter(|| bare.fresh(black_box(7)));
    });
    group.bench_function("bare wasmtime, reused", |bencher| {
        bencher.iter(|| bare.reused(black_box(7)));
    });
    group.bench_function("load an artifact", |bencher| {
        bencher.iter(|| fresh.another().expect("loaded"));
    });
    group.bench_function("fresh", |bencher| {
        bencher.iter(|| {
            fresh
                .apply::<u32>("empty", (black_box(7_u32),))
                .expect("ok")
        });
    });
    group.bench_function("reused", |bencher| {
        bencher.iter(|| {
            reused
                .apply::<u32>("empty", (black_box(7_u32),))
                .expect("ok")
        });
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(2))
        .sample_size(20);
    targets = instances
}
criterion_main!(benches);
