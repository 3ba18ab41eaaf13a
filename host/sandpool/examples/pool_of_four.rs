//! Twelve tasks that take equally long, on four workers: they come in batches
//! of four.
//!
//! In Python:
//!
//! ```python
//! pool = Pool(4)
//! answers = pool.starmap(serve, [(f"task {n}", 200) for n in range(12)])
//! ```
#![expect(clippy::print_stdout, reason = "an example prints what it does")]

mod common;

use std::time::Instant;

use sandpool::{Pool, Stdio};

fn main() -> anyhow::Result<()> {
    sandpool::worker_entry();
    let pool = Pool::builder().processes(4).stdio(Stdio::Inherit).build()?;
    let module = pool.load(common::guest("tutorials"))?;
    let begin = Instant::now();
    let tasks = (0..12).map(|n| (format!("task {n}"), 200u32));
    for outcome in pool.starmap::<String>(&module, "serve", tasks)? {
        // In the order of the tasks, whichever ended first.
        println!("{}", outcome.value.unwrap_or_default());
    }
    println!("12 tasks of 0.2 s: {:.1} s", begin.elapsed().as_secs_f64());
    Ok(())
}
