//! How a child locks itself in before it sees a byte of a guest.
//!
//! [`Cage::enter`] is the whole story, told in order; each file here is one of
//! its chapters. A child enters in two steps: all of it before it looks at what
//! a stranger wrote, and [`Cage::seal`] once it has loaded its artifact, which
//! takes away what only loading needs.
//!
//! Nothing here trusts that a layer is there: each step says how much of it
//! holds, and the child sends that to the host.

mod around;
mod bpf;
mod cage;
mod calls;
mod identity;
mod landlock;
mod limits;
mod namespaces;
mod probe;
mod seccomp;

pub use around::prepare_command;
pub use cage::{Cage, CageError, ChildKind, Directory};
pub use limits::ResourceLimits;
pub use namespaces::Granted;
pub use probe::main as probe;
