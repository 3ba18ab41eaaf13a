//! Namespaces, and the root directory of a child: one that holds the granted
//! directories and nothing else.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{CWD, Mode, OFlags, fstat, mkdirat, openat};
use rustix::io::Errno;
use rustix::mount::{
    MountFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags, UnmountFlags, mount,
    mount_change, mount_move, move_mount, open_tree, unmount,
};
use rustix::process::{chdir, chroot, pivot_root};

use sandpool_protocol::layers::{Layer, LayerState};
use sandpool_protocol::settings::DirGrant;
use sandpool_sys::{UnshareFlags, leave_namespaces, tame_mount};

/// A granted directory, with the descriptor that the host opened when the pool
/// was built.
pub struct Granted {
    pub grant: DirGrant,
    pub opened: OwnedFd,
}

/// The namespaces that a child makes for itself, with the layers that they are.
const KINDS: [(Layer, UnshareFlags); 5] = [
    (Layer::MountNamespace, UnshareFlags::NEWNS),
    (Layer::NetworkNamespace, UnshareFlags::NEWNET),
    (Layer::IpcNamespace, UnshareFlags::NEWIPC),
    (Layer::UtsNamespace, UnshareFlags::NEWUTS),
    (Layer::CgroupNamespace, UnshareFlags::NEWCGROUP),
];

/// Leaves those of the namespaces that it was born into which are `wanted` to
/// be left, and says what became of each.
pub(super) fn leave(wanted: impl Fn(Layer) -> bool) -> Vec<(Layer, io::Result<()>)> {
    let kinds = || KINDS.into_iter().filter(|(layer, _)| wanted(*layer));
    let all = kinds().fold(UnshareFlags::empty(), |all, (_, kind)| all | kind);
    // All at once is cheaper; one at a time tells which of them is refused.
    if leave_namespaces(all).is_ok() {
        return kinds().map(|(layer, _)| (layer, Ok(()))).collect();
    }
    kinds()
        .map(|(layer, kind)| (layer, leave_namespaces(kind)))
        .collect()
}

/// The directories on which the new root may be mounted. Any directory does; one of these
/// exists everywhere.
const MOUNT_POINTS: [&str; 8] = [
    "/proc", "/sys", "/dev", "/tmp", "/usr", "/etc", "/lib", "/bin",
];

/// A root directory of its own.
pub(super) struct OwnRoot {
    /// For each granted directory, whether it is mounted there.
    pub(super) mounted: Vec<bool>,
    pub(super) state: LayerState,
}

/// Makes a root of the granted directories alone, under the names `0`, `1` and
/// so on, and lets go of the old one. The working directory is the new root.
///
/// A directory that cannot be mounted is left out: a guest that may write to a
/// directory above it may have moved it away, which is to cost no other worker
/// its root.
pub(super) fn enter_own_root(granted: &[Granted]) -> io::Result<OwnRoot> {
    // Mounts made here must not be visible outside, nor mounts made outside be visible
    // here.
    mount_change(
        "/",
        MountPropagationFlags::PRIVATE | MountPropagationFlags::REC,
    )?;
    let trees: Vec<_> = granted.iter().map(find_again).collect();
    let options = format!("size=64k,nr_inodes={},mode=0555", granted.len() + 2);
    let options = std::ffi::CString::new(options)?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    let is_there = |place: &&str| std::path::Path::new(place).is_dir();
    let place = MOUNT_POINTS.into_iter().find(is_there);
    let place = place.ok_or(Errno::NOENT)?;
    mount("sandpool", place, "tmpfs", flags, Some(options.as_c_str()))?;
    chdir(place)?;
    let made = fill_and_enter(&trees);
    if made.is_err() {
        // Back to where others find what they need.
        let _ = chdir("/");
        let _ = unmount(place, UnmountFlags::DETACH);
    }
    made?;
    let left_out = trees.iter().find_map(|tree| tree.as_ref().err());
    Ok(OwnRoot {
        mounted: trees.iter().map(Result::is_ok).collect(),
        state: match left_out {
            None => LayerState::Held,
            Some(error) => LayerState::Partial(format!(
                "a granted directory is outside its root, found by its descriptor: {error}"
            )),
        },
    })
}

fn fill_and_enter(trees: &[io::Result<OwnedFd>]) -> io::Result<()> {
    let trees = trees.iter().enumerate();
    for (index, tree) in trees.filter_map(|(index, tree)| Some((index, tree.as_ref().ok()?))) {
        let name = index.to_string();
        mkdirat(CWD, &name, Mode::from_raw_mode(0o555))?;
        move_mount(
            tree,
            "",
            CWD,
            &name,
            MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH,
        )?;
    }

    match pivot_root(".", ".") {
        Ok(()) => unmount(".", UnmountFlags::DETACH)?,
        // The first root of all, in memory, cannot be pivoted away: it is
        // covered instead.
        Err(Errno::INVAL) => {
            mount_move(".", "/")?;
            chroot(".")?;
        }
        Err(error) => return Err(error.into()),
    }
    chdir("/")?;
    // Last, or nothing could be put into it.
    seal_root()
}

/// Makes the root itself read-only. The mounts in it have been dealt with.
fn seal_root() -> io::Result<()> {
    rustix::mount::mount_remount(
        "/",
        MountFlags::BIND
            | MountFlags::RDONLY
            | MountFlags::NOSUID
            | MountFlags::NODEV
            | MountFlags::NOEXEC,
        "",
    )?;

    Ok(())
}

/// Returns a granted directory as a mount of this namespace. It is found by its path,
/// and must be what the host opened when it was granted: in between, a guest
/// that may write to a directory above could have put something else there.
fn find_again(granted: &Granted) -> io::Result<OwnedFd> {
    let path = &granted.grant.host;
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let found = openat(CWD, path, flags, Mode::empty())?;
    let (now, then) = (fstat(&found)?, fstat(&granted.opened)?);
    if (now.st_dev, now.st_ino) != (then.st_dev, then.st_ino) {
        return Err(io::Error::other(format!(
            "`{}` is no longer the directory that was granted",
            path.display()
        )));
    }
    let flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_EMPTY_PATH
        | OpenTreeFlags::AT_RECURSIVE;
    let tree = open_tree(found.as_fd(), "", flags)?;
    tame_mount(&tree, granted.grant.writable)?;
    Ok(tree)
}

/// Sets a host name that tells nothing.
pub(super) fn hide_host_name() -> io::Result<()> {
    Ok(rustix::system::sethostname(b"sandpool")?)
}
