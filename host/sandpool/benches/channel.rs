//! The cost of the channel: a blocking round trip to one worker that keeps its
//! instance, with payloads that travel in the ring, in its arena, and in memory files
//! of their own; and many small messages in a row. Run by `cargo xtask bench channel`.

#![expect(
    missing_docs,
    reason = "criterion_group! writes a function without any"
)]

use std::num::NonZeroU64;
use std::time::Duration;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use sandpool::{Isolation, Module, Pool};

// Its pools start this very program for their workers.
sandpool::worker_entry_before_main!();

/// Returns what it is given. Its memory is one buffer, used anew by each call.
const ECHO: &str = r#"
(component
  (core module $m
    (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32) (param $size i32) (result i32)
      (local $more i32)
      (local.set $more (i32.sub
        (i32.add (local.get $size) (i32.const 65536)) (i32.shl (memory.size) (i32.const 16))))
      (if (i32.gt_s (local.get $more) (i32.const 0))
        (then
          (if (i32.eq (i32.const -1)
                (memory.grow (i32.add (i32.shr_u (local.get $more) (i32.const 16)) (i32.const 1))))
            (then unreachable))))
      (i32.const 65536))
    (func (export "echo") (param $at i32) (param $len i32) (result i32)
      (i32.store (i32.const 16) (local.get $at))
      (i32.store (i32.const 20) (local.get $len))
      (i32.const 16))
    (func (export "empty") (param i32) (result i32) (local.get 0)))
  (core instance $i (instantiate $m))
  (alias core export $i "memory" (core memory $memory))
  (alias core export $i "realloc" (core func $realloc))
  (func (export "empty") (param "n" u32) (result u32) (canon lift (core func $i "empty")))
  (func (export "echo") (param "data" (list u8)) (result (list u8))
    (canon lift (core func $i "echo")
      (memory $memory) (realloc $realloc))))
"#;

fn pool() -> (Pool, Module) {
    let pool = Pool::builder()
        .processes(1)
        .isolation(Isolation::ProcessReuse(NonZeroU64::MAX))
        .build()
        .expect("a pool");
    let module = pool.load_bytes(ECHO).expect("a module");
    pool.apply::<u32>(&module, "empty", (7_u32,)).expect("warm");
    (pool, module)
}

fn round_trips(criterion: &mut Criterion) {
    let (pool, module) = pool();
    let mut group = criterion.benchmark_group("round trip");
    for (name, bytes) in [
        ("16 B", 16),
        ("4 KiB", 4 << 10),
        ("64 KiB", 64 << 10),
        ("1 MiB", 1 << 20),
    ] {
        group.throughput(Throughput::Bytes(bytes as u64));
        let data = vec![7_u8; bytes];
        group.bench_function(BenchmarkId::new("echo", name), |bencher| {
            bencher.iter_batched(
                || data.clone(),
                |data| {
                    let back = pool.apply::<Vec<u8>>(&module, "echo", (data,));
                    back.expect("ok").len()
                },
                BatchSize::LargeInput,
            );
        });
    }
    group.finish();
}

fn messages(criterion: &mut Criterion) {
    const TASKS: u32 = 10_000;
    let (pool, module) = pool();
    let mut group = criterion.benchmark_group("messages");
    group.throughput(Throughput::Elements(TASKS.into()));
    group.bench_function("one worker, kept instance", |bencher| {
        bencher.iter(|| {
            let items = (0..TASKS).map(|n| (n,));
            pool.map::<u32>(&module, "empty", items).expect("ok").len()
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
    targets = round_trips, messages
}
criterion_main!(benches);
