//! The error of a module that cannot be loaded.

use std::io;

use sandpool_protocol::limits::{LimitHit, LimitName, PoolLimits};
use sandpool_protocol::settings::WasmFeature;
use sandpool_sys::in_force::{Scarce, with_limit};
use sandpool_sys::is_explained;
use sandpool_value::Printable;

/// The error of a module that cannot be loaded. `Display` writes it in one line, with the
/// path.
#[derive(Debug, thiserror::Error)]
#[error("cannot load `{path}`: {problem}")]
pub struct LoadError {
    path: String,
    problem: Problem,
}

/// The problem. The text of a cause from the operating system stands in the line
/// itself: it is what the user needs to know.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Problem {
    #[error("the file does not exist")]
    NotFound,
    #[error("it cannot be read: {}", with_limit(.0))]
    Read(io::Error),
    // Nothing that the module or its file could be blamed for.
    #[error("{0}")]
    System(io::Error),
    #[error("it is {what}, not a regular file")]
    NotRegular { what: &'static str },
    // Holds names that the module chose, as the other words of a compiler do.
    #[error("{}", Printable(.0))]
    Invalid(String),
    #[error("{0}")]
    Limit(LimitHit),
    /// A limit of time, hit by a compiler that is not optimised.
    #[error(
        "{0}; this program was built without optimisation, which makes compiling many times \
         slower: set `opt-level = 2` under `[profile.dev.package.\"*\"]` in its Cargo.toml"
    )]
    Slow(LimitHit),
    #[error("it {0}")]
    Wants(LimitHit),
    #[error("the compiler process {0}")]
    CompilerDied(String),
    /// Something outside kept it from its work; whether it may go better next time.
    #[error("the compiler process {why}")]
    Outside { why: String, again: bool },
    #[error("the compiler process cannot be used: {}", Printable(.0))]
    Compiler(String),
}

impl Problem {
    /// Classifies an error of reading the module into memory.
    pub(super) fn of_reading(error: io::Error) -> Self {
        match is_explained(&error) {
            true => Problem::System(error),
            false => Problem::Read(error),
        }
    }

    /// A compiler's complaint. That a module wants more tables, memories or
    /// instances than there are to be had is one that wasmtime makes in words.
    pub(crate) fn sorted(self, limits: &PoolLimits) -> Self {
        const WORDS: [(&str, LimitName); 6] = [
            ("core module instances, which exceeds", LimitName::Instances),
            ("memories, which exceeds", LimitName::Memories),
            ("tables, which exceeds", LimitName::Tables),
            ("defined memories count of", LimitName::Memories),
            ("defined tables count of", LimitName::Tables),
            ("has a minimum element size of", LimitName::TableElements),
        ];
        let Problem::Invalid(text) = &self else {
            return self;
        };
        let said = WORDS.iter().find(|(words, _)| text.contains(words));
        match said.and_then(|(_, name)| limits.hit(*name)) {
            Some(hit) => Problem::Wants(hit),
            None => self,
        }
    }
}

impl LoadError {
    pub(crate) fn new(path: String, problem: Problem) -> Self {
        LoadError { path, problem }
    }

    /// Returns the path, or `module` for bytes.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns `true` if the file does not exist.
    pub fn is_not_found(&self) -> bool {
        matches!(self.problem, Problem::NotFound)
    }

    /// Returns `true` if sandpool itself failed, rather than the module being invalid.
    pub fn is_internal(&self) -> bool {
        match &self.problem {
            Problem::Compiler(_) | Problem::System(_) | Problem::Outside { .. } => true,
            // A file that others can read.
            Problem::Read(error) => {
                Scarce::of(error).is_some() || error.kind() == io::ErrorKind::FileTooLarge
            }
            _ => false,
        }
    }

    /// Returns the limit that the compilation ran past, or would run past.
    pub fn limit(&self) -> Option<&LimitHit> {
        match &self.problem {
            Problem::Limit(hit) | Problem::Slow(hit) | Problem::Wants(hit) => Some(hit),
            _ => None,
        }
    }

    /// Returns the WebAssembly features that the module needs, and that are off and can be
    /// turned on.
    pub fn features(&self) -> Vec<WasmFeature> {
        let Problem::Invalid(text) = &self.problem else {
            return Vec::new();
        };
        let needs = text.split_once("it needs the WebAssembly feature");
        let names = needs.and_then(|(_, needs)| needs.split_once(", which "));
        // The names between backticks.
        let names = names.map_or("", |(names, _)| names).split('`');
        let names = names.skip(1).step_by(2);
        names.filter_map(|name| name.parse().ok()).collect()
    }

    /// Returns advice for the user, in one line, if there is any.
    pub fn hint(&self) -> Option<String> {
        match &self.problem {
            Problem::Invalid(text) if text.contains("exports no function") => Some(
                "a task module exports functions (a component or a core module), or is a command"
                    .into(),
            ),
            Problem::Invalid(text) if text.contains("imports functions that sandpool does not provide") => {
                Some("guests can import WASI and the interfaces of `sandpool:task`; `sandpool inspect` lists the imports of a module".into())
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_compiler_that_is_not_optimised_says_what_to_do_about_it() {
        let hit = PoolLimits::default().hit(LimitName::CompileTimeout);
        let problem = Problem::Slow(hit.expect("it is the pool's"));
        let error = LoadError::new("a.wasm".into(), problem);
        let said = error.to_string();
        let begin = "cannot load `a.wasm`: compiling it ran past 120s (default); ";
        assert!(said.starts_with(begin), "{said}");
        let advice = "set `opt-level = 2` under `[profile.dev.package.\"*\"]` in its Cargo.toml";
        assert!(said.ends_with(advice), "{said}");
        let name = error.limit().map(|limit| limit.name);
        assert_eq!(name, Some(LimitName::CompileTimeout));
    }
}
