//! `worker_entry` is the counterpart of `freeze_support`, and of Python's
//! `if __name__ == "__main__":` guard. Workers are this very program, started
//! again; in them, that line does a worker's work and never returns. So what
//! stands behind it is done by the parent alone, once.
//!
//! In Python:
//!
//! ```python
//! if __name__ == "__main__":
//!     freeze_support()
//!     with Pool(3) as pool:
//!         pool.map(show, ["one", "two", "three"])
//! ```
#![expect(clippy::print_stdout, reason = "an example prints what it does")]

mod common;

use std::{env, process};

use sandpool::{Pool, Stdio};

fn main() -> anyhow::Result<()> {
    // First of all: what stands before it is done in each worker, too.
    sandpool::worker_entry();
    println!("main goes on (process {})", process::id());
    let program = env::current_exe()?;
    let name = program.file_name().unwrap_or_default().display();
    println!("its workers are `{name}` again");

    let pool = Pool::builder().processes(3).stdio(Stdio::Inherit).build()?;
    let module = pool.load(common::guest("tutorials"))?;
    for outcome in pool.map::<()>(&module, "show", ["one", "two", "three"])? {
        let worker = outcome.worker_pid.unwrap_or_default();
        println!("a task was run by a worker (process {worker})");
    }
    println!("main ends (process {})", process::id());
    Ok(())
}
