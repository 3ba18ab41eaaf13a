//! The start of a worker, from the first message to the first task: one linear
//! function, in which the order is the point.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use super::broker::BrokerClient;
use super::http::HttpLink;
use super::instance::WorkerContext;
use super::link::{EventLoop, HostLink};
use super::load::Loaded;
use super::serve::Server;
use crate::engine::files::Granted as GrantedFiles;
use crate::engine::memory::{Refused, who_refused};
use crate::engine::output::Output;
use crate::engine::wasi::WasiParts;
use crate::engine::{config, out_of_memory};
use crate::sandbox::{Cage, CageError, ChildKind, Granted, ResourceLimits};
use sandpool_protocol::control::{ChildFailure, FromChild, ToChild, WorkerSetup, decode, encode};
use sandpool_protocol::exchange::{EXCHANGE_SIZE, Exchange};
use sandpool_protocol::handshake::Hello;
use sandpool_protocol::limits::{KIB, LimitName, show_bytes};
use sandpool_protocol::ring::{RING_SIZE, Ring};
use sandpool_protocol::settings::{EngineSettings, Stdio};
use sandpool_protocol::sleep::Spin;
use sandpool_protocol::worker_end::WorkerEnd;
use sandpool_sys::in_force::{InForce, Scarce, processes};
use sandpool_sys::{
    ControlSocket, EventFd, MAX_MESSAGE, Mapping, Received, SealedMapping, is_explained,
    thread_error,
};
use sandpool_value::with_causes;

/// Why a worker could not start.
pub(super) struct StartError {
    pub(super) reason: ChildFailure,
    pub(super) message: String,
}

/// The limits of a worker while it starts.
pub(super) struct Bounds {
    /// Its own limit on memory.
    memory: Option<u64>,
    /// Resource limits from before it had its own.
    inherited: InForce,
}

impl Bounds {
    fn of(setup: &WorkerSetup) -> Self {
        Bounds {
            memory: setup.process_memory,
            inherited: InForce::now(),
        }
    }

    /// Explains wasmtime's error about an artifact that it cannot load.
    pub(super) fn unloadable(&self, error: &wasmtime::Error) -> StartError {
        match out_of_memory(error) {
            true => self.no_memory(None),
            false => StartError {
                reason: ChildFailure::Artifact,
                message: format!("{error:#}"),
            },
        }
    }

    /// Explains why there is no engine, which is no fault of any module.
    fn no_engine(&self, error: &wasmtime::Error, engine: &EngineSettings) -> StartError {
        match out_of_memory(error) {
            true => self.no_memory(Some(engine)),
            false => StartError {
                reason: ChildFailure::System,
                message: format!("{error:#}"),
            },
        }
    }

    /// Explains a refusal of memory; an `engine` is one that is still to be made.
    fn no_memory(&self, engine: Option<&EngineSettings>) -> StartError {
        let (reason, message) = match who_refused(self.memory, &self.inherited, engine) {
            Refused::Own => {
                let name = LimitName::ProcessMemory;
                let reason = match engine {
                    Some(_) => ChildFailure::NoRoom(name),
                    None => ChildFailure::Limit(name),
                };
                (reason, String::new())
            }
            Refused::Inherited(limit) => (
                ChildFailure::System,
                format!("it is refused the memory it needs: {limit}"),
            ),
            Refused::System => (
                ChildFailure::Scarce(Scarce::Memory),
                "the system has no memory for it".into(),
            ),
        };
        StartError { reason, message }
    }

    /// Explains why there is no second thread. The C library says only to try again
    /// later, also when it found no memory for its stack.
    fn no_thread(&self, error: io::Error) -> StartError {
        if !has_room(THREAD_STACK) {
            return self.no_memory(None);
        }
        let error = thread_error(error);
        if is_explained(&error) {
            return StartError {
                reason: ChildFailure::System,
                message: format!("it gets no second thread: {error}"),
            };
        }
        match self.inherited.processes {
            // It counts itself. Of more the host knows which limit it is.
            Some(most @ ..=1) => StartError {
                reason: ChildFailure::System,
                message: format!("it gets no second thread: {error}; {}", processes(most)),
            },
            _ => StartError {
                reason: ChildFailure::Scarce(Scarce::Processes),
                message: format!("it gets no second thread: {error}"),
            },
        }
    }

    /// Explains why a descriptor that was sent did not come.
    fn no_descriptor(&self) -> StartError {
        let limit = self.inherited.named(Scarce::Descriptors);
        StartError {
            reason: ChildFailure::System,
            message: match limit {
                Some(limit) => format!("a descriptor that it was sent did not come; {limit}"),
                None => "a descriptor that it was sent did not come".into(),
            },
        }
    }
}

impl From<io::Error> for StartError {
    fn from(error: io::Error) -> Self {
        StartError {
            reason: ChildFailure::of_system(&error),
            message: error.to_string(),
        }
    }
}

/// Works until the host hangs up or kills it; returns the exit code.
pub fn main(control: ControlSocket) -> i32 {
    let control = Arc::new(control);
    match start(&control) {
        Ok(server) => server.serve(),
        Err(StartError { reason, message }) => {
            let message = message.lines().next().unwrap_or_default().to_owned();
            let _ = control.send(&encode(&FromChild::Failed { reason, message }), &[], true);
            1
        }
    }
}

fn start(control: &Arc<ControlSocket>) -> Result<Server, StartError> {
    // 1. Who we are, before anything can go wrong that the host would have to
    //    understand.
    control.send(&Hello::of_this_build().encode(), &[], true)?;
    // 2. What to be, and every descriptor that this worker will ever have.
    let (setup, fds) = receive_setup(control)?;
    let bounds = Bounds::of(&setup);
    let mut fds = fds.into_iter();
    let mut next = || fds.next().ok_or_else(|| bounds.no_descriptor());
    room_for_stack(setup.engine.wasm_stack)?;
    let (ring, bell, artifact) = (next()?, next()?, next()?);
    let exchange = setup.shares.then(&mut next).transpose()?;
    let http = setup.http.then(&mut next).transpose()?;
    let stdout = output(setup.stdout, &mut next)?;
    let stderr = output(setup.stderr, &mut next)?;
    let granted = granted(&setup, &mut next)?;
    let original = match setup.snapshots {
        true => Some(original(&next()?)?),
        false => None,
    };
    let ring = Ring::new(Mapping::new(&ring, RING_SIZE)?);
    let bell = Arc::new(EventFd::from_fd(bell));
    let broker = match exchange {
        Some(exchange) => {
            let exchange = Exchange::new(Mapping::new(&exchange, EXCHANGE_SIZE)?);
            let spin = Spin::new(setup.spin);
            Some(Arc::new(BrokerClient::new(
                exchange,
                Arc::clone(&bell),
                spin,
            )))
        }
        None => None,
    };
    let http = match http {
        Some(memory) => {
            let exchange = Exchange::new(Mapping::new(&memory, EXCHANGE_SIZE)?);
            Some(Arc::new(HttpLink::new(exchange, Arc::clone(&bell))))
        }
        None => None,
    };
    let ring = WorkerEnd::new(ring, bell, Spin::new(setup.spin));
    // 3. As nice as it is to be, while this is its only thread: on Linux each
    //    has a niceness of its own, and hands it on to those it starts.
    if setup.nice > 0 {
        rustix::process::setpriority_process(None, setup.nice.into()).map_err(io::Error::from)?;
    }
    // 4. What the second thread waits with: to make it may take calls that are in
    //    no list.
    let event_loop = EventLoop::new()?;
    // 5. Lock in, as far as loading allows.
    let limits = limits(&setup);
    let cage = Cage::enter(
        &setup.sandbox_plan,
        ChildKind::Worker,
        &limits,
        granted,
        control,
    )?;
    // 6. The artifact: machine code for a stranger's module, so it is loaded
    //    only now.
    let engine =
        config::engine(&setup.engine).map_err(|error| bounds.no_engine(&error, &setup.engine))?;
    let loaded = Loaded::from_artifact(&engine, &artifact, &setup, &cage, &bounds)?;
    // 7. The second thread, which keeps the clock of sleeping guests and
    //    notices when the host hangs up. Started after what a process can only
    //    give up before it has threads, and before the seal, which forbids to
    //    make any.
    let link = HostLink::start(
        event_loop,
        Arc::clone(control),
        engine.clone(),
        &setup,
        http,
    )
    .map_err(|error| bounds.no_thread(error))?;
    if !has_room(FIRST_CALL) {
        return Err(bounds.no_memory(None));
    }
    // 8. Sealed: what only loading needed is gone.
    let report = cage.seal(artifact.as_fd())?;
    drop(artifact);
    control.send(&encode(&FromChild::Ready { report }), &[], true)?;
    let context = WorkerContext {
        engine,
        code: loaded.code,
        original,
        granted: GrantedFiles::new(&setup.grants.dirs),
        setup,
        link,
        broker,
        wasi: Arc::new(WasiParts {
            stdout,
            stderr,
            env: loaded.env,
            filesystem: loaded.filesystem,
        }),
    };
    Ok(Server::new(ring, context))
}

impl From<CageError> for StartError {
    fn from(error: CageError) -> Self {
        StartError {
            reason: error.reason(),
            message: with_causes(&error),
        }
    }
}

/// Returns the granted directories, each with the descriptor that came with it.
fn granted(
    setup: &WorkerSetup,
    next: &mut impl FnMut() -> Result<OwnedFd, StartError>,
) -> Result<Vec<Granted>, StartError> {
    let dirs = setup.grants.dirs.iter().cloned();
    dirs.map(|grant| {
        let opened = next()?;
        Ok(Granted { grant, opened })
    })
    .collect()
}

/// Returns the bytes of the module that a snapshot is made of, which are not looked at yet.
fn original(file: &OwnedFd) -> io::Result<SealedMapping> {
    let file = File::from(file.try_clone()?);
    SealedMapping::new(&file, file.metadata()?.len())
}

/// Bytes of stack that Rust gives a thread.
const THREAD_STACK: usize = 2 * 1024 * 1024;

/// Bytes that the first call of a guest takes in any case; wasmtime panics if it
/// does not get them.
const FIRST_CALL: usize = 1024 * 1024;

/// Returns `true` if the limit on memory leaves room for this many bytes.
fn has_room(bytes: usize) -> bool {
    let mut room = Vec::<u8>::new();
    let reserved = room.try_reserve_exact(bytes);
    // Or the optimiser sees that nobody uses it, and takes it for granted.
    std::hint::black_box(&mut room);
    reserved.is_ok()
}

/// Bytes of stack that host functions need beyond the guest's.
const HOST_STACK: u64 = 512 * KIB;

/// Fails if there is less stack than the guest may use: it would crash its worker instead
/// of trapping.
fn room_for_stack(guest: u64) -> io::Result<()> {
    let stack = rustix::process::getrlimit(rustix::process::Resource::Stack);
    let needed = guest.saturating_add(HOST_STACK);
    match stack.current {
        Some(bytes) if bytes < needed => Err(io::Error::other(format!(
            "`ulimit -H -s` leaves it a stack of {}, and it needs {}",
            show_bytes(bytes),
            show_bytes(needed)
        ))),
        _ => Ok(()),
    }
}

/// Descriptors that a worker needs beside what its guests open: its own, and
/// those of payloads that were sent ahead.
const OWN_DESCRIPTORS: u64 = 256;

/// Descriptors for the files of guests.
const GUEST_DESCRIPTORS: u64 = 1024;

fn limits(setup: &WorkerSetup) -> ResourceLimits {
    let dirs = &setup.grants.dirs;
    ResourceLimits {
        memory: setup.process_memory,
        // Where nothing may be written no file is: answers that do not fit the
        // ring are written by mapping their memory.
        file_size: match dirs.iter().any(|dir| dir.writable) {
            true => setup.file_size,
            false => Some(0),
        },
        cpu_time: None,
        descriptors: OWN_DESCRIPTORS
            + if dirs.is_empty() {
                0
            } else {
                GUEST_DESCRIPTORS
            },
    }
}

fn receive_setup(control: &ControlSocket) -> io::Result<(WorkerSetup, Vec<OwnedFd>)> {
    let mut buffer = vec![0; MAX_MESSAGE];
    let Received::Message(len, fds) = control.receive(&mut buffer, true)? else {
        return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
    };
    match decode(&buffer[..len]) {
        Ok(ToChild::Work(setup)) => Ok((setup, fds)),
        _ => Err(io::Error::other(
            "the first message is no setup for a worker",
        )),
    }
}

fn output(
    mode: Stdio,
    next: &mut impl FnMut() -> Result<OwnedFd, StartError>,
) -> Result<Arc<Output>, StartError> {
    Ok(Arc::new(match mode {
        Stdio::Capture => Output::captured(),
        Stdio::Inherit => Output::passed_to(next()?),
        Stdio::Null => Output::thrown_away(),
    }))
}
