//! Streams from and into files, without another thread.
//!
//! wasmtime-wasi reads ahead and writes behind on threads of its own, which a worker must
//! not start. A file is always ready, so these streams do their work at once.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::Bytes;
use rustix::io::{Errno, ReadWriteFlags, pwritev2};
use wasmtime_wasi::async_trait;
use wasmtime_wasi::filesystem;
use wasmtime_wasi::p2::{InputStream, OutputStream, Pollable, StreamError, StreamResult};

use super::output::write_zeros;

/// The number of bytes that are read at once from a file that does not tell its length.
const MIN_READ: u64 = 64 * 1024;

fn failed(error: io::Error) -> StreamError {
    StreamError::LastOperationFailed(error.into())
}

/// Reads a file from an offset on.
pub(super) struct FileReader {
    file: Arc<File>,
    offset: u64,
    /// The highest number of bytes that one call reads.
    at_once: u64,
}

impl FileReader {
    pub(super) fn new(file: &filesystem::File, offset: u64, at_once: u64) -> Self {
        FileReader {
            file: Arc::clone(&file.file),
            offset,
            at_once,
        }
    }
}

/// Reads all the bytes that were asked for, if the file has them: guests take fewer bytes
/// for the end of the file.
pub(super) fn read_whole(file: &File, offset: u64, size: u64, at_once: u64) -> io::Result<Vec<u8>> {
    let left = file.metadata()?.len().saturating_sub(offset);
    let room = size.min(left.max(MIN_READ)).min(at_once.max(1));
    let mut buffer = vec![0; usize::try_from(room).unwrap_or(usize::MAX)];
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read_at(&mut buffer[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // Hands over the bytes that were read; the next call meets the error.
            Err(_) if filled > 0 => break,
            Err(error) => return Err(error),
        }
    }
    buffer.truncate(filled);
    Ok(buffer)
}

#[async_trait]
impl Pollable for FileReader {
    async fn ready(&mut self) {}
}

#[async_trait]
impl InputStream for FileReader {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        if size == 0 {
            return Ok(Bytes::new());
        }
        let bytes = read_whole(&self.file, self.offset, size as u64, self.at_once);
        let bytes = bytes.map_err(failed)?;
        if bytes.is_empty() {
            return Err(StreamError::Closed);
        }
        self.offset += bytes.len() as u64;
        Ok(bytes.into())
    }
}

/// Writes into a file, from an offset on or at its end.
pub(super) struct FileWriter {
    file: Arc<File>,
    /// The offset; `None` for the end, wherever it is at the time.
    offset: Option<u64>,
    broken: bool,
    /// The highest number of bytes that one call writes.
    at_once: u64,
}

impl FileWriter {
    pub(super) fn new(file: &filesystem::File, offset: Option<u64>, at_once: u64) -> Self {
        FileWriter {
            file: Arc::clone(&file.file),
            offset,
            broken: false,
            at_once,
        }
    }

    fn write_all(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let written = match &mut self.offset {
                Some(offset) => {
                    let written = self.file.write_at(bytes, *offset);
                    *offset += written.as_ref().map_or(0, |written| *written as u64);
                    written
                }
                None => append(&self.file, bytes),
            };
            match written {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => bytes = &bytes[written..],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Writes at the end of a file that was not opened for appending.
fn append(file: &File, bytes: &[u8]) -> io::Result<usize> {
    let parts = [io::IoSlice::new(bytes)];
    match pwritev2(file, &parts, 0, ReadWriteFlags::APPEND) {
        // Some filesystems have no appending write. Only this process's guest writes here,
        // so the end does not move in between.
        Err(Errno::NOSYS | Errno::NOTSUP) => file.write_at(bytes, file.metadata()?.len()),
        written => Ok(written?),
    }
}

#[async_trait]
impl Pollable for FileWriter {
    async fn ready(&mut self) {}
}

#[async_trait]
impl OutputStream for FileWriter {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        if self.broken {
            return Err(StreamError::Closed);
        }
        self.write_all(&bytes).map_err(|error| {
            self.broken = true;
            failed(error)
        })
    }

    fn flush(&mut self) -> StreamResult<()> {
        match self.broken {
            true => Err(StreamError::Closed),
            false => Ok(()),
        }
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        let at_once = usize::try_from(self.at_once).unwrap_or(usize::MAX);
        self.flush().map(|()| at_once)
    }

    fn write_zeroes(&mut self, count: usize) -> StreamResult<()> {
        write_zeros(self, count)
    }
}
