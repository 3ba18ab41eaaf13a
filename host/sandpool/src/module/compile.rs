//! Supervises a compiler process: one for each compilation, with a deadline.

use std::fs;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use smallvec::SmallVec;

use super::error::Problem;
use super::source::Source;
use super::{Loader, Purpose};
use sandpool_protocol::control::{ChildFailure, CompilerSetup, FromChild, ToChild, decode, encode};
use sandpool_protocol::description::{Description, MAX_DESCRIPTION};
use sandpool_protocol::handshake::Hello;
use sandpool_protocol::imports::Links;
use sandpool_protocol::limits::LimitName;
use sandpool_protocol::roles::COMPILER_ROLE;
use sandpool_sys::in_force::{InForce, Scarce, named, naming_limit};
use sandpool_sys::{
    ABORTED, ChildExit, ChildProcess, ControlSocket, EventFd, MAX_MESSAGE, OUT_OF_CPU, OomKills,
    PANICKED, Program, Received, SealedMemory, memfd_growable, seal_contents, signal_name,
};
use sandpool_value::Printable;

/// The compiler's messages before it ended.
#[derive(Default)]
struct CompilerMessages {
    hello: Option<Hello>,
    last: Option<FromChild>,
}

/// The pause before a compilation is tried again; it doubles each time.
const FIRST_COMPILE_PAUSE: Duration = Duration::from_millis(10);

/// An artifact, unless the module was only described, and a description.
type Compiled = (Option<SealedMemory>, Description);

/// Compiles or describes a module in a process of its own, until that is given up. A failure from outside
/// (somebody killed the compiler, the system has no process for it) is not the module's
/// fault, and the compilation is tried again for a while.
pub(super) fn compile(
    loader: &Loader,
    source: &Source,
    purpose: Purpose,
    given_up: Option<&EventFd>,
) -> Result<Compiled, Problem> {
    let give_up = Instant::now() + loader.max_retry_time;
    let mut pause = FIRST_COMPILE_PAUSE;
    loop {
        match compile_once(loader, source, purpose, given_up) {
            Err(problem) if problem.may_pass() && Instant::now() + pause < give_up => {
                wait_or_stop(loader, given_up, pause)?;
                pause = (pause * 2).min(Duration::from_secs(1));
            }
            ended => return ended,
        }
    }
}

/// Waits for `pause`, unless the pool ends or the compilation is given up.
fn wait_or_stop(
    loader: &Loader,
    given_up: Option<&EventFd>,
    pause: Duration,
) -> Result<(), Problem> {
    let bells = [Some(&loader.stop), given_up].into_iter().flatten();
    let mut ready: Vec<_> = bells
        .map(|bell| PollFd::from_borrowed_fd(bell.as_fd(), PollFlags::IN))
        .collect();
    let pause = pause.try_into().ok();
    match poll(&mut ready, pause.as_ref()) {
        Ok(0) | Err(rustix::io::Errno::INTR) => Ok(()),
        Ok(_) => Err(Problem::Terminated),
        Err(error) => Err(Problem::Refused {
            source: error.into(),
        }),
    }
}

/// Returns the problem of a system that refused something that a compiler needs.
fn refused(error: io::Error) -> Problem {
    let is_scarce = Scarce::of(&error).is_some();
    let source = naming_limit(error);
    match is_scarce {
        true => Problem::NoRoom { source },
        false => Problem::Refused { source },
    }
}

fn compile_once(
    loader: &Loader,
    source: &Source,
    purpose: Purpose,
    given_up: Option<&EventFd>,
) -> Result<Compiled, Problem> {
    let (ours, theirs) = ControlSocket::pair().map_err(refused)?;
    let program = Program {
        role: COMPILER_ROLE.into(),
        ..loader.program.clone()
    };
    let artifact = memfd_growable("sandpool-artifact").map_err(refused)?;
    let description = memfd_growable("sandpool-description").map_err(refused)?;
    let mut oom_kills = OomKills::from_now();
    let mut child =
        ChildProcess::start(&program, theirs, loader.confinement.apart()).map_err(|error| {
            match Scarce::of(&error) {
                Some(_) => refused(error),
                None => Problem::NotStarted {
                    program: program.path.clone(),
                    source: error,
                },
            }
        })?;
    let setup = ToChild::Compile(CompilerSetup {
        sandbox_plan: loader.confinement.sandbox_plan(child.namespaces()),
        engine: loader.settings.clone(),
        to_run: purpose != Purpose::Inspect,
        instruments: purpose == Purpose::Snapshot,
        links: Links::clone(&loader.links),
        memory: loader.limits.compile_memory.value,
        cpu_time: loader.limits.compile_cpu_time.value,
    });
    let fds = [source.memory.as_fd(), artifact.as_fd(), description.as_fd()];
    // The end of a child that is already gone is read below.
    let _ = ours.send(&encode(&setup), &fds, false);
    let (messages, ended) = supervise(&mut child, &ours, loader, given_up)?;
    if let Some(killed) = killed_from_outside(ended, &mut oom_kills) {
        return Err(killed);
    }
    match &messages.hello {
        Some(hello) => hello
            .check()
            .map_err(|difference| Problem::OtherBuild { difference })?,
        None => {
            return Err(Problem::NoSandpool {
                program: program.path,
                how: how(ended),
            });
        }
    }
    match (messages.last, ended) {
        (Some(FromChild::Ready { report }), ChildExit::Exited(0)) => {
            loader.confinement.record(report)
        }
        (Some(FromChild::Failed { reason, message }), _) => {
            // An honest message is one plain line already.
            let message = Printable(&message).to_string();
            return Err(match reason {
                ChildFailure::Module => Problem::Invalid { reason: message },
                ChildFailure::Artifact
                | ChildFailure::Grants
                | ChildFailure::System
                | ChildFailure::Sandbox => Problem::GaveUp { message },
                ChildFailure::Scarce(scarce) => Problem::Starved {
                    message: match named(scarce) {
                        Some(limit) => format!("{message}; {limit}"),
                        None => message,
                    },
                },
                ChildFailure::Limit(name) | ChildFailure::NoRoom(name) => hit(loader, name),
            });
        }
        (_, ended) => return Err(died(loader, ended)),
    }
    // The compiler is gone, so nobody has these mapped and they can be sealed.
    let artifact = match purpose {
        Purpose::Run | Purpose::Snapshot => Some(seal_contents(artifact).map_err(refused)?),
        Purpose::Inspect => None,
    };
    let description = seal_contents(description).map_err(refused)?;
    if description.len() > MAX_DESCRIPTION {
        return Err(Problem::LongDescription);
    }
    let bytes = description.read().map_err(refused)?;
    let description =
        Description::decode(&bytes).map_err(|reason| Problem::BadDescription { reason })?;
    Ok((artifact, description))
}

/// Reads the compiler's messages until it has ended, and ends it at its deadline.
fn supervise(
    child: &mut ChildProcess,
    control: &ControlSocket,
    loader: &Loader,
    given_up: Option<&EventFd>,
) -> Result<(CompilerMessages, ChildExit), Problem> {
    let timeout = loader.limits.compile_timeout.value;
    let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let mut messages = CompilerMessages::default();
    let mut buffer = vec![0; MAX_MESSAGE];
    loop {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        if left == Some(Duration::ZERO) {
            end(child)?;
            return Err(hit(loader, LimitName::CompileTimeout));
        }
        let left = left.and_then(|left| left.try_into().ok());
        let stopped = {
            let bells = [Some(&loader.stop), given_up].into_iter().flatten();
            let fds = std::iter::once(child.pidfd()).chain(bells.map(AsFd::as_fd));
            let mut ready: SmallVec<[PollFd<'_>; 3]> = fds
                .map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN))
                .collect();
            // All messages of a compiler fit into its socket, so it is enough to read them when
            // it has ended.
            match poll(&mut ready, left.as_ref()) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => {
                    return Err(Problem::Refused {
                        source: error.into(),
                    });
                }
            }
            ready[1..].iter().any(|bell| !bell.revents().is_empty())
        };
        if stopped {
            end(child)?;
            // The caller, who gave it up, does not read this error.
            return Err(Problem::Terminated);
        }
        if let Some(ended) = child.ended() {
            listen(control, &mut buffer, &mut messages);
            return Ok((messages, ended));
        }
    }
}

/// Kills the compiler. One that cannot be killed runs into its limit of CPU time, and ends
/// with the thread that started it.
fn end(child: &mut ChildProcess) -> Result<(), Problem> {
    let ended = child.end();
    ended.map(drop).map_err(|source| Problem::NotKilled {
        pid: child.pid(),
        source,
    })
}

fn listen(control: &ControlSocket, buffer: &mut [u8], messages: &mut CompilerMessages) {
    while let Ok(Received::Message(len, _)) = control.receive_bytes(buffer) {
        if messages.hello.is_none() {
            messages.hello = Hello::decode(&buffer[..len]);
        } else {
            messages.last = decode(&buffer[..len]).ok();
        }
    }
}

/// Returns the problem of a compiler that was killed from outside, not by us.
fn killed_from_outside(ended: ChildExit, oom_kills: &mut OomKills) -> Option<Problem> {
    let ChildExit::Killed(signal) = ended else {
        return None;
    };
    let for_memory = match signal {
        libc::SIGKILL => oom_kills.one_more(0),
        _ => None,
    };
    // A further try would take as much memory.
    Some(Problem::CompilerKilled {
        again: for_memory.is_none(),
        how: match for_memory {
            Some(why) => format!("{}: {why}", how(ended)),
            None => format!("{}, and not by sandpool", how(ended)),
        },
    })
}

/// Returns the problem of a compiler that died.
fn died(loader: &Loader, ended: ChildExit) -> Problem {
    match ended {
        ChildExit::Exited(OUT_OF_CPU) => hit(loader, LimitName::CompileCpuTime),
        // An allocation that is refused aborts.
        ChildExit::Exited(ABORTED) => {
            match InForce::now().tighter_than(loader.limits.compile_memory.value, 0) {
                Some(limit) => Problem::NoMemory { limit },
                None => hit(loader, LimitName::CompileMemory),
            }
        }
        ended => Problem::CompilerDied { how: how(ended) },
    }
}

fn how(ended: ChildExit) -> String {
    match ended {
        ChildExit::Crashed(libc::SIGSYS) => {
            "was killed by signal 31 (SIGSYS): it made a system call that its sandbox forbids"
                .into()
        }
        ChildExit::Crashed(signal) | ChildExit::Killed(signal) => {
            format!("was killed by signal {signal} ({})", signal_name(signal))
        }
        ChildExit::Exited(PANICKED) => "panicked".into(),
        ChildExit::Exited(code) => format!("left with exit code {code}"),
        ChildExit::Unknown => "ended in an unknown way".into(),
    }
}

/// Returns the problem of a limit of compilations that was hit.
fn hit(loader: &Loader, name: LimitName) -> Problem {
    match loader.limits.hit(name) {
        Some(hit) if is_slow(name, &loader.program.path) => Problem::Slow { hit },
        Some(hit) => Problem::Limit { hit },
        None => Problem::ForeignLimit { name },
    }
}

/// Returns `true` if a limit of time was hit by a compiler without optimisation: only for
/// this very program, since nobody knows how another was built.
fn is_slow(name: LimitName, compiler: &Path) -> bool {
    let is_time = matches!(name, LimitName::CompileTimeout | LimitName::CompileCpuTime);
    let file = |path: &Path| fs::metadata(path).ok().map(|it| (it.dev(), it.ino()));
    is_time
        && is_unoptimised()
        && file(compiler).is_some_and(|it| Some(it) == file(Path::new("/proc/self/exe")))
}

fn is_unoptimised() -> bool {
    #[cfg(feature = "worker")]
    return sandpool_worker::OPT_LEVEL == "0";
    #[cfg(not(feature = "worker"))]
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_limit_of_time_that_this_program_hit_is_told_as_slow() {
        let itself = Path::new("/proc/self/exe");
        for name in [LimitName::CompileTimeout, LimitName::CompileCpuTime] {
            assert_eq!(is_slow(name, itself), is_unoptimised());
            assert!(!is_slow(name, Path::new("/bin/sh")), "who knows of others?");
        }
        assert!(!is_slow(LimitName::CompileMemory, itself));
    }
}
