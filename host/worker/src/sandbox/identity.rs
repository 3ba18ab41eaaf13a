//! The identity of a child to the rest of the machine: nobody, if it may choose.

use std::io;

use rustix::io::Errno;
use rustix::process::{Gid, Uid};
use rustix::thread::{
    CapabilitySet, CapabilitySets, capability_is_in_bounding_set, clear_ambient_capability_set,
    remove_capability_from_bounding_set, set_capabilities, set_thread_groups, set_thread_res_gid,
    set_thread_res_uid,
};

use sandpool_protocol::layers::LayerState;

/// User and group `nobody`, who own nothing.
const NOBODY: u32 = 65534;

/// Becomes nobody, which takes root: with `keeps_user`, for the sake of granted
/// directories, it only leaves its groups.
pub(super) fn leave(keeps_user: bool) -> io::Result<LayerState> {
    leave_groups_and_user(keeps_user).map_err(|error| {
        io::Error::other(format!(
            "it stays root, without capabilities: becoming nobody takes CAP_SETGID and CAP_SETUID: {error}"
        ))
    })?;
    Ok(match keeps_user {
        false => LayerState::Held,
        true => LayerState::Partial(
            "it stays root, without groups and capabilities, to read what root granted".into(),
        ),
    })
}

fn leave_groups_and_user(keeps_user: bool) -> io::Result<()> {
    set_thread_groups(&[])?;
    if !keeps_user {
        let (uid, gid) = (Uid::from_raw(NOBODY), Gid::from_raw(NOBODY));
        set_thread_res_gid(gid, gid, gid)?;
        set_thread_res_uid(uid, uid, uid)?;
    }
    Ok(())
}

/// Returns the error of a root who needs a user namespace to make the others: he is
/// himself in there, and there is nobody else that he could become. Whatever is
/// root's on the machine is open to him, capabilities or not, so nothing of this
/// layer holds.
pub(super) fn still_root() -> io::Error {
    io::Error::other(
        "it stays root, without capabilities: becoming nobody takes CAP_SYS_ADMIN to make namespaces",
    )
}

/// Returns the state of the layer for an ordinary user, who cannot leave groups, not
/// even in a user namespace: a group may be what denies something.
pub(super) fn own_groups_only() -> LayerState {
    let own = rustix::process::getegid();
    match rustix::process::getgroups() {
        Ok(groups) if groups.iter().all(|group| *group == own) => LayerState::Held,
        Ok(_) => LayerState::Partial(
            "only root can leave the groups that its user is in besides his own".into(),
        ),
        Err(error) => LayerState::Partial(format!("getgroups: {error}")),
    }
}

/// Takes every capability out of the bounding set. Needs one itself, so it
/// comes before the others are dropped, and again in each user namespace that
/// is entered, which gives them all back.
pub(super) fn empty_bounding_set() {
    for capability in capabilities() {
        if remove_capability_from_bounding_set(capability) == Err(Errno::INVAL) {
            // The kernel knows no more of them.
            break;
        }
    }
}

/// Gives up every capability.
pub(super) fn drop_capabilities() -> io::Result<LayerState> {
    // A kernel without ambient capabilities has none to clear.
    let _ = clear_ambient_capability_set();
    let none = CapabilitySet::empty();
    set_capabilities(
        None,
        CapabilitySets {
            effective: none,
            permitted: none,
            inheritable: none,
        },
    )?;
    let left =
        capabilities().any(|capability| capability_is_in_bounding_set(capability) == Ok(true));
    Ok(match left {
        false => LayerState::Held,
        true => LayerState::Partial(
            "the bounding set stays, which gives no rights by itself: emptying it takes CAP_SETPCAP"
                .into(),
        ),
    })
}

/// Returns every capability that there can be, one at a time.
fn capabilities() -> impl Iterator<Item = CapabilitySet> {
    (0..64).map(|bit| CapabilitySet::from_bits_retain(1 << bit))
}
