//! Starts a worker: makes its ring, its socket and its process, and sends its setup.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use super::handle::Started;
use crate::module::{Loader, Module};
use crate::pool::broker::{HttpRequests, Requests};
use crate::pool::config::Config;
use crate::pool::keys::{SessionLife, WorkerKey};
use crate::pool::output::OutputPipes;
use crate::pool::scheduler::{Blame, Fault};
use sandpool_protocol::control::{Initializer, ToChild, WorkerGrants, WorkerSetup, encode};
use sandpool_protocol::exchange::{EXCHANGE_SIZE, Exchange};
use sandpool_protocol::host_end::HostEnd;
use sandpool_protocol::imports::Links;
use sandpool_protocol::ring::{RING_SIZE, Ring};
use sandpool_protocol::settings::Stdio;
use sandpool_sys::in_force::{Scarce, with_limit};
use sandpool_sys::{ChildProcess, ControlSocket, EventFd, MAX_MESSAGE, Mapping, memfd_sized};
use sandpool_value::encode_args;

/// Returns a function that makes a [`Fault`] of a system error: `what` names the step that
/// was refused.
pub(crate) fn refused(what: &'static str) -> impl Fn(io::Error) -> Fault {
    move |error| {
        let blame = match Scarce::of(&error) {
            Some(_) => Blame::Outside,
            None => Blame::Pool,
        };
        let why = match error.kind() {
            // The text of this error is complete.
            io::ErrorKind::FileTooLarge => error.to_string(),
            _ => format!("the system refused to {what}: {}", with_limit(&error)),
        };
        Fault::new(blame, format!("a worker cannot be started: {why}"))
    }
}

/// Returns the fault of a key that asks for something that no worker can be given.
fn unfit(why: impl std::fmt::Display) -> Fault {
    Fault::new(Blame::Key, format!("a worker cannot be started: {why}"))
}

/// The memory that the host and a worker share.
struct Mapped {
    ring_file: OwnedFd,
    ring: HostEnd,
    exchange_file: Option<OwnedFd>,
    requests: Option<Requests>,
    http_file: Option<OwnedFd>,
}

fn map(worker_key: &WorkerKey, with_exchange: bool) -> io::Result<Mapped> {
    let module = &worker_key.module;
    let ring_file = memfd_sized("sandpool-ring", RING_SIZE as u64)?;
    let ring = HostEnd::new(Ring::new(Mapping::new(&ring_file, RING_SIZE)?));
    let exchange_file = match with_exchange {
        true => Some(memfd_sized("sandpool-exchange", EXCHANGE_SIZE as u64)?),
        false => None,
    };
    let requests = match &exchange_file {
        Some(file) => Some(Requests::new(Exchange::new(Mapping::new(
            file,
            EXCHANGE_SIZE,
        )?))),
        None => None,
    };
    let makes_requests = module.requests_http() && !worker_key.key.http.is_empty();
    let http_file = match makes_requests {
        true => Some(memfd_sized("sandpool-http", EXCHANGE_SIZE as u64)?),
        false => None,
    };
    Ok(Mapped {
        ring_file,
        ring,
        exchange_file,
        requests,
        http_file,
    })
}

/// Makes the host's end of a worker's outgoing HTTP.
#[cfg(feature = "http")]
fn http(
    file: Option<&OwnedFd>,
    control: &Arc<ControlSocket>,
    worker_key: &WorkerKey,
) -> io::Result<Option<HttpRequests>> {
    let Some(file) = file else {
        return Ok(None);
    };
    let exchange = Exchange::new(Mapping::new(file, EXCHANGE_SIZE)?);
    let access = worker_key.key.http.access(worker_key.key.tenant.as_deref());
    Ok(Some(HttpRequests::new(
        exchange,
        Arc::clone(control),
        access,
    )))
}

/// Makes nothing: the feature is off.
#[cfg(not(feature = "http"))]
fn http(
    _: Option<&OwnedFd>,
    _: &Arc<ControlSocket>,
    _: &WorkerKey,
) -> io::Result<Option<HttpRequests>> {
    Ok(None)
}

/// Starts a worker for a key. Must be called on the dispatcher's thread: the worker dies
/// with the thread that started it.
pub(crate) fn start_worker(
    loader: &Loader,
    config: &Config,
    worker_key: &WorkerKey,
) -> Result<(Started, Option<OutputPipes>), Fault> {
    let WorkerKey { key, module, .. } = worker_key;
    let given = config.imports.names_in(module.imports());
    // A snapshot is taken without the host: what is asked of it is refused.
    let asks = module.shares_objects() || !given.is_empty();
    let with_exchange = asks && !module.is_instrumented();
    let Mapped {
        ring_file,
        ring,
        exchange_file,
        requests,
        http_file,
    } = map(worker_key, with_exchange).map_err(refused("give memory for its tasks"))?;
    let bell = EventFd::new().map_err(refused("give an eventfd"))?;
    let (control, theirs) = ControlSocket::pair().map_err(refused("give a socket pair"))?;
    let control = Arc::new(control);
    let http = http(http_file.as_ref(), &control, worker_key);
    let http = http.map_err(refused("give memory for its requests"))?;
    let (pipes, ends) = match config.stdio {
        Stdio::Inherit => {
            let (stdout, stdout_end) = pipe().map_err(refused("give a pipe"))?;
            let (stderr, stderr_end) = pipe().map_err(refused("give a pipe"))?;
            (
                Some(OutputPipes { stdout, stderr }),
                vec![stdout_end, stderr_end],
            )
        }
        Stdio::Capture | Stdio::Null => (None, Vec::new()),
    };
    let confinement = &loader.confinement;
    let child = ChildProcess::start(&loader.program, theirs, confinement.apart());
    let child = child.map_err(|error| {
        let path = loader.program.path.display();
        let fault = refused("start a process")(error);
        Fault::new(fault.blame, format!("{} (`{path}`)", fault.text))
    })?;
    let engine = module.engine_settings();
    let setup = ToChild::Work(WorkerSetup {
        sandbox_plan: confinement.sandbox_plan(child.namespaces()),
        component: module.is_component(),
        grants: grants(&key.grants, module, engine.wasm_stack),
        engine,
        links: Links {
            given,
            unknown: loader.links.unknown,
        },
        shares: exchange_file.is_some(),
        http: http_file.is_some(),
        is_interpreter: module.is_interpreter(),
        pid: child.pid(),
        stdout: config.stdio,
        stderr: config.stdio,
        nice: config.nice,
        // A session's instance is kept as long as its worker; no call sees an instance of
        // which a snapshot was taken.
        reuse: match worker_key.session {
            _ if module.is_instrumented() => 1,
            Some(_) => u64::MAX,
            None => config.reuse,
        },
        spin: config.spin,
        may_ask_to_stop: (worker_key.session.as_ref()).is_some_and(SessionLife::is_interruptible),
        most_in_ring: config.most_in_ring,
        snapshots: module.is_instrumented(),
        initializer: initializer(config, module).map_err(unfit)?,
        process_memory: process_memory(config, module),
        file_size: config.limits.file_size.value,
    });
    let artifact = module.artifact().map_err(unfit)?;
    let mut fds: Vec<BorrowedFd<'_>> = vec![ring_file.as_fd(), bell.as_fd(), artifact.as_fd()];
    fds.extend(exchange_file.as_ref().map(AsFd::as_fd));
    fds.extend(http_file.as_ref().map(AsFd::as_fd));
    fds.extend(ends.iter().map(AsFd::as_fd));
    for dir in &key.grants.dirs {
        fds.push(config.directory(dir).map_err(unfit)?);
    }
    fds.extend(module.is_instrumented().then(|| module.source().as_fd()));
    let setup = encode(&setup);
    if setup.len() > MAX_MESSAGE {
        let text = "the grants, the names of the imports that the host gives and the \
                    initializer's arguments take more than 64KiB";
        return Err(unfit(text));
    }
    match control.send(&setup, &fds, false) {
        // The end of a child that is already gone is noticed elsewhere.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
        sent => sent.map_err(refused("send it its setup"))?,
    }
    Ok((
        Started {
            child,
            control,
            bell,
            ring,
            requests,
            http,
        },
        pipes,
    ))
}

/// The number of times that a worker holds the memory of an instance, at most, while it
/// writes a snapshot of it.
const COPIES: u64 = 6;

/// Returns the limit on the private memory of a worker of this module.
fn process_memory(config: &Config, module: &Module) -> Option<u64> {
    let limit = config.limits.process_memory.value?;
    match module.is_instrumented() {
        true => {
            let memory = config.task_limits.memory.value?;
            Some(limit.saturating_add(memory.saturating_mul(COPIES)))
        }
        false => Some(limit),
    }
}

fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let (read, write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    rustix::io::ioctl_fionbio(&read, true)?;
    Ok((read, write))
}

/// The variable by which an interpreter learns the size of its wasm stack in bytes, so that
/// it can stop recursion before the stack ends.
const WASM_STACK: &str = "SANDPOOL_WASM_STACK";

/// Returns the grants of a worker: those of its key, and an interpreter's stack.
fn grants(of_key: &WorkerGrants, module: &Module, wasm_stack: u64) -> WorkerGrants {
    let mut grants = of_key.clone();
    if module.runs_scripts() && !grants.env.iter().any(|(name, _)| name == WASM_STACK) {
        grants.env.push((WASM_STACK.into(), wasm_stack.to_string()));
    }
    grants
}

/// Returns the initializer's number in this module and its encoded arguments.
fn initializer(config: &Config, module: &Module) -> io::Result<Option<Initializer>> {
    // A snapshot holds what its own function did; each instance of it is initialized later.
    let initializer = config.initializer.as_ref();
    let Some((name, args)) = initializer.filter(|_| !module.is_instrumented()) else {
        return Ok(None);
    };
    // `Call::template` checked both when the call was made.
    let index = module.find_index(name).map_err(io::Error::other)?;
    let values = args
        .clone()
        .bind(&module.callables()[index])
        .map_err(io::Error::other)?;
    Ok(Some(Initializer {
        function: u32::try_from(index).map_err(io::Error::other)?,
        arguments: encode_args(&values),
    }))
}
