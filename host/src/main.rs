//! The `sandpool` command. The same binary is its own worker and compiler: the
//! library starts it again under a hidden subcommand.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    // Does not return in a child process.
    sandpool::worker_entry();
    cli::main()
}
