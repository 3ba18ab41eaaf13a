//! A service whose `main` is tokio's, and whose workers part from it before that.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "what it found is for the test")]

use std::error::Error;

sandpool::worker_entry_before_main!();

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    println!("{}", sandpool_embedder::serve().await?);
    Ok(())
}
