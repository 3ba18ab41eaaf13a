//! The functions and tools of the host that a builder gives to the tasks of its pool.

use std::sync::Arc;

use serde_json::Value as Json;

use super::PoolBuilder;
use crate::pool::error::SettingError;
use crate::pool::host_calls::{Imports, Tool, Tools};
use sandpool_protocol::limits::MIB;

/// The highest number of bytes of the names, descriptions and schemas of all tools.
const MAX_TOOLS_BYTES: u64 = MIB;

impl PoolBuilder {
    /// Gives functions for an import of modules: for an interface of a component, with or
    /// without its version (`acme:kv/store`), for the functions that a component imports by
    /// themselves (`$root`), or for a module that core modules import (`env`). They run in this
    /// process, on threads of the pool; see [`Imports`].
    ///
    /// Each module is checked when it is loaded: every function that it imports by this name
    /// must be there and of its type. Given again for one import, functions are added.
    ///
    /// A closure may call this pool, from the thread that it runs on: its own task then lends
    /// its place until the closure returns, so a full pool goes on. (The pool cannot know of a
    /// closure that waits for another thread which calls the pool.) To wait for the end of the
    /// pool, or for the session whose call it serves, is
    /// [`Error::WouldDeadlock`](crate::Error::WouldDeadlock). Keep no last handle of the pool
    /// in a closure: the pool would never end.
    pub fn import(mut self, name: &str, imports: Imports) -> Self {
        Arc::make_mut(&mut self.imports).add(name, imports);
        self
    }

    /// Gives a tool without a description: a function that guests call by name, with JSON, by
    /// `sandpool:task/host@0.2.0`. See [`Tool`].
    pub fn tool(
        self,
        name: &str,
        function: impl Fn(Json) -> Result<Json, String> + Send + Sync + 'static,
    ) -> Self {
        self.tools([Tool::new(name, function)])
    }

    /// Gives tools to every task. Of several with one name the last counts.
    pub fn tools(mut self, tools: impl IntoIterator<Item = Tool>) -> Self {
        tools.into_iter().for_each(|tool| self.tools.add(tool));
        self
    }

    /// Sets the highest number of calls of functions and tools of the host at once, each on a
    /// thread of its own \[256\]. A task that makes a further call ends with the verdict
    /// [`Error`](crate::Verdict::Error). A thread that has had nothing to do for 10 s ends.
    pub fn host_call_threads(mut self, threads: usize) -> Self {
        self.host_call_threads = Some(threads);
        self
    }
}

/// Refuses tools whose texts are too long for the answer to a guest that asks for them.
pub(in crate::pool::api) fn check_tools(tools: &Tools) -> Result<(), SettingError> {
    let bytes = tools.bytes();
    match bytes > MAX_TOOLS_BYTES {
        true => Err(SettingError::ToolsTooLarge {
            bytes,
            most: MAX_TOOLS_BYTES,
        }),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_texts_of_all_tools_together_are_bounded() {
        let tool = |name: &str| Tool::new(name, |_| Ok(Json::Null));
        let mut tools = Tools::default();
        tools.add(tool("a").description(&"x".repeat(MAX_TOOLS_BYTES as usize - 2)));
        tools.add(tool("b"));
        assert_eq!(check_tools(&tools), Ok(()));
        tools.add(tool("b").schema(Json::Bool(true)));
        let error = SettingError::ToolsTooLarge {
            bytes: MAX_TOOLS_BYTES + 4,
            most: MAX_TOOLS_BYTES,
        };
        assert_eq!(check_tools(&tools), Err(error));
    }
}
