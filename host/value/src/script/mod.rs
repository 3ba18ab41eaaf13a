//! Values of scripts: the JSON in which snippets of Python and JavaScript receive and return
//! values.
//!
//! The contract of interpreters (`sandpool:script`) hands values over as text, in one form for
//! both languages: JSON's own types as they are, and an object with one key for each type that
//! JSON lacks, such as `{"$tuple":[1,2]}`. [`ScriptValue`] has the table. Each guest has the
//! form in its own language.
//!
#![doc = include_str!("../../docs/script.md")]
//!
//! Texts come from a guest, which may write anything. Reading takes time linear in the length
//! of the text and refuses one that is too deep; its length is for the caller to limit.

mod big_int;
mod compact;
mod error;
mod form;
mod from_rust;
mod nesting;
mod notation;
mod read;
mod scan;
mod text;
mod to_rust;
mod value;
mod write;

#[cfg(test)]
mod tests;

pub use big_int::BigInt;
pub use compact::{compact, is_null};
pub use error::ScriptValueError;
pub use text::Text;
pub use to_rust::FromScript;
pub use value::ScriptValue;

/// The number of brackets within each other that a text may have: 200.
pub const MAX_DEPTH: usize = 200;
