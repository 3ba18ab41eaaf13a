//! The cost of payloads: a blocking call that is given so many and returns them.
//! Bandwidth counts them once, over the time of the whole call.

use std::time::{Duration, Instant};

use sandpool::in_process::InProcess;
use sandpool::{Module, Pool};

use super::Report;
use super::figure::{ErrorLine, Figure, Measured, Round, Subject, Unit};
use super::guests;
use super::peers::Peers;
use super::plan::Plan;
use super::pools::builder;

/// The sizes, with their names.
pub const SIZES: [(&str, usize); 4] = [
    ("1KiB", 1 << 10),
    ("64KiB", 64 << 10),
    ("1MiB", 1 << 20),
    ("64MiB", 64 << 20),
];

pub fn figure(of: &str, label: &str, (name, bytes): (&str, usize)) -> Figure {
    Figure::new(
        format!("echo/{of}/{name}"),
        format!("{label}, echo of {name}"),
        Unit::MegabytesPerSecond,
    )
    .at(bytes as f64)
}

pub fn measure(plan: &Plan, peers: &Peers, report: &mut Report) -> Measured<()> {
    if !plan.wants_any(&["echo/"]) {
        return Ok(());
    }
    // Payloads have no limit here: their price is the question.
    let builder = || {
        builder(plan)
            .memory(None)
            .arguments_limit(None)
            .result_limit(None)
            .host_call_memory(None)
    };
    let pool = builder().build().error_line()?;
    let module = pool.load_bytes(guests::WORK).error_line()?;
    for size in SIZES {
        let mut inside = InProcess::load_bytes(builder(), guests::WORK).error_line()?;
        let (pool, module) = (&pool, &module);
        let mut subjects = vec![
            Subject::new(figure("in-process", "in-process, fresh instance", size), {
                move |slice| {
                    bandwidth(slice, size.1, |data| {
                        inside.apply::<Vec<u8>>("echo", (data,)).error_line()
                    })
                }
            }),
            Subject::new(figure("process", "pooled process, fresh instance", size), {
                move |slice| bandwidth(slice, size.1, |data| echo(pool, module, data))
            }),
        ];
        subjects.extend(peers.echoes(size));
        let (rounds, slice) = match size.1 > 1 << 24 {
            // One call takes longer than a slice, and in a round there are to be
            // some: fewer rounds, longer ones.
            true => (
                3,
                plan.either(Duration::from_millis(300), Duration::from_secs(1)),
            ),
            false => (plan.rounds, plan.slice.min(Duration::from_millis(60))),
        };
        report.measure(&plan.with(rounds, slice), subjects);
    }
    Ok(())
}

fn echo(pool: &Pool, module: &Module, data: Vec<u8>) -> Measured<Vec<u8>> {
    pool.apply::<Vec<u8>>(module, "echo", (data,)).error_line()
}

/// Calls with the bytes for a slice. That they are made is not in the time, that
/// they are looked at neither.
fn bandwidth(
    slice: Duration,
    bytes: usize,
    mut call: impl FnMut(Vec<u8>) -> Measured<Vec<u8>>,
) -> Measured<Round> {
    let data: Vec<u8> = (0..bytes).map(|place| place as u8).collect();
    let until = Instant::now() + slice;
    let mut taken = Duration::ZERO;
    let mut calls = 0_u32;
    while calls == 0 || Instant::now() < until {
        let own = data.clone();
        let begin = Instant::now();
        let back = call(own)?;
        taken += begin.elapsed();
        calls += 1;
        if back.len() != bytes || back.last() != data.last() {
            return Err("other bytes came back".into());
        }
    }
    let megabytes = f64::from(calls) * bytes as f64 / 1e6;
    Ok(Round::Value(megabytes / taken.as_secs_f64()))
}
