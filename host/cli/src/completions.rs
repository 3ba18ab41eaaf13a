//! `sandpool completions`: what a shell has to know to complete this command's
//! words at the tab key.

use std::process::ExitCode;

use clap::Args;
use clap_complete::Shell;

use super::command_line;
use super::report::{self, Failure};

const EXAMPLES: &str = "\
Put the script where your shell looks for completions.

Examples:
  sandpool completions bash > ~/.local/share/bash-completion/completions/sandpool
  sandpool completions zsh > ~/.zfunc/_sandpool      # any folder of $fpath
  sandpool completions fish > ~/.config/fish/completions/sandpool.fish";

/// Print a script with which a shell completes the words of this command
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Completions {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    pub fn run(self) -> Result<ExitCode, Failure> {
        // It panics where it cannot write, so it writes into memory.
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut command_line(), "sandpool", &mut script);
        Ok(report::print(&script)?.unwrap_or(ExitCode::SUCCESS))
    }
}
