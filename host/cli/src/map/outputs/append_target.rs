//! A file of results that is gone on with: a run takes back what a kill left there
//! beyond its log.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, OFlags, SeekFrom, fcntl_getfl, fstat, ftruncate, seek, stat};

use crate::report::{Failure, Kind};

/// Returns the name of a file of results in a log.
pub fn name_in_log(path: &Path) -> String {
    format!("file {}", path.display())
}

/// Where a file stands.
#[derive(Debug)]
pub struct AppendTarget {
    file: OwnedFd,
    path: PathBuf,
    /// Its name in errors.
    shown: String,
    size: u64,
    offset: u64,
    /// True if it was made for this run.
    is_new: bool,
}

impl AppendTarget {
    /// The place in an open file; `None` if it is none that can be cut.
    pub fn of(file: impl AsFd, path: &Path, shown: String) -> Option<Self> {
        let file = file.as_fd().try_clone_to_owned().ok()?;
        let found = fstat(&file).ok()?;
        if FileType::from_raw_mode(found.st_mode) != FileType::RegularFile {
            return None;
        }
        let size = u64::try_from(found.st_size).ok()?;
        let appends = fcntl_getfl(&file).ok()?.contains(OFlags::APPEND);
        let offset = match appends {
            true => size,
            false => seek(&file, SeekFrom::Current(0)).ok()?,
        };
        Some(AppendTarget {
            file,
            path: path.to_owned(),
            shown,
            size,
            offset,
            is_new: false,
        })
    }

    /// The place in a file that was not there before, if that is so.
    pub fn of_new(self, is_new: bool) -> Self {
        AppendTarget { is_new, ..self }
    }

    /// Returns whether it was not there before.
    pub fn is_new(&self) -> bool {
        self.is_new
    }

    pub fn offset(&self) -> u64 {
        self.offset
    }

    pub fn size(&self) -> u64 {
        self.size
    }

    /// Returns whether a file of this name, or what it links to, is this one.
    pub fn is_of(&self, path: &Path) -> bool {
        match (fstat(&self.file), stat(path)) {
            (Ok(ours), Ok(other)) => (ours.st_dev, ours.st_ino) == (other.st_dev, other.st_ino),
            _ => false,
        }
    }

    /// Returns its name in errors.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// Returns its name in a log.
    pub fn name(&self) -> String {
        name_in_log(&self.path)
    }

    /// Where it is found, to be read.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Takes back what is behind the results that a log of this file knows. Says how
    /// many bytes that were.
    pub fn take_back(&mut self, known: u64) -> Result<u64, Failure> {
        let Some(beyond) = self.size.checked_sub(known) else {
            return Err(Failure::unusable(format!(
                "{} was cut while the log was read: results that the log lists are missing from it",
                self.shown
            )));
        };
        if beyond > 0 {
            ftruncate(&self.file, known)
                .and_then(|()| seek(&self.file, SeekFrom::Start(known)))
                .map_err(|error| {
                    let error = anyhow::Error::new(io::Error::from(error));
                    let text = format!(
                        "the end of {}, which a killed run left unfinished, cannot be cut off",
                        self.shown
                    );
                    Failure::new(Kind::Pool, error.context(text))
                })?;
            (self.size, self.offset) = (known, known);
        }
        Ok(beyond)
    }
}
