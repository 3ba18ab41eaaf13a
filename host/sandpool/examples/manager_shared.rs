//! Five processes write into one list and one dictionary, and the parent reads
//! what they wrote.
//!
//! In Python:
//!
//! ```python
//! with Manager() as manager:
//!     signatures, names = manager.list(), manager.dict()
//!     ps = [Process(target=sign, args=(signatures, names)) for _ in range(5)]
//!     for p in ps: p.start()
//!     for p in ps: p.join()
//!     print(signatures)
//!     print(names)
//! ```
#![expect(clippy::print_stdout, reason = "an example prints what it does")]

mod common;

use std::process;

use sandpool::{Dict, List, Manager, Process};

fn main() -> anyhow::Result<()> {
    sandpool::worker_entry();
    println!("parent (process {})", process::id());

    // There is no process behind a manager: its objects live in this one.
    let manager = Manager::new();
    let signatures: List<u32> = manager.list();
    let names: Dict<u32> = manager.dict();

    let module = common::guest("tutorials");
    let start = |_| {
        let process = Process::call(&module, "sign");
        process.args((&signatures, &names)).start()
    };
    let children: Vec<Process> = (0..5).map(start).collect::<Result<_, _>>()?;
    for child in &children {
        child.join(None)?;
    }

    println!("list: {:?}", signatures.items()?);
    println!("dict: {:?}", names.items()?);
    Ok(())
}
