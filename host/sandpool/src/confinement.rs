//! The parent's side of the sandbox: tells children how to lock themselves in, keeps their
//! reports, and probes the sandbox.

use std::fmt;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::sync::{Mutex, Once, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};

use sandpool_protocol::control::{
    ChildFailure, FromChild, ProbeSetup, SandboxPlan, ToChild, decode, encode,
};
use sandpool_protocol::handshake::Hello;
use sandpool_protocol::layers::{Layer, SandboxReport};
use sandpool_protocol::roles::PROBE_ROLE;
use sandpool_protocol::settings::{DirGrant, Sandbox};
use sandpool_sys::in_force::Scarce;
use sandpool_sys::stdio;
use sandpool_sys::{
    Attempt, ChildExit, ChildProcess, ControlSocket, MAX_MESSAGE, Namespaces, Program, Received,
    signal_name,
};

/// A function that is called with the first report in which a layer is missing.
pub(crate) type GapHandler = Box<dyn FnOnce(&SandboxReport) + Send>;

/// The way in which the children of a pool are locked in.
pub(crate) struct Confinement {
    mode: Sandbox,
    without: Vec<Layer>,
    heard: Mutex<Heard>,
}

/// The reports of children so far.
struct Heard {
    report: Option<SandboxReport>,
    on_gap: Option<GapHandler>,
}

impl fmt::Debug for Confinement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Confinement")
            .field("mode", &self.mode)
            .field("without", &self.without)
            .finish_non_exhaustive()
    }
}

impl Confinement {
    pub(crate) fn new(mode: Sandbox, without: Vec<Layer>, on_gap: Option<GapHandler>) -> Self {
        let on_gap = on_gap.unwrap_or_else(|| Box::new(say_once));
        Confinement {
            mode,
            without,
            heard: Mutex::new(Heard {
                report: None,
                on_gap: Some(on_gap),
            }),
        }
    }

    /// Returns `true` if a child is to be born in namespaces of its own.
    pub(crate) fn apart(&self) -> bool {
        self.mode != Sandbox::Off && !self.without.contains(&Layer::PidNamespace)
    }

    /// Returns the sandbox plan for a child that was born into these namespaces.
    pub(crate) fn sandbox_plan(&self, born: Namespaces) -> SandboxPlan {
        SandboxPlan {
            mode: self.mode,
            without: self.without.clone(),
            root: rustix::process::geteuid().is_root(),
            born,
        }
    }

    /// Notes a child's report. The first report is kept, until one comes in which a layer
    /// is missing: the system may run out of namespaces when some children have theirs.
    /// Then the gap is reported, once.
    pub(crate) fn record(&self, report: SandboxReport) {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let incomplete = |report: &SandboxReport| report.missing().next().is_some();
        if heard.report.as_ref().is_some_and(incomplete)
            || heard.report.is_some() && !incomplete(&report)
        {
            return;
        }
        let tell = (self.mode == Sandbox::Auto && incomplete(&report))
            .then(|| heard.on_gap.take())
            .flatten();
        heard.report = Some(report.clone());
        drop(heard);
        if let Some(tell) = tell {
            tell(&report);
        }
    }

    /// Returns the first report in which a layer is missing, else the first report, if
    /// there is one.
    pub(crate) fn report(&self) -> Option<SandboxReport> {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.report.clone()
    }
}

/// Writes one line to stderr, once in the life of this process.
fn say_once(report: &SandboxReport) {
    static SAID: Once = Once::new();
    SAID.call_once(|| {
        if let Some(missing) = report.line() {
            let line = format!(
                "sandpool: the sandbox is not complete on this machine; missing layers: {missing}; \
                 `sandpool doctor` shows why\n"
            );
            // Not `eprintln`, which panics where stderr is gone.
            let _ = stdio::write_stderr(line.as_bytes());
        }
    });
}

/// A granted directory, opened when it was granted: a path can come to mean
/// another directory, a descriptor cannot.
#[derive(Debug)]
pub(crate) struct OpenGrant {
    pub(crate) grant: DirGrant,
    directory: OwnedFd,
}

impl OpenGrant {
    pub(crate) fn open(grant: &DirGrant) -> io::Result<Self> {
        let directory = File::options()
            .read(true)
            .custom_flags(libc::O_PATH | libc::O_DIRECTORY)
            .open(&grant.host)?;
        // Children look for it from another working directory.
        let host = std::path::absolute(&grant.host)?;
        Ok(OpenGrant {
            grant: DirGrant {
                host,
                ..grant.clone()
            },
            directory: directory.into(),
        })
    }
}

impl AsFd for OpenGrant {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }
}

/// The time that a probe may take. It takes milliseconds, unless it is stuck.
const PROBE_DEADLINE: Duration = Duration::from_secs(10);

/// The findings of a probe of the sandbox.
#[derive(Clone, Debug)]
pub struct Probed {
    /// The extent to which each layer holds.
    pub report: SandboxReport,
    /// The result of the attempt to escape.
    pub attempt: Escape,
}

/// The result of an attempt to escape the sandbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Escape {
    /// Nothing was tried.
    NotTried,
    /// The process was killed for the attempt, by this signal (31, SIGSYS, by its list of
    /// system calls).
    Killed(i32),
    /// The attempt was answered with this error number.
    Refused(i32),
    /// The attempt succeeded.
    Succeeded,
}

/// Starts a process that locks itself in as a worker does, and lets it make an
/// attempt to get out.
pub(crate) fn probe(
    program: &Program,
    confinement: &Confinement,
    grants: &[OpenGrant],
    attempt: Option<Attempt>,
) -> io::Result<Probed> {
    for pause in PROBE_PAUSES {
        match probe_once(program, confinement, grants, attempt) {
            // The sandbox has no part in this failure.
            Err(error) if is_from_outside(&error) => {
                std::thread::sleep(Duration::from_millis(pause))
            }
            ended => return ended,
        }
    }
    probe_once(program, confinement, grants, attempt)
}

/// The pauses, in milliseconds, before a probe is tried again that something outside kept
/// from its work.
const PROBE_PAUSES: [u64; 4] = [10, 40, 160, 640];

fn is_from_outside(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::Interrupted || Scarce::of(error).is_some()
}

fn from_outside(text: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::Interrupted, text.into())
}

fn probe_once(
    program: &Program,
    confinement: &Confinement,
    grants: &[OpenGrant],
    attempt: Option<Attempt>,
) -> io::Result<Probed> {
    let (ours, theirs) = ControlSocket::pair()?;
    let program = Program {
        role: PROBE_ROLE.into(),
        ..program.clone()
    };
    let mut child = ChildProcess::start(&program, theirs, confinement.apart())?;
    let setup = ToChild::Probe(ProbeSetup {
        // Missing layers are reported, not refused.
        sandbox_plan: SandboxPlan {
            mode: match confinement.mode {
                Sandbox::Strict => Sandbox::Auto,
                mode => mode,
            },
            ..confinement.sandbox_plan(child.namespaces())
        },
        dirs: grants.iter().map(|open| open.grant.clone()).collect(),
        attempt,
        parent: std::process::id(),
    });
    let fds: Vec<_> = grants.iter().map(AsFd::as_fd).collect();
    ours.send(&encode(&setup), &fds, false)?;
    let ended = wait(&mut child)?;
    listen(&ours, ended, attempt.is_some())
}

fn wait(child: &mut ChildProcess) -> io::Result<ChildExit> {
    let deadline = Instant::now() + PROBE_DEADLINE;
    loop {
        if let Some(ended) = child.ended() {
            return Ok(ended);
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            child.end()?;
            return Err(io::Error::from(io::ErrorKind::TimedOut));
        }
        let mut ready = [PollFd::from_borrowed_fd(child.pidfd(), PollFlags::IN)];
        let left = left.try_into().ok();
        rustix::io::retry_on_intr(|| poll(&mut ready, left.as_ref()))?;
    }
}

/// Reads a probe's messages after its end: its hello, its report, and the result of its
/// attempt.
fn listen(control: &ControlSocket, ended: ChildExit, tried: bool) -> io::Result<Probed> {
    let mut buffer = vec![0; MAX_MESSAGE];
    let mut hello = None;
    let mut report = None;
    let mut answer = None;
    while let Ok(Received::Message(len, _)) = control.receive_bytes(&mut buffer) {
        if hello.is_none() {
            hello = Some(Hello::decode(&buffer[..len]));
            continue;
        }
        match decode(&buffer[..len]) {
            Ok(FromChild::Ready { report: told }) => report = Some(told),
            Ok(FromChild::Probed { errno }) => answer = Some(errno),
            Ok(FromChild::Failed {
                reason: ChildFailure::Scarce(_),
                message,
            }) => return Err(from_outside(message)),
            Ok(FromChild::Failed { message, .. }) => return Err(io::Error::other(message)),
            _ => return Err(io::Error::other("the probe gave an invalid answer")),
        }
    }
    // A probe's own attempt ends it in other ways.
    if let ChildExit::Killed(signal) = ended {
        let name = signal_name(signal);
        let text = format!("it was killed by signal {signal} ({name}), and not by sandpool");
        return Err(from_outside(text));
    }
    let hello = hello.flatten();
    let hello = hello.ok_or_else(|| io::Error::other("the binary is not sandpool"))?;
    hello.check().map_err(io::Error::other)?;
    let report = report.ok_or_else(|| {
        io::Error::other(format!("the probe ended before it was sealed: {ended:?}"))
    })?;
    let attempt = match (answer, ended) {
        _ if !tried => Escape::NotTried,
        (Some(Some(errno)), _) => Escape::Refused(errno),
        (Some(None), _) => Escape::Succeeded,
        (None, ChildExit::Crashed(signal)) => Escape::Killed(signal),
        (None, ended) => {
            return Err(io::Error::other(format!("the probe ended: {ended:?}")));
        }
    };
    Ok(Probed { report, attempt })
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;
    use sandpool_protocol::layers::{LayerReport, LayerState};

    fn report(state: LayerState) -> SandboxReport {
        let layer = Layer::PidNamespace;
        SandboxReport {
            layers: vec![LayerReport { layer, state }],
        }
    }

    #[test]
    fn a_gap_in_a_later_child_is_told_once_and_kept() {
        let (told, heard) = channel();
        let on_gap: GapHandler = Box::new(move |report| {
            let _ = told.send(report.missing().count());
        });
        let confinement = Confinement::new(Sandbox::Auto, Vec::new(), Some(on_gap));
        let gap = report(LayerState::Missing("no space left".into()));
        confinement.record(report(LayerState::Held));
        assert_eq!(heard.try_iter().count(), 0);
        confinement.record(gap.clone());
        confinement.record(report(LayerState::Missing("again".into())));
        confinement.record(report(LayerState::Held));
        assert_eq!(heard.try_iter().collect::<Vec<_>>(), [1]);
        assert_eq!(confinement.report(), Some(gap));
    }
}
