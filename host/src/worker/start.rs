//! The start of a worker, from the first message to the first task: one linear
//! function, in which the order is the point.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use super::link::HostLink;
use super::load::Loaded;
use super::serve::Server;
use super::stdio::Output;
use crate::engine::config;
use crate::protocol::control::{Failure, FromChild, ToChild, WorkerSetup, decode, encode};
use crate::protocol::handshake::Hello;
use crate::protocol::ring::{RING_SIZE, Ring};
use crate::protocol::worker_end::WorkerEnd;
use crate::sandbox;
use crate::settings::Stdio;
use crate::sys::{ControlSocket, EventFd, MAX_MESSAGE, Mapping, Received};

/// Why a worker could not start.
pub(super) struct StartError {
    pub(super) reason: Failure,
    pub(super) message: String,
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
    let (ring, bell, artifact) = (next()?, next()?, next()?);
    let stdout = output(setup.stdout, &mut next)?;
    let stderr = output(setup.stderr, &mut next)?;
    let ring = Ring::new(Mapping::new(&ring, RING_SIZE)?);
    let ring = WorkerEnd::new(ring, EventFd::from_fd(bell));
    // 3. Lock in. Limits on memory come first of all, so that the engine's own
    //    reservations are already made under them.
    sandbox::enter()?;
    sandbox::limit_memory(setup.process_memory)?;
    // 4. The artifact: machine code for a stranger's module, so it is loaded
    //    only now.
    let engine = config::engine(&setup.engine).map_err(|error| StartError {
        reason: Failure::System,
        message: format!("{error:#}"),
    })?;
    let loaded = Loaded::from_artifact(&engine, artifact, setup.component, &setup.grants)?;
    // 5. The second thread, which keeps the clock of sleeping guests and
    //    notices when the host hangs up. Started last, because what a process
    //    gives up it has to give up before it has threads.
    let link = HostLink::start(Arc::clone(control), engine.clone())?;
    control.send(&encode(&FromChild::Ready), &[], true)?;
    Ok(Server::new(
        ring, link, loaded, engine, setup, stdout, stderr,
    ))
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
