//! `apply_async` does not wait: the parent has sent all before any is done,
//! and three workers work at once. Beside it is `pool_apply_serial`.
//!
//! In Python:
//!
//! ```python
//! pool = Pool(3)
//! for n in range(4):
//!     pool.apply_async(serve, (f"hello {n}", 200))
//! print("parent has sent all")
//! pool.close()
//! pool.join()
//! ```
#![expect(clippy::print_stdout, reason = "an example prints what it does")]

mod common;

use sandpool::{Pool, Stdio};

fn main() -> anyhow::Result<()> {
    sandpool::worker_entry();
    let pool = Pool::builder().processes(3).stdio(Stdio::Inherit).build()?;
    let module = pool.load(common::guest("tutorials"))?;
    for n in 0..4 {
        let message = format!("hello {n}");
        println!("parent sends {message}");
        // A task runs whether or not somebody keeps its handle.
        let _handle = pool.apply_async::<String>(&module, "serve", (message, 200u32))?;
    }
    println!("parent has sent all");
    pool.close(); // no more tasks
    pool.join()?; // without it, dropping the pool would give the tasks up
    println!("parent ends");
    Ok(())
}
