//! Standard output, where it is a file that results are appended to: a run that
//! is gone on with takes back what a kill left there beyond its log.

use std::io;

use rustix::fs::{FileType, OFlags, SeekFrom, fcntl_getfl, fstat, ftruncate, seek};

use crate::cli::report::{Failure, Kind};

/// Where stdout stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    device: u64,
    inode: u64,
    size: u64,
    offset: u64,
}

impl Place {
    /// The place in the file that stdout is; `None` if it is none.
    pub fn of_stdout() -> Option<Self> {
        let stdout = io::stdout();
        let found = fstat(&stdout).ok()?;
        if FileType::from_raw_mode(found.st_mode) != FileType::RegularFile {
            return None;
        }
        let size = u64::try_from(found.st_size).ok()?;
        let appends = fcntl_getfl(&stdout).ok()?.contains(OFlags::APPEND);
        let offset = match appends {
            true => size,
            false => seek(&stdout, SeekFrom::Current(0)).ok()?,
        };
        Some(Place {
            device: found.st_dev,
            inode: found.st_ino,
            size,
            offset,
        })
    }

    pub fn offset(self) -> u64 {
        self.offset
    }

    /// What a log calls it.
    pub fn name(self) -> String {
        format!("stdout {}:{}", self.device, self.inode)
    }

    /// Takes back what is behind the results that a log of this file knows.
    /// Says how many bytes that were.
    pub fn take_back(&mut self, known: u64) -> Result<u64, Failure> {
        if self.size < known {
            return Err(Failure::unusable(
                "the file that stdout is was cut since the log was written: results that the log \
                 knows are gone from it",
            )
            .hint("`>>` appends to a file; without the log, all is run anew"));
        }
        let beyond = self.size - known;
        if beyond > 0 {
            let stdout = io::stdout();
            ftruncate(&stdout, known)
                .and_then(|()| seek(&stdout, SeekFrom::Start(known)))
                .map_err(|error| {
                    let error = anyhow::Error::new(io::Error::from(error));
                    let text = "what a kill left in the file that stdout is cannot be taken back";
                    Failure::new(Kind::Pool, error.context(text))
                })?;
        }
        (self.size, self.offset) = (known, known);
        Ok(beyond)
    }
}
