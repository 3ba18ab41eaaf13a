//! An artifact, loaded and linked: all that can be done once for every task
//! that this worker will run.

use std::os::fd::OwnedFd;

use wasmtime::component::{Component, ComponentExportIndex, InstancePre};
use wasmtime::{Engine, Module};
use wasmtime_wasi::{FsPerms, WasiCtxBuilder, filesystem::WasiFilesystemCtx};

use super::start::StartError;
use super::typed::{FastCall, fast_call};
use crate::engine::guest::Guest;
use crate::engine::{describe, imports};
use crate::protocol::control::{Failure, WorkerSetup};
use crate::sandbox::{Cage, Directory};
use crate::value::Function;

/// What a worker was born for.
pub(super) struct Loaded {
    pub(super) code: Code,
    pub(super) env: Vec<(String, String)>,
    /// Granted directories, opened once; every task gets a copy.
    pub(super) filesystem: Option<WasiFilesystemCtx>,
}

/// The code of either kind of module.
pub(super) enum Code {
    Component {
        pre: InstancePre<Guest>,
        functions: Vec<LoadedFunction>,
        run: Option<ComponentExportIndex>,
    },
    Core {
        pre: wasmtime::InstancePre<Guest>,
        functions: Vec<Function>,
        is_reactor: bool,
    },
}

/// A function of a component, found once.
pub(super) struct LoadedFunction {
    pub(super) function: Function,
    pub(super) export: ComponentExportIndex,
    /// How to call it without a value per byte, for signatures of bytes and
    /// strings.
    pub(super) fast: Option<FastCall>,
}

impl Loaded {
    /// Loads the artifact that the host sent.
    pub(super) fn from_artifact(
        engine: &Engine,
        artifact: &OwnedFd,
        setup: &WorkerSetup,
        cage: &Cage,
    ) -> Result<Self, StartError> {
        let limited = setup.process_memory.is_some();
        let broken =
            |error: wasmtime::Error| StartError::of_engine(Failure::Artifact, &error, limited);
        let path = cage.path_of(artifact);
        let code = if setup.component {
            let component = deserialize_component(engine, &path).map_err(broken)?;
            let linker = imports::component_linker(engine).map_err(broken)?;
            let pre = linker.instantiate_pre(&component).map_err(broken)?;
            let functions =
                describe::component_functions(engine, &component).map_err(|message| {
                    StartError {
                        reason: Failure::Module,
                        message,
                    }
                })?;
            let functions = functions.into_iter().map(|found| LoadedFunction {
                fast: fast_call(&found.function),
                function: found.function,
                export: found.export,
            });
            let functions = functions.collect();
            Code::Component {
                pre,
                functions,
                run: describe::component_command(&component),
            }
        } else {
            let module = deserialize_module(engine, &path).map_err(broken)?;
            let linker = imports::core_linker(engine).map_err(broken)?;
            let pre = linker.instantiate_pre(&module).map_err(broken)?;
            Code::Core {
                pre,
                functions: describe::core_functions(&module),
                is_reactor: module.get_export("_initialize").is_some(),
            }
        };
        Ok(Loaded {
            code,
            env: setup.grants.env.clone(),
            filesystem: open_directories(cage.directories())?,
        })
    }
}

#[expect(
    unsafe_code,
    reason = "an artifact is machine code: only wasmtime can load it"
)]
fn deserialize_component(engine: &Engine, path: &str) -> wasmtime::Result<Component> {
    // SAFETY: the callee wants bytes that wasmtime's `serialize` made and that
    // do not change. The file is sealed, and the host took it from its own
    // compiler process or from its own cache. A compiler that was taken over
    // can still have written anything: that code then runs in this process,
    // which is built to be no worse off for it.
    unsafe { Component::deserialize_file(engine, path) }
}

#[expect(
    unsafe_code,
    reason = "an artifact is machine code: only wasmtime can load it"
)]
fn deserialize_module(engine: &Engine, path: &str) -> wasmtime::Result<Module> {
    // SAFETY: as in `deserialize_component`.
    unsafe { Module::deserialize_file(engine, path) }
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
                reason: Failure::System,
                message: format!(
                    "cannot open the directory granted as `{}`: {error:#}",
                    dir.guest
                ),
            })?;
    }
    Ok(Some(builder.build().filesystem().clone()))
}
