//! Choices that are not limits: how modules are compiled, how far tasks are kept apart,
//! where their output goes, and which directories they may reach.

use std::fmt;
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The destination of a guest's standard output and error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Stdio {
    /// The outcome: output is kept and handed over with it (default for pools).
    #[default]
    Capture,
    /// The host's own standard output and error: output is passed on live, in whole lines
    /// unless told otherwise (default for `Process`).
    Inherit,
    /// Nowhere: output is thrown away.
    Null,
}

/// The way in which a task that runs past its wall time is ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Interrupt {
    /// The task's worker is killed and another started. Guest code runs without checks, a
    /// quarter to a third faster than with [`Interrupt::Epoch`] (default).
    #[default]
    Kill,
    /// The task is interrupted, and its worker lives on. Guest code is compiled with checks
    /// for that, and the error names the place in the guest's code. A task that is blocked
    /// in a host call costs its worker all the same.
    Epoch,
}

/// The degree to which two tasks share state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Isolation {
    /// Pooled worker processes, a fresh instance for each task (default).
    #[default]
    Process,
    /// Pooled worker processes; an instance is kept for this many tasks, which can see the
    /// traces of earlier tasks in its memory.
    ProcessReuse(NonZeroU64),
    /// A worker process of its own for each task.
    ProcessPerTask,
}

/// The reaction to a missing layer of the operating system's sandbox.
/// [`Layer`](crate::layers::Layer) lists them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Sandbox {
    /// Refuse to run: `PoolBuilder::build` fails, and names the missing
    /// layers. A layer that holds in part is not missing.
    Strict,
    /// Use the available layers, and report missing layers once (default).
    #[default]
    Auto,
    /// Use no layer. The parts that need no help of the system stay: the separate process,
    /// its empty environment and closed descriptors.
    Off,
}

/// The reaction to functions that a module imports and that nobody gives: neither sandpool
/// nor the program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum UnknownImports {
    /// The module is refused when it is loaded, before anything is compiled (default).
    #[default]
    Refuse,
    /// The module is loaded, and a call of a function is refused. The call fails in its own
    /// way where its type has one, and the outcome lists it among the refusals; otherwise it
    /// ends the task with the verdict `denied`. Imported memories, tables, globals and tags
    /// cannot be denied: a module with one is refused all the same.
    Deny,
}

/// A WebAssembly proposal that is off unless asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum WasmFeature {
    /// Exception handling, which today's C++ toolchains use.
    Exceptions,
    /// Typed function references.
    FunctionReferences,
    /// Garbage-collected objects; implies function references.
    Gc,
    /// 64-bit memories.
    Memory64,
    /// Memories with pages of one byte.
    CustomPageSizes,
    /// Multiplication and addition of 128 bits.
    WideArithmetic,
}

impl WasmFeature {
    /// All features.
    pub const ALL: [WasmFeature; 6] = [
        WasmFeature::Exceptions,
        WasmFeature::FunctionReferences,
        WasmFeature::Gc,
        WasmFeature::Memory64,
        WasmFeature::CustomPageSizes,
        WasmFeature::WideArithmetic,
    ];

    /// Returns the name of the feature, as `--wasm` reads it.
    pub fn name(self) -> &'static str {
        match self {
            WasmFeature::Exceptions => "exceptions",
            WasmFeature::FunctionReferences => "function-references",
            WasmFeature::Gc => "gc",
            WasmFeature::Memory64 => "memory64",
            WasmFeature::CustomPageSizes => "custom-page-sizes",
            WasmFeature::WideArithmetic => "wide-arithmetic",
        }
    }
}

impl fmt::Display for WasmFeature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for WasmFeature {
    type Err = UnknownWasmFeature;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = WasmFeature::ALL
            .into_iter()
            .find(|feature| feature.name() == text);
        known.ok_or_else(|| UnknownWasmFeature {
            text: text.to_owned(),
        })
    }
}

/// The error of a text that names no [`WasmFeature`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not a WebAssembly feature that can be turned on; use exceptions, function-references, gc, memory64, custom-page-sizes or wide-arithmetic"
)]
pub struct UnknownWasmFeature {
    /// The text.
    pub text: String,
}

/// A directory that guests may reach, with everything in it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DirGrant {
    /// The path of the directory on the host.
    #[serde(with = "path_bytes")]
    pub host: PathBuf,
    /// The path that guests see, without `..`. A relative path is taken for absolute, as
    /// guests have no other working directory than `/`.
    pub guest: String,
    /// `true` if tasks may change its contents.
    pub writable: bool,
}

/// Encodes a path of the host as bytes: it need not be UTF-8, and serde's own form of paths
/// knows only UTF-8.
mod path_bytes {
    use std::ffi::OsString;
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    use std::path::{Path, PathBuf};

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
        path.as_os_str().as_bytes().serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<PathBuf, D::Error> {
        Vec::deserialize(from).map(|bytes| OsString::from_vec(bytes).into())
    }
}

/// Returns the path that a C library makes of a guest path: absolute, and without `.`. It
/// has no `..`; see [`DirGrant`].
pub fn guest_path(guest: &str) -> String {
    let names = guest.split('/').filter(|name| !matches!(*name, "" | "."));
    let path: String = names.flat_map(|name| ["/", name]).collect();
    match path.is_empty() {
        true => "/".to_owned(),
        false => path,
    }
}

/// The importance of a guest's log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum LogLevel {
    /// Steps of interest to nobody but the author.
    Trace,
    /// For finding faults.
    Debug,
    /// Ordinary progress of the task.
    Info,
    /// Something is odd.
    Warn,
    /// Something failed.
    Error,
}

impl fmt::Display for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            LogLevel::Trace => "trace",
            LogLevel::Debug => "debug",
            LogLevel::Info => "info",
            LogLevel::Warn => "warn",
            LogLevel::Error => "error",
        })
    }
}

/// The settings that compiler and worker must agree on, or the artifact does not load. They
/// are part of its name in the cache.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct EngineSettings {
    pub count_fuel: bool,
    pub check_epochs: bool,
    /// The features that are turned on, sorted.
    pub features: Vec<WasmFeature>,
    pub wasm_stack: u64,
    pub tables: u32,
    pub table_elements: u32,
    pub instances: u32,
    pub memories: u32,
}

impl EngineSettings {
    /// Returns the settings for a pool with these limits and no others.
    pub fn new(limits: &crate::limits::PoolLimits) -> Self {
        EngineSettings {
            wasm_stack: limits.wasm_stack,
            tables: limits.tables,
            table_elements: limits.table_elements,
            instances: limits.instances,
            memories: limits.memories,
            ..EngineSettings::default()
        }
    }
}
