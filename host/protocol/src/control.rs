//! Messages on the control socket.
//!
//! The host sends [`ToChild`]; a child answers with [`FromChild`], after its
//! first message, which is a [`super::handshake::Hello`]. Descriptors travel
//! from the host only.

use std::time::Duration;

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::Violation;
use crate::imports::Links;
use crate::layers::{Layer, SandboxReport};
use crate::limits::LimitName;
use crate::settings::{DirGrant, EngineSettings, LogLevel, Sandbox, Stdio};
use sandpool_sys::in_force::Scarce;
use sandpool_sys::{Attempt, Namespaces};

/// A message from the host to a child.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum ToChild {
    /// Be a worker. With it come, in this order, the ring, the host's bell,
    /// the artifact, the exchange where there is one, that of HTTP where there is
    /// one, the pipes for stdout and stderr where they are passed through, the
    /// granted directories, and the original of an instrumented module.
    Work(WorkerSetup),
    /// Be a compiler. With it come the module and two empty memory files: for
    /// the artifact and for the description.
    Compile(CompilerSetup),
    /// Be a probe. With it come the granted directories.
    Probe(ProbeSetup),
    /// The memory file that comes with it holds the payload with this number.
    Payload { id: u64, len: u64 },
    /// The memory file that comes with it is for the answer that the worker asked room for.
    Room { len: u64 },
    /// The read end of the pipe that carries standard input.
    Stdin,
    /// End the running task at the next epoch check.
    Interrupt { task: u64 },
    /// Look into the exchange of HTTP.
    Http,
    /// Let the running task know that it is asked to stop.
    AskToStop { task: u64 },
}

/// The plan by which a child locks itself in.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SandboxPlan {
    pub mode: Sandbox,
    /// The layers to leave out, to see the effect of each.
    pub without: Vec<Layer>,
    /// `true` if the host is root; in a user namespace every process seems to be.
    pub root: bool,
    /// The namespaces that the child was born into.
    pub born: Namespaces,
}

/// The task of a probe; see `sandbox::probe`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ProbeSetup {
    pub sandbox_plan: SandboxPlan,
    pub dirs: Vec<DirGrant>,
    pub attempt: Option<Attempt>,
    /// The parent's process id, which the child could not find out by itself.
    pub parent: u32,
}

/// The settings of a worker, for its whole life.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WorkerSetup {
    pub sandbox_plan: SandboxPlan,
    pub engine: EngineSettings,
    /// `true` if the artifact is a component (else a core module).
    pub component: bool,
    pub grants: WorkerGrants,
    /// The imports that the host gives.
    pub links: Links,
    /// `true` if the module imports shared objects, functions or tools of the host, for which
    /// the worker gets an exchange.
    pub shares: bool,
    /// `true` if the guests may make HTTP requests, for which the worker gets another
    /// exchange. The rules stay with the host.
    pub http: bool,
    /// `true` if the module is an interpreter: see [`Description`](super::description).
    pub is_interpreter: bool,
    pub pid: u32,
    pub stdout: Stdio,
    pub stderr: Stdio,
    /// The worker's niceness; 0 leaves it that of the host.
    pub nice: u8,
    /// The number of tasks that share one instance.
    pub reuse: u64,
    /// `true` if the worker looks for a moment before it sleeps.
    pub spin: bool,
    /// `true` if the host may ask a task to stop.
    pub may_ask_to_stop: bool,
    /// The size in bytes above which an answer has a memory file of its own.
    pub most_in_ring: usize,
    /// `true` if the module is instrumented: the value of a call is a snapshot of its
    /// instance, not what the function returned.
    pub snapshots: bool,
    /// A function to call in each new instance, with its encoded arguments.
    pub initializer: Option<Initializer>,
    /// `RLIMIT_DATA` in bytes.
    pub process_memory: Option<u64>,
    /// `RLIMIT_FSIZE` in bytes, if directories are granted for writing.
    pub file_size: Option<u64>,
}

/// A function that runs in each new instance before its first task.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Initializer {
    pub function: u32,
    #[serde(with = "serde_bytes")]
    pub arguments: Vec<u8>,
}

/// The grants of a worker's guests.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct WorkerGrants {
    pub env: Vec<(String, String)>,
    pub dirs: Vec<DirGrant>,
}

/// The task of a compiler.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CompilerSetup {
    pub sandbox_plan: SandboxPlan,
    pub engine: EngineSettings,
    /// `true` if the module is compiled to be run: a module with imports that nobody gives
    /// is then refused before it is compiled. `false` if it is only described: then nothing
    /// is compiled, and the file for the artifact stays empty.
    pub to_run: bool,
    /// The imports that the host gives.
    pub links: Links,
    /// `true` if the module is instrumented first, so that a worker can take a snapshot of
    /// an instance.
    pub instruments: bool,
    pub memory: Option<u64>,
    pub cpu_time: Option<Duration>,
}

/// A message from a child to the host.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum FromChild {
    /// The worker has loaded its artifact and waits for tasks; the compiler
    /// has written artifact and description; the probe is sealed.
    Ready { report: SandboxReport },
    /// The result of a probe's attempt; `None` if it succeeded.
    Probed { errno: Option<i32> },
    /// The child cannot do its task.
    Failed {
        reason: ChildFailure,
        message: String,
    },
    /// A message about a task. The worker may be at its next task already when the host
    /// reads this, so the message names the task.
    Task { task: u64, says: Says },
}

/// A worker's message about the running task.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Says {
    /// The worker wants room for an answer of this many bytes.
    WantRoom { len: u64 },
    /// The guest reads standard input for the first time.
    WantStdin,
    /// A line that the guest logged.
    Log { level: LogLevel, message: String },
    /// The guest's progress.
    Progress {
        done: u64,
        total: Option<u64>,
        message: Option<String>,
    },
}

/// The reason why a child failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ChildFailure {
    /// The module is invalid, or needs something that does not exist.
    Module,
    /// The artifact was made by another engine or for another CPU.
    Artifact,
    /// A granted directory cannot be opened.
    Grants,
    /// The operating system refused something, and would again.
    System,
    /// The operating system has no memory, threads or descriptors now.
    Scarce(Scarce),
    /// The sandbox is to be strict, and a layer is missing; or the child has threads that
    /// no sandbox would bind.
    Sandbox,
    /// This module needs more than this limit allows.
    Limit(LimitName),
    /// Any module would need more than this limit allows.
    NoRoom(LimitName),
}

impl ChildFailure {
    /// Returns the failure for an error of the system.
    pub fn of_system(error: &std::io::Error) -> Self {
        Scarce::of(error).map_or(ChildFailure::System, ChildFailure::Scarce)
    }
}

/// Encodes a message. Our messages always encode.
pub fn encode<T: Serialize>(message: &T) -> Vec<u8> {
    postcard::to_stdvec(message).unwrap_or_default()
}

/// Reads a message that a child may have made up.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Violation> {
    match postcard::take_from_bytes(bytes) {
        Ok((message, [])) => Ok(message),
        Ok(_) => Err(Violation("a control message has bytes left over")),
        Err(_) => Err(Violation("a control message cannot be read")),
    }
}
