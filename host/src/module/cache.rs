//! Artifacts that were compiled before.
//!
//! A worker runs what is in here as machine code, so nobody but this user may
//! write it: the folder belongs to this user and has mode 0700, or it is not
//! used. Whatever goes wrong with the cache, modules are compiled as if there
//! were none.

use std::fs::{self, DirBuilder, File, FileTimes, OpenOptions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use sha2::{Digest, Sha256};

use crate::limits::GIB;
use crate::protocol::description::{Description, MAX_DESCRIPTION};
use crate::protocol::handshake::BUILD_ID;
use crate::settings::EngineSettings;
use crate::sys::{SealedMemory, memfd_growable, seal_contents};

/// The most bytes of artifacts; the least recently used go first.
const MAX_SIZE: u64 = 2 * GIB;

const MAGIC: &[u8; 8] = b"sandpl04";

/// How names of artifacts end, and how those begin that are being written.
const ENDING: &str = ".artifact";
const NEW: &str = ".sandpool-new-";

/// A folder of artifacts.
#[derive(Debug)]
pub(crate) struct Cache {
    folder: PathBuf,
}

impl Cache {
    /// The cache of this user: `$SANDPOOL_CACHE_DIR`, else
    /// `$XDG_CACHE_HOME/sandpool`, else `~/.cache/sandpool`.
    pub(crate) fn of_this_user() -> Option<Self> {
        let var = |name| {
            std::env::var_os(name)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from)
        };
        let folder = var("SANDPOOL_CACHE_DIR")
            .or_else(|| Some(var("XDG_CACHE_HOME")?.join("sandpool")))
            .or_else(|| Some(var("HOME")?.join(".cache/sandpool")))?;
        Self::open(folder)
    }

    fn open(folder: PathBuf) -> Option<Self> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder)
            .ok()?;
        let metadata = fs::symlink_metadata(&folder).ok()?;
        let ours = metadata.uid() == rustix::process::geteuid().as_raw();
        (metadata.is_dir() && ours && metadata.mode() & 0o077 == 0).then_some(Cache { folder })
    }

    fn path(&self, hash: &str, settings: &EngineSettings) -> PathBuf {
        // Another build may bring another wasmtime or another format, and
        // machines that share a home folder may have other CPUs.
        let mut hasher = DefaultHasher::new();
        (BUILD_ID, settings, cpu_features()).hash(&mut hasher);
        self.folder
            .join(format!("{hash}-{:016x}{ENDING}", hasher.finish()))
    }

    /// The artifact of a module, if it was compiled before.
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
        // A disk that lost some bits must not make workers run them, nor calls
        // find other functions than there are.
        if checksum(&description, &artifact).ok()? != sum {
            return None;
        }
        Some((artifact, Description::decode(&description).ok()?))
    }

    /// Keeps an artifact. A full disk or a lost race only means that it is not
    /// kept.
    pub(crate) fn put(
        &self,
        hash: &str,
        settings: &EngineSettings,
        artifact: &SealedMemory,
        description: &Description,
    ) {
        if artifact.len() > MAX_SIZE {
            return;
        }
        let _ = self.write(&self.path(hash, settings), artifact, description);
        let _ = self.evict();
    }

    fn write(
        &self,
        path: &Path,
        artifact: &SealedMemory,
        description: &Description,
    ) -> io::Result<()> {
        let description = description.encode();
        let mut file = tempfile::Builder::new()
            .prefix(NEW)
            .tempfile_in(&self.folder)?;
        file.write_all(MAGIC)?;
        file.write_all(&(description.len() as u64).to_le_bytes())?;
        file.write_all(&artifact.len().to_le_bytes())?;
        file.write_all(&checksum(&description, artifact)?)?;
        file.write_all(&description)?;
        artifact.pieces(|piece| file.write_all(piece))?;
        // Whole or not at all, also for a reader that comes in between.
        file.persist(path)?;
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
            // The folder may hold other things, if somebody said so.
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

/// SHA-256 of a description and its artifact.
fn checksum(description: &[u8], artifact: &SealedMemory) -> io::Result<[u8; 32]> {
    let mut hasher = Sha256::new();
    hasher.update(description);
    artifact.pieces(|piece| {
        hasher.update(piece);
        Ok(())
    })?;
    Ok(hasher.finalize().into())
}

/// What the compiler may make use of on this CPU.
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
    use crate::sys::memfd_of;

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
        cache.put("abc", &settings, &artifact, &description());
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
    fn a_folder_that_others_may_read_or_write_is_not_used() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("folder");
        let open = folder.path().join("open");
        fs::create_dir(&open).expect("create");
        fs::set_permissions(&open, fs::Permissions::from_mode(0o755)).expect("chmod");
        assert!(Cache::open(open).is_none());
    }
}
