//! The start of every child, told in order: why each step comes where it does.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::process::{
    DumpableBehavior, Signal, chdir, fchdir, set_dumpable_behavior, set_parent_process_death_signal,
};
use seccompiler::BpfProgram;

use super::calls::{
    AllowedCall, CHANGES, COMPILING, FILES, LOADING, REFUSED, REFUSED_IN_COMPILER,
    REFUSED_WITHOUT_FILE, SEALED, THREADING, WITHOUT_FILE,
};
use super::limits::{ResourceLimits, no_more_threads};
use super::namespaces::{self, Granted};
use super::{identity, landlock, seccomp};
use sandpool_protocol::control::{ChildFailure, SandboxPlan};
use sandpool_protocol::layers::{Layer, LayerReport, LayerState, SandboxReport};
use sandpool_protocol::settings::Sandbox;
use sandpool_sys::{ControlSocket, UnshareFlags, is_only_thread, leave_namespaces};

/// The kind of child that is locked in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChildKind {
    Worker,
    Compiler,
}

/// A process that has locked itself in.
pub struct Cage {
    report: SandboxReport,
    directories: Vec<Directory>,
    /// True if its working directory is that of its descriptors.
    finds_descriptors: bool,
    /// True if its resources are limited.
    limited: bool,
    /// The filter that seals it; `None` where there is to be none.
    last_filter: Option<BpfProgram>,
    /// Directories that are not in a root of its own are found by these.
    _granted: Vec<Granted>,
}

/// A granted directory, as a process in its cage finds it.
pub struct Directory {
    pub path: String,
    pub guest: String,
    pub writable: bool,
}

/// Why a process could not lock itself in, or would not.
#[derive(Debug, thiserror::Error)]
pub enum CageError {
    /// A step that has to work on every machine failed.
    #[error("cannot {what}")]
    System {
        /// The step.
        what: &'static str,
        /// The operating system's error.
        source: io::Error,
    },
    /// The sandbox is to be strict, and a layer is missing.
    #[error("a strict sandbox cannot be kept; missing layers: {missing}")]
    Incomplete {
        /// The layers that are missing, and why.
        missing: String,
    },
    /// Layers that bind one thread do not bind the other threads.
    #[error(
        "this program has other threads when it calls `sandpool::worker_entry()`, which has to \
         be the first thing in `main`, before `#[tokio::main]` and all else that starts threads; \
         where it cannot be, use `sandpool::worker_entry_before_main!()`"
    )]
    Threads,
    /// The host is gone.
    #[error("the host hung up")]
    HungUp,
}

impl CageError {
    /// Returns the reason to report to the host.
    pub fn reason(&self) -> ChildFailure {
        match self {
            CageError::Incomplete { .. } | CageError::Threads => ChildFailure::Sandbox,
            CageError::System { source, .. } => ChildFailure::of_system(source),
            CageError::HungUp => ChildFailure::System,
        }
    }
}

fn system(what: &'static str) -> impl Fn(io::Error) -> CageError {
    move |source| CageError::System { what, source }
}

impl Cage {
    /// Locks this process in, as far as loading an artifact, or compiling a
    /// module, allows. To be called before it has a second thread and before it
    /// looks at anything that a stranger wrote. Its environment is empty and
    /// its descriptors are those it was sent: its parent saw to that.
    pub fn enter(
        sandbox_plan: &SandboxPlan,
        child: ChildKind,
        limits: &ResourceLimits,
        granted: Vec<Granted>,
        control: &ControlSocket,
    ) -> Result<Self, CageError> {
        let mut steps = Steps::new(sandbox_plan);
        // 0. Most of what follows binds the thread that asks for it. Threads that
        //    are there already would stay outside, with all that this process is
        //    about to give up.
        match is_only_thread() {
            Ok(true) => {}
            Ok(false) => return Err(CageError::Threads),
            Err(error) if sandbox_plan.mode == Sandbox::Strict => {
                return Err(system("find out whether it has other threads")(error));
            }
            Err(error) => steps.doubt = Some(error),
        }
        let privileged = sandbox_plan.root && !sandbox_plan.born.user;
        // 1. While there still is a /proc: the first to go when memory runs
        //    out, and the folder in which a worker will find its artifact.
        steps.put_on(Layer::OomScore, || write_oom_score().map(held));
        let own_descriptors = match child {
            ChildKind::Worker => open_own_descriptors().ok(),
            ChildKind::Compiler => None,
        };
        // 2. Out of the namespaces that it was born into. Into the pid
        //    namespace it was born already, there is no other way; an ordinary
        //    user's child also into a user namespace, whose root may make the
        //    others. Root makes them as himself, and a user namespace last,
        //    as who he will be then.
        steps.note_birth(sandbox_plan, privileged);
        let mut own_mounts = false;
        let mut own_name = false;
        if steps.on {
            for (layer, left) in namespaces::leave(|layer| steps.wants(layer)) {
                own_mounts |= layer == Layer::MountNamespace && left.is_ok();
                own_name |= layer == Layer::UtsNamespace && left.is_ok();
                steps.report(layer, left.map(|()| LayerState::Held));
            }
        }
        if own_name {
            // Its own, but still with the machine's name in it.
            let hidden = namespaces::hide_host_name();
            steps.report(Layer::UtsNamespace, hidden.map(held));
        }
        // 3. A root with nothing in it but what was granted. It takes rights
        //    that go in step 4, and comes before Landlock, which forbids to
        //    change mounts.
        let mut mounted = vec![false; granted.len()];
        if own_mounts {
            let entered = namespaces::enter_own_root(&granted).map(|root| {
                mounted = root.mounted;
                root.state
            });
            steps.report(Layer::MountNamespace, entered);
        }
        // Where the artifact is found by the number of its descriptor, though
        // there is no path to that place any more. A compiler has no business
        // there, nor in the directory of whoever started it.
        match &own_descriptors {
            Some(own_descriptors) => fchdir(own_descriptors)
                .map_err(|error| system("enter its descriptors")(error.into()))?,
            None => leave_directory()?,
        }
        let finds_descriptors = own_descriptors.is_some();
        if child == ChildKind::Worker && !finds_descriptors && mounted.contains(&false) {
            let why = "there is neither a mount namespace nor a `/proc`";
            return Err(system("reach a granted directory")(io::Error::other(why)));
        }
        let directories: Vec<_> = granted
            .iter()
            .zip(mounted)
            .enumerate()
            .map(|(index, (granted, mounted))| Directory::of(granted, mounted.then_some(index)))
            .collect();
        // 4. Nobody. The bounding set comes first, which takes a capability to
        //    empty; then user and groups, which takes others; then a user
        //    namespace, where root has none yet (it gives them all back, and a
        //    bounding set with them); then the capabilities themselves.
        if steps.wants(Layer::Capabilities) {
            identity::empty_bounding_set();
        }
        steps.put_on(Layer::Identity, || match privileged {
            true => identity::leave(!granted.is_empty()),
            false if sandbox_plan.root => Err(identity::still_root()),
            false => Ok(identity::own_groups_only()),
        });
        if privileged {
            steps.put_on(Layer::UserNamespace, || {
                leave_namespaces(UnshareFlags::NEWUSER).map(held)
            });
        }
        steps.put_on(Layer::Capabilities, || {
            identity::empty_bounding_set();
            identity::drop_capabilities()
        });
        // 5. Death with the parent once more: changing ids takes it back. In a
        //    pid namespace of its own this process has no parent that it could
        //    look for; a channel that is hung up says the same.
        set_parent_process_death_signal(Some(Signal::KILL))
            .map_err(|error| system("die with its parent")(error.into()))?;
        if control.is_hung_up() {
            return Err(CageError::HungUp);
        }
        // 6. From here on no program could give it rights back; the filter and
        //    Landlock ask for that, and see to it themselves where this step is
        //    left out.
        if steps.always(Layer::NoNewPrivileges) {
            rustix::thread::set_no_new_privs(true)
                .map_err(|error| system("refuse new privileges")(error.into()))?;
        }
        // 7. What it may use. Before anything is allocated for a guest, so that
        //    the engine's own reservations are made under it.
        let limited = steps.always(Layer::ResourceLimits);
        if limited {
            limits.apply().map_err(system("limit its resources"))?;
        }
        // 8. Its memory is nobody's to read through /proc. After the ids, which
        //    set it too, and after it wrote to its own /proc.
        set_dumpable_behavior(DumpableBehavior::NotDumpable)
            .map_err(|error| system("close its memory to others")(error.into()))?;
        // 9. No path but the granted ones, whatever else is wrong.
        steps.put_on(Layer::Landlock, || {
            let opened = directories.iter().map(Directory::open);
            let opened = opened.collect::<io::Result<Vec<_>>>()?;
            landlock::confine(&opened).map_err(io::Error::other)
        });
        // 10. Last, because everything above takes calls that are not in its
        //     list.
        let lists = Lists::of(child, &directories, finds_descriptors);
        let mut last_filter = None;
        steps.put_on(Layer::Seccomp, || {
            last_filter = Some(lists.put_on().map_err(io::Error::other)?);
            Ok(LayerState::Held)
        });
        let report = steps.finish(sandbox_plan)?;
        Ok(Cage {
            report,
            directories,
            finds_descriptors,
            limited,
            last_filter,
            _granted: granted,
        })
    }

    /// Returns the path of an open file, until the cage is sealed; `None` where there
    /// was no `/proc`.
    pub fn path_of(&self, file: &OwnedFd) -> Option<String> {
        self.finds_descriptors.then(|| file.as_raw_fd().to_string())
    }

    /// Returns the granted directories, until the cage is sealed.
    pub fn directories(&self) -> &[Directory] {
        &self.directories
    }

    /// Takes away what only loading needed. `stream`, which nobody can write
    /// to, takes the place of the standard streams: whatever a library prints
    /// goes nowhere.
    pub fn seal(self, stream: BorrowedFd<'_>) -> Result<SandboxReport, CageError> {
        let replaced = rustix::stdio::dup2_stdin(stream)
            .and_then(|()| rustix::stdio::dup2_stdout(stream))
            .and_then(|()| rustix::stdio::dup2_stderr(stream));
        replaced.map_err(|error| system("close its standard streams")(error.into()))?;
        // Out of the folder of its descriptors, which is no place of its root.
        leave_directory()?;
        self.seal_threads()
    }

    /// Takes away what only the start of threads needed, from all of them. It
    /// is all that a compiler can give up.
    pub fn seal_threads(self) -> Result<SandboxReport, CageError> {
        if self.limited {
            no_more_threads().map_err(system("end the making of threads"))?;
        }
        if let Some(filter) = &self.last_filter {
            seccomp::put_on_all_threads(filter)
                .map_err(|error| system("put its filter on")(io::Error::other(error)))?;
        }
        Ok(self.report)
    }
}

/// The steps taken, and what came of them.
struct Steps<'a> {
    without: &'a [Layer],
    on: bool,
    /// Why nobody knows whether there are threads that were not bound.
    doubt: Option<io::Error>,
    taken: Vec<LayerReport>,
}

impl<'a> Steps<'a> {
    fn new(sandbox_plan: &'a SandboxPlan) -> Self {
        Steps {
            without: &sandbox_plan.without,
            on: sandbox_plan.mode != Sandbox::Off,
            doubt: None,
            taken: Vec::new(),
        }
    }

    fn wants(&self, layer: Layer) -> bool {
        self.on && !self.without.contains(&layer)
    }

    fn put_on(&mut self, layer: Layer, step: impl FnOnce() -> io::Result<LayerState>) {
        if self.wants(layer) {
            let result = step();
            self.report(layer, result);
        }
    }

    /// Returns true if a step is to be taken that has to succeed, and that is taken
    /// with the sandbox off as well; only leaving its layer out leaves it out.
    fn always(&mut self, layer: Layer) -> bool {
        self.put_on(layer, || Ok(LayerState::Held));
        !self.without.contains(&layer)
    }

    /// Notes a report on a layer. The last one counts, unless an earlier one was
    /// worse.
    fn report(&mut self, layer: Layer, result: io::Result<LayerState>) {
        let state = result.unwrap_or_else(|error| LayerState::Missing(error.to_string()));
        match self.taken.iter_mut().find(|taken| taken.layer == layer) {
            Some(taken) if taken.state == LayerState::Held => taken.state = state,
            Some(_) => {}
            None => self.taken.push(LayerReport { layer, state }),
        }
    }

    fn note_birth(&mut self, sandbox_plan: &SandboxPlan, privileged: bool) {
        let born = |yes: bool| match yes {
            true => Ok(LayerState::Held),
            false => Err(io::Error::other(
                "the system does not let this user make one",
            )),
        };
        self.put_on(Layer::PidNamespace, || born(sandbox_plan.born.pid));
        if !privileged {
            self.put_on(Layer::UserNamespace, || born(sandbox_plan.born.user));
        }
    }

    /// Reports on every layer in order, or fails if one is missing that has to be there.
    fn finish(mut self, sandbox_plan: &SandboxPlan) -> Result<SandboxReport, CageError> {
        for layer in Layer::ALL {
            if !self.taken.iter().any(|taken| taken.layer == layer) {
                let why = match self.on {
                    true => "left out on purpose",
                    false => "the sandbox is off",
                };
                let state = LayerState::Missing(why.into());
                self.taken.push(LayerReport { layer, state });
            }
        }
        if let Some(doubt) = &self.doubt {
            let layers = self.taken.iter_mut();
            for taken in layers.filter(|taken| taken.state == LayerState::Held) {
                taken.state = of_threads_unknown(taken.layer, doubt);
            }
        }
        self.taken.sort_by_key(|taken| taken.layer);
        let report = SandboxReport { layers: self.taken };
        match report.line() {
            Some(missing) if sandbox_plan.mode == Sandbox::Strict => {
                Err(CageError::Incomplete { missing })
            }
            _ => Ok(report),
        }
    }
}

/// Reports a layer where unseen threads may exist.
fn of_threads_unknown(layer: Layer, doubt: &io::Error) -> LayerState {
    match layer {
        // These are of the whole process.
        Layer::PidNamespace | Layer::ResourceLimits | Layer::OomScore => LayerState::Held,
        _ => LayerState::Partial(format!(
            "it is not known whether it binds all threads: {doubt}; and there is no `/proc`"
        )),
    }
}

/// The filters of a kind of child.
struct Lists {
    allowed: Vec<&'static [AllowedCall]>,
    refused: &'static [(i64, i32)],
    /// The calls that are allowed after sealing.
    sealed: Vec<&'static [AllowedCall]>,
}

impl Lists {
    fn of(child: ChildKind, directories: &[Directory], finds_descriptors: bool) -> Self {
        if child == ChildKind::Compiler {
            return Lists {
                allowed: vec![COMPILING, THREADING],
                refused: REFUSED_IN_COMPILER,
                sealed: vec![COMPILING],
            };
        }
        let mut sealed = vec![SEALED];
        if !directories.is_empty() {
            sealed.push(FILES);
        }
        if directories.iter().any(|directory| directory.writable) {
            sealed.push(CHANGES);
        }
        if !finds_descriptors {
            sealed.push(WITHOUT_FILE);
        }
        let mut allowed = sealed.clone();
        allowed.push(LOADING);
        Lists {
            allowed,
            refused: match finds_descriptors {
                true => REFUSED,
                false => REFUSED_WITHOUT_FILE,
            },
            sealed,
        }
    }

    /// Puts the first filter on and hands over the last, made ready.
    fn put_on(&self) -> Result<BpfProgram, seccompiler::Error> {
        seccomp::put_on(&seccomp::allow(&self.allowed, self.refused))?;
        Ok(seccomp::allow(&self.sealed, self.refused))
    }
}

impl Directory {
    /// Finds it under its number in a root of our own, if it is mounted there, else
    /// by the descriptor that the host opened.
    fn of(granted: &Granted, number: Option<usize>) -> Self {
        Directory {
            path: match number {
                Some(number) => format!("/{number}"),
                None => granted.opened.as_raw_fd().to_string(),
            },
            guest: granted.grant.guest.clone(),
            writable: granted.grant.writable,
        }
    }

    fn open(&self) -> io::Result<(OwnedFd, bool)> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok((
            openat(CWD, &self.path, flags, Mode::empty())?,
            self.writable,
        ))
    }
}

fn held((): ()) -> LayerState {
    LayerState::Held
}

fn leave_directory() -> Result<(), CageError> {
    chdir("/").map_err(|error| system("enter its root")(error.into()))
}

fn write_oom_score() -> io::Result<()> {
    std::fs::write("/proc/self/oom_score_adj", "1000")
}

fn open_own_descriptors() -> io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(openat(CWD, "/proc/self/fd", flags, Mode::empty())?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error_texts::check;

    #[test]
    fn each_error_says_what_is_wrong_and_its_cause_once() {
        check([
            (
                system("enter its root")(io::ErrorKind::NotFound.into()),
                "cannot enter its root <- entity not found",
            ),
            (
                CageError::Incomplete {
                    missing: "seccomp (refused)".into(),
                },
                "a strict sandbox cannot be kept; missing layers: seccomp (refused)",
            ),
            (
                CageError::Threads,
                "this program has other threads when it calls `sandpool::worker_entry()`, which \
                 has to be the first thing in `main`, before `#[tokio::main]` and all else that \
                 starts threads; where it cannot be, use `sandpool::worker_entry_before_main!()`",
            ),
            (CageError::HungUp, "the host hung up"),
        ]);
    }
}
