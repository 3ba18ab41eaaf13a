//! The functions and tools of the host that a builder gives to the tasks of its pool.

use std::sync::Arc;

use serde_json::Value as Json;

use super::PoolBuilder;
use crate::pool::host_calls::{Imports, Tool};

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
