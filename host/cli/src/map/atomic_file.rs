//! A file that has no name until it is whole: a run that is killed leaves nothing of it.
//!
//! Where the file system knows no files without a name, it has a temporary name beside the
//! final one, and a kill leaves that.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Seek as _, SeekFrom};
use std::os::fd::AsRawFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Gid, Mode, OFlags, Uid, fchown, linkat, open};
use rustix::io::Errno;
use tempfile::TempPath;

/// A file that replaces another, or takes a name that is free.
pub struct AtomicFile {
    file: File,
    folder: PathBuf,
    /// The beginning of its temporary name.
    prefix: String,
    /// Its temporary name, if it has to have one.
    name: Option<TempPath>,
}

impl AtomicFile {
    /// Makes an empty file in the folder of `path`, so that it can replace that file in one
    /// step.
    pub fn of(path: &Path) -> io::Result<Self> {
        let atomic = AtomicFile::in_folder_of(path)?;
        // Users who may read the existing file may read this one.
        if let Ok(there) = fs::metadata(path) {
            keep_owner(&atomic.file, &there);
            atomic.file.set_permissions(there.permissions())?;
        }
        Ok(atomic)
    }

    fn in_folder_of(path: &Path) -> io::Result<Self> {
        let folder = folder_of(path).to_owned();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        // With the temporary ending behind it, it is still a valid name.
        let prefix = format!(".{}.", &name[..name.floor_char_boundary(LONGEST_NAME)]);
        let (file, name) = match unnamed(&folder) {
            Ok(file) => (file, None),
            Err(Errno::OPNOTSUPP | Errno::ISDIR) => {
                let (file, name) = named(&folder, &prefix)?;
                (file, Some(name))
            }
            Err(error) => return Err(error.into()),
        };
        Ok(AtomicFile {
            file,
            folder,
            prefix,
            name,
        })
    }

    /// Makes an empty file for an existing file, in its folder if possible: else it can
    /// only be [written into](AtomicFile::write_into) the other.
    pub fn near(path: &Path) -> io::Result<Self> {
        AtomicFile::of(path).or_else(|_| {
            // An existing file of that name in a public folder must not decide the mode of
            // ours.
            let atomic = AtomicFile::in_folder_of(&std::env::temp_dir().join("sandpool-results"))?;
            let of_owner = fs::Permissions::from_mode(0o600);
            atomic.file.set_permissions(of_owner)?;
            Ok(atomic)
        })
    }

    pub fn file(&self) -> &File {
        &self.file
    }

    /// Gives it a name, which another file may have had until now. If that fails,
    /// everything that was written is still there.
    pub fn put(&mut self, path: &Path) -> io::Result<()> {
        // Otherwise a machine that stops now would leave an empty file there.
        self.file.sync_all()?;
        let name = match self.name.take() {
            Some(name) => name,
            // A link takes no name that exists already. Even if no name can be had, hours of
            // results must not be lost.
            None => link(&self.file, &self.folder, &self.prefix)
                .or_else(|_| copied(&self.file, &self.folder, &self.prefix))?,
        };
        name.persist(path).map_err(|error| {
            self.name = Some(error.path);
            error.error
        })?;
        sync_folder(path);
        Ok(())
    }

    /// Keeps results that could not be put where they belong: at this path, else in the
    /// folder for temporary files. Returns the path.
    pub fn save(&mut self, beside: &Path) -> io::Result<PathBuf> {
        if self.put(beside).is_ok() {
            return Ok(beside.to_owned());
        }
        let elsewhere = self.copy_elsewhere();
        match (elsewhere, self.name.take()) {
            // It keeps its temporary name.
            (Err(_), Some(name)) => name.keep().map_err(|error| error.error),
            (elsewhere, _) => elsewhere,
        }
    }

    fn copy_elsewhere(&self) -> io::Result<PathBuf> {
        let mut copy = tempfile::Builder::new()
            .prefix("sandpool-results-")
            .tempfile()?;
        self.copy_to(copy.as_file_mut())?;
        let (_, path) = copy.keep().map_err(|error| error.error)?;
        Ok(path)
    }

    /// Writes everything into an existing file that cannot be replaced. A link is not
    /// followed: in a public folder it may be somebody else's, made meanwhile.
    pub fn write_into(&self, path: &Path) -> io::Result<()> {
        let flags = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut file = File::from(open(path, flags, Mode::empty())?);
        file.set_len(0)?;
        self.copy_to(&mut file)
    }

    fn copy_to(&self, to: &mut File) -> io::Result<()> {
        let mut file = &self.file;
        file.seek(SeekFrom::Start(0))?;
        io::copy(&mut file, to)?;
        to.sync_all()
    }
}

/// Gives a file that replaces another the owner of that one, if this user may do so.
fn keep_owner(file: &File, there: &fs::Metadata) {
    let is_same = |ours: fs::Metadata| (ours.uid(), ours.gid()) == (there.uid(), there.gid());
    if !file.metadata().is_ok_and(is_same) {
        let (user, group) = (Uid::from_raw(there.uid()), Gid::from_raw(there.gid()));
        let _ = fchown(file, Some(user), Some(group));
    }
}

/// Makes the name of a file survive a machine that stops now. Where that is impossible, the
/// file is as safe as those of other programs.
pub fn sync_folder(path: &Path) {
    let _ = File::open(folder_of(path)).and_then(|folder| folder.sync_all());
}

/// Returns the path with this ending behind its name, which is cut so that the result is
/// still a valid name.
pub fn beside(path: &Path, ending: &str) -> PathBuf {
    let name = path.file_name().unwrap_or_default().as_bytes();
    let length = name.len().min(NAME_MAX - ending.len());
    let mut name = OsStr::from_bytes(&name[..length]).to_owned();
    name.push(ending);
    path.with_file_name(name)
}

/// The number of bytes that a name may have.
const NAME_MAX: usize = 255;

pub fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

fn unnamed(folder: &Path) -> Result<File, Errno> {
    // The file is named later by its path in this folder.
    if !Path::new(DESCRIPTORS).exists() {
        return Err(Errno::OPNOTSUPP);
    }
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    open(folder, flags, Mode::from_raw_mode(MODE)).map(File::from)
}

const DESCRIPTORS: &str = "/proc/self/fd";

/// The number of bytes of the file's name that stand in a temporary name.
const LONGEST_NAME: usize = 200;

/// The mode of a new file, before the umask.
const MODE: u32 = 0o666;

fn named(folder: &Path, prefix: &str) -> io::Result<(File, TempPath)> {
    let made = tempfile::Builder::new()
        .prefix(prefix)
        .permissions(fs::Permissions::from_mode(MODE))
        .tempfile_in(folder);
    // The error's words would name a file that nobody has asked for.
    Ok(made
        .map_err(|error| io::Error::from(error.kind()))?
        .into_parts())
}

fn link(file: &File, folder: &Path, prefix: &str) -> io::Result<TempPath> {
    let unnamed = format!("{DESCRIPTORS}/{}", file.as_raw_fd());
    let linked = tempfile::Builder::new()
        .prefix(prefix)
        .make_in(folder, |name| {
            Ok(linkat(CWD, &unnamed, CWD, name, AtFlags::SYMLINK_FOLLOW)?)
        });
    Ok(linked
        .map_err(|error| io::Error::from(error.kind()))?
        .into_temp_path())
}

fn copied(file: &File, folder: &Path, prefix: &str) -> io::Result<TempPath> {
    let (mut copy, name) = named(folder, prefix)?;
    let there = file.metadata()?;
    keep_owner(&copy, &there);
    copy.set_permissions(there.permissions())?;
    let mut file = file;
    file.seek(SeekFrom::Start(0))?;
    io::copy(&mut file, &mut copy)?;
    copy.sync_all()?;
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn names(folder: &Path) -> Vec<std::ffi::OsString> {
        let entries = fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().file_name()).collect()
    }

    #[test]
    fn an_atomic_file_is_nowhere_until_it_is_put() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        for text in ["one", "two"] {
            let mut atomic = AtomicFile::of(&path).unwrap();
            atomic.file().write_all(text.as_bytes()).unwrap();
            assert_eq!(names(folder.path()).len(), usize::from(path.exists()));
            atomic.put(&path).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        assert_eq!(names(folder.path()), ["out"]);
    }

    #[test]
    fn results_are_written_into_a_file_and_never_through_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let (victim, out) = (folder.path().join("victim"), folder.path().join("out"));
        fs::write(&victim, "old").unwrap();
        let atomic = AtomicFile::of(&out).unwrap();
        atomic.file().write_all(b"new").unwrap();
        std::os::unix::fs::symlink(&victim, &out).unwrap();
        assert!(atomic.write_into(&out).is_err());
        assert_eq!(fs::read(&victim).unwrap(), b"old");
        atomic.write_into(&victim).unwrap();
        assert_eq!(fs::read(&victim).unwrap(), b"new");
    }

    #[test]
    fn where_every_file_has_a_name_it_is_put_all_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        let (file, name) = named(folder.path(), ".out.").unwrap();
        assert_eq!(names(folder.path()).len(), 1);
        let mut atomic = AtomicFile {
            file,
            folder: folder.path().to_owned(),
            prefix: ".out.".into(),
            name: Some(name),
        };
        atomic.put(&path).unwrap();
        assert_eq!(names(folder.path()), ["out"]);
        let mut unnamed = unnamed(folder.path()).unwrap();
        unnamed.write_all(b"whole").unwrap();
        let copy = copied(&unnamed, folder.path(), ".out.").unwrap();
        assert_eq!(fs::read(&copy).unwrap(), b"whole");
        drop(copy);
        let long = folder.path().join("x".repeat(255));
        AtomicFile::of(&long).unwrap().put(&long).unwrap();
        let nowhere = AtomicFile::of(Path::new("/none/out")).err().unwrap();
        assert!(!nowhere.to_string().contains(".out"), "{nowhere}");
        let nowhere = named(Path::new("/none"), ".out.").err().unwrap();
        assert!(!nowhere.to_string().contains(".out"), "{nowhere}");
    }
}
