//! The cost of a call at each isolation level, from a function of this very program to
//! a process for each task: one blocking call at a time, and as many tasks as all
//! workers take.

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rayon::{ThreadPool, ThreadPoolBuilder};
use sandpool::Isolation;

use super::Report;
use super::figure::{
    ErrorLine, Figure, Measured, Round, Subject, Unit, latencies, latencies_of_many, rate,
};
use super::peers::Peers;
use super::plan::Plan;
use super::pools::{
    BenchPool, BenchSessions, Inside, Tasks, Work, builder, kept, pythons_chunksize,
};

/// Tasks of one map: their outcomes are kept in memory, all of them.
const MAX_TASKS: usize = 300_000;

/// Everything that these measurements need, alive at once, because they
/// alternate.
struct Fixtures {
    native_steps: u32,
    threads: ThreadPool,
    fresh: BenchPool,
    sleepy: BenchPool,
    snapshot: BenchPool,
    reused: BenchPool,
    for_each: BenchPool,
    /// Sessions in the pool `fresh`.
    sessions: BenchSessions,
}

/// The name of a latency, and what it is.
fn apply(of: &str, label: &str, work: Work) -> Figure {
    Figure::new(
        format!("apply/{of}/{}", work.name()),
        format!("{label}, {}", work.label()),
        Unit::Micros,
    )
}

/// The name of a throughput, and what it is.
fn map(of: &str, label: &str, work: Work) -> Figure {
    Figure::new(
        format!("map/{of}/{}", work.name()),
        format!("{label}, {}", work.label()),
        Unit::PerSecond,
    )
}

pub fn measure(plan: &Plan, tasks: &Tasks, peers: &Peers, report: &mut Report) -> Measured<()> {
    if !plan.wants_any(&["apply/", "map/", "start/", "floor/"]) {
        return Ok(());
    }
    let fresh = BenchPool::new(builder(plan), tasks)?;
    let fixtures = Fixtures {
        sessions: BenchSessions::open(&fresh)?,
        native_steps: native_steps(),
        threads: ThreadPoolBuilder::new()
            .num_threads(plan.processes)
            .build()
            .error_line()?,
        fresh,
        sleepy: BenchPool::new(builder(plan).spin(false), tasks)?,
        snapshot: BenchPool::new(builder(plan).initializer_snapshot("empty", (7u32,)), tasks)?,
        reused: BenchPool::new(builder(plan).isolation(kept()), tasks)?,
        for_each: BenchPool::new(builder(plan).isolation(Isolation::ProcessPerTask), tasks)?,
    };
    let inside_fresh = Inside::new(plan, Isolation::Process, tasks.spin_steps)?;
    let inside_reused = Inside::new(plan, kept(), tasks.spin_steps)?;
    for work in Work::ALL {
        // Every worker is up, of the right module, before anything is measured.
        for bench in [&fixtures.fresh, &fixtures.sleepy, &fixtures.reused] {
            bench.warm(if work == Work::Empty {
                Work::Spin
            } else {
                work
            })?;
            bench.map(work, plan.processes * 10)?;
        }
        if work == Work::Empty {
            fixtures.snapshot.warm(Work::Spin)?;
            fixtures.snapshot.map(work, plan.processes * 10)?;
        }
        let mut subjects = applies(&fixtures, work, (&inside_fresh, &inside_reused))?;
        subjects.extend(maps(
            plan,
            &fixtures,
            work,
            (&inside_fresh, &inside_reused),
        )?);
        subjects.extend(peers.subjects(plan, work));
        if work == Work::Empty {
            // Without a floor or a start the levels still have their prices.
            let floors = super::floors::subjects(plan);
            subjects.extend(report.or_note("floors", floors));
            let starts = super::starts::subjects(plan, tasks, peers);
            subjects.extend(report.or_note("starts", starts));
        }
        report.measure(plan, subjects);
    }
    Ok(())
}

fn applies<'a>(
    fixtures: &'a Fixtures,
    work: Work,
    (fresh, reused): (&Inside, &Inside),
) -> Measured<Vec<Subject<'a>>> {
    // A sleep and a spin take long enough for a clock.
    let many = if work == Work::Empty { 100 } else { 1 };
    let mut fresh = fresh.another()?;
    let mut reused = reused.another()?;
    let mut subjects = vec![
        Subject::new(apply("native", "native call", work), move |slice| {
            latencies_of_many(slice, many, || {
                native(work, fixtures.native_steps);
                Ok(())
            })
        }),
        Subject::new(apply("threads", "thread pool", work), move |slice| {
            latencies(slice, || {
                fixtures
                    .threads
                    .install(|| native(work, fixtures.native_steps));
                Ok(())
            })
        }),
        Subject::new(
            apply("in-process/fresh", "in-process, fresh instance", work),
            move |slice| latencies_of_many(slice, many.min(10), || fresh.apply(work)),
        ),
        Subject::new(
            apply("in-process/reused", "in-process, reused instance", work),
            move |slice| latencies_of_many(slice, many, || reused.apply(work)),
        ),
    ];
    let mut pooled = vec![
        (
            "process/fresh",
            "pooled process, fresh instance",
            &fixtures.fresh,
        ),
        (
            "process/reused",
            "pooled process, reused instance",
            &fixtures.reused,
        ),
        (
            "process-per-task",
            "process for each task",
            &fixtures.for_each,
        ),
    ];
    if work == Work::Empty {
        let sleepy = (
            "process/fresh/no-spin",
            "pooled process, no spinning",
            &fixtures.sleepy,
        );
        pooled.insert(1, sleepy);
        let snapshot = (
            "process/fresh/snapshot",
            "pooled process, fresh instance of a snapshot",
            &fixtures.snapshot,
        );
        pooled.insert(2, snapshot);
    }
    subjects.push(Subject::new(
        apply("session", "session", work),
        move |slice| latencies(slice, || fixtures.sessions.apply(work)),
    ));
    subjects.extend(pooled.into_iter().map(|(name, label, bench)| {
        Subject::new(apply(name, label, work), move |slice| {
            latencies(slice, || bench.apply(work))
        })
    }));
    Ok(subjects)
}

fn maps<'a>(
    plan: &Plan,
    fixtures: &'a Fixtures,
    work: Work,
    (fresh, reused): (&Inside, &Inside),
) -> Measured<Vec<Subject<'a>>> {
    let threads = plan.processes;
    let mut inside_fresh = copies(threads, fresh)?;
    let mut inside_reused = copies(threads, reused)?;
    let mut subjects = vec![
        Subject::new(
            map("native", "native calls on threads", work),
            move |slice| {
                let mut idle = vec![(); threads];
                busy(slice, &mut idle, |()| {
                    native(work, fixtures.native_steps);
                    Ok(())
                })
            },
        ),
        Subject::new(map("threads", "thread pool", work), {
            let mut count = 1;
            move |slice| {
                rate(slice, &mut count, MAX_TASKS, |tasks| {
                    fixtures.threads.scope(|scope| {
                        for _ in 0..tasks {
                            scope.spawn(|_| native(work, fixtures.native_steps));
                        }
                    });
                    Ok(())
                })
            }
        }),
        Subject::new(
            map(
                "in-process/fresh",
                "in-process on threads, fresh instances",
                work,
            ),
            move |slice| busy(slice, &mut inside_fresh, |guest| guest.apply(work)),
        ),
        Subject::new(
            map(
                "in-process/reused",
                "in-process on threads, reused instances",
                work,
            ),
            move |slice| busy(slice, &mut inside_reused, |guest| guest.apply(work)),
        ),
    ];
    let pooled = [
        (
            "process/fresh",
            "pooled processes, fresh instances",
            &fixtures.fresh,
        ),
        (
            "process/reused",
            "pooled processes, reused instances",
            &fixtures.reused,
        ),
        (
            "process-per-task",
            "a process for each task",
            &fixtures.for_each,
        ),
    ];
    subjects.push(Subject::new(
        apply("session", "session", work),
        move |slice| latencies(slice, || fixtures.sessions.apply(work)),
    ));
    subjects.extend(pooled.into_iter().map(|(name, label, bench)| {
        let mut count = 2 * threads;
        Subject::new(map(name, label, work), move |slice| {
            rate(slice, &mut count, MAX_TASKS, |tasks| bench.map(work, tasks))
        })
    }));
    if work == Work::Empty {
        let fresh = "pooled processes, fresh instances, in chunks";
        let reused = "pooled processes, reused instances, in chunks";
        let mut chunked = vec![
            ("process/fresh/chunks", fresh, &fixtures.fresh, work),
            ("process/reused/chunks", reused, &fixtures.reused, work),
        ];
        if plan.guest.is_some() {
            chunked.push(("process/fresh/chunks", fresh, &fixtures.fresh, Work::Guest));
        }
        subjects.extend(chunked.into_iter().map(|(name, label, bench, work)| {
            let mut count = 1000;
            Subject::new(map(name, label, work), move |slice| {
                rate(slice, &mut count, MAX_TASKS, |tasks| {
                    bench.map_values(work, tasks, pythons_chunksize(tasks, threads))
                })
            })
        }));
    }
    Ok(subjects)
}

fn copies(count: usize, of: &Inside) -> Measured<Vec<Inside>> {
    (0..count).map(|_| of.another()).collect()
}

/// Calls on so many threads at once, each with one of `states`, for a slice.
fn busy<S: Send>(
    slice: Duration,
    states: &mut [S],
    call: impl Fn(&mut S) -> Measured<()> + Sync,
) -> Measured<Round> {
    let calls = AtomicUsize::new(0);
    let over = AtomicBool::new(false);
    let begin = Instant::now();
    let ended: Measured<()> = thread::scope(|scope| {
        let threads: Vec<_> = states
            .iter_mut()
            .map(|state| {
                scope.spawn(|| {
                    let mut own = 0;
                    while !over.load(Ordering::Relaxed) {
                        call(state)?;
                        own += 1;
                    }
                    calls.fetch_add(own, Ordering::Relaxed);
                    Ok(())
                })
            })
            .collect();
        thread::sleep(slice);
        over.store(true, Ordering::Relaxed);
        let join = |thread: thread::ScopedJoinHandle<'_, Measured<()>>| {
            thread
                .join()
                .unwrap_or_else(|_| Err("a thread panicked".into()))
        };
        // A thread that is not joined here is joined by the scope.
        threads.into_iter().try_for_each(join)
    });
    ended?;
    let calls = calls.load(Ordering::Relaxed) as f64;
    Ok(Round::Value(calls / begin.elapsed().as_secs_f64()))
}

/// The same work without WebAssembly.
fn native(work: Work, steps: u32) {
    match work {
        Work::Empty | Work::Guest => drop(black_box(empty(black_box(7)))),
        Work::Spin => drop(black_box(spin(black_box(steps)))),
        Work::Sleep => thread::sleep(Duration::from_millis(1)),
    }
}

#[inline(never)]
fn empty(n: u32) -> u32 {
    n
}

#[inline(never)]
fn spin(steps: u32) -> u32 {
    (0..steps).fold(0, |x: u32, _| {
        black_box(x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223))
    })
}

/// Steps of [`spin`] that take a millisecond here.
fn native_steps() -> u32 {
    let steps = 500_000;
    let fastest = (0..5).map(|_| {
        let begin = Instant::now();
        black_box(spin(black_box(steps)));
        begin.elapsed()
    });
    let millis = fastest.min().unwrap_or_default().as_secs_f64() * 1e3;
    (f64::from(steps) / millis.max(1e-3)) as u32
}
