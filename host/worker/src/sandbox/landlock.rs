//! Landlock: the kernel's own list of what this process may open, where paths
//! do not matter and races find nothing to win.

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, LandlockStatus,
    PathBeneath, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
};
use std::os::fd::OwnedFd;

use sandpool_protocol::layers::LayerState;

/// The requested rights: files, TCP ports, device ioctls, and scopes for signals and
/// abstract sockets. Later versions add nothing that a worker could use.
const WANTED: ABI = ABI::V6;

/// Allows what is beneath these directories, with their rights, and no other
/// path.
pub(super) fn confine(directories: &[(OwnedFd, bool)]) -> Result<LayerState, RulesetError> {
    let mut ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(WANTED))?
        .handle_access(AccessNet::from_all(WANTED))?
        .scope(Scope::from_all(WANTED))?
        .create()?;
    for (directory, writable) in directories {
        ruleset = ruleset.add_rule(PathBeneath::new(directory, rights(*writable)))?;
    }
    let status = ruleset.restrict_self()?;
    Ok(match (status.ruleset, status.landlock) {
        (RulesetStatus::FullyEnforced, _) => LayerState::Held,
        (RulesetStatus::PartiallyEnforced, kernel) => LayerState::Partial(format!(
            "this kernel has less of it than 6.12 has: {}",
            version(kernel)
        )),
        (RulesetStatus::NotEnforced, kernel) => {
            LayerState::Missing(format!("this kernel has none: {}", version(kernel)))
        }
    })
}

/// Returns the rights of a granted directory: to read what is in it; if it is writable,
/// also to make, change and remove files, folders and links, but neither devices, nor
/// sockets, nor pipes. Never to execute.
fn rights(writable: bool) -> BitFlags<AccessFs> {
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let write = AccessFs::WriteFile
        | AccessFs::Truncate
        | AccessFs::MakeReg
        | AccessFs::MakeDir
        | AccessFs::MakeSym
        | AccessFs::RemoveFile
        | AccessFs::RemoveDir
        | AccessFs::Refer;
    if writable { read | write } else { read }
}

fn version(status: LandlockStatus) -> String {
    match status {
        LandlockStatus::NotEnabled => "not enabled at boot".into(),
        LandlockStatus::NotImplemented => "not built in".into(),
        LandlockStatus::Available { effective_abi, .. } => format!("{effective_abi:?}"),
    }
}
