//! One process beside this one: it greets three times, while the parent waits.
//!
//! In Python:
//!
//! ```python
//! p = Process(target=greet, args=("小明",))
//! p.start()
//! p.join()
//! ```
#![expect(clippy::print_stdout, reason = "an example prints what it does")]

mod common;

use std::process;

use sandpool::Process;

fn main() -> anyhow::Result<()> {
    sandpool::worker_entry();
    println!("parent (process {})", process::id());

    let child = Process::call(common::guest("tutorials"), "greet")
        .args(("小明",))
        .build();
    println!("{} is alive: {}", child.name(), child.is_alive());

    child.start()?;
    let pid = child.pid().unwrap_or_default();
    println!("{} is alive: {}", child.name(), child.is_alive());

    child.join(None)?;
    let code = child.exitcode().unwrap_or_default();
    println!("{} (process {pid}) left with {code}", child.name());
    println!("parent ends (process {})", process::id());
    Ok(())
}
