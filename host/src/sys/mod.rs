//! The operating system: memory that two processes share, descriptors that
//! travel, processes that are started and ended.
//!
//! Everything `unsafe` of the crate is in this folder, behind safe functions.
//! Nothing here knows what a task is.
#![expect(unsafe_code, reason = "this is the folder where unsafe code lives")]

mod clock;
mod doorbell;
mod mapping;
mod memfd;
mod poller;
mod process;
mod socket;

pub(crate) use clock::process_cpu_time;
pub(crate) use doorbell::{EventFd, futex_wait, futex_wake};
pub(crate) use mapping::Mapping;
pub(crate) use memfd::{
    SealedMemory, memfd_growable, memfd_of, memfd_read_at, memfd_sized, seal_contents,
};
pub(crate) use poller::Poller;
pub(crate) use process::{ChildProcess, Ended, Program, own_control_descriptor};
pub(crate) use socket::{ControlSocket, MAX_MESSAGE, Received};
