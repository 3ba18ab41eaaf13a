//! The layers of the sandbox by name: a child reports them, `sandpool doctor` shows
//! them, and each missing layer has a remedy.

use std::fmt;

use serde::{Deserialize, Serialize};

use sandpool_value::Printable;

/// One layer of the sandbox of a child process. Layers are listed by kind, from the things
/// that the child can see to the things that it can do; `sandbox/cage.rs` has the order in
/// which a child puts them on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Layer {
    /// A user namespace of its own, in which the child has no capability.
    UserNamespace,
    /// A process-id namespace of its own: the child sees and signals no other process.
    PidNamespace,
    /// A mount namespace of its own, whose root holds the granted directories and nothing
    /// else.
    MountNamespace,
    /// A network namespace of its own, with no interface that is up.
    NetworkNamespace,
    /// System V and POSIX message queues of its own.
    IpcNamespace,
    /// A host name of its own.
    UtsNamespace,
    /// A view of control groups of its own.
    CgroupNamespace,
    /// User 65534 and no groups if root started the child, or root without a capability if
    /// root grants directories; else the user who started it.
    Identity,
    /// No capability in any set, the bounding set included.
    Capabilities,
    /// No program can give the child rights back.
    NoNewPrivileges,
    /// Limits on files, processes, descriptors, memory and core dumps.
    ResourceLimits,
    /// The child is the first to be killed when the machine runs out of memory.
    OomScore,
    /// Landlock: no path but the granted directories, no TCP port, no signal
    /// and no abstract socket to the outside.
    Landlock,
    /// A list of system calls, and death for any other.
    Seccomp,
}

impl Layer {
    /// All layers, in the order in which they are listed.
    pub const ALL: [Layer; 14] = [
        Layer::UserNamespace,
        Layer::PidNamespace,
        Layer::MountNamespace,
        Layer::NetworkNamespace,
        Layer::IpcNamespace,
        Layer::UtsNamespace,
        Layer::CgroupNamespace,
        Layer::Identity,
        Layer::Capabilities,
        Layer::NoNewPrivileges,
        Layer::ResourceLimits,
        Layer::OomScore,
        Layer::Landlock,
        Layer::Seccomp,
    ];

    /// Returns the name of the layer, in lower case with hyphens.
    pub fn name(self) -> &'static str {
        match self {
            Layer::UserNamespace => "user-namespace",
            Layer::PidNamespace => "pid-namespace",
            Layer::MountNamespace => "mount-namespace",
            Layer::NetworkNamespace => "network-namespace",
            Layer::IpcNamespace => "ipc-namespace",
            Layer::UtsNamespace => "uts-namespace",
            Layer::CgroupNamespace => "cgroup-namespace",
            Layer::Identity => "identity",
            Layer::Capabilities => "capabilities",
            Layer::NoNewPrivileges => "no-new-privileges",
            Layer::ResourceLimits => "resource-limits",
            Layer::OomScore => "oom-score",
            Layer::Landlock => "landlock",
            Layer::Seccomp => "seccomp",
        }
    }

    /// Returns the actions that the layer prevents, in a few words.
    pub fn stops(self) -> &'static str {
        match self {
            Layer::UserNamespace => "using rights over anything outside",
            Layer::PidNamespace => "seeing, signalling or tracing other processes",
            Layer::MountNamespace => "reaching any file by its path",
            Layer::NetworkNamespace => "reaching any network, loopback included",
            Layer::IpcNamespace => "reaching other processes' message queues and shared memory",
            Layer::UtsNamespace => "learning the machine's name",
            Layer::CgroupNamespace => "learning where in the machine it runs",
            Layer::Identity => "acting as root",
            Layer::Capabilities => "every privileged operation",
            Layer::NoNewPrivileges => "gaining rights from a set-uid program",
            Layer::ResourceLimits => "filling disk and memory, starting processes, dumping core",
            Layer::OomScore => "taking others down with it when memory runs out",
            Layer::Landlock => "opening files, binding and connecting TCP ports, signalling out",
            Layer::Seccomp => "every system call that it does not need",
        }
    }

    /// Returns the remedy for a machine where the layer is missing.
    pub fn remedy(self) -> &'static str {
        match self {
            Layer::UserNamespace
            | Layer::PidNamespace
            | Layer::MountNamespace
            | Layer::NetworkNamespace
            | Layer::IpcNamespace
            | Layer::UtsNamespace
            | Layer::CgroupNamespace => {
                "allow unprivileged user namespaces (sysctl user.max_user_namespaces, \
                 kernel.unprivileged_userns_clone, kernel.apparmor_restrict_unprivileged_userns); in a \
                 container, allow clone and unshare in its seccomp profile or run it with \
                 CAP_SYS_ADMIN"
            }
            Layer::Identity => {
                "start as an ordinary user who is in no group but his own, or as root with \
                 CAP_SYS_ADMIN, CAP_SETUID and CAP_SETGID"
            }
            Layer::Capabilities => "give the process CAP_SETPCAP, or allow user namespaces",
            Layer::NoNewPrivileges | Layer::ResourceLimits => {
                "nothing should forbid this; look for a seccomp profile around the program"
            }
            Layer::OomScore => "mount /proc",
            Layer::Landlock => {
                "use Linux 6.12 or newer with `landlock` in the list of security modules (kernel \
                 parameter lsm=landlock,...); the container's seccomp profile must allow it"
            }
            Layer::Seccomp => "use a kernel with CONFIG_SECCOMP_FILTER",
        }
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The extent to which a layer holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LayerState {
    /// The whole layer holds.
    Held,
    /// A part of the layer holds, for this reason.
    Partial(String),
    /// Nothing of the layer holds, for this reason.
    Missing(String),
}

/// A layer, and the extent to which it holds in a child that has locked itself in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerReport {
    /// The layer.
    pub layer: Layer,
    /// The extent to which it holds.
    pub state: LayerState,
}

impl fmt::Display for LayerReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.state {
            LayerState::Held => write!(f, "{} holds", self.layer),
            // These are a child's words, which may be a guest's that took it over.
            LayerState::Partial(why) => {
                write!(f, "{} holds in part ({})", self.layer, Printable(why))
            }
            LayerState::Missing(why) => write!(f, "{} is missing ({})", self.layer, Printable(why)),
        }
    }
}

/// The report of a child: every layer, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SandboxReport {
    /// The reports, in the order of [`Layer::ALL`].
    pub layers: Vec<LayerReport>,
}

impl SandboxReport {
    /// Returns the layers of which nothing holds.
    pub fn missing(&self) -> impl Iterator<Item = &LayerReport> {
        let missing = |report: &&LayerReport| matches!(report.state, LayerState::Missing(_));
        self.layers.iter().filter(missing)
    }

    /// Returns the layers that do not hold in full.
    pub fn gaps(&self) -> impl Iterator<Item = &LayerReport> {
        self.layers
            .iter()
            .filter(|report| report.state != LayerState::Held)
    }

    /// Returns the extent to which a layer holds; `None` if the report does not say.
    pub fn state(&self, layer: Layer) -> Option<&LayerState> {
        self.layers
            .iter()
            .find(|report| report.layer == layer)
            .map(|report| &report.state)
    }

    /// Returns one line that names the missing layers and the reasons; `None` if no
    /// layer is missing.
    #[doc(hidden)]
    pub fn line(&self) -> Option<String> {
        let missing: Vec<_> = self.missing().collect();
        let names: Vec<_> = missing.iter().map(|report| report.layer.name()).collect();
        match &missing.first()?.state {
            LayerState::Missing(why) => Some(format!("{} ({})", names.join(", "), Printable(why))),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_names_what_is_missing_in_one_line() {
        let report = |layer, state| LayerReport { layer, state };
        let mut all = SandboxReport {
            layers: vec![report(Layer::Seccomp, LayerState::Held)],
        };
        assert_eq!(all.line(), None);
        all.layers.extend([
            report(Layer::PidNamespace, LayerState::Missing("EPERM".into())),
            report(Layer::Landlock, LayerState::Partial("ABI 3".into())),
            report(Layer::UtsNamespace, LayerState::Missing("EPERM".into())),
        ]);
        assert_eq!(
            all.line().as_deref(),
            Some("pid-namespace, uts-namespace (EPERM)")
        );
        assert_eq!(all.gaps().count(), 3);
    }

    #[test]
    fn every_layer_has_a_name_of_its_own() {
        let mut names: Vec<_> = Layer::ALL.iter().map(|layer| layer.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Layer::ALL.len());
    }
}
