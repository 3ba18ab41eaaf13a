//! Queues and managed objects between guests, beside multiprocessing's in the
//! same run, and a bare socket round trip. Needs the guests (`cargo xtask
//! guests`); without `python3` the other side is left out. Run by
//! `cargo xtask bench queue`.

#![expect(clippy::print_stdout, reason = "a bench prints what it measured")]

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use sandpool::{Manager, Module, Pool, Queue};

// Its pools start this very program for their workers.
sandpool::worker_entry_before_main!();

/// Rounds in which ours and theirs alternate.
const ROUNDS: usize = 5;

/// The result of one round of either side.
#[derive(Clone, Copy, Default)]
struct Round {
    one_consumer: f64,
    two_consumers: f64,
    many: f64,
    dict_call: f64,
}

fn main() {
    let quick = std::env::args().any(|word| word == "--quick");
    let count: u32 = if quick { 100_000 } else { 1_000_000 };
    let pool = Pool::builder()
        .processes(4)
        .timeout(None)
        .build()
        .expect("a pool");
    let guest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/guests/sharing.wasm");
    let sharing = match pool.load(&guest) {
        Ok(sharing) => sharing,
        Err(error) => {
            println!("{error}\nbuild the guests first: cargo xtask guests");
            return;
        }
    };
    let mut ours = Vec::new();
    let mut theirs = Vec::new();
    let mut sockets = Vec::new();
    for _ in 0..ROUNDS {
        ours.push(round(&pool, &sharing, count));
        theirs.extend(python(count / 4));
        sockets.push(socket_round_trip());
    }
    println!("{count} items of 8 bytes, two producers, median of {ROUNDS} alternating rounds");
    show("one by one, one consumer", &ours, &theirs, |r| {
        r.one_consumer
    });
    show("one by one, two consumers", &ours, &theirs, |r| {
        r.two_consumers
    });
    show("in batches of 64, two consumers", &ours, &theirs, |r| {
        if r.many > 0.0 {
            r.many
        } else {
            r.two_consumers
        }
    });
    println!("\na get or set of a shared dictionary");
    let call = median(ours.iter().map(|round| round.dict_call));
    println!("  from a guest               {call:8.1} us");
    if !theirs.is_empty() {
        let their_call = median(theirs.iter().map(|round| round.dict_call));
        println!("  multiprocessing's Manager  {their_call:8.1} us");
        println!("  ours / theirs              {:8.2}", call / their_call);
    }
    let socket = median(sockets.into_iter());
    println!("  bare socket round trip     {socket:8.1} us");
    println!("  ours / socket              {:8.2}", call / socket);
}

fn show(what: &str, ours: &[Round], theirs: &[Round], of: impl Fn(&Round) -> f64) {
    let mine = median(ours.iter().map(&of));
    print!("  {what:32} {mine:10.0} items/s");
    if theirs.is_empty() {
        println!("   (python3 is not installed)");
    } else {
        let other = median(theirs.iter().map(&of));
        println!(
            "   multiprocessing {other:9.0}   {:5.1} times",
            mine / other
        );
    }
}

fn round(pool: &Pool, sharing: &Module, count: u32) -> Round {
    let items = |consumers: u32, batch: Option<u32>| {
        let queue = Queue::<u32>::new(0);
        let consumers: Vec<_> = (0..consumers)
            .map(|_| match batch {
                None => pool.call(sharing, "consume").arg(&queue),
                Some(batch) => pool.call(sharing, "consume-many").args((&queue, batch)),
            })
            .map(|call| call.apply_async::<u32>().expect("sent"))
            .collect();
        let begin = Instant::now();
        let putters: Vec<_> = (0..2)
            .map(|_| match batch {
                None => pool
                    .call(sharing, "produce")
                    .args((&queue, count / 2, 8u32)),
                Some(batch) => {
                    let args = (&queue, count / 2, 8u32, batch);
                    pool.call(sharing, "produce-many").args(args)
                }
            })
            .map(|call| call.apply_async::<()>().expect("sent"))
            .collect();
        for putter in putters {
            putter.get(None).expect("ok");
        }
        queue.close();
        let taken: u32 = consumers
            .iter()
            .map(|task| task.get(None).expect("ok"))
            .sum();
        let seconds = begin.elapsed().as_secs_f64();
        let put = count / 2 / batch.unwrap_or(1) * batch.unwrap_or(1) * 2;
        assert_eq!(taken, put, "each item arrives, once");
        f64::from(taken) / seconds
    };
    let dict = Manager::new().dict::<u32>();
    let nanos: u64 = pool
        .apply(sharing, "set-and-get", (&dict, 10_000u32))
        .expect("ok");
    Round {
        one_consumer: items(1, None),
        two_consumers: items(2, None),
        many: items(2, Some(64)),
        dict_call: nanos as f64 / 1e3,
    }
}

/// The same by multiprocessing, if Python is there.
#[expect(
    clippy::disallowed_methods,
    reason = "a peer to measure, bound to nobody"
)]
fn python(count: u32) -> Option<Round> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/python_queue.py");
    let output = Command::new("python3")
        .arg(script)
        .arg(count.to_string())
        .output();
    let output = output.ok()?;
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let figures: serde_json::Value = serde_json::from_slice(&output.stdout).ok()?;
    let figure = |name: &str| figures[name].as_f64();
    Some(Round {
        one_consumer: figure("items_one_consumer")?,
        two_consumers: figure("items_two_consumers")?,
        many: 0.0,
        dict_call: figure("dict_call_us")?,
    })
}

/// Microseconds for a byte there and back between two threads that sleep.
fn socket_round_trip() -> f64 {
    const TIMES: u32 = 5000;
    let (mut here, mut there) = UnixStream::pair().expect("a socket pair");
    here.set_read_timeout(Some(Duration::from_secs(10)))
        .expect("set");
    let echo = thread::spawn(move || {
        let mut byte = [0];
        while there.read_exact(&mut byte).is_ok() {
            there.write_all(&byte).expect("written");
        }
    });
    let begin = Instant::now();
    for _ in 0..TIMES {
        here.write_all(b"x").expect("written");
        here.read_exact(&mut [0]).expect("read");
    }
    let micros = begin.elapsed().as_secs_f64() * 1e6 / f64::from(TIMES);
    drop(here);
    echo.join().expect("ended");
    micros
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
