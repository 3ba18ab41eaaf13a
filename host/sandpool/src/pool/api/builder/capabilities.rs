//! The capabilities that a builder grants to the tasks of its pool.

use sandpool_protocol::settings::{DirGrant, UnknownImports};

use super::PoolBuilder;

impl PoolBuilder {
    /// Sets the reaction to functions that a module imports and that nobody gives
    /// \[[`UnknownImports::Refuse`]\].
    pub fn unknown_imports(mut self, reaction: UnknownImports) -> Self {
        self.unknown_imports = reaction;
        self
    }

    /// Grants an environment variable. Of several with one name the last counts.
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let name = name.into();
        self.grants.env.retain(|(known, _)| *known != name);
        self.grants.env.push((name, value.into()));
        self
    }

    /// Grants a directory and all that is in it, hard links included.
    pub fn dir(mut self, grant: DirGrant) -> Self {
        self.grants.dirs.push(grant);
        self
    }

    /// Grants HTTP requests that this rule allows; of several rules, the first one that
    /// allows a request counts. The host sends them, after it has looked at the address that
    /// the name stands for.
    #[cfg(feature = "http")]
    pub fn http(mut self, rule: crate::http::HttpRule) -> Self {
        self.http.push(rule);
        self
    }
}
