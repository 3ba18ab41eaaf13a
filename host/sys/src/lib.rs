//! The operating system for sandpool: memory that two processes share, descriptors that
//! travel, processes that are started and ended, standard streams.
//!
//! All `unsafe` code of the library is in this crate, behind safe functions. The crate
//! knows neither tasks nor modules, and none of sandpool's other crates. It promises
//! nothing to others than those.
#![expect(unsafe_code, reason = "this is the crate where unsafe code lives")]

#[cfg(not(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
)))]
compile_error!(
    "sandpool runs on Linux, on x86-64 and aarch64: its sandbox is made of what that kernel has"
);

pub mod attempts;
mod cgroup;
mod clock;
mod closed_streams;
mod descriptors;
mod doorbell;
mod executable;
mod exits;
mod file_size;
pub mod in_force;
mod inherited;
mod large_pages;
mod mapping;
mod memfd;
mod namespaces;
mod own_addresses;
mod poller;
mod process;
mod refused;
mod sealed;
mod socket;
mod spawn;
pub mod stdio;
mod threads;

pub use attempts::Attempt;
pub use cgroup::{OomKills, full_of_processes};
pub use clock::process_cpu_time;
pub use closed_streams::was_closed_at_start;
pub use doorbell::{EventFd, futex_wait, futex_wake};
pub use executable::is_in_executable;
pub use exits::{ABORTED, OUT_OF_CPU, PANICKED, leave_by_exit_codes, signal_name};
pub use file_size::{writes_to_a_limit, writes_to_a_limit_here};
pub use inherited::{has_unusable_clone3, hear_of_children};
pub use inherited::{is_ignored, unblock};
pub use mapping::Mapping;
pub use memfd::{
    SealedMemory, memfd_growable, memfd_of, memfd_read_at, memfd_sized, seal_contents,
};
pub use namespaces::{UnshareFlags, leave_namespaces, tame_mount};
pub use own_addresses::own_addresses;
pub use poller::Poller;
pub use process::{ChildExit, ChildProcess, Program};
pub use refused::{is_explained, thread_error};
pub use sealed::SealedMapping;
pub use socket::{ControlSocket, MAX_DESCRIPTORS, MAX_MESSAGE, Received};
pub use spawn::{Namespaces, own_control_descriptor};
pub use threads::is_only_thread;
