//! A process that locks itself in as a worker does, and then tries to get out:
//! what `sandpool doctor` and the tests of the cage run.
//!
//! It never sees a guest. Each attempt has a process of its own, since most of
//! them end in its death.

use std::os::fd::AsFd;

use super::cage::{Cage, CageError, ChildKind};
use super::limits::ResourceLimits;
use super::namespaces::Granted;
use sandpool_protocol::control::{FromChild, ProbeSetup, ToChild, decode, encode};
use sandpool_protocol::handshake::Hello;
use sandpool_sys::{ControlSocket, MAX_MESSAGE, Received, attempts, memfd_of};
use sandpool_value::with_causes;

/// Plays the role and returns the exit code.
pub fn main(control: &ControlSocket) -> i32 {
    let said = match play(control) {
        Ok(result) => FromChild::Probed {
            errno: result.err().map(|error| error.raw_os_error().unwrap_or(0)),
        },
        Err(error) => FromChild::Failed {
            reason: error.reason(),
            message: with_causes(&error),
        },
    };
    i32::from(control.send(&encode(&said), &[], true).is_err())
}

fn play(control: &ControlSocket) -> Result<std::io::Result<()>, CageError> {
    let system = |what| move |source| CageError::System { what, source };
    control
        .send(&Hello::of_this_build().encode(), &[], true)
        .map_err(system("greet"))?;
    let mut buffer = vec![0; MAX_MESSAGE];
    let received = control
        .receive(&mut buffer, true)
        .map_err(system("read its sandbox plan"))?;
    let Received::Message(len, fds) = received else {
        return Err(CageError::HungUp);
    };
    let Ok(ToChild::Probe(setup)) = decode(&buffer[..len]) else {
        return Ok(Err(std::io::Error::other("no sandbox plan for a probe")));
    };
    let ProbeSetup {
        sandbox_plan,
        dirs,
        attempt,
        parent,
    } = setup;
    let granted = dirs.into_iter().zip(fds);
    let granted: Vec<_> = granted
        .map(|(grant, opened)| Granted { grant, opened })
        .collect();
    let limits = ResourceLimits {
        file_size: Some(0),
        descriptors: 64,
        ..ResourceLimits::default()
    };
    let stream = memfd_of("sandpool-artifact", &[]).map_err(system("make a memory file"))?;
    let cage = Cage::enter(&sandbox_plan, ChildKind::Worker, &limits, granted, control)?;
    let directory = cage
        .directories()
        .first()
        .map(|directory| attempts::open(&directory.path))
        .transpose()
        .map_err(system("open the granted directory"))?;
    let report = cage.seal(stream.as_fd())?;
    control
        .send(&encode(&FromChild::Ready { report }), &[], true)
        .map_err(system("report"))?;
    Ok(match attempt {
        Some(attempt) => attempts::make(attempt, parent, directory),
        None => Ok(()),
    })
}
