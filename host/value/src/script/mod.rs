//! Values of scripts: the JSON in which snippets of Python and JavaScript receive and return
//! values.

mod compact;
mod error;
mod scan;

pub use compact::{compact, is_null};
pub use error::ScriptValueError;

/// The number of brackets within each other that a text may have: 200.
pub const MAX_DEPTH: usize = 200;
