//! The bytes of a module, read once into memory that can no longer change, so that the
//! hashed bytes are the compiled bytes.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

use sha2::{Digest, Sha256};

use super::error::Problem;
use sandpool_protocol::limits::{Limit, LimitHit, LimitName, show_bytes};
use sandpool_sys::{SealedMemory, memfd_growable, memfd_of, seal_contents};

/// A module's bytes and their hash.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) memory: SealedMemory,
    pub(super) hash: String,
}

impl Source {
    pub(super) fn from_file(path: &Path, limit: Limit<u64>) -> Result<Self, Problem> {
        // Opening a fifo would wait for its other end.
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_NONBLOCK)
            .open(path)
            .map_err(|error| match error.kind() {
                io::ErrorKind::NotFound => Problem::NotFound,
                _ => Problem::read(error),
            })?;
        let metadata = file.metadata().map_err(Problem::of_reading)?;
        if !metadata.is_file() {
            let of = metadata.file_type();
            let kind = match () {
                () if of.is_dir() => "a directory",
                () if of.is_fifo() => "a fifo",
                () if of.is_socket() => "a socket",
                () => "a device",
            };
            return Err(Problem::NotRegular { kind });
        }
        if limit.value.is_some_and(|limit| metadata.len() > limit) {
            return Err(too_large(limit));
        }
        let memory = copy(file, limit)?;
        Source::new(memory)
    }

    pub(super) fn from_bytes(bytes: &[u8], limit: Limit<u64>) -> Result<Self, Problem> {
        if limit.value.is_some_and(|limit| bytes.len() as u64 > limit) {
            return Err(too_large(limit));
        }
        Source::new(memfd_of("sandpool-module", &[bytes]).map_err(Problem::of_reading)?)
    }

    pub(super) fn from_memory(memory: SealedMemory, limit: Limit<u64>) -> Result<Self, Problem> {
        match limit.value.is_some_and(|limit| memory.len() > limit) {
            true => Err(too_large(limit)),
            false => Source::new(memory),
        }
    }

    fn new(memory: SealedMemory) -> Result<Self, Problem> {
        if memory.len() == 0 {
            return Err(Problem::Invalid {
                reason: "it is empty".into(),
            });
        }
        let mut hasher = Sha256::new();
        let hashed = memory.pieces(|piece| {
            hasher.update(piece);
            Ok(())
        });
        hashed.map_err(Problem::of_reading)?;
        let digest = hasher.finalize();
        let hash = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Source { memory, hash })
    }
}

/// Copies a file that may be growing while it is read.
fn copy(file: File, limit: Limit<u64>) -> Result<SealedMemory, Problem> {
    let mut memory = File::from(memfd_growable("sandpool-module").map_err(Problem::of_reading)?);
    let mut bounded = file.take(
        limit
            .value
            .map_or(u64::MAX, |limit| limit.saturating_add(1)),
    );
    let copied = io::copy(&mut bounded, &mut memory).map_err(Problem::of_reading)?;
    if limit.value.is_some_and(|limit| copied > limit) {
        return Err(too_large(limit));
    }
    seal_contents(memory.into()).map_err(Problem::of_reading)
}

fn too_large(limit: Limit<u64>) -> Problem {
    Problem::Limit {
        hit: LimitHit {
            name: LimitName::ModuleSize,
            value: limit.value.map_or_else(String::new, show_bytes),
            origin: limit.origin,
            place: None,
        },
    }
}
