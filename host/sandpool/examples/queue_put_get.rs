//! A child puts something into a queue, and the parent gets it. The queue is an
//! argument like any other: to the child it is the name by which it opens it.
//!
//! In Python:
//!
//! ```python
//! q = Queue()
//! p = Process(target=put_some, args=(q,))
//! p.start()
//! print(q.get())  # [1, '2sdf']
//! p.join()
//! ```
#![expect(clippy::print_stdout, reason = "an example prints what it does")]

mod common;

use std::process;

use sandpool::{Process, Queue};

fn main() -> anyhow::Result<()> {
    sandpool::worker_entry();
    println!("parent (process {})", process::id());

    // Its items are JSON: guests in any language can read and write it.
    let queue: Queue<(u32, String)> = Queue::new(0);
    let child = Process::call(common::guest("tutorials"), "put-some")
        .args((&queue,))
        .start()?;

    let (number, text) = queue.get()?; // waits until there is something
    println!("parent got {number} and {text} (process {})", process::id());

    child.join(None)?;
    println!("items left: {}", queue.qsize());
    Ok(())
}
