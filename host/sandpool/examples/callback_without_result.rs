//! A function that returns nothing has a result, too: the unit value, which is
//! what its callback gets. Python's gets `None`.
//!
//! In Python:
//!
//! ```python
//! pool = Pool(2)
//! for n in range(4):
//!     pool.apply_async(show, (f"message {n}",), callback=done)
//! pool.close()
//! pool.join()
//! ```
#![expect(clippy::print_stdout, reason = "an example prints what it does")]

mod common;

use std::process;

use sandpool::{Outcome, Pool, Stdio};

fn done(outcome: &Outcome) {
    let value: Option<()> = outcome.clone().typed().value;
    let value = value.map_or("none, it failed".to_owned(), |unit| format!("{unit:?}"));
    println!("callback got {value} (process {})", process::id());
}

fn main() -> anyhow::Result<()> {
    sandpool::worker_entry();
    println!("parent (process {})", process::id());
    let pool = Pool::builder().processes(2).stdio(Stdio::Inherit).build()?;
    let module = pool.load(common::guest("tutorials"))?;
    for n in 0..4 {
        let call = pool.call(&module, "show").arg(format!("message {n}"));
        let _handle = call.callback(done).apply_async::<()>()?;
    }
    pool.close();
    pool.join()?;
    println!("parent ends (process {})", process::id());
    Ok(())
}
