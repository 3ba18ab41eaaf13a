//! The cost of the sandbox: a task's run with all of it on against none of it, and what
//! each layer adds to the start of a worker. Both are ratios within one run, of
//! measurements that alternate. Run by `cargo xtask bench`.

#![expect(clippy::print_stdout, reason = "a bench prints what it measured")]

use std::time::{Duration, Instant};

use sandpool::{Layer, Module, Pool, PoolBuilder, Sandbox};

// Its pools start this very program for their workers.
sandpool::worker_entry_before_main!();

/// Does nothing, so that everything measured is ours.
const EMPTY: &str =
    r#"(module (memory 1) (func (export "empty") (param i32) (result i32) local.get 0))"#;

/// Pairs of measurements with the sandbox on and off.
const PAIRS: usize = 20;

fn main() {
    let quick = std::env::args().any(|word| word == "--quick");
    task(if quick { 20_000 } else { 100_000 });
    start(if quick { 30 } else { 200 });
}

fn builder() -> PoolBuilder {
    Pool::builder()
}

fn pool(sandbox: Sandbox) -> (Pool, Module) {
    let pool = builder()
        .processes(1)
        .sandbox(sandbox)
        .build()
        .expect("a pool");
    let module = pool.load_bytes(EMPTY).expect("a module");
    run(&pool, &module, 2000);
    (pool, module)
}

/// Time for so many tasks, each in a fresh instance.
fn run(pool: &Pool, module: &Module, tasks: i32) -> Duration {
    let started = Instant::now();
    let outcomes = pool.map::<i32>(module, "empty", (0..tasks).map(|n| (n,)));
    assert!(
        outcomes
            .expect("sent")
            .iter()
            .all(|outcome| outcome.is_ok())
    );
    started.elapsed()
}

/// A fresh task in a worker that is up: sandbox on, and off.
fn task(tasks: i32) {
    let (on, off) = (pool(Sandbox::Auto), pool(Sandbox::Off));
    let mut ratios = Vec::new();
    let mut times = [Vec::new(), Vec::new()];
    for pair in 0..PAIRS {
        // Each goes first in half of the pairs.
        let (first, second) = if pair % 2 == 0 {
            (&on, &off)
        } else {
            (&off, &on)
        };
        let (a, b) = (
            run(&first.0, &first.1, tasks),
            run(&second.0, &second.1, tasks),
        );
        let (with, without) = if pair % 2 == 0 { (a, b) } else { (b, a) };
        ratios.push(with.as_secs_f64() / without.as_secs_f64());
        times[0].push(with.as_secs_f64());
        times[1].push(without.as_secs_f64());
    }
    let each = |times: &mut Vec<f64>| median(times) / f64::from(tasks) * 1e6;
    println!("a fresh task in a worker that is up, median of {PAIRS} pairs");
    println!("  sandbox on   {:6.2} us", each(&mut times[0]));
    println!("  sandbox off  {:6.2} us", each(&mut times[1]));
    println!("  on / off     {:6.3}", median(&mut ratios));
}

/// The start of a process that locks itself in, to its end: with every layer,
/// with each one left out, and with none.
fn start(rounds: usize) {
    let mut full = Vec::new();
    let mut none = Vec::new();
    let mut less = vec![Vec::new(); Layer::ALL.len()];
    let time = |builder: PoolBuilder| {
        let started = Instant::now();
        builder.probe_sandbox(None).expect("probed");
        started.elapsed().as_secs_f64() * 1e6
    };
    for _ in 0..rounds {
        full.push(time(builder()));
        none.push(time(builder().sandbox(Sandbox::Off)));
        for (times, layer) in less.iter_mut().zip(Layer::ALL) {
            times.push(time(builder().without_layers(&[layer])));
        }
    }
    let (all, nothing) = (median(&mut full), median(&mut none));
    println!("\nstart of a process, locked in and ended, median of {rounds}");
    println!("  no layer           {nothing:7.0} us");
    println!("  every layer        {all:7.0} us");
    println!("what each layer adds, as the difference that leaving it out makes");
    for (times, layer) in less.iter_mut().zip(Layer::ALL) {
        println!("  {layer:18} {:7.0} us", all - median(times));
    }
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
