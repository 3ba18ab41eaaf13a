//! Directories, variables and HTTP rules that a pool cannot grant, or does not.

use std::io;
use std::path::PathBuf;

#[cfg(feature = "http")]
use crate::http::HttpRuleError;
use sandpool_protocol::limits::show_bytes;

/// A directory, a variable or an HTTP rule that a pool cannot grant its guests, or that a
/// call asks for and its pool does not grant.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GrantError {
    /// A directory that a call asks for and its pool does not grant.
    #[error(
        "this pool does not grant the directory `{asked}`, so a call cannot have it; it grants {}",
        listed(granted)
    )]
    DirectoryNotGranted {
        /// The guest path that was asked for.
        asked: String,
        /// The guest paths that the pool grants.
        granted: Vec<String>,
    },
    /// A variable that a call asks for and its pool does not grant.
    #[error(
        "this pool does not grant the variable `{asked}`, so a call cannot have it; it grants {}",
        listed(granted)
    )]
    VariableNotGranted {
        /// The name that was asked for.
        asked: String,
        /// The names that the pool grants.
        granted: Vec<String>,
    },
    /// A pattern of HTTP that a call asks for and its pool does not grant.
    #[cfg(feature = "http")]
    #[error(
        "this pool does not grant HTTP to `{asked}`, so a call cannot have it; it grants {}",
        listed(granted)
    )]
    HttpNotGranted {
        /// The pattern that was asked for.
        asked: String,
        /// The patterns that the pool grants.
        granted: Vec<String>,
    },
    /// A rule of HTTP that makes no sense.
    #[cfg(feature = "http")]
    #[error("HTTP cannot be granted by this rule")]
    HttpRule(#[source] HttpRuleError),
    /// More directories than a worker can be sent.
    #[error(
        "{count} directories are granted, and the most is {most}; a directory is granted with \
         everything in it, so grant one above them"
    )]
    TooManyDirectories {
        /// The number of directories.
        count: usize,
        /// The most that a pool can grant.
        most: usize,
    },
    /// Names, paths and values that take more bytes than a worker can be sent.
    #[error("the paths and variables that are granted take more than {}", show_bytes(*most))]
    TooLarge {
        /// The most bytes that they can take.
        most: u64,
    },
    /// A guest path that is empty.
    #[error("guests cannot see a directory whose path is empty; give it a path like `/data`")]
    GuestPathEmpty,
    /// A guest path with a zero byte in it.
    #[error(
        "guests cannot see a directory as `{guest}`: it has a zero byte in it; give it a path \
         like `/data`"
    )]
    GuestPathWithZero {
        /// The guest path.
        guest: String,
    },
    /// A guest path with `..` in it.
    #[error(
        "guests cannot see a directory as `{guest}`: it has `..` in it; give it a path like \
         `/data`"
    )]
    GuestPathWithParent {
        /// The guest path.
        guest: String,
    },
    /// Two directories with one guest path.
    #[error("two directories are granted as `{guest}`; guests need a path for each")]
    GuestPathTwice {
        /// The guest path.
        guest: String,
    },
    /// A host path that is not a directory's.
    #[error("`{}` cannot be granted: it is not a directory", .host.display())]
    NotADirectory {
        /// The host path.
        host: PathBuf,
    },
    /// A directory that cannot be opened.
    #[error("`{}` cannot be granted", .host.display())]
    Directory {
        /// The host path.
        host: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },
    /// A name that no variable can have.
    #[error("`{name}` is no name for a variable")]
    VariableName {
        /// The name.
        name: String,
    },
    /// A value with a zero byte in it.
    #[error("the value of the variable `{name}` has a zero byte in it")]
    VariableValue {
        /// The variable's name.
        name: String,
    },
}

fn listed(names: &[String]) -> String {
    if names.is_empty() {
        return "none".to_owned();
    }
    let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}
