//! The cost of starts: a worker from nothing to its first result, a process for each
//! task, another module in a worker's place, and the command itself.

use std::path::Path;
use std::process::Command;
use std::rc::Rc;
use std::time::{Duration, Instant};

use sandpool::{Module, Pool};

use super::child::{on_path, ourselves, program, run};
use super::figure::{ErrorLine, Figure, Measured, Round, Subject, Unit, latencies};
use super::guests;
use super::peers::Peers;
use super::plan::Plan;
use super::pools::{Tasks, builder};

/// No program that is started here takes as long.
const DEADLINE: Duration = Duration::from_secs(10);

pub fn subjects<'a>(plan: &'a Plan, tasks: &Tasks, peers: &'a Peers) -> Measured<Vec<Subject<'a>>> {
    let figure =
        |name: &str, label: &str| Figure::new(format!("start/{name}"), label, Unit::Micros);
    let mut subjects = vec![
        cold(
            plan,
            tasks.work.clone(),
            figure("cold", "worker, spawn to first result"),
        )?,
        switch(
            plan,
            tasks.work.clone(),
            figure("switch", "a worker's place to another module"),
        )?,
    ];
    subjects.extend(whole(figure)?);
    subjects.extend(peers.starts());
    Ok(subjects)
}

/// From no worker to its first result, again and again, each in a new pool.
fn cold(plan: &Plan, module: Module, figure: Figure) -> Measured<Subject<'_>> {
    Ok(Subject::new(figure, move |slice| {
        let mut taken = Vec::new();
        let until = Instant::now() + slice;
        while taken.len() < 3 || Instant::now() < until {
            // A pool of the same settings: the module is loaded already.
            let new = builder(plan).processes(1).build().error_line()?;
            let begin = Instant::now();
            new.apply::<u32>(&module, "empty", (7_u32,)).error_line()?;
            taken.push(begin.elapsed().as_secs_f64() * 1e6);
        }
        Ok(Round::Latencies(taken))
    }))
}

/// Two modules in a pool of one place, by turns.
fn switch(plan: &Plan, one: Module, figure: Figure) -> Measured<Subject<'_>> {
    let pool = builder(plan).processes(1).build().error_line()?;
    let other = pool.load_bytes(guests::OTHER).error_line()?;
    let apply = move |pool: &Pool, module: &Module, function: &str| {
        pool.apply::<u32>(module, function, (7_u32,))
            .map(drop)
            .error_line()
    };
    let mut turn = false;
    Ok(Subject::new(figure, move |slice| {
        latencies(slice, || {
            turn = !turn;
            match turn {
                true => apply(&pool, &one, "empty"),
                false => apply(&pool, &other, "other"),
            }
        })
    }))
}

/// `sandpool run` as a whole process, its artifact in a cache; beside it
/// `wasmtime run`, if there is one.
fn whole(figure: impl Fn(&str, &str) -> Figure) -> Measured<Vec<Subject<'static>>> {
    let folder = Rc::new(tempfile::tempdir().error_line()?);
    let command = folder.path().join("nothing.wasm");
    std::fs::write(&command, wat::parse_str(guests::COMMAND).error_line()?).error_line()?;
    let mut subjects = Vec::new();
    let mut add = |name, label, start: Box<dyn Fn(&Path) -> Command>| -> Measured<()> {
        let folder = Rc::clone(&folder);
        let once = move || run(&mut start(folder.path()), &[], DEADLINE);
        // The first run fills the cache.
        once()?;
        subjects.push(Subject::new(figure(name, label), move |slice| {
            latencies(slice, &once)
        }));
        Ok(())
    };
    let module = command.clone();
    add(
        "run",
        "`sandpool run`, a whole process, cached",
        Box::new(move |folder| {
            let mut sandpool = ourselves();
            sandpool.env("SANDPOOL_CACHE_DIR", folder.join("cache"));
            sandpool.args(["run", "--quiet"]).arg(&module);
            sandpool
        }),
    )?;
    if let Some(wasmtime) = on_path("wasmtime") {
        // One that fails is no reason to do without the others.
        let _ = add(
            "wasmtime-run",
            "`wasmtime run`, a whole process, cached",
            Box::new(move |folder| {
                let mut bare = program(&wasmtime);
                bare.env("XDG_CACHE_HOME", folder);
                bare.args(["run", "-C", "cache=y"]).arg(&command);
                bare
            }),
        );
    }
    Ok(subjects)
}
