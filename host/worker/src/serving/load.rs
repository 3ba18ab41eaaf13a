//! The loaded code, variables and directories of a worker.

use std::fs::File;
use std::os::fd::OwnedFd;

use wasmtime::Engine;
use wasmtime_wasi::{FsPerms, WasiCtxBuilder, filesystem::WasiFilesystemCtx};

use super::start::{Bounds, StartError};
use crate::engine::code::{Artifact, Code, Unloadable};
use crate::engine::imports::Links;
use crate::sandbox::{Cage, Directory};
use sandpool_protocol::control::{ChildFailure, WorkerSetup};
use sandpool_sys::SealedMapping;

/// The loaded code, variables and directories of a worker.
pub(super) struct Loaded {
    pub(super) code: Code,
    pub(super) env: Vec<(String, String)>,
    /// Granted directories, opened once; every task gets a copy.
    pub(super) filesystem: Option<WasiFilesystemCtx>,
}

impl Loaded {
    /// Loads the artifact that the host sent.
    pub(super) fn from_artifact(
        engine: &Engine,
        artifact: &OwnedFd,
        setup: &WorkerSetup,
        cage: &Cage,
        bounds: &Bounds,
    ) -> Result<Self, StartError> {
        let links = Links {
            given: &setup.given,
        };
        let code = match cage.path_of(artifact) {
            Some(path) => Code::load(engine, Artifact::File(&path), setup.component, &links),
            None => {
                let file = File::from(artifact.try_clone()?);
                let mapped = SealedMapping::new(&file, file.metadata()?.len())?;
                Code::load(
                    engine,
                    Artifact::Bytes(mapped.bytes()),
                    setup.component,
                    &links,
                )
            }
        };
        let code = code.map_err(|unloadable| match unloadable {
            Unloadable::Artifact(error) => bounds.unloadable(&error),
            Unloadable::Module(message) => StartError {
                reason: ChildFailure::Module,
                message,
            },
        })?;
        Ok(Loaded {
            code,
            env: setup.grants.env.clone(),
            filesystem: open_directories(cage.directories())?,
        })
    }
}

/// Opens the granted directories now, once: later this process may open
/// nothing.
fn open_directories(directories: &[Directory]) -> Result<Option<WasiFilesystemCtx>, StartError> {
    if directories.is_empty() {
        return Ok(None);
    }
    let mut builder = WasiCtxBuilder::new();
    builder.allow_blocking_current_thread(true);
    for dir in directories {
        let perms = if dir.writable {
            FsPerms::ReadWrite
        } else {
            FsPerms::ReadOnly
        };
        builder
            .preopened_dir(&dir.path, &dir.guest, perms)
            .map_err(|error| StartError {
                reason: ChildFailure::Grants,
                message: format!(
                    "cannot open the directory granted as `{}`: {error:#}",
                    dir.guest
                ),
            })?;
    }
    Ok(Some(builder.build().filesystem().clone()))
}
