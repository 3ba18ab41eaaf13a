//! The operating system: memory that two processes share, descriptors that
//! travel, processes that are started and ended.
//!
//! Everything `unsafe` of the crate is in this folder, behind safe functions.
//! Nothing here knows what a task is.
#![expect(unsafe_code, reason = "this is the folder where unsafe code lives")]

pub(crate) mod attempts;
mod cgroup;
mod clock;
mod descriptors;
mod doorbell;
mod executable;
mod exits;
mod file_size;
pub(crate) mod in_force;
mod inherited;
mod large_pages;
mod mapping;
mod memfd;
mod namespaces;
mod poller;
mod process;
mod refused;
mod sealed;
mod socket;
mod spawn;
mod stdio;
mod threads;

pub use attempts::Attempt;
pub(crate) use cgroup::{OomKills, full_of_processes};
pub(crate) use clock::process_cpu_time;
pub(crate) use doorbell::{EventFd, futex_wait, futex_wake};
pub(crate) use executable::is_in_executable;
pub(crate) use exits::{ABORTED, OUT_OF_CPU, PANICKED, leave_by_exit_codes, signal_name};
pub(crate) use file_size::{writes_to_a_limit, writes_to_a_limit_here};
pub(crate) use inherited::{has_unusable_clone3, hear_of_children};
pub use inherited::{is_ignored, unblock};
pub(crate) use mapping::Mapping;
pub(crate) use memfd::{
    SealedMemory, memfd_growable, memfd_of, memfd_read_at, memfd_sized, seal_contents,
};
pub(crate) use namespaces::{UnshareFlags, leave_namespaces, tame_mount};
pub(crate) use poller::Poller;
pub(crate) use process::{ChildProcess, Ended, Program};
pub(crate) use refused::{is_explained, thread_error};
pub(crate) use sealed::SealedMapping;
pub(crate) use socket::{ControlSocket, MAX_DESCRIPTORS, MAX_MESSAGE, Received};
pub(crate) use spawn::{Namespaces, own_control_descriptor};
pub(crate) use stdio::was_closed_at_start;
pub(crate) use threads::is_only_thread;
