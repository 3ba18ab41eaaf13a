//! A file that inputs are read from, or stdin, by the name that errors call it.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal, Read};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{FileType, SeekFrom, fstat, seek};
use sandpool::stdio;
use sandpool::value::Utf8;

use super::utf16::Decoder;

use super::counting::Counted;
use crate::report::{self, Failure, Kind};

/// An opened input.
pub struct Stream {
    name: String,
    pub reader: Box<dyn Read + Send>,
    /// Of a file: how much of it there is to read.
    extent: Option<Extent>,
}

/// The readable part of a file.
struct Extent {
    file: Counted,
    /// The number of bytes that inputs were made of.
    taken: Arc<AtomicU64>,
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
    pub fn words(words: &[OsString]) -> Self {
        let lines: Vec<_> = words.iter().map(|word| word.as_bytes()).collect();
        Stream {
            name: "`:::`".to_owned(),
            reader: Box::new(io::Cursor::new(lines.join(&b'\n'))),
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

    /// The stream as text: where a byte order mark says that it is UTF-16, what
    /// is read of it is UTF-8. What is no sound UTF-16 ends it, or is replaced.
    pub fn decoded(mut self, utf8: Utf8) -> Self {
        self.reader = Box::new(Decoder::new(self.reader, utf8));
        self
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// The stream with a buffer, that counts what is taken of it.
    pub fn buffered(self) -> CountedStream {
        CountedStream {
            reader: BufReader::with_capacity(64 << 10, self.reader),
            taken: self.extent.map(|extent| extent.taken),
        }
    }
}

/// The rest of what is a file, be it stdin.
fn extent(file: &impl AsFd) -> Option<Extent> {
    let found = fstat(file).ok()?;
    let is_file = FileType::from_raw_mode(found.st_mode) == FileType::RegularFile;
    let size = u64::try_from(found.st_size).ok()?;
    // It may have been read from before.
    let start = seek(file, SeekFrom::Current(0)).ok()?;
    let bytes = size.saturating_sub(start);
    if !is_file || bytes == 0 {
        return None;
    }
    let file = Arc::new(file.as_fd().try_clone_to_owned().ok()?.into());
    Some(Extent {
        file: Counted { file, start, bytes },
        taken: Arc::default(),
    })
}

/// A stream with a buffer.
pub struct CountedStream {
    reader: BufReader<Box<dyn Read + Send>>,
    taken: Option<Arc<AtomicU64>>,
}

impl Read for CountedStream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(into)?;
        self.count(read);
        Ok(read)
    }
}

impl BufRead for CountedStream {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.reader.fill_buf()
    }

    fn consume(&mut self, bytes: usize) {
        self.count(bytes);
        self.reader.consume(bytes);
    }
}

impl CountedStream {
    fn count(&self, bytes: usize) {
        if let Some(taken) = &self.taken {
            taken.fetch_add(bytes as u64, Ordering::Relaxed);
        }
    }
}

/// The files that all streams are; `None` if one is none.
pub fn files(streams: &[Stream]) -> Option<Vec<Counted>> {
    let file = |stream: &Stream| Some(stream.extent.as_ref()?.file.clone());
    streams.iter().map(file).collect()
}

/// The share of all inputs that was taken so far.
#[derive(Clone, Debug, Default)]
pub struct Share {
    taken: Vec<Arc<AtomicU64>>,
    total: u64,
}

impl Share {
    /// Of streams that are all files; of others it is not known.
    pub fn of(streams: &[Stream]) -> Self {
        let extents: Option<Vec<_>> = streams
            .iter()
            .map(|stream| stream.extent.as_ref())
            .collect();
        let mut share = Share::default();
        for extent in extents.unwrap_or_default() {
            share.total += extent.file.bytes;
            share.taken.push(Arc::clone(&extent.taken));
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
