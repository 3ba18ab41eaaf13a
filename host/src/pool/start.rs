//! Starts a worker: the ring, the socket, the process, and its setup.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use super::requests::Requests;
use super::slot::Started;
use super::state::{Bound, Config};
use crate::module::{Loader, Module};
use crate::protocol::control::{Initializer, ToChild, WorkerSetup, encode};
use crate::protocol::exchange::{EXCHANGE_SIZE, Exchange};
use crate::protocol::host_end::HostEnd;
use crate::protocol::ring::{RING_SIZE, Ring};
use crate::settings::Stdio;
use crate::sys::{ChildProcess, ControlSocket, EventFd, MAX_MESSAGE, Mapping, memfd_sized};
use crate::value::encode_args;

/// The host's ends of a worker's passed-on output streams.
pub(super) struct OutputPipes {
    pub(super) stdout: OwnedFd,
    pub(super) stderr: OwnedFd,
}

/// Starts a worker for a key. To be called on the dispatcher's thread: the
/// worker dies with the thread that started it.
pub(super) fn start_worker(
    loader: &Loader,
    config: &Config,
    bound: &Bound,
) -> io::Result<(Started, Option<OutputPipes>)> {
    let Bound { key, module, .. } = bound;
    let ring_file = memfd_sized("sandpool-ring", RING_SIZE as u64)?;
    let ring = HostEnd::new(Ring::new(Mapping::new(&ring_file, RING_SIZE)?));
    let bell = EventFd::new()?;
    let exchange_file = match module.shares_objects() {
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
    let (control, theirs) = ControlSocket::pair()?;
    let (pipes, ends) = match config.stdio {
        Stdio::Inherit => {
            let (stdout, stdout_end) = pipe()?;
            let (stderr, stderr_end) = pipe()?;
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
        io::Error::new(error.kind(), format!("`{path}`: {error}"))
    })?;
    let setup = ToChild::Work(WorkerSetup {
        orders: confinement.orders(child.namespaces()),
        engine: module.settings().clone(),
        component: module.is_component(),
        grants: key.grants.clone(),
        shares: exchange_file.is_some(),
        is_interpreter: module.is_interpreter(),
        pid: child.pid(),
        stdout: config.stdio,
        stderr: config.stdio,
        nice: config.nice,
        reuse: config.reuse,
        spin: config.spin,
        most_in_ring: config.most_in_ring,
        initializer: initializer(config, module)?,
        process_memory: config.limits.process_memory.value,
        file_size: config.limits.file_size.value,
    });
    let mut fds: Vec<BorrowedFd<'_>> =
        vec![ring_file.as_fd(), bell.as_fd(), module.artifact().as_fd()];
    fds.extend(exchange_file.as_ref().map(AsFd::as_fd));
    fds.extend(ends.iter().map(AsFd::as_fd));
    for dir in &key.grants.dirs {
        fds.push(config.directory(dir)?);
    }
    let setup = encode(&setup);
    if setup.len() > MAX_MESSAGE {
        let text = "the grants and the initializer's arguments take more than 64KiB";
        return Err(io::Error::other(text));
    }
    match control.send(&setup, &fds, false) {
        // A child that is already gone is noticed by its end.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
        sent => sent?,
    }
    Ok((
        Started {
            child,
            control,
            bell,
            ring,
            requests,
        },
        pipes,
    ))
}

fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let (read, write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    rustix::io::ioctl_fionbio(&read, true)?;
    Ok((read, write))
}

/// The initializer's number in this module and its encoded arguments.
fn initializer(config: &Config, module: &Module) -> io::Result<Option<Initializer>> {
    let Some((name, args)) = &config.initializer else {
        return Ok(None);
    };
    // Both were tried when the call was made; see `Call::template`.
    let index = module.find_index(name).map_err(io::Error::other)?;
    let values = args
        .clone()
        .bind(&module.functions()[index])
        .map_err(io::Error::other)?;
    Ok(Some(Initializer {
        function: u32::try_from(index).map_err(io::Error::other)?,
        arguments: encode_args(&values),
    }))
}
