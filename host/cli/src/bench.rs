//! `sandpool bench`: the price list, which the crate `sandpool-bench` measures.

use std::process::ExitCode;

use sandpool_bench::Bench;

use super::report::{self, Failure, Kind};

/// Measures, and prints what came of it.
pub fn run(command: Bench) -> Result<ExitCode, Failure> {
    let text = command.run().map_err(|failure| match failure {
        sandpool_bench::BenchError::Output(error) => Failure::new(Kind::Usage, error),
        sandpool_bench::BenchError::Pool(error) => Failure::new(Kind::Pool, error),
    })?;
    Ok(report::print(text.as_bytes())?.unwrap_or(ExitCode::SUCCESS))
}
