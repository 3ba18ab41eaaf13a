//! Two processes talk through a pipe: each sends, and each receives.
//!
//! In Python:
//!
//! ```python
//! ours, theirs = Pipe()
//! p = Process(target=talk, args=(theirs,))
//! p.start()
//! print(ours.recv())
//! ours.send({"王阳明": "传习录"})
//! print(ours.recv())
//! p.join()
//! ```
#![expect(clippy::print_stdout, reason = "an example prints what it does")]

mod common;

use std::collections::BTreeMap;
use std::process;

use sandpool::{Process, pipe};

fn main() -> anyhow::Result<()> {
    sandpool::worker_entry();
    println!("parent (process {})", process::id());

    let (ours, theirs) = pipe();
    // `theirs` is given away: the child alone has that side now. Should the child end too
    // early, we are told so, instead of waiting for ever.
    let child = Process::call(common::guest("tutorials"), "talk")
        .args((theirs,))
        .start()?;

    let greeting: String = ours.recv()?;
    println!("parent got {greeting} (process {})", process::id());

    ours.send(&BTreeMap::from([("王阳明", "传习录")]))?;
    let answer: String = ours.recv()?;
    println!("parent got {answer} (process {})", process::id());

    child.join(None)?;
    println!("child left with {}", child.exitcode().unwrap_or_default());
    Ok(())
}
