//! A file of results that cannot be replaced by another: a mount point, as containers
//! have them, another user's file in a sticky folder, a file in a folder that nothing
//! can be made in. It is written where it is.

use std::cell::Cell;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};

use rustix::fs::{
    AtFlags, CWD, FlockOperation, Mode, OFlags, StatxAttributes, StatxFlags, flock, open, statx,
    unlinkat,
};
use rustix::io::Errno;

use crate::map::atomic_file::folder_of;

/// Fails if another file cannot take the place of this one, which is there.
///
/// Nothing is changed by that. It may still come out at the end of a run that it cannot:
/// file systems over a network know their rules alone.
pub fn check_replaceable(path: &Path) -> io::Result<()> {
    if is_mount_point(path) {
        return Err(io::Error::other("it is a mount point"));
    }
    // A file is no folder, so this fails, and all that would forbid to replace the file
    // comes first: rights in its folder, a sticky folder, an immutable file.
    match unlinkat(CWD, path, AtFlags::REMOVEDIR) {
        Err(error @ (Errno::ACCESS | Errno::PERM | Errno::ROFS | Errno::BUSY)) => Err(error.into()),
        _ => Ok(()),
    }
}

fn is_mount_point(path: &Path) -> bool {
    match statx(CWD, path, AtFlags::empty(), StatxFlags::empty()) {
        Ok(found)
            if found
                .stx_attributes_mask
                .contains(StatxAttributes::MOUNT_ROOT) =>
        {
            found.stx_attributes.contains(StatxAttributes::MOUNT_ROOT)
        }
        // An old kernel, or one where that call is refused.
        _ => mount(path).is_some_and(|ours| mount(folder_of(path)).is_some_and(|its| ours != its)),
    }
}

/// The number of the mount that a path leads to.
fn mount(path: &Path) -> Option<u64> {
    let opened = open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).ok()?;
    let info = format!("/proc/self/fdinfo/{}", opened.as_raw_fd());
    let info = fs::read_to_string(info).ok()?;
    let number = info.lines().find_map(|line| line.strip_prefix("mnt_id:"))?;
    number.trim().parse().ok()
}

/// The file, which keeps what is in it until there is something to write.
pub struct InPlace {
    file: File,
    path: PathBuf,
    /// Why it is not replaced.
    why: io::Error,
    is_emptied: Cell<bool>,
}

impl InPlace {
    /// Opens the file, which cannot be replaced for that reason.
    pub fn open(path: &Path, why: io::Error) -> io::Result<Self> {
        let file = OpenOptions::new().write(true).open(path)?;
        alone(&file)?;
        Ok(InPlace {
            file,
            path: path.to_owned(),
            why,
            is_emptied: Cell::new(false),
        })
    }

    pub fn file(&self) -> &File {
        &self.file
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns a notice about this destination.
    pub fn notice(&self) -> String {
        format!(
            "`{}` cannot be replaced, so results are written into it as tasks end: {}",
            self.path.display(),
            self.why
        )
    }

    /// Returns whether something has been written.
    pub fn is_begun(&self) -> bool {
        self.is_emptied.get()
    }

    /// Takes out what was there before, once.
    pub fn empty(&self) -> io::Result<()> {
        if !self.is_emptied.get() {
            self.file.set_len(0)?;
            self.is_emptied.set(true);
        }
        Ok(())
    }
}

impl Write for &InPlace {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.empty()?;
        (&self.file).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Sees to it that no other run writes to the file: each would cut off, or write over,
/// what the other has written.
pub fn alone(file: &File) -> io::Result<()> {
    flock(file, FlockOperation::NonBlockingLockExclusive)
        .map_err(|_| io::Error::other("another run is writing there"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ordinary_file_can_be_replaced_and_is_still_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        fs::write(&path, "old").unwrap();
        check_replaceable(&path).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(mount(&path), mount(folder.path()));
        assert!(mount(&path).is_some() && mount(&path) != mount(Path::new("/proc")));
        assert!(is_mount_point(Path::new("/proc")) && !is_mount_point(&path));
    }

    #[test]
    fn what_was_there_stays_until_there_is_something_to_write() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        fs::write(&path, "old and long").unwrap();
        let why = || io::Error::other("so that this is tested");
        let out = InPlace::open(&path, why()).unwrap();
        assert!(!out.is_begun() && InPlace::open(&path, why()).is_err());
        assert_eq!(fs::read(&path).unwrap(), b"old and long");
        for piece in ["ne", "w"] {
            (&out).write_all(piece.as_bytes()).unwrap();
        }
        assert!(out.is_begun());
        assert_eq!(fs::read(&path).unwrap(), b"new");
    }
}
