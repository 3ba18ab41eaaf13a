//! The start of a worker, from the first message to the first task: one linear
//! function, in which the order is the point.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use super::broker::Exchanger;
use super::instance::Workshop;
use super::link::{EventLoop, HostLink};
use super::load::Loaded;
use super::serve::Server;
use crate::engine::files::Granted as GrantedFiles;
use crate::engine::output::Output;
use crate::engine::wasi::WasiParts;
use crate::engine::{config, out_of_memory};
use crate::limits::{KIB, LimitName, show_bytes};
use crate::protocol::control::{Failure, FromChild, ToChild, WorkerSetup, decode, encode};
use crate::protocol::exchange::{EXCHANGE_SIZE, Exchange};
use crate::protocol::handshake::Hello;
use crate::protocol::ring::{RING_SIZE, Ring};
use crate::protocol::sleep::Spin;
use crate::protocol::worker_end::WorkerEnd;
use crate::sandbox::{Cage, CageError, Granted, Inmate, ResourceLimits};
use crate::settings::Stdio;
use crate::sys::{
    ControlSocket, EventFd, MAX_MESSAGE, Mapping, Received, is_explained, thread_error,
};

/// Why a worker could not start.
pub(super) struct StartError {
    pub(super) reason: Failure,
    pub(super) message: String,
}

impl StartError {
    /// What wasmtime says of a failed start. `limited` says whether there is a
    /// limit that can have refused it memory.
    pub(super) fn of_engine(reason: Failure, error: &wasmtime::Error, limited: bool) -> Self {
        match limited && out_of_memory(error) {
            true => StartError::no_memory(),
            false => StartError {
                reason,
                message: format!("{error:#}"),
            },
        }
    }

    /// Why there is no second thread. The C library says only to try again
    /// later, also when it found no memory for its stack.
    fn of_thread(error: io::Error, limited: bool) -> Self {
        match limited && !has_room(THREAD_STACK) {
            true => StartError::no_memory(),
            false => {
                let error = thread_error(error);
                let what_to_do = match is_explained(&error) {
                    true => "",
                    false => "; is `ulimit -u` too low?",
                };
                StartError {
                    reason: Failure::System,
                    message: format!("it gets no second thread: {error}{what_to_do}"),
                }
            }
        }
    }

    fn no_memory() -> Self {
        StartError {
            reason: Failure::Limit(LimitName::ProcessMemory),
            message: String::new(),
        }
    }
}

impl From<io::Error> for StartError {
    fn from(error: io::Error) -> Self {
        StartError {
            reason: Failure::System,
            message: error.to_string(),
        }
    }
}

/// Works until the host hangs up or kills it; returns the exit code.
pub(crate) fn main(control: ControlSocket) -> i32 {
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
    let mut fds = fds.into_iter();
    let mut next = || {
        fds.next()
            .ok_or_else(|| io::Error::other("a descriptor is missing"))
    };
    room_for_stack(setup.engine.wasm_stack)?;
    let (ring, bell, artifact) = (next()?, next()?, next()?);
    let exchange = setup.shares.then(&mut next).transpose()?;
    let stdout = output(setup.stdout, &mut next)?;
    let stderr = output(setup.stderr, &mut next)?;
    let granted = granted(&setup, &mut next)?;
    let ring = Ring::new(Mapping::new(&ring, RING_SIZE)?);
    let bell = Arc::new(EventFd::from_fd(bell));
    let exchanger = match exchange {
        Some(exchange) => {
            let exchange = Exchange::new(Mapping::new(&exchange, EXCHANGE_SIZE)?);
            let spin = Spin::new(setup.spin);
            Some(Arc::new(Exchanger::new(exchange, Arc::clone(&bell), spin)))
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
    let cage = Cage::enter(&setup.orders, Inmate::Worker, &limits, granted, control)?;
    // 6. The artifact: machine code for a stranger's module, so it is loaded
    //    only now.
    let limited = setup.process_memory.is_some();
    let engine = config::engine(&setup.engine)
        .map_err(|error| StartError::of_engine(Failure::System, &error, limited))?;
    let loaded = Loaded::from_artifact(&engine, &artifact, &setup, &cage)?;
    // 7. The second thread, which keeps the clock of sleeping guests and
    //    notices when the host hangs up. Started after what a process can only
    //    give up before it has threads, and before the seal, which forbids to
    //    make any.
    let link = HostLink::start(
        event_loop,
        Arc::clone(control),
        engine.clone(),
        setup.engine.check_epochs,
    )
    .map_err(|error| StartError::of_thread(error, limited))?;
    if limited && !has_room(FIRST_CALL) {
        return Err(StartError::no_memory());
    }
    // 8. Sealed: what only loading needed is gone.
    let report = cage.seal(artifact.as_fd())?;
    drop(artifact);
    control.send(&encode(&FromChild::Ready { report }), &[], true)?;
    let shop = Workshop {
        engine,
        code: loaded.code,
        granted: GrantedFiles::new(&setup.grants.dirs),
        setup,
        link,
        exchanger,
        wasi: Arc::new(WasiParts {
            stdout,
            stderr,
            env: loaded.env,
            filesystem: loaded.filesystem,
        }),
    };
    Ok(Server::new(ring, shop))
}

impl From<CageError> for StartError {
    fn from(error: CageError) -> Self {
        StartError {
            reason: match &error {
                CageError::Incomplete(_) | CageError::Threads => Failure::Sandbox,
                CageError::System { .. } | CageError::HungUp => Failure::System,
            },
            message: error.to_string(),
        }
    }
}

/// The granted directories, each with the descriptor that came with it.
fn granted(
    setup: &WorkerSetup,
    next: &mut impl FnMut() -> io::Result<OwnedFd>,
) -> io::Result<Vec<Granted>> {
    let dirs = setup.grants.dirs.iter().cloned();
    dirs.map(|grant| {
        let opened = next()?;
        Ok(Granted { grant, opened })
    })
    .collect()
}

/// Bytes of stack that Rust gives a thread.
const THREAD_STACK: usize = 2 * 1024 * 1024;

/// Bytes that the first call of a guest takes in any case; wasmtime panics if it
/// does not get them.
const FIRST_CALL: usize = 1024 * 1024;

/// Whether the limit on memory leaves room for so many bytes.
fn has_room(bytes: usize) -> bool {
    let mut room = Vec::<u8>::new();
    let reserved = room.try_reserve_exact(bytes);
    // Or the optimiser sees that nobody uses it, and takes it for granted.
    std::hint::black_box(&mut room);
    reserved.is_ok()
}

/// Bytes of stack that host functions need beyond the guest's.
const HOST_STACK: u64 = 512 * KIB;

/// A guest that may use more stack than there is would crash its worker instead
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

fn output(mode: Stdio, next: &mut impl FnMut() -> io::Result<OwnedFd>) -> io::Result<Arc<Output>> {
    Ok(Arc::new(match mode {
        Stdio::Capture => Output::captured(),
        Stdio::Inherit => Output::passed_to(next()?),
        Stdio::Null => Output::thrown_away(),
    }))
}
