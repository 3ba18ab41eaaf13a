//! Receiving more than was sent. While somebody still could send, a timeout
//! ends the wait; when nobody can, end-of-file does.
//!
//! In Python, where `recv` has no timeout:
//!
//! ```python
//! ours, theirs = Pipe()
//! p = Process(target=count, args=(theirs, 3))
//! p.start()
//! for _ in range(3):
//!     print(ours.recv())
//! print(ours.poll(0.2))  # False: the parent itself could still send
//! theirs.close()
//! p.join()
//! try:
//!     ours.recv()
//! except EOFError:
//!     print("end of file")
//! ```
#![expect(clippy::print_stdout, reason = "an example prints what it does")]

mod common;

use std::time::Duration;

use sandpool::{Process, SharedError, pipe};

fn main() -> anyhow::Result<()> {
    sandpool::worker_entry();
    let (ours, theirs) = pipe();
    let child = Process::call(common::guest("tutorials"), "count")
        .args((&theirs, 3u32))
        .start()?;
    for _ in 0..3 {
        println!("parent got {}", ours.recv::<u32>()?);
    }

    // The child has sent all it had. But this program holds its side of the
    // pipe too, and for all the pipe knows it could send a fourth one.
    match ours.recv_timeout::<u32>(Duration::from_millis(200)) {
        Err(SharedError::Timeout) => println!("nothing came within 0.2 s"),
        other => println!("unexpected: {other:?}"),
    }

    drop(theirs); // what we should have done once the child was started
    match ours.recv::<u32>() {
        Err(SharedError::EndOfFile) => println!("end of file"),
        other => println!("unexpected: {other:?}"),
    }
    child.join(None)?;
    println!("child left with {}", child.exitcode().unwrap_or_default());
    Ok(())
}
