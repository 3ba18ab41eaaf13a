//! The cost of each layer of the sandbox at the start of a process, and of the whole
//! sandbox, epochs and fuel for a task.

use sandpool::in_process::InProcess;
use sandpool::{Interrupt, Layer, PoolBuilder, Sandbox};

use super::Report;
use super::figure::{ErrorLine, Figure, Measured, Subject, Unit, latencies};
use super::guests;
use super::plan::Plan;
use super::pools::{BenchPool, Tasks, Work, builder, kept};

pub fn measure(plan: &Plan, all: &Tasks, report: &mut Report) -> Measured<()> {
    if plan.wants_any(&["layer/"]) {
        starts(plan, report);
    }
    if plan.wants_any(&["sandbox/"]) {
        tasks(plan, all, report)?;
    }
    if plan.wants_any(&["checks/"]) {
        checks(plan, all.spin_steps, report)?;
    }
    Ok(())
}

/// The start of a process that locks itself in, to its end: with every layer,
/// with none, with each one left out. No guest is involved.
fn starts(plan: &Plan, report: &mut Report) {
    let figure =
        |name: &str, label: &str| Figure::new(format!("layer/{name}"), label, Unit::Micros);
    let start = |builder: PoolBuilder| {
        move |slice| latencies(slice, || builder.probe_sandbox(None).map(drop).error_line())
    };
    let mut subjects = vec![
        Subject::new(
            figure("none", "a process, started and ended, no layer"),
            start(builder(plan).sandbox(Sandbox::Off)),
        ),
        Subject::new(
            figure("all", "a process, started and ended, every layer"),
            start(builder(plan)),
        ),
    ];
    for layer in Layer::ALL {
        let without = builder(plan).without_layers(&[layer]);
        let label = format!("process start without {layer}");
        subjects.push(Subject::new(
            figure(&format!("without/{layer}"), &label),
            start(without),
        ));
    }
    // Differences of a few microseconds take many starts to be seen.
    let slice = plan.slice / plan.either(2, 1);
    let begin = report.figures.len();
    report.measure(&plan.with(plan.rounds, slice), subjects);
    let Some(all) = report.figure("layer/all").cloned() else {
        return;
    };
    let costs: Vec<Figure> = report.figures[begin..]
        .iter()
        .filter_map(|figure| {
            let layer = figure.name.strip_prefix("layer/without/")?;
            let rounds = all.rounds.iter().zip(&figure.rounds);
            Some(Figure::of(
                &format!("layer/cost/{layer}"),
                &format!("{layer} adds to the start of a process"),
                Unit::Micros,
                rounds.map(|(all, without)| all - without).collect(),
            ))
        })
        .collect();
    report.figures.extend(costs);
}

/// A task in a worker that is up, sandbox on and off.
fn tasks(plan: &Plan, tasks: &Tasks, report: &mut Report) -> Measured<()> {
    let mut subjects = Vec::new();
    for (name, sandbox) in [("on", Sandbox::Auto), ("off", Sandbox::Off)] {
        let bench = BenchPool::new(builder(plan).processes(1).sandbox(sandbox), tasks)?;
        bench.map(Work::Empty, 200)?;
        let figure = Figure::new(
            format!("sandbox/{name}/empty"),
            format!("one of many tasks, one worker, sandbox {name}"),
            Unit::PerSecond,
        );
        let mut count = 1000;
        subjects.push(Subject::new(figure, move |slice| {
            super::figure::rate(slice, &mut count, 100_000, |tasks| {
                bench.map(Work::Empty, tasks)
            })
        }));
    }
    report.measure(plan, subjects);
    Ok(())
}

/// A millisecond of computing in a tight loop, where checks cost the most:
/// without any, with epochs, with fuel.
fn checks(plan: &Plan, spin_steps: u32, report: &mut Report) -> Measured<()> {
    let kinds = [
        ("none", "a tight loop of 1 ms, no checks", builder(plan)),
        (
            "epoch",
            "a tight loop of 1 ms, epoch checks",
            builder(plan).interrupt(Interrupt::Epoch),
        ),
        (
            "fuel",
            "a tight loop of 1 ms, fuel counted",
            builder(plan).fuel(u64::MAX),
        ),
    ];
    let mut subjects = Vec::new();
    for (name, label, builder) in kinds {
        let mut guest =
            InProcess::load_bytes(builder.isolation(kept()), guests::WORK).error_line()?;
        let figure = Figure::new(format!("checks/{name}"), label, Unit::Micros);
        subjects.push(Subject::new(figure, move |slice| {
            latencies(slice, || {
                guest
                    .apply::<u32>("spin", (spin_steps,))
                    .map(drop)
                    .error_line()
            })
        }));
    }
    report.measure(plan, subjects);
    Ok(())
}
