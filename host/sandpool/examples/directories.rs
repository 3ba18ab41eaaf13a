//! A task for each of many directories, each granted that one alone. What
//! another task reads, it cannot even see.
//!
//! In Python (where every process may read everything):
//!
//! ```python
//! with Pool(3) as pool:
//!     pool.map(count_files, directories)
//! ```
#![expect(clippy::print_stdout, reason = "an example prints what it does")]

mod common;

use std::fs;

use sandpool::{DirGrant, Grants, Pool, Stdio};

fn main() -> anyhow::Result<()> {
    sandpool::worker_entry();
    let folder = tempfile::tempdir()?;
    let names = ["apples", "pears", "plums", "quinces"];
    let mut builder = Pool::builder().processes(3).stdio(Stdio::Inherit);
    for (files, name) in (1..).zip(names) {
        let host = folder.path().join(name);
        fs::create_dir(&host)?;
        for n in 0..files {
            fs::write(host.join(format!("{n}.txt")), "")?;
        }
        let guest = format!("/{name}");
        let writable = false;
        builder = builder.dir(DirGrant {
            host,
            guest,
            writable,
        });
    }
    let pool = builder.build()?;
    let module = pool.load(common::guest("tutorials"))?;

    // A task may read `granted`, and counts the files of `asked`.
    let count = |granted: &str, asked: &str| {
        let grants = Grants::none().dir(format!("/{granted}"));
        let call = pool.call(&module, "count-files").grants(grants);
        call.arg(format!("/{asked}")).apply_async::<u32>()
    };
    let counts = names.map(|name| count(name, name));
    for (name, result) in names.iter().zip(counts) {
        println!("{name}: {}", result?.get(None)?);
    }
    let outcome = count("apples", "pears")?.outcome(None)?;
    let refused = outcome.refused().unwrap_or_default();
    println!(
        "pears, with a grant for apples: {}, refused {refused}",
        outcome.verdict
    );
    Ok(())
}
