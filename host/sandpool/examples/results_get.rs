//! Collects the handles first, and asks for the results when all is over.
//!
//! In Python:
//!
//! ```python
//! results = [pool.apply_async(serve, (f"hello {n}", 200)) for n in range(3)]
//! pool.close()
//! pool.join()
//! for result in results:
//!     print(result.get())
//! ```
#![expect(clippy::print_stdout, reason = "an example prints what it does")]

mod common;

use sandpool::{AsyncResult, Pool, Stdio};

fn main() -> anyhow::Result<()> {
    sandpool::worker_entry();
    let pool = Pool::builder().processes(3).stdio(Stdio::Inherit).build()?;
    let module = pool.load(common::guest("tutorials"))?;
    let mut results: Vec<AsyncResult<String>> = Vec::new();
    for n in 0..3 {
        results.push(pool.apply_async(&module, "serve", (format!("hello {n}"), 200u32))?);
    }
    pool.close();
    pool.join()?; // nobody dead-locks by joining before reading
    println!("all tasks have ended");
    for result in &results {
        println!("result: {}", result.get(None)?);
    }
    Ok(())
}
