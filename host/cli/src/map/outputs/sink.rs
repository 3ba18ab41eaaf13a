//! The writer of results: large pieces, and where the next one begins.

use std::io::{self, BufWriter, Write};

/// A buffered writer that knows its place in a file.
pub struct Sink {
    out: BufWriter<Box<dyn Write>>,
    /// Where the next byte goes, in a file.
    offset: Option<u64>,
}

impl Sink {
    /// Writes to `out`, which is a file at this offset, if it is one.
    pub fn new(out: Box<dyn Write>, offset: Option<u64>) -> Self {
        Sink {
            out: BufWriter::with_capacity(64 << 10, out),
            offset,
        }
    }

    pub fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)?;
        self.offset = self.offset.map(|offset| offset + bytes.len() as u64);
        Ok(())
    }

    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    pub fn offset(&self) -> Option<u64> {
        self.offset
    }
}
