//! Where results are written: stdout, a file that is put in place once it is
//! whole, or one that grows where it is, because a log makes it possible to go on
//! with it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, IsTerminal as _, Seek as _, SeekFrom, Write};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use super::draft::{Draft, folder_of};
use super::place::Place;
use crate::cli::report::{self, Failure, Kind};
use crate::cli::screen::BesideBar;

/// What happens to a file that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeping {
    /// It stays as it is until the new one is whole.
    UntilTheEnd,
    /// It is gone on with, or emptied, as a log tells.
    AsTheLogTells,
}

/// Where results are written.
pub enum Destination {
    Stdout,
    /// A file that is to be put there.
    Draft {
        draft: Draft,
        path: PathBuf,
    },
    /// The file itself, or what else has that name: a pipe, a device.
    Itself {
        file: File,
        path: PathBuf,
        made: Option<Made>,
    },
}

/// A file that was not there before. If nothing comes of it, it is not there
/// afterwards either.
pub struct Made(PathBuf);

impl Drop for Made {
    fn drop(&mut self) {
        if fs::metadata(&self.0).is_ok_and(|file| file.len() == 0) {
            let _ = fs::remove_file(&self.0);
        }
    }
}

impl Destination {
    /// Opens what `--output` names, stdout if it is not given.
    pub fn open(path: Option<&Path>, keeping: Keeping) -> Result<Self, Failure> {
        let Some(path) = path else {
            report::stdout_is_open().map_err(report::stdout_failure)?;
            return Ok(Destination::Stdout);
        };
        Self::open_file(path, keeping).map_err(|error| unwritable(&shown(path), error))
    }

    fn open_file(path: &Path, keeping: Keeping) -> io::Result<Self> {
        let real = real_path(path);
        let there = match fs::metadata(&real) {
            Ok(there) => Some(there),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let ordinary = there.as_ref().is_none_or(fs::Metadata::is_file);
        if keeping == Keeping::UntilTheEnd && ordinary {
            let draft = Draft::of(&real)?;
            return Ok(Destination::Draft { draft, path: real });
        }
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            // Not before it is sure that the run begins.
            .truncate(false)
            .open(&real)?;
        if keeping == Keeping::AsTheLogTells && ordinary {
            // Each would cut off, or write over, what the other has written.
            flock(&file, FlockOperation::NonBlockingLockExclusive)
                .map_err(|_| io::Error::other("another run is writing there"))?;
            file.seek(SeekFrom::End(0))?;
        }
        let made = there.is_none().then(|| Made(real.clone()));
        Ok(Destination::Itself {
            file,
            path: real,
            made,
        })
    }

    /// What results are written to.
    pub fn writer(&self) -> Result<Box<dyn Write>, Failure> {
        let (file, path) = match self {
            Destination::Stdout => return Ok(Box::new(BesideBar::stdout())),
            Destination::Draft { draft, path } => (draft.file(), path),
            Destination::Itself { file, path, .. } => (file, path),
        };
        match file.try_clone() {
            Ok(file) => Ok(Box::new(file)),
            Err(error) => Err(unwritable(&shown(path), error)),
        }
    }

    /// Where a run that is gone on with begins to write, if it is a file.
    pub fn place(&self) -> Option<Place> {
        match self {
            // Others may write there as well: it is never cut. A file of nobody's
            // but ours comes whole or not at all.
            Destination::Stdout | Destination::Draft { .. } => None,
            Destination::Itself { file, path, .. } => {
                // It may not have been there when it was named.
                let real = fs::canonicalize(path);
                let real = real.as_ref().unwrap_or(path);
                Place::of(file, format!("file {}", real.display()), shown(path))
            }
        }
    }

    /// What errors call it.
    pub fn name(&self) -> String {
        match self {
            Destination::Stdout => "stdout".to_owned(),
            Destination::Draft { path, .. } | Destination::Itself { path, .. } => shown(path),
        }
    }

    /// Whether a person reads it, whose terminal no task may steer.
    pub fn is_terminal(&self) -> bool {
        match self {
            Destination::Stdout => io::stdout().is_terminal(),
            Destination::Draft { .. } => false,
            Destination::Itself { file, .. } => file.is_terminal(),
        }
    }

    /// The file that grows where it is, if it is one.
    pub fn growing(&self) -> Option<&Path> {
        match self {
            Destination::Itself { file, path, .. } => {
                let is_file = file.metadata().is_ok_and(|file| file.is_file());
                is_file.then_some(path)
            }
            _ => None,
        }
    }

    /// All results are written: puts the file in its place.
    pub fn finish(self) -> Result<(), Failure> {
        match self {
            Destination::Stdout => Ok(()),
            Destination::Draft { draft, path } => draft
                .put(&path)
                .map_err(|error| unwritable(&shown(&path), error)),
            Destination::Itself { made, .. } => {
                // Of no input there are no results, and they are in that file.
                std::mem::forget(made);
                Ok(())
            }
        }
    }

    /// Not all results are there: leaves the old file as it is, and those there
    /// are beside it. Says where.
    pub fn leave(self) -> Result<Option<PathBuf>, Failure> {
        let Destination::Draft { draft, path } = self else {
            return Ok(None);
        };
        if draft.file().metadata().is_ok_and(|file| file.len() == 0) {
            return Ok(None);
        }
        let mut partial = path.into_os_string();
        partial.push(".partial");
        let partial = PathBuf::from(partial);
        match draft.put(&partial) {
            Ok(()) => Ok(Some(partial)),
            Err(error) => Err(unwritable(&shown(&partial), error)),
        }
    }
}

/// The file that is meant, by the name that it has everywhere: a link stays one,
/// and what it points to is replaced.
fn real_path(path: &Path) -> PathBuf {
    if let Ok(real) = fs::canonicalize(path) {
        return real;
    }
    // It is not there yet; the folder is.
    let folder = fs::canonicalize(folder_of(path)).ok();
    match (folder, path.file_name()) {
        (Some(folder), Some(name)) => folder.join(name),
        _ => path.to_owned(),
    }
}

fn shown(path: &Path) -> String {
    format!("`{}`", path.display())
}

/// The failure of something of this name that cannot be written.
pub fn unwritable(name: &str, error: io::Error) -> Failure {
    let text = format!("{name} cannot be written");
    Failure::new(Kind::Pool, anyhow::Error::new(error).context(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn written(path: &Path, keeping: Keeping) -> Destination {
        let destination = Destination::open(Some(path), keeping).unwrap();
        let mut writer = destination.writer().unwrap();
        writer.write_all(b"new").unwrap();
        destination
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let name = |entry: io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string();
        let mut names: Vec<_> = entries.map(|entry| name(entry).unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_whole_or_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let destination = written(&path, Keeping::UntilTheEnd);
        assert_eq!(fs::read(&path).unwrap(), b"old");
        destination.finish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o640);
        assert_eq!(names(folder.path()), ["out"]);
    }

    #[test]
    fn what_is_not_whole_is_left_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        let partial = written(&path, Keeping::UntilTheEnd).leave();
        let partial = partial.unwrap().unwrap();
        assert_eq!(fs::read(&partial).unwrap(), b"new");
        assert_eq!(names(folder.path()), ["out.partial"]);
        let empty = Destination::open(Some(&path), Keeping::UntilTheEnd).unwrap();
        assert_eq!(empty.leave().unwrap(), None);
        assert_eq!(names(folder.path()), ["out.partial"]);
    }

    #[test]
    fn a_file_with_a_log_grows_where_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        fs::write(&path, "old").unwrap();
        let destination = written(&path, Keeping::AsTheLogTells);
        assert_eq!(fs::read(&path).unwrap(), b"oldnew");
        assert!(Destination::open(Some(&path), Keeping::AsTheLogTells).is_err());
        let mut place = destination.place().unwrap();
        assert_eq!(place.take_back(4).unwrap(), 2);
        destination.writer().unwrap().write_all(b"!").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"oldn!");
        assert!(place.take_back(6).is_err());
        drop((destination, place));
        let destination = Destination::open(Some(&path), Keeping::AsTheLogTells).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"oldn!");
        destination.place().unwrap().take_back(0).unwrap();
        destination.writer().unwrap().write_all(b"new").unwrap();
        destination.finish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
    }

    #[test]
    fn a_file_that_nothing_came_of_is_not_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        let open = || Destination::open(Some(&path), Keeping::AsTheLogTells).unwrap();
        drop(open());
        assert_eq!(names(folder.path()), [""; 0]);
        assert_eq!(open().leave().unwrap(), None);
        assert_eq!(names(folder.path()), [""; 0]);
        drop(written(&path, Keeping::AsTheLogTells));
        assert_eq!(fs::read(&path).unwrap(), b"new");
        fs::write(&path, "").unwrap();
        drop(open());
        assert!(path.exists(), "it was there before");
        fs::remove_file(&path).unwrap();
        open().finish().unwrap();
        assert!(path.exists(), "of no input there are no results");
    }

    #[test]
    fn what_is_no_file_is_written_to_and_not_replaced() {
        let null = written(Path::new("/dev/null"), Keeping::UntilTheEnd);
        assert!(matches!(null, Destination::Itself { .. }));
        assert!(null.place().is_none());
        assert!(Destination::open(Some(Path::new("/")), Keeping::UntilTheEnd).is_err());
    }
}
