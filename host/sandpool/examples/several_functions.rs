//! Four different functions in one pool of four, which sleep for times of
//! different length: they end in another order than they began.
//!
//! In Python:
//!
//! ```python
//! pool = Pool(4)
//! for function in [lee, marlon, allen, frank]:
//!     pool.apply_async(function)
//! print("waiting for all of them ...")
//! pool.close()
//! pool.join()
//! ```
#![expect(clippy::print_stdout, reason = "an example prints what it does")]

mod common;

use std::process;

use sandpool::{Pool, Stdio};

fn main() -> anyhow::Result<()> {
    sandpool::worker_entry();
    println!("parent (process {})", process::id());
    let pool = Pool::builder().processes(4).stdio(Stdio::Inherit).build()?;
    let module = pool.load(common::guest("tutorials"))?;
    for function in ["lee", "marlon", "allen", "frank"] {
        let _handle = pool.apply_async::<()>(&module, function, ())?;
    }
    println!("waiting for all of them ...");
    pool.close();
    pool.join()?;
    println!("all have ended");
    Ok(())
}
