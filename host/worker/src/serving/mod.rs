//! The worker process: loads one artifact, then runs one task at a time.
//!
//! It is bound for life to one module, one set of engine settings, one set of
//! grants and one tenant. It is not trusted: whatever runs in it may be under
//! a guest's control, so it holds nothing but what its guests were granted.

mod broker;
#[cfg(debug_assertions)]
mod hostile;
mod http;
mod http_body;
mod instance;
mod link;
mod load;
mod serve;
mod start;
mod stdin;

#[cfg(debug_assertions)]
pub use hostile::{HOSTILE_ROLE, misbehave};
pub use start::main;
