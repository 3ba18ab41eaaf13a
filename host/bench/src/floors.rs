//! The lower bounds that nothing can be faster than: a bare round trip between two
//! threads, and bare wasmtime with the engine settings and the guest of the other
//! figures.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use sandpool::in_process::{Bare, InProcess};
use sandpool::stdio;
use serde_json::json;

use super::child::{Conversation, ourselves};
use super::figure::{ErrorLine, Figure, Measured, Round, Subject, Unit, latencies_of_many};
use super::guests;
use super::plan::Plan;
use super::pools::builder;
use super::say::note;

pub fn subjects(plan: &Plan) -> Measured<Vec<Subject<'static>>> {
    let mut subjects = Vec::new();
    let figure =
        |name: &str, label: &str| Figure::new(format!("floor/{name}"), label, Unit::Micros);
    for (name, label, awake) in [
        ("socket/asleep", "socket pair round trip, asleep", false),
        ("socket/spinning", "socket pair round trip, spinning", true),
    ] {
        subjects.push(Subject::new(figure(name, label), move |slice| {
            let mut echo = Echo::start(awake)?;
            let many = if awake { 10 } else { 1 };
            latencies_of_many(slice, many, || echo.round_trip())
        }));
    }
    let loaded = InProcess::load_bytes(builder(plan), guests::WORK).error_line()?;
    let mut fresh = Bare::new(&loaded, "empty").error_line()?;
    let mut reused = Bare::new(&loaded, "empty").error_line()?;
    let called = |result: Option<u32>| result.map(drop).ok_or("the bare call failed".to_owned());
    subjects.push(Subject::new(
        figure("wasmtime/fresh", "bare wasmtime, fresh instance"),
        move |slice| latencies_of_many(slice, 10, || called(fresh.fresh(7))),
    ));
    subjects.push(Subject::new(
        figure("wasmtime/reused", "bare wasmtime, reused instance"),
        move |slice| latencies_of_many(slice, 100, || called(reused.reused(7))),
    ));
    let looped = "bare processes that loop over fresh calls, one for each worker";
    let mut looping = vec![("processes/fresh", looped.to_owned(), None)];
    if let Some(guest) = &plan.guest {
        let label = format!("{looped}, of your own module");
        looping.push(("processes/guest", label, Some(guest)));
    }
    for (name, label, guest) in looping {
        let mut loops = Vec::new();
        for _ in 0..plan.processes {
            loops.push(BareProcess::start(guest.map(PathBuf::as_path))?);
        }
        let figure = Figure::new(format!("floor/{name}"), label, Unit::PerSecond);
        subjects.push(Subject::new(figure, move |slice| {
            // All at once: they share the machine as workers do.
            loops.iter_mut().try_for_each(|bare| bare.begin(slice))?;
            let rates: Measured<Vec<f64>> = loops.iter_mut().map(BareProcess::end).collect();
            Ok(Round::Value(rates?.into_iter().sum()))
        }));
    }
    Ok(subjects)
}

/// A thread that sends back what it hears.
struct Echo {
    here: Option<UnixStream>,
    awake: bool,
    thread: Option<JoinHandle<()>>,
}

impl Echo {
    fn start(awake: bool) -> Measured<Self> {
        let (here, mut there) = UnixStream::pair().error_line()?;
        for end in [&here, &there] {
            end.set_nonblocking(awake).error_line()?;
        }
        let thread = thread::spawn(move || {
            let mut byte = [0];
            while read_byte(&mut there, &mut byte).is_ok() && there.write_all(&byte).is_ok() {}
        });
        Ok(Echo {
            here: Some(here),
            awake,
            thread: Some(thread),
        })
    }

    fn round_trip(&mut self) -> Measured<()> {
        let here = self.here.as_mut().ok_or("closed")?;
        here.write_all(b"x").error_line()?;
        let mut byte = [0];
        match self.awake {
            true => read_byte(here, &mut byte).error_line(),
            false => here.read_exact(&mut byte).error_line(),
        }
    }
}

/// Reads a byte, awake where the socket does not block.
fn read_byte(from: &mut UnixStream, byte: &mut [u8; 1]) -> std::io::Result<()> {
    loop {
        match from.read_exact(byte) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => std::hint::spin_loop(),
            heard => return heard,
        }
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        drop(self.here.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A process that calls bare wasmtime for as long as it is told to.
struct BareProcess(Conversation);

/// Beyond what it was told: compiling comes first.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);

impl BareProcess {
    fn start(guest: Option<&Path>) -> Measured<Self> {
        let mut ourselves = ourselves();
        ourselves.arg(BARE_LOOP).args(guest);
        let mut bare = BareProcess(Conversation::start(&mut ourselves)?);
        // Compiled, loaded and warm.
        bare.0.read_line(ANSWER_TIMEOUT)?;
        Ok(bare)
    }

    fn begin(&mut self, slice: Duration) -> Measured<()> {
        self.0.write_line(&json!(slice.as_secs_f64()))
    }

    fn end(&mut self) -> Measured<f64> {
        let rate = self.0.read_line(ANSWER_TIMEOUT)?;
        rate.as_f64()
            .ok_or_else(|| "its answer is not a number".into())
    }
}

/// The argument with which this program is started as the other end of the measurement.
pub const BARE_LOOP: &str = "__sandpool-bare-loop";

/// The other end: told how long to loop by lines of input, says how many calls
/// it was in a second.
pub fn bare_loop() -> ExitCode {
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            note(&why);
            ExitCode::FAILURE
        }
    }
}

fn serve() -> Measured<()> {
    let plan = Plan::new(true, 1, Vec::new());
    let mut call: Box<dyn FnMut() -> Option<u32>> = match std::env::args_os().nth(2) {
        Some(guest) => {
            let guest = std::fs::read(guest).error_line()?;
            let loaded = InProcess::load_bytes(builder(&plan), guest).error_line()?;
            let mut bare = Bare::with_wasi(&loaded, "empty").error_line()?;
            Box::new(move || bare.fresh(7))
        }
        None => {
            let loaded = InProcess::load_bytes(builder(&plan), guests::WORK).error_line()?;
            let mut bare = Bare::new(&loaded, "empty").error_line()?;
            Box::new(move || bare.fresh(7))
        }
    };
    let mut run = |slice: f64| -> Measured<f64> {
        let mut calls = 0.0;
        let begin = std::time::Instant::now();
        while begin.elapsed().as_secs_f64() < slice {
            for _ in 0..100 {
                call().ok_or("the bare call failed")?;
            }
            calls += 100.0;
        }
        Ok(calls / begin.elapsed().as_secs_f64())
    };
    run(0.01)?;
    let say = |rate: f64| stdio::write_stdout(format!("{rate}\n").as_bytes());
    let gone = |_| "nobody listens".to_owned();
    say(0.0).map_err(gone)?;
    for line in BufReader::new(stdio::stdin().error_line()?).lines() {
        let slice = line.error_line()?.trim().parse().error_line()?;
        say(run(slice)?).map_err(gone)?;
    }
    Ok(())
}
