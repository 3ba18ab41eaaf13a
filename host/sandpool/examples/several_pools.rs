//! Two pools side by side, and a process beside them. Each has workers of its
//! own, which none of the others uses.
//!
//! In Python:
//!
//! ```python
//! left, right = Pool(2), Pool(2)
//! for n in range(4):
//!     left.apply_async(serve, (f"left {n}", 100))
//!     right.apply_async(serve, (f"right {n}", 100))
//! ```
#![expect(clippy::print_stdout, reason = "an example prints what it does")]

mod common;

use sandpool::{Pool, Process, Stdio};

fn main() -> anyhow::Result<()> {
    sandpool::worker_entry();
    let two = || Pool::builder().processes(2).stdio(Stdio::Inherit).build();
    let (left, right) = (two()?, two()?);
    // A module that one pool has loaded works in all pools with the same settings.
    let module = left.load(common::guest("tutorials"))?;
    for n in 0..4 {
        for (pool, name) in [(&left, "left"), (&right, "right")] {
            let call = pool
                .call(&module, "serve")
                .args((format!("{name} {n}"), 100u32));
            let _handle = call.apply_async::<String>()?;
        }
    }
    let alone = Process::call(&module, "serve")
        .args(("alone", 100u32))
        .start()?;

    left.close();
    left.join()?;
    println!("left has ended");
    right.close();
    right.join()?;
    println!("right has ended");
    alone.join(None)?;
    println!("alone has ended");
    Ok(())
}
