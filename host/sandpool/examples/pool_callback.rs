//! Ten tasks for a pool of five, and a callback for each result. Tasks run in
//! the workers, callbacks in the parent: look at the process ids.
//!
//! In Python:
//!
//! ```python
//! pool = Pool(5)
//! for n in range(10):
//!     pool.apply_async(add_hundred, (n,), callback=done)
//! pool.close()
//! pool.join()
//! ```
#![expect(clippy::print_stdout, reason = "an example prints what it does")]

mod common;

use std::process;

use sandpool::{Outcome, Pool, Stdio};

/// Gets the whole outcome, so it can be one for failures as well.
fn done(outcome: &Outcome) {
    match &outcome.value {
        Some(value) => println!("callback got {value} (process {})", process::id()),
        None => println!("callback of a task that failed: {outcome}"),
    }
}

fn main() -> anyhow::Result<()> {
    sandpool::worker_entry();
    println!("parent (process {})", process::id());
    let pool = Pool::builder().processes(5).stdio(Stdio::Inherit).build()?;
    let module = pool.load(common::guest("tutorials"))?;
    for n in 0..10u32 {
        let call = pool.call(&module, "add-hundred").arg(n).callback(done);
        // The callback takes the result; nobody needs the handle.
        let _handle = call.apply_async::<u32>()?;
    }
    pool.close();
    pool.join()?; // all callbacks have run
    println!("parent ends (process {})", process::id());
    Ok(())
}
