//! `apply` waits for its result: of a pool of three, only one worker ever has
//! something to do. Beside it is `pool_apply_async`, which does not wait.
//!
//! In Python:
//!
//! ```python
//! pool = Pool(3)
//! for n in range(4):
//!     pool.apply(serve, (f"hello {n}", 200))
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
        let answer: String = pool.apply(&module, "serve", (message, 200u32))?;
        println!("parent got: {answer}");
    }
    println!("parent has sent all");
    pool.close();
    pool.join()?;
    println!("parent ends");
    Ok(())
}
