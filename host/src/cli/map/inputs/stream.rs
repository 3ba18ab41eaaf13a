//! A file that inputs are read from, or stdin, by the name that errors call it.

use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::path::Path;

use crate::cli::report::{self, Failure, Kind};

/// An opened input.
pub struct Stream {
    name: String,
    pub reader: Box<dyn Read + Send>,
}

impl Stream {
    /// Opens a file; `-` is stdin.
    pub fn open(path: &Path, quiet: bool) -> Result<Self, Failure> {
        if path.as_os_str() == "-" {
            if io::stdin().is_terminal() && !quiet {
                report::note("reading the input from the terminal; Ctrl-D ends it");
            }
            return Ok(Stream {
                name: "stdin".to_owned(),
                reader: Box::new(io::stdin()),
            });
        }
        let name = format!("`{}`", path.display());
        match File::open(path) {
            Ok(file) => Ok(Stream {
                name,
                reader: Box::new(file),
            }),
            Err(error) => Err(Failure::new(Kind::Unusable, unreadable(&name, error))),
        }
    }

    #[cfg(test)]
    pub fn of(reader: impl Read + Send + 'static) -> Self {
        Stream {
            name: "test".to_owned(),
            reader: Box::new(reader),
        }
    }

    pub fn name(&self) -> &str {
        &self.name
    }
}

/// The error for a stream of this name that cannot be read on.
pub fn unreadable(name: &str, error: io::Error) -> anyhow::Error {
    anyhow::Error::new(error).context(format!("the input, {name}, cannot be read"))
}
