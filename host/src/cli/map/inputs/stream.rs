//! A file that inputs are read from, or stdin, by the name that errors call it.

use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal, Read};
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{FileType, fstat};
use sandpool::stdio;

use crate::cli::report::{self, Failure, Kind};

/// An opened input.
pub struct Stream {
    name: String,
    pub reader: Box<dyn Read + Send>,
    /// Of a file: its bytes, and how many of them inputs were made of.
    extent: Option<(u64, Arc<AtomicU64>)>,
}

impl Stream {
    /// Opens a file; `-` is stdin, as are its own names.
    pub fn open(path: &Path, quiet: bool) -> Result<Self, Failure> {
        if stdio::is_stdin(path) {
            if io::stdin().is_terminal() && !quiet {
                report::note("reading the input from the terminal; Ctrl-D ends it");
            }
            let stdin = stdio::stdin()
                .map_err(|error| Failure::new(Kind::Unusable, unreadable("stdin", error)))?;
            return Ok(Stream {
                name: "stdin".to_owned(),
                extent: extent(&io::stdin()),
                reader: Box::new(stdin),
            });
        }
        let name = format!("`{}`", path.display());
        match File::open(path) {
            Ok(file) => Ok(Stream {
                name,
                extent: extent(&file),
                reader: Box::new(file),
            }),
            Err(error) => Err(Failure::new(Kind::Unusable, unreadable(&name, error))),
        }
    }

    /// Words of the command line, each a line.
    pub fn words(words: &[String]) -> Self {
        Stream {
            name: "`:::`".to_owned(),
            reader: Box::new(io::Cursor::new(words.join("\n").into_bytes())),
            extent: None,
        }
    }

    #[cfg(test)]
    pub fn of(reader: impl Read + Send + 'static) -> Self {
        Stream {
            name: "test".to_owned(),
            reader: Box::new(reader),
            extent: None,
        }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// The stream with a buffer, that counts what is taken of it.
    pub fn buffered(self) -> Counted {
        Counted {
            reader: BufReader::with_capacity(64 << 10, self.reader),
            taken: self.extent.map(|(_, taken)| taken),
        }
    }
}

/// The bytes of what is a file, be it stdin, and a counter for them.
fn extent(file: &impl AsFd) -> Option<(u64, Arc<AtomicU64>)> {
    let found = fstat(file).ok()?;
    let is_file = FileType::from_raw_mode(found.st_mode) == FileType::RegularFile;
    let size = u64::try_from(found.st_size).ok()?;
    (is_file && size > 0).then(|| (size, Arc::default()))
}

/// A stream with a buffer.
pub struct Counted {
    reader: BufReader<Box<dyn Read + Send>>,
    taken: Option<Arc<AtomicU64>>,
}

impl Read for Counted {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(into)?;
        self.count(read);
        Ok(read)
    }
}

impl BufRead for Counted {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.reader.fill_buf()
    }

    fn consume(&mut self, bytes: usize) {
        self.count(bytes);
        self.reader.consume(bytes);
    }
}

impl Counted {
    fn count(&self, bytes: usize) {
        if let Some(taken) = &self.taken {
            taken.fetch_add(bytes as u64, Ordering::Relaxed);
        }
    }
}

/// How much of all inputs was taken by now.
#[derive(Clone, Debug, Default)]
pub struct Share {
    taken: Vec<Arc<AtomicU64>>,
    total: u64,
}

impl Share {
    /// Of streams that are all files; of others it is not known.
    pub fn of(streams: &[Stream]) -> Self {
        let extents: Option<Vec<_>> = streams.iter().map(|stream| stream.extent.clone()).collect();
        let mut share = Share::default();
        for (size, taken) in extents.unwrap_or_default() {
            share.total += size;
            share.taken.push(taken);
        }
        share
    }

    #[cfg(test)]
    pub fn read(taken: u64, total: u64) -> Self {
        Share {
            taken: vec![Arc::new(AtomicU64::new(taken))],
            total,
        }
    }

    /// From 0 to 1.
    pub fn now(&self) -> Option<f64> {
        if self.total == 0 {
            return None;
        }
        let taken = self.taken.iter().map(|taken| taken.load(Ordering::Relaxed));
        let taken: u64 = taken.sum();
        // A file may grow meanwhile.
        Some((taken as f64 / self.total as f64).min(1.0))
    }
}

/// The error for a stream of this name that cannot be read on.
pub fn unreadable(name: &str, error: io::Error) -> anyhow::Error {
    anyhow::Error::new(error).context(format!("the input, {name}, cannot be read"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn how_much_of_a_file_was_taken_is_known_to_the_byte() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&[b'x'; 100]).unwrap();
        let open = || Stream::open(file.path(), true).unwrap();
        let streams = vec![open(), open()];
        let share = Share::of(&streams);
        let mut first = streams.into_iter().next().unwrap().buffered();
        assert_eq!(share.now(), Some(0.0));
        first.read_exact(&mut [0; 50]).unwrap();
        first.consume(50);
        assert_eq!(share.now(), Some(0.5));
        assert_eq!(Share::of(&[open(), Stream::of(&b"x"[..])]).now(), None);
    }
}
