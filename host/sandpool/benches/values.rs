//! The cost of values on their way: encoded for a worker, read back, and as the JSON
//! and WAVE that the command speaks. Run by `cargo xtask bench values`.

#![expect(
    missing_docs,
    reason = "criterion_group! writes a function without any"
)]

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use sandpool::value::{decode, encode, from_json_str, from_wave, to_json, to_wave};
use sandpool::{Type, Value};

/// One of each shape that is common in calls, with its type.
fn samples() -> Vec<(&'static str, Type, Value)> {
    let point = Type::record([("x", Type::F64), ("y", Type::F64), ("name", Type::String)]);
    let fields = |n: u32| {
        Value::Record(vec![
            ("x".into(), Value::F64(f64::from(n))),
            ("y".into(), Value::F64(0.5)),
            ("name".into(), Value::String(format!("point {n}"))),
        ])
    };
    vec![
        ("number", Type::U32, Value::U32(7)),
        (
            "text of 1 KiB",
            Type::String,
            Value::String("a line of text, ".repeat(64)),
        ),
        (
            "1 MiB of bytes",
            Type::list(Type::U8),
            Value::Bytes(vec![7; 1 << 20]),
        ),
        (
            "1000 numbers",
            Type::list(Type::U64),
            Value::List((0..1000).map(Value::U64).collect()),
        ),
        (
            "100 records",
            Type::list(point),
            Value::List((0..100).map(fields).collect()),
        ),
    ]
}

fn on_the_channel(criterion: &mut Criterion) {
    for (name, ty, value) in samples() {
        let mut encoded = Vec::new();
        encode(&value, &mut encoded);
        let mut group = criterion.benchmark_group("values");
        group.throughput(Throughput::Bytes(encoded.len() as u64));
        let mut buffer = Vec::with_capacity(encoded.len());
        group.bench_function(BenchmarkId::new("encode", name), |bencher| {
            bencher.iter(|| {
                buffer.clear();
                encode(black_box(&value), &mut buffer);
                buffer.len()
            });
        });
        group.bench_function(BenchmarkId::new("decode", name), |bencher| {
            bencher.iter(|| {
                let mut input = black_box(encoded.as_slice());
                decode(&ty, &mut input).expect("its own bytes")
            });
        });
        group.finish();
    }
}

fn as_text(criterion: &mut Criterion) {
    for (name, ty, value) in samples() {
        let json = to_json(&value).to_string();
        let wave = to_wave(&value);
        let mut group = criterion.benchmark_group("text");
        group.throughput(Throughput::Bytes(json.len() as u64));
        group.bench_function(BenchmarkId::new("to JSON", name), |bencher| {
            bencher.iter(|| to_json(black_box(&value)).to_string());
        });
        group.bench_function(BenchmarkId::new("from JSON", name), |bencher| {
            bencher.iter(|| from_json_str(black_box(&json), &ty).expect("its own text"));
        });
        group.bench_function(BenchmarkId::new("from WAVE", name), |bencher| {
            bencher.iter(|| from_wave(black_box(&wave), &ty).expect("its own text"));
        });
        group.finish();
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .sample_size(20);
    targets = on_the_channel, as_text
}
criterion_main!(benches);
