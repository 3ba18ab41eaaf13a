//! Ten tasks that sleep for random times, on three workers: as one ends, the
//! next begins, and there are never more than three at once.
//!
//! In Python:
//!
//! ```python
//! pool = Pool(3)
//! for n in range(10):
//!     pool.apply_async(nap, (n,))
//! print("---- start ----")
//! pool.close()
//! pool.join()
//! print("---- end ----")
//! ```
#![expect(clippy::print_stdout, reason = "an example prints what it does")]

mod common;

use std::time::Instant;

use sandpool::{Pool, Stdio};

fn main() -> anyhow::Result<()> {
    sandpool::worker_entry();
    let pool = Pool::builder().processes(3).stdio(Stdio::Inherit).build()?;
    let module = pool.load(common::guest("tutorials"))?;
    let begin = Instant::now();
    for n in 0..10u32 {
        let _handle = pool.apply_async::<()>(&module, "nap", (n,))?;
    }
    println!("---- start ----");
    pool.close();
    pool.join()?;
    println!(
        "---- end, after {:.2} s ----",
        begin.elapsed().as_secs_f64()
    );
    Ok(())
}
