//! What compiler and worker share, and the host never touches: wasmtime's
//! configuration, and the list of what a guest may import.

pub(crate) mod clock;
pub(crate) mod config;
pub(crate) mod describe;
mod file_stream;
pub(crate) mod files;
mod filesystem;
pub(crate) mod guest;
pub(crate) mod imports;
mod preview1;
mod preview1_call;
pub(crate) mod shared;

/// Whether there was no memory for something, which as a rule is the doing of
/// our own limit.
pub(crate) fn out_of_memory(error: &wasmtime::Error) -> bool {
    let os = error.downcast_ref::<std::io::Error>();
    error.is::<wasmtime::OutOfMemory>()
        || os.is_some_and(|os| os.kind() == std::io::ErrorKind::OutOfMemory)
        // wasmtime maps memory with rustix.
        || error.downcast_ref() == Some(&rustix::io::Errno::NOMEM)
}
