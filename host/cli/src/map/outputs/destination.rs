//! Where results are written: stdout, a file that is put in place once it is
//! whole, or one that grows where it is, because a log makes it possible to go on
//! with it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, IsTerminal as _, Seek as _, SeekFrom, Write};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use rustix::io::Errno;
use sandpool::stdio::{self, Waiting};

use super::append_target::{self, AppendTarget};
use super::in_place::{InPlace, alone, check_replaceable};
use crate::map::atomic_file::{AtomicFile, beside, folder_of};
use crate::report::{self, Failure, Kind};
use crate::screen::BesideBar;

/// The treatment of a file that exists already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteMode {
    /// It stays as it is until the new one is whole.
    ReplaceAtEnd,
    /// It is gone on with, or emptied, as a log tells.
    Continue,
}

/// Where results are written.
pub enum Destination {
    Stdout,
    /// A file that is to be put there.
    AtomicFile {
        atomic: AtomicFile,
        path: PathBuf,
    },
    /// A file that is there, in whose place no other can be put.
    InPlace(Rc<InPlace>),
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
    pub fn open(path: Option<&Path>, write_mode: WriteMode) -> Result<Self, Failure> {
        let Some(path) = path.filter(|path| !stdio::is_stdout(path)) else {
            stdio::check_stdout().map_err(report::stdout_failure)?;
            return Ok(Destination::Stdout);
        };
        Self::open_file(path, write_mode).map_err(|error| unwritable(&shown(path), error))
    }

    fn open_file(path: &Path, write_mode: WriteMode) -> io::Result<Self> {
        let real = real_path(path)?;
        let there = match fs::metadata(&real) {
            Ok(there) => Some(there),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let ordinary = there.as_ref().is_none_or(fs::Metadata::is_file);
        if write_mode == WriteMode::ReplaceAtEnd && ordinary {
            return Self::whole_or_in_place(real, there.is_some());
        }
        let mut file = OpenOptions::new()
            .write(true)
            // By which a file in a sticky folder is refused that is another user's.
            .create(there.is_none())
            // Not before it is sure that the run begins.
            .truncate(false)
            .open(&real)?;
        if write_mode == WriteMode::Continue && ordinary {
            alone(&file)?;
            file.seek(SeekFrom::End(0))?;
        }
        let made = there.is_none().then(|| Made(real.clone()));
        Ok(Destination::Itself {
            file,
            path: real,
            made,
        })
    }

    /// A file that comes whole or not at all. Where that cannot be, and there is one that
    /// can be written, it is written where it is: hours of results are not to be lost to
    /// what comes out at their end.
    fn whole_or_in_place(path: PathBuf, is_there: bool) -> io::Result<Self> {
        let replaceable = match is_there {
            true => check_replaceable(&path),
            false => Ok(()),
        };
        match replaceable.and_then(|()| AtomicFile::of(&path)) {
            Ok(atomic) => Ok(Destination::AtomicFile { atomic, path }),
            Err(why) if is_there => Ok(Destination::InPlace(Rc::new(InPlace::open(&path, why)?))),
            Err(error) => Err(error),
        }
    }

    /// Returns a notice about the place of the results.
    pub fn notice(&self) -> Option<String> {
        match self {
            Destination::InPlace(file) => Some(file.notice()),
            _ => None,
        }
    }

    /// Opens the writer for results.
    pub fn writer(&self) -> Result<Box<dyn Write>, Failure> {
        let (file, path) = match self {
            Destination::Stdout => return Ok(Box::new(BesideBar::stdout())),
            Destination::InPlace(file) => return Ok(Box::new(InPlaceWriter(Rc::clone(file)))),
            Destination::AtomicFile { atomic, path } => (atomic.file(), path),
            Destination::Itself { file, path, .. } => (file, path),
        };
        match file.try_clone() {
            Ok(file) => Ok(Box::new(Waiting::new(file))),
            Err(error) => Err(unwritable(&shown(path), error)),
        }
    }

    /// Where a run that is gone on with begins to write, if it is a file.
    pub fn place(&self) -> Option<AppendTarget> {
        let (file, path, is_new) = match self {
            // Others may write there as well: it is never cut. A file of nobody's
            // but ours comes whole or not at all.
            Destination::Stdout | Destination::AtomicFile { .. } => return None,
            Destination::InPlace(file) => (file.file(), file.path(), false),
            Destination::Itself { file, path, made } => (file, path.as_path(), made.is_some()),
        };
        // It may not have been there when it was named.
        let real = fs::canonicalize(path);
        let real = real.as_deref().unwrap_or(path);
        Some(AppendTarget::of(file, real, shown(path))?.of_new(is_new))
    }

    /// Returns its name in errors.
    pub fn name(&self) -> String {
        match self {
            Destination::Stdout => "stdout".to_owned(),
            Destination::InPlace(file) => shown(file.path()),
            Destination::AtomicFile { path, .. } | Destination::Itself { path, .. } => shown(path),
        }
    }

    /// Returns whether a person reads it, whose terminal no task may steer.
    pub fn is_terminal(&self) -> bool {
        match self {
            Destination::Stdout => io::stdout().is_terminal(),
            Destination::AtomicFile { .. } | Destination::InPlace(_) => false,
            Destination::Itself { file, .. } => file.is_terminal(),
        }
    }

    /// The file that grows where it is, if it is one.
    pub fn growing(&self) -> Option<(&File, &Path)> {
        match self {
            Destination::Itself { file, path, .. } => {
                let is_file = file.metadata().is_ok_and(|file| file.is_file());
                is_file.then_some((file, path))
            }
            _ => None,
        }
    }

    /// All results are written: puts the file in its place.
    pub fn finish(self) -> Result<(), Failure> {
        match self {
            Destination::Stdout => Ok(()),
            Destination::AtomicFile { atomic, path } => put(atomic, &path),
            Destination::InPlace(file) => {
                let whole = file.empty().and_then(|()| file.file().sync_all());
                whole.map_err(|error| unwritable(&shown(file.path()), error))
            }
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
        match self {
            Destination::Stdout | Destination::Itself { .. } => Ok(None),
            Destination::InPlace(file) => Ok(file.is_begun().then(|| file.path().to_owned())),
            Destination::AtomicFile { mut atomic, path } => {
                if atomic.file().metadata().is_ok_and(|file| file.len() == 0) {
                    return Ok(None);
                }
                let partial = beside(&path, ".partial");
                let saved = atomic.save(&partial);
                saved
                    .map(Some)
                    .map_err(|error| unwritable(&shown(&partial), error))
            }
        }
    }
}

/// Puts a file in its place; if that fails, saves its contents elsewhere.
fn put(mut atomic: AtomicFile, path: &Path) -> Result<(), Failure> {
    let Err(error) = atomic.put(path) else {
        return Ok(());
    };
    // It could be replaced before the run, or so it seemed.
    if path.is_file() && atomic.write_into(path).is_ok() {
        return Ok(());
    }
    let failure = unwritable(&shown(path), error);
    Err(match atomic.save(&beside(path, ".results")) {
        Ok(saved) => failure.hint(format!("all results are in `{}`", saved.display())),
        Err(error) => failure.hint(format!("they could not be saved elsewhere either: {error}")),
    })
}

/// Returns the log's name for the file at this path, if it is one or is to be one: that
/// of the [`AppendTarget`] in it, without opening it.
pub fn name_in_log(path: &Path) -> Option<String> {
    let path = Some(path).filter(|path| !stdio::is_stdout(path))?;
    let real = real_path(path).ok()?;
    let is_file = fs::metadata(&real).map_or(true, |there| there.is_file());
    is_file.then(|| append_target::name_in_log(&real))
}

struct InPlaceWriter(Rc<InPlace>);

impl Write for InPlaceWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (&*self.0).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The file that is meant, by the name that it has everywhere: a link stays one,
/// and what it points to is replaced, or made.
fn real_path(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        if let Ok(real) = fs::canonicalize(&path) {
            return Ok(real);
        }
        let name = path.file_name();
        // It would be made as a file.
        let is_folder = path.as_os_str().as_bytes().ends_with(b"/");
        let Some(name) = name.filter(|_| !is_folder) else {
            return Err(io::ErrorKind::NotFound.into());
        };
        // It is not there yet; the folder is.
        let folder = match fs::canonicalize(folder_of(&path)) {
            Ok(folder) => folder,
            // Making a file without a name fails with EPERM in a folder that was
            // removed.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(no_folder(&path)),
            Err(_) => return Ok(path),
        };
        match fs::read_link(&path) {
            Ok(target) => path = folder.join(target),
            Err(_) => return Ok(folder.join(name)),
        }
    }
    Err(Errno::LOOP.into())
}

/// Why nothing can be made where the folder is not there.
fn no_folder(path: &Path) -> io::Error {
    let is_gone = |error: io::Error| error.kind() == io::ErrorKind::NotFound;
    if path.is_relative() && std::env::current_dir().is_err_and(is_gone) {
        let text = "the working directory no longer exists: no such directory";
        return io::Error::new(io::ErrorKind::NotFound, text);
    }
    Errno::NOENT.into()
}

/// Links that lead to each other; as many as the kernel follows.
const MOST_LINKS: usize = 40;

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

    fn written(path: &Path, write_mode: WriteMode) -> Destination {
        let destination = Destination::open(Some(path), write_mode).unwrap();
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
        let destination = written(&path, WriteMode::ReplaceAtEnd);
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
        let partial = written(&path, WriteMode::ReplaceAtEnd).leave();
        let partial = partial.unwrap().unwrap();
        assert_eq!(fs::read(&partial).unwrap(), b"new");
        assert_eq!(names(folder.path()), ["out.partial"]);
        let empty = Destination::open(Some(&path), WriteMode::ReplaceAtEnd).unwrap();
        assert_eq!(empty.leave().unwrap(), None);
        assert_eq!(names(folder.path()), ["out.partial"]);
    }

    #[test]
    fn a_file_with_a_log_grows_where_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        fs::write(&path, "old").unwrap();
        let destination = written(&path, WriteMode::Continue);
        assert_eq!(fs::read(&path).unwrap(), b"oldnew");
        assert!(Destination::open(Some(&path), WriteMode::Continue).is_err());
        let mut place = destination.place().unwrap();
        assert_eq!(place.take_back(4).unwrap(), 2);
        destination.writer().unwrap().write_all(b"!").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"oldn!");
        assert!(place.take_back(6).is_err());
        drop((destination, place));
        let destination = Destination::open(Some(&path), WriteMode::Continue).unwrap();
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
        let open = || Destination::open(Some(&path), WriteMode::Continue).unwrap();
        drop(open());
        assert_eq!(names(folder.path()), [""; 0]);
        assert_eq!(open().leave().unwrap(), None);
        assert_eq!(names(folder.path()), [""; 0]);
        drop(written(&path, WriteMode::Continue));
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
        let null = written(Path::new("/dev/null"), WriteMode::ReplaceAtEnd);
        assert!(matches!(null, Destination::Itself { .. }));
        assert!(null.place().is_none());
        assert!(Destination::open(Some(Path::new("/")), WriteMode::ReplaceAtEnd).is_err());
    }
}
