//! A service that calls `worker_entry` where tokio has started its threads.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "what it found is for the test")]

use std::error::Error;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    sandpool::worker_entry();
    println!("{}", sandpool_embedder::serve().await?);
    Ok(())
}
