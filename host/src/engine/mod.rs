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
