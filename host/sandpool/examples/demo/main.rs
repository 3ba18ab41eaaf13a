//! A tour of sandpool: honest tasks on real input, hostile ones among them, a
//! worker killed in mid-task, a module dropped into the running pool; and at
//! the end the pool is whole.
//!
//! `cargo xtask demo` builds the guests and runs this. It checks all that it
//! claims, and fails if any of it is not so.

mod dropped_in;
mod files;
mod guests;
mod honest;
mod hostile;
mod kill;
mod pictures;
mod scripts;
mod story;
mod tally;
mod whole;

use std::num::NonZero;
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};
use std::{fs, iter};

use anyhow::{Context, Result};
use clap::Parser;
use sandpool::{AsyncResult, Call, Outcome, Pool};

use crate::guests::Guests;
use crate::story::{heading, line, rate, seconds};
use crate::tally::Tally;

/// The longest time that a task may keep the demo waiting. The pool's own limits are
/// shorter; this is for the day when they fail.
const RESULT_TIMEOUT: Duration = Duration::from_secs(60);

/// While one worker is busy with a long task, another has to do the rest.
const MIN_PROCESSES: usize = 2;

/// A tour of sandpool.
#[derive(Parser)]
struct Arguments {
    /// The folder of the compiled task modules
    #[arg(long, default_value = "target/guests")]
    guests: PathBuf,
    /// The folder whose text files are the input
    #[arg(long, default_value = ".")]
    root: PathBuf,
    /// Number of tasks that run at once, 2 at least [default: the number of cores]
    #[arg(short = 'j', long, value_name = "N")]
    processes: Option<usize>,
    /// Do without compiled modules: use some that are written in the demo
    #[arg(long)]
    wat_only: bool,
}

fn main() -> ExitCode {
    sandpool::worker_entry(); // this program is its own worker
    match tour(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("error: {e:#}");
            ExitCode::FAILURE
        }
    }
}

fn tour(arguments: &Arguments) -> Result<()> {
    let begin = Instant::now();
    let mut tally = Tally::default();

    let processes = arguments
        .processes
        .or_else(|| thread::available_parallelism().ok().map(NonZero::get))
        .map_or(MIN_PROCESSES, |asked| asked.max(MIN_PROCESSES));
    heading(&format!("A pool of {processes} worker processes"));
    let pool = Pool::builder().processes(processes).build()?;
    let guests = if arguments.wat_only {
        Guests::written(&pool)?
    } else {
        Guests::compiled(&pool, &arguments.guests)?
    };
    for (name, module) in guests.named() {
        tally.name(module, name);
    }
    let names: Vec<&str> = guests.named().iter().map(|(name, _)| *name).collect();
    line(&format!(
        "modules {} loaded in {}, each compiled in a process of its own or taken from the cache",
        names.join(", "),
        seconds(begin.elapsed())
    ));

    let compiled = guests.compiled.as_ref();
    if let Some(javascript) = compiled.and_then(|compiled| compiled.javascript.as_ref()) {
        heading("Scripts that somebody sent, each in a fresh instance of an interpreter");
        scripts::run(&pool, javascript, &mut tally)?;
    }

    main_job(&pool, &guests, arguments, &mut tally)?;

    heading("One worker is killed in mid-task");
    kill::kill_one(&pool, &guests, &mut tally)?;

    heading("The pool is whole");
    whole::works(&pool, &guests, &mut tally)?;
    whole::ends(&pool)?;

    heading(&format!(
        "What became of all tasks, after {}",
        seconds(begin.elapsed())
    ));
    tally.print();
    Ok(())
}

/// Honest tasks with hostile ones among them, and a new module dropped in
/// while they run.
fn main_job(pool: &Pool, guests: &Guests, arguments: &Arguments, tally: &mut Tally) -> Result<()> {
    let folder = arguments.root.join("target/demo");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make `{}`", folder.display()))?;
    let (files, pictures) = if guests.compiled.is_some() {
        (files::text_files(&arguments.root)?, pictures::draw()?)
    } else {
        (Vec::new(), Vec::new())
    };
    let plan = honest::plan(pool, guests, &files, &pictures);
    let attacks = hostile::attacks(pool, guests);
    let expectations: Vec<_> = attacks.iter().map(hostile::Attack::expectation).collect();
    let (subjects, honest): (Vec<_>, Vec<_>) = plan.into_iter().unzip();
    let hostile: Vec<Call> = attacks.into_iter().map(|attack| attack.call).collect();
    let tasks = honest.len() + hostile.len();
    heading(&format!(
        "{} honest tasks, with {} hostile ones among them",
        honest.len(),
        hostile.len()
    ));

    let begin = Instant::now();
    let (honest, hostile) = send(honest, hostile)?;
    let finish = |sent: Vec<AsyncResult>, tally: &mut Tally| -> Result<Vec<Outcome>> {
        let outcomes = sent.iter().map(|result| {
            let outcome = result.outcome(Some(RESULT_TIMEOUT))?;
            tally.record(&outcome);
            Ok(outcome)
        });
        outcomes.collect()
    };
    let waiting = || honest.iter().filter(|result| !result.ready()).count();
    dropped_in::load_and_call(pool, waiting, tally)?;
    let honest = finish(honest, tally)?;
    let hostile = finish(hostile, tally)?;
    let time = begin.elapsed();

    honest::check(iter::zip(subjects, honest).collect(), &folder)?;
    line(&format!("all in {}: {}", seconds(time), rate(tasks, time)));
    heading("What became of the hostile ones");
    hostile::check(&expectations, &hostile)
}

/// Sends all calls, the hostile ones strewn evenly among the honest.
fn send(honest: Vec<Call>, hostile: Vec<Call>) -> Result<(Vec<AsyncResult>, Vec<AsyncResult>)> {
    let gap = honest.len() / (hostile.len() + 1) + 1;
    let mut hostile = hostile.into_iter();
    let (mut sent_honest, mut sent_hostile) = (Vec::new(), Vec::new());
    for (n, call) in honest.into_iter().enumerate() {
        if n % gap == gap / 2
            && let Some(call) = hostile.next()
        {
            sent_hostile.push(call.apply_async()?);
        }
        sent_honest.push(call.apply_async()?);
    }
    for call in hostile {
        sent_hostile.push(call.apply_async()?);
    }
    Ok((sent_honest, sent_hostile))
}
