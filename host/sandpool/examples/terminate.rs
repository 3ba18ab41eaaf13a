//! `terminate` gives up what has not ended: what runs is ended at once, what
//! waits is never begun. Nobody who asks for its result waits for ever.
//!
//! In Python:
//!
//! ```python
//! pool = Pool(2)
//! quick = pool.apply_async(serve, ("quick", 0))
//! slow = [pool.apply_async(serve, (f"slow {n}", 60_000)) for n in range(4)]
//! quick.get()
//! pool.terminate()
//! pool.join()
//! ```
#![expect(clippy::print_stdout, reason = "an example prints what it does")]

mod common;

use std::time::Instant;

use sandpool::{Error, Pool, Process, Stdio};

fn main() -> anyhow::Result<()> {
    sandpool::worker_entry();
    let pool = Pool::builder().processes(2).stdio(Stdio::Inherit).build()?;
    let module = pool.load(common::guest("tutorials"))?;
    let send = |name: &str, ms: u32| pool.apply_async::<String>(&module, "serve", (name, ms));
    let quick = send("quick", 0)?;
    let slow = ["slow 1", "slow 2", "slow 3", "slow 4"].map(|name| send(name, 60_000));
    println!("{}", quick.get(None)?);

    let begin = Instant::now();
    pool.terminate();
    pool.join()?;
    for handle in slow {
        match handle?.get(None) {
            Err(Error::Failed(outcome)) => println!("{}", outcome.verdict),
            other => println!("{other:?}"),
        }
    }

    let process = Process::call(&module, "serve")
        .args(("alone", 60_000u32))
        .start()?;
    process.terminate()?;
    process.join(None)?;
    println!("exit code {}", process.exitcode().unwrap_or_default());
    println!("given up within {:.1} s", begin.elapsed().as_secs_f64());
    Ok(())
}
