//! Work that nobody waits for is given up: dropping a pool ends its workers at once,
//! and a process that was let go ends with the program. Nothing is left behind, and
//! nothing that they had yet to print is printed.
//!
//! In Python (where the processes of a pool are daemons, too):
//!
//! ```python
//! pool = Pool(3)
//! for n in range(4):
//!     pool.apply_async(serve, (f"hello {n}", 60_000))
//! time.sleep(0.2)   # no close, no join
//! ```
#![expect(clippy::print_stdout, reason = "an example prints what it does")]

mod common;

use std::thread;
use std::time::Duration;

use sandpool::{Pool, Process, Stdio};

fn main() -> anyhow::Result<()> {
    sandpool::worker_entry();
    let pool = Pool::builder().processes(3).stdio(Stdio::Inherit).build()?;
    let module = pool.load(common::guest("tutorials"))?;
    for n in 0..4 {
        let _handle =
            pool.apply_async::<String>(&module, "serve", (format!("hello {n}"), 60_000u32))?;
    }
    let process = Process::call(&module, "serve")
        .args(("let go", 60_000u32))
        .start()?;
    thread::sleep(Duration::from_millis(200));
    println!("the pool has processes {:?}", pool.worker_pids());
    let pid = process.pid().unwrap_or_default();
    println!("the one that is let go is process {pid}");

    drop(process); // runs on: `active_children` would find it
    drop(pool); // waits until its workers are gone, not for their tasks
    println!("{} left to themselves", sandpool::active_children().len());
    println!("parent ends");
    Ok(())
}
