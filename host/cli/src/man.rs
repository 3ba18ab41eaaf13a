//! `sandpool man`: the manual's pages, made of the same texts as `--help`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Command};
use clap_mangen::roff::{Roff, roman};

use super::command_line;
use super::report::{self, Failure, Kind};

const EXAMPLES: &str = "\
Examples:
  sandpool man | man -l -
  sandpool man map | man -l -
  sandpool man --dir ~/.local/share/man/man1      # then: man sandpool-map";

/// Print a page of the manual, or write all pages into a folder
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Man {
    /// The command to print the page of [default: an overview of all]
    command: Option<String>,
    /// Write all pages into this folder, which is created if it does not exist
    #[arg(long, conflicts_with = "command")]
    dir: Option<PathBuf>,
}

impl Man {
    pub fn run(self) -> Result<ExitCode, Failure> {
        let mut all = command_line().disable_help_subcommand(true);
        all.build();
        if let Some(folder) = &self.dir {
            write_all(&all, folder)
                .with_context(|| {
                    format!("the manual cannot be written into `{}`", folder.display())
                })
                .map_err(|error| Failure::new(Kind::Pool, error))?;
            return Ok(ExitCode::SUCCESS);
        }
        let command = match &self.command {
            None => &all,
            Some(name) => all
                .find_subcommand(name)
                .ok_or_else(|| Failure::usage(format!("there is no command `{name}`")))?,
        };
        let page = page(command).map_err(report::stdout_failure)?;
        Ok(report::print(&page)?.unwrap_or(ExitCode::SUCCESS))
    }
}

fn write_all(all: &Command, folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    for command in [all].into_iter().chain(all.get_subcommands()) {
        let name = clap_mangen::Man::new(command.clone()).get_filename();
        fs::write(folder.join(name), page(command)?)?;
    }
    Ok(())
}

/// The text after the options in `--help`, its examples above all, is laid out by
/// lines; clap_mangen would run these lines together.
fn page(command: &Command) -> io::Result<Vec<u8>> {
    let man = clap_mangen::Man::new(command.clone())
        // No date, since a build has none that is the same everywhere; one that
        // is empty would be left out, and the next word taken for it.
        .date(" ")
        .source(concat!("sandpool ", env!("CARGO_PKG_VERSION")))
        .manual("sandpool");
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page)?;
    }
    let rest = command.get_after_help().map(ToString::to_string);
    notes(&rest.unwrap_or_default()).to_writer(&mut page)?;
    Ok(page)
}

/// Paragraphs, of which the lines that are indented stay lines.
fn notes(text: &str) -> Roff {
    let mut roff = Roff::new();
    if !text.is_empty() && !text.starts_with("Examples:") {
        roff.control("SH", ["NOTES"]);
    }
    let mut as_it_is = false;
    for line in text.lines() {
        if line.starts_with(' ') != as_it_is {
            as_it_is = !as_it_is;
            roff.control(if as_it_is { "nf" } else { "fi" }, []);
        }
        match line {
            "" => roff.control("PP", []),
            "Examples:" => roff.control("SH", ["EXAMPLES"]),
            line => roff.text([roman(line)]),
        };
    }
    if as_it_is {
        roff.control("fi", []);
    }
    roff
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_keep_their_lines_and_prose_does_not() {
        let text = "One\ntwo.\n\nExamples:\n  a -b\n  .c\n\nEnd";
        let page = notes(text).render();
        let wanted =
            ".SH NOTES\nOne\ntwo.\n.PP\n.SH EXAMPLES\n.nf\n  a \\-b\n  .c\n.fi\n.PP\nEnd\n";
        assert!(page.ends_with(wanted), "{page}");
    }
}
