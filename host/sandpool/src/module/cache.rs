//! The cache of compiled artifacts.
//!
//! A worker runs an artifact as machine code, so only this user may write it: the folder
//! belongs to this user and has mode 0700, or it is not used.

use std::error::Error;
use std::ffi::OsString;
use std::fmt;
use std::fs::{self, DirBuilder, File, FileTimes, OpenOptions, Permissions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use sha2::{Digest, Sha256};

use sandpool_protocol::description::{Description, MAX_DESCRIPTION};
use sandpool_protocol::handshake::BUILD_ID;
use sandpool_protocol::limits::GIB;
use sandpool_protocol::settings::EngineSettings;
use sandpool_sys::{SealedMemory, memfd_growable, seal_contents};
use sandpool_value::with_causes;

/// The largest size of all artifacts in bytes; the least recently used go first.
const MAX_SIZE: u64 = 2 * GIB;

const MAGIC: &[u8; 8] = b"sandpl04";

/// The ending of artifacts' names, and the beginning of names of unfinished artifacts.
const ENDING: &str = ".artifact";
const NEW: &str = ".sandpool-new-";

/// The reason for which compiled modules are not kept for the next run.
///
/// The operating system's error behind it, if there is one, is its
/// [`source`](Error::source): [`with_causes`](crate::value::with_causes) prints both.
#[derive(Debug)]
pub struct CacheTrouble {
    folder: Option<PathBuf>,
    why: Why,
}

// By hand: the reason is no cause of this error but a part of it, and has the cause.
impl fmt::Display for CacheTrouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, why) = (self.what(), &self.why);
        write!(f, "{what}, so modules are compiled anew each time: {why}")
    }
}

impl Error for CacheTrouble {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.why.source()
    }
}

#[derive(Debug, thiserror::Error)]
enum Why {
    /// No variable that names a folder.
    #[error("neither `SANDPOOL_CACHE_DIR`, `XDG_CACHE_HOME` nor `HOME` names a folder for it")]
    NoPlace,
    /// A folder that cannot be made.
    #[error("the folder cannot be made")]
    NotMade {
        /// The operating system's error.
        source: io::Error,
    },
    /// A symbolic link.
    #[error("it is a symbolic link")]
    Link,
    /// Something else than a folder.
    #[error("it is not a folder")]
    NoFolder,
    /// A folder of another user.
    #[error("the folder belongs to user {owner}")]
    NotOurs {
        /// The user's number.
        owner: u32,
    },
    /// A folder that others may use.
    #[error("others may use the folder, whose mode is {mode:04o}")]
    NotPrivate {
        /// The mode.
        mode: u32,
    },
    /// A folder in which no file can be written.
    #[error("nothing can be written there")]
    Unwritable {
        /// The operating system's error.
        source: io::Error,
    },
}

impl CacheTrouble {
    fn new(folder: &Path, why: Why) -> Self {
        CacheTrouble {
            folder: Some(folder.to_owned()),
            why,
        }
    }

    fn what(&self) -> String {
        match &self.folder {
            Some(folder) => format!(
                "the cache of compiled modules, `{}`, is not used",
                folder.display()
            ),
            None => "there is no cache of compiled modules".to_owned(),
        }
    }

    /// Returns `true` if this user has no place for a cache at all, as a service whose home
    /// is `/nonexistent`: somebody wants it so.
    pub(crate) fn is_of_a_user_without_home(&self) -> bool {
        match (&self.why, &self.folder) {
            (Why::NoPlace, _) | (_, None) => true,
            (Why::NotMade { .. }, Some(folder)) => {
                let there = folder.ancestors().find(|folder| folder.exists());
                there.is_none_or(|folder| folder.parent().is_none())
            }
            _ => false,
        }
    }

    /// Returns the folder that is not used, if there is one.
    pub fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    /// Returns the reason, in a few words.
    pub fn reason(&self) -> String {
        with_causes(&self.why)
    }

    /// Returns the remedy.
    pub fn remedy(&self) -> &'static str {
        match self.why {
            Why::NotPrivate { .. } => {
                "`chmod 700` that folder, if nobody else has put anything there"
            }
            Why::Link => "name the folder that it leads to by `SANDPOOL_CACHE_DIR`",
            Why::Unwritable { .. } => {
                "make room or give write access there, or name another folder by `SANDPOOL_CACHE_DIR`"
            }
            Why::NoPlace | Why::NotMade { .. } | Why::NoFolder | Why::NotOurs { .. } => {
                "name a folder of this user's alone by `SANDPOOL_CACHE_DIR`"
            }
        }
    }
}

/// A folder of artifacts.
#[derive(Debug)]
pub(crate) struct Cache {
    folder: PathBuf,
}

impl Cache {
    /// Returns the cache of this user: `$SANDPOOL_CACHE_DIR`, else
    /// `$XDG_CACHE_HOME/sandpool`, else `~/.cache/sandpool`.
    pub(crate) fn of_this_user() -> Result<Self, CacheTrouble> {
        let home = std::env::home_dir();
        let folder = place(|name| std::env::var_os(name), home).ok_or(CacheTrouble {
            folder: None,
            why: Why::NoPlace,
        })?;
        // The working directory may be another one later.
        match std::path::absolute(&folder) {
            Ok(folder) => Self::open(folder),
            Err(source) => Err(CacheTrouble::new(&folder, Why::NotMade { source })),
        }
    }

    fn open(folder: PathBuf) -> Result<Self, CacheTrouble> {
        let trouble = |why| Err(CacheTrouble::new(&folder, why));
        let is_new = !folder.exists();
        let made = DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder);
        if is_new && made.is_ok() {
            // The umask may have taken rights from its owner too. A folder that cannot be used
            // for lack of them is reported below.
            let _ = fs::set_permissions(&folder, Permissions::from_mode(0o700));
        }
        let metadata = match (fs::symlink_metadata(&folder), made) {
            (Ok(metadata), _) => metadata,
            (Err(_), Err(source)) | (Err(source), Ok(())) => {
                return trouble(Why::NotMade { source });
            }
        };
        if metadata.is_symlink() {
            return trouble(Why::Link);
        }
        if !metadata.is_dir() {
            return trouble(Why::NoFolder);
        }
        if metadata.uid() != rustix::process::geteuid().as_raw() {
            return trouble(Why::NotOurs {
                owner: metadata.uid(),
            });
        }
        if metadata.mode() & 0o077 != 0 {
            return trouble(Why::NotPrivate {
                mode: metadata.mode() & 0o7777,
            });
        }
        Ok(Cache { folder })
    }

    /// Returns the folder, if a file can be written there.
    pub(crate) fn probe(self) -> Result<PathBuf, CacheTrouble> {
        let file = tempfile::Builder::new()
            .prefix(NEW)
            .tempfile_in(&self.folder);
        match file.and_then(|mut file| file.as_file_mut().write_all(b"x")) {
            Ok(()) => Ok(self.folder),
            Err(error) => Err(self.unwritable(error)),
        }
    }

    fn unwritable(&self, error: io::Error) -> CacheTrouble {
        // The name of a file that does not stay tells a user nothing.
        let source = match error.raw_os_error() {
            Some(code) => io::Error::from_raw_os_error(code),
            None => io::Error::from(error.kind()),
        };
        CacheTrouble::new(&self.folder, Why::Unwritable { source })
    }

    fn path(&self, hash: &str, settings: &EngineSettings) -> PathBuf {
        // Another build may bring another wasmtime or another format, and
        // machines that share a home folder may have other CPUs.
        let mut hasher = DefaultHasher::new();
        (BUILD_ID, settings, cpu_features()).hash(&mut hasher);
        self.folder
            .join(format!("{hash}-{:016x}{ENDING}", hasher.finish()))
    }

    /// Returns the artifact of a module, if it was compiled before.
    pub(crate) fn get(
        &self,
        hash: &str,
        settings: &EngineSettings,
    ) -> Option<(SealedMemory, Description)> {
        // Opening a fifo would wait for its other end.
        let mut file = OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_NONBLOCK)
            .open(self.path(hash, settings))
            .ok()?;
        let metadata = file.metadata().ok()?;
        if !metadata.is_file() || metadata.uid() != rustix::process::geteuid().as_raw() {
            return None;
        }
        let mut header = [0; 56];
        file.read_exact(&mut header).ok()?;
        let (magic, lengths) = header.split_first_chunk::<8>()?;
        let (description_len, rest) = lengths.split_first_chunk::<8>()?;
        let (artifact_len, sum) = rest.split_first_chunk::<8>()?;
        let description_len = u64::from_le_bytes(*description_len);
        let artifact_len = u64::from_le_bytes(*artifact_len);
        if magic != MAGIC || description_len > MAX_DESCRIPTION {
            return None;
        }
        let mut description = vec![0; usize::try_from(description_len).ok()?];
        file.read_exact(&mut description).ok()?;
        let mut artifact = File::from(memfd_growable("sandpool-artifact").ok()?);
        if io::copy(&mut file, &mut artifact).ok()? != artifact_len {
            return None;
        }
        // The time of the last use, for eviction.
        let _ = file.set_times(FileTimes::new().set_modified(SystemTime::now()));
        let artifact = seal_contents(artifact.into()).ok()?;
        // A disk that lost some bits must not make workers run them, nor calls find
        // functions that do not exist.
        if checksum(&description, &artifact).ok()? != sum {
            return None;
        }
        Some((artifact, Description::decode(&description).ok()?))
    }

    /// Keeps an artifact, in place of one that others may have put there meanwhile.
    pub(crate) fn put(
        &self,
        hash: &str,
        settings: &EngineSettings,
        artifact: &SealedMemory,
        description: &Description,
    ) -> Result<(), CacheTrouble> {
        if artifact.len() > MAX_SIZE {
            return Ok(());
        }
        let written = self.write(&self.path(hash, settings), artifact, description);
        // There may be room behind it.
        let _ = self.evict();
        written.map_err(|error| self.unwritable(error))
    }

    fn write(
        &self,
        path: &Path,
        artifact: &SealedMemory,
        description: &Description,
    ) -> io::Result<()> {
        let description = description.encode();
        let mut new = tempfile::Builder::new()
            .prefix(NEW)
            .tempfile_in(&self.folder)?;
        let file = new.as_file_mut();
        // Whatever the umask is, a later run has to read it.
        file.set_permissions(Permissions::from_mode(0o600))?;
        file.write_all(MAGIC)?;
        file.write_all(&(description.len() as u64).to_le_bytes())?;
        file.write_all(&artifact.len().to_le_bytes())?;
        file.write_all(&checksum(&description, artifact)?)?;
        file.write_all(&description)?;
        artifact.pieces(|piece| file.write_all(piece))?;
        // Whole or not at all, also for a reader that comes in between.
        new.persist(path)?;
        Ok(())
    }

    /// Forgets an artifact.
    pub(crate) fn remove(&self, hash: &str, settings: &EngineSettings) {
        let _ = fs::remove_file(self.path(hash, settings));
    }

    fn evict(&self) -> io::Result<()> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            // The folder may hold other files, if a user has chosen it.
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if !name.ends_with(ENDING) && !name.starts_with(NEW) {
                continue;
            }
            // Another process may be evicting too.
            let Ok(metadata) = entry.metadata() else {
                continue;
            };
            if metadata.is_file() {
                files.push((metadata.modified()?, metadata.len(), entry.path()));
            }
        }
        let mut size: u64 = files.iter().map(|(_, len, _)| len).sum();
        files.sort();
        for (_, len, path) in files {
            if size <= MAX_SIZE {
                break;
            }
            let _ = fs::remove_file(path);
            size -= len;
        }
        Ok(())
    }
}

/// Returns the folder of the cache by these variables of the environment. A relative path
/// is invalid in `XDG_CACHE_HOME`, by its specification, and ignored; our own variable may
/// hold one.
fn place(variable: impl Fn(&str) -> Option<OsString>, home: Option<PathBuf>) -> Option<PathBuf> {
    let set = |name| {
        variable(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let xdg = || set("XDG_CACHE_HOME").filter(|path| path.is_absolute());
    let home = || home.filter(|path| path.is_absolute());
    set("SANDPOOL_CACHE_DIR")
        .or_else(|| Some(xdg()?.join("sandpool")))
        .or_else(|| Some(home()?.join(".cache/sandpool")))
}

/// Returns the SHA-256 of a description and its artifact.
fn checksum(description: &[u8], artifact: &SealedMemory) -> io::Result<[u8; 32]> {
    let mut hasher = Sha256::new();
    hasher.update(description);
    artifact.pieces(|piece| {
        hasher.update(piece);
        Ok(())
    })?;
    Ok(hasher.finalize().into())
}

/// Returns the CPU features that the compiler may use.
fn cpu_features() -> Vec<bool> {
    #[cfg(target_arch = "x86_64")]
    return vec![
        is_x86_feature_detected!("sse4.2"),
        is_x86_feature_detected!("popcnt"),
        is_x86_feature_detected!("avx"),
        is_x86_feature_detected!("avx2"),
        is_x86_feature_detected!("fma"),
        is_x86_feature_detected!("bmi1"),
        is_x86_feature_detected!("bmi2"),
        is_x86_feature_detected!("lzcnt"),
        is_x86_feature_detected!("avx512f"),
        is_x86_feature_detected!("avx512vl"),
        is_x86_feature_detected!("avx512dq"),
        is_x86_feature_detected!("avx512bitalg"),
        is_x86_feature_detected!("avx512vbmi"),
    ];
    #[cfg(not(target_arch = "x86_64"))]
    return Vec::new();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error_texts::check;
    use sandpool_sys::memfd_of;

    fn description() -> Description {
        Description {
            component: false,
            command: true,
            is_interpreter: false,
            functions: vec![],
            resources: vec![],
            others: vec![],
            imports: vec![],
            unlinked: None,
        }
    }

    #[test]
    fn what_was_put_is_found_and_what_is_damaged_is_not() {
        let folder = tempfile::tempdir().expect("folder");
        let cache = Cache::open(folder.path().join("cache")).expect("cache");
        let settings = EngineSettings::default();
        let artifact = memfd_of("test", &[b"machine code"]).expect("memfd");
        let put = cache.put("abc", &settings, &artifact, &description());
        put.expect("kept");
        let (found, described) = cache.get("abc", &settings).expect("found");
        assert_eq!(found.read().expect("read"), b"machine code");
        assert_eq!(described, description());
        assert!(cache.get("abd", &settings).is_none());

        let path = cache.path("abc", &settings);
        let whole = fs::read(&path).expect("read");
        fs::write(&path, &whole[..whole.len() - 1]).expect("write");
        assert!(cache.get("abc", &settings).is_none());
        for byte in 0..whole.len() {
            let mut flipped = whole.clone();
            flipped[byte] ^= 1;
            fs::write(&path, &flipped).expect("write");
            assert!(cache.get("abc", &settings).is_none(), "byte {byte}");
        }
    }

    #[test]
    fn each_reason_is_told_in_a_line_and_its_cause_once() {
        let not_found = || io::Error::from(io::ErrorKind::NotFound);
        let with = |why| CacheTrouble::new(Path::new("/x"), why);
        let nowhere = CacheTrouble {
            folder: None,
            why: Why::NoPlace,
        };
        check([
            (
                nowhere,
                "there is no cache of compiled modules, so modules are compiled anew each time: \
                 neither `SANDPOOL_CACHE_DIR`, `XDG_CACHE_HOME` nor `HOME` names a folder for it",
            ),
            (
                with(Why::NotMade {
                    source: not_found(),
                }),
                "the cache of compiled modules, `/x`, is not used, so modules are compiled anew \
                 each time: the folder cannot be made <- entity not found",
            ),
            (
                with(Why::Link),
                "the cache of compiled modules, `/x`, is not used, so modules are compiled anew \
                 each time: it is a symbolic link",
            ),
            (
                with(Why::NoFolder),
                "the cache of compiled modules, `/x`, is not used, so modules are compiled anew \
                 each time: it is not a folder",
            ),
            (
                with(Why::NotOurs { owner: 7 }),
                "the cache of compiled modules, `/x`, is not used, so modules are compiled anew \
                 each time: the folder belongs to user 7",
            ),
            (
                with(Why::NotPrivate { mode: 0o755 }),
                "the cache of compiled modules, `/x`, is not used, so modules are compiled anew \
                 each time: others may use the folder, whose mode is 0755",
            ),
            (
                with(Why::Unwritable {
                    source: not_found(),
                }),
                "the cache of compiled modules, `/x`, is not used, so modules are compiled anew \
                 each time: nothing can be written there <- entity not found",
            ),
        ]);
    }

    fn trouble(folder: PathBuf) -> CacheTrouble {
        Cache::open(folder).expect_err("not used")
    }

    #[test]
    fn a_folder_that_is_not_this_users_alone_is_not_used_and_why_is_told() {
        use std::os::unix::fs::symlink;
        let folder = tempfile::tempdir().expect("folder");
        let open = folder.path().join("open");
        fs::create_dir(&open).expect("create");
        fs::set_permissions(&open, fs::Permissions::from_mode(0o755)).expect("chmod");
        assert_eq!(
            trouble(open.clone()).to_string(),
            format!(
                "the cache of compiled modules, `{}`, is not used, so modules are compiled anew \
                 each time: others may use the folder, whose mode is 0755",
                open.display()
            )
        );
        fs::set_permissions(&open, fs::Permissions::from_mode(0o700)).expect("chmod");
        assert_eq!(Cache::open(open.clone()).expect("used").folder, open);
        let link = folder.path().join("link");
        symlink(&open, &link).expect("link");
        assert_eq!(trouble(link).reason(), "it is a symbolic link");
        let file = folder.path().join("file");
        fs::write(&file, "").expect("write");
        assert_eq!(trouble(file.clone()).reason(), "it is not a folder");
        let below = trouble(file.join("cache")).reason();
        assert!(below.starts_with("the folder cannot be made: "), "{below}");
    }

    #[test]
    fn a_relative_xdg_cache_home_is_ignored_and_our_own_variable_may_be_relative() {
        let at = |ours: &str, xdg: &str, home: &str| {
            let variable = |name: &str| match name {
                "SANDPOOL_CACHE_DIR" => Some(ours.into()),
                "XDG_CACHE_HOME" => Some(xdg.into()),
                _ => None,
            };
            place(variable, Some(home.into())).map(|path| path.display().to_string())
        };
        assert_eq!(at("", "/xdg", "/home").as_deref(), Some("/xdg/sandpool"));
        for xdg in ["", "relative", "./x"] {
            let in_home = Some("/home/.cache/sandpool");
            assert_eq!(at("", xdg, "/home").as_deref(), in_home, "{xdg}");
        }
        assert_eq!(at("mine", "/xdg", "/home").as_deref(), Some("mine"));
        assert_eq!(at("", "", ""), None);
    }
}
