//! A service that calls `worker_entry` first thing in `main`, with an allocator of its
//! own.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "what it found is for the test")]

use std::error::Error;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<(), Box<dyn Error>> {
    sandpool::worker_entry();
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let report = runtime
        .enable_all()
        .build()?
        .block_on(sandpool_embedder::serve())?;
    println!("{report}");
    Ok(())
}
