//! Files below a folder: each is whole from the moment that it has a name, and none is
//! anywhere else, whatever links are there.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{
    Access, AtFlags, CWD, FileType, Mode, OFlags, accessat, linkat, mkdirat, openat, renameat,
    statat, syncfs, unlinkat,
};
use rustix::io::Errno;

use super::naming::UNFINISHED;

/// The folder.
pub struct Tree(OwnedFd);

/// The modes of new files and folders, before the umask.
const FILE_MODE: u32 = 0o666;
const FOLDER_MODE: u32 = 0o777;

const FOLDER: OFlags = OFlags::DIRECTORY
    .union(OFlags::RDONLY)
    .union(OFlags::CLOEXEC);

impl Tree {
    /// Opens the folder, which is made if it is not there; says whether it is empty.
    pub fn open(path: &Path) -> io::Result<(Self, bool)> {
        fs::create_dir_all(path)?;
        let is_empty = fs::read_dir(path)?.next().transpose()?.is_none();
        let folder = openat(CWD, path, FOLDER, Mode::empty())?;
        // Before anything is computed for it.
        let access = Access::WRITE_OK | Access::EXEC_OK;
        accessat(&folder, ".", access, AtFlags::empty())?;
        Ok((Tree(folder), is_empty))
    }

    /// Returns whether there is something of this name.
    pub fn has(&self, name: &str) -> bool {
        let Ok((folder, last)) = self.walk(name, false) else {
            return false;
        };
        let folder = folder.as_ref().unwrap_or(&self.0);
        statat(folder, last, AtFlags::SYMLINK_NOFOLLOW).is_ok()
    }

    /// Returns the size of the file of this name; `None` if there is none.
    pub fn size(&self, name: &str) -> Option<u64> {
        let (folder, last) = self.walk(name, false).ok()?;
        let folder = folder.as_ref().unwrap_or(&self.0);
        let found = statat(folder, last, AtFlags::SYMLINK_NOFOLLOW).ok()?;
        match FileType::from_raw_mode(found.st_mode) {
            FileType::RegularFile => u64::try_from(found.st_size).ok(),
            _ => None,
        }
    }

    /// Has all files that were put survive a machine that stops now: with one call for
    /// their file system, however many they are.
    pub fn sync(&self) -> io::Result<()> {
        match syncfs(&self.0) {
            // Where that is refused, they are as safe as those of other programs.
            Err(Errno::NOSYS | Errno::PERM | Errno::ACCESS) => Ok(()),
            synced => Ok(synced?),
        }
    }

    /// Returns whether something that is no folder, a link for one, stands where a
    /// folder of this name would have to be.
    pub fn is_barred(&self, name: &str) -> bool {
        let barred = |error: io::Error| {
            let known = Errno::from_io_error(&error);
            matches!(known, Some(Errno::NOTDIR | Errno::LOOP))
        };
        self.walk(name, false).is_err_and(barred)
    }

    /// Puts a file there, which takes the place of one only if it `replaces` it.
    pub fn put(&self, name: &str, bytes: &[u8], replaces: bool) -> io::Result<()> {
        let (folder, last) = self.walk(name, true)?;
        let folder = folder.as_ref().unwrap_or(&self.0).as_fd();
        // A draft that a killed run left belongs to no process any more.
        let draft = format!("{UNFINISHED}{}", std::process::id());
        match self.unnamed(folder, bytes)? {
            Some(file) => {
                let unnamed = format!("/proc/self/fd/{}", file.as_raw_fd());
                let link =
                    |name: &str| linkat(CWD, &unnamed, folder, name, AtFlags::SYMLINK_FOLLOW);
                if !replaces {
                    return Ok(link(last)?);
                }
                absent(unlinkat(folder, &draft, AtFlags::empty()))?;
                link(&draft)?;
            }
            None => {
                absent(unlinkat(folder, &draft, AtFlags::empty()))?;
                let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
                let file = openat(folder, &draft, flags, Mode::from_raw_mode(FILE_MODE))?;
                File::from(file).write_all(bytes)?;
            }
        }
        if replaces {
            return Ok(renameat(folder, &draft, folder, last)?);
        }
        let linked = linkat(folder, &draft, folder, last, AtFlags::empty());
        unlinkat(folder, &draft, AtFlags::empty())?;
        Ok(linked?)
    }

    /// Takes a file away, if it is there.
    pub fn remove(&self, name: &str) -> io::Result<()> {
        let (folder, last) = self.walk(name, true)?;
        let folder = folder.as_ref().unwrap_or(&self.0);
        absent(unlinkat(folder, last, AtFlags::empty()))
    }

    /// Gives a folder that lies directly in this one, the `draft`, the name of a result.
    pub fn put_folder(&self, draft: &str, name: &str) -> io::Result<()> {
        let (folder, last) = self.walk(name, true)?;
        let folder = folder.as_ref().unwrap_or(&self.0);
        Ok(renameat(&self.0, draft, folder, last)?)
    }

    /// Takes what has the name of a result, if anything has, out of its folder: it lies
    /// directly in this one then, as `old`.
    pub fn take_out(&self, name: &str, old: &str) -> io::Result<()> {
        let (folder, last) = self.walk(name, true)?;
        let folder = folder.as_ref().unwrap_or(&self.0);
        absent(renameat(folder, last, &self.0, old))
    }

    /// A file without a name that holds this; `None` where there is no such thing.
    fn unnamed(&self, folder: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<Option<File>> {
        if !Path::new("/proc/self/fd").exists() {
            return Ok(None);
        }
        let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
        match openat(folder, ".", flags, Mode::from_raw_mode(FILE_MODE)) {
            Ok(file) => {
                let mut file = File::from(file);
                file.write_all(bytes)?;
                Ok(Some(file))
            }
            Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The folder that a name is in, if it is not this one, and what it is called there.
    fn walk<'a>(&self, name: &'a str, make: bool) -> io::Result<(Option<OwnedFd>, &'a str)> {
        let Some((folders, last)) = name.rsplit_once('/') else {
            return Ok((None, name));
        };
        let mut now: Option<OwnedFd> = None;
        for part in folders.split('/') {
            let parent = now.as_ref().unwrap_or(&self.0);
            if make {
                match mkdirat(parent, part, Mode::from_raw_mode(FOLDER_MODE)) {
                    Ok(()) | Err(Errno::EXIST) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            // A link may lead anywhere.
            let folder = openat(parent, part, FOLDER | OFlags::NOFOLLOW, Mode::empty())?;
            now = Some(folder);
        }
        Ok((now, last))
    }
}

/// Accepts the failure to remove a file that is not there.
pub fn absent(removed: rustix::io::Result<()>) -> io::Result<()> {
    match removed {
        Err(Errno::NOENT) | Ok(()) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_put_once_unless_it_replaces_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("made/for/it");
        let (tree, is_empty) = Tree::open(&path).unwrap();
        assert!(is_empty && !tree.has("a/b/c"));
        tree.put("a/b/c", b"one", false).unwrap();
        assert!(tree.has("a/b/c"));
        assert_eq!(fs::read(path.join("a/b/c")).unwrap(), b"one");
        let again = tree.put("a/b/c", b"two", false).unwrap_err();
        assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
        tree.put("a/b/c", b"two", true).unwrap();
        assert_eq!(fs::read(path.join("a/b/c")).unwrap(), b"two");
        assert_eq!(fs::read_dir(path.join("a/b")).unwrap().count(), 1);
        tree.remove("a/b/c").unwrap();
        tree.remove("a/b/c").unwrap();
        assert!(!tree.has("a/b/c"));
    }

    #[test]
    fn a_folder_is_put_and_taken_out_and_no_link_leads_elsewhere() {
        let folder = tempfile::tempdir().unwrap();
        let (inside, outside) = (folder.path().join("in"), folder.path().join("out"));
        fs::create_dir(&outside).unwrap();
        let (tree, _) = Tree::open(&inside).unwrap();
        fs::create_dir(inside.join("draft")).unwrap();
        std::os::unix::fs::symlink(&outside, inside.join("link")).unwrap();
        assert!(tree.put_folder("draft", "link/a").is_err());
        tree.take_out("a/b", "old").unwrap();
        tree.put_folder("draft", "a/b").unwrap();
        assert!(inside.join("a/b").is_dir());
        fs::create_dir(outside.join("a")).unwrap();
        assert!(tree.take_out("link/a", "old").is_err());
        tree.take_out("a/b", "old").unwrap();
        assert!(inside.join("old").is_dir() && !tree.has("a/b"));
        assert!(outside.join("a").is_dir());
    }

    #[test]
    fn no_link_leads_out_of_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let (inside, outside) = (folder.path().join("in"), folder.path().join("out"));
        fs::create_dir(&outside).unwrap();
        let (tree, _) = Tree::open(&inside).unwrap();
        std::os::unix::fs::symlink(&outside, inside.join("link")).unwrap();
        assert!(tree.put("link/a", b"x", false).is_err());
        assert!(tree.is_barred("link/a") && !tree.is_barred("new/a"));
        fs::write(inside.join("file"), "").unwrap();
        assert!(tree.is_barred("file/a/b") && !tree.is_barred("file"));
        std::os::unix::fs::symlink(outside.join("b"), inside.join("b")).unwrap();
        assert!(tree.has("b"));
        assert!(tree.put("b", b"x", false).is_err());
        tree.put("b", b"x", true).unwrap();
        assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
    }
}
