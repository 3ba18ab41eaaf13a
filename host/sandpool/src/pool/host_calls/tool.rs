//! Tools: functions of the host that guests call by name, with JSON.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value as Json;

use super::context::CallContext;
use sandpool_protocol::request::ToolEntry;

/// A function of the host that guests call by name, with JSON in and out, by the interface
/// `sandpool:task/host@0.2.0`: for interpreters and code that a model wrote, whose functions
/// nobody knows beforehand. See [`PoolBuilder::tools`](crate::PoolBuilder::tools).
///
/// ```
/// use sandpool::Tool;
/// use serde_json::{Value, json};
///
/// let search = Tool::new("search", |args: Value| -> Result<Value, String> {
///     let query = args["query"].as_str().ok_or("`query` is missing")?;
///     Ok(json!([format!("a page about {query}")]))
/// })
/// .description("Searches the documentation.")
/// .schema(json!({"type": "object", "properties": {"query": {"type": "string"}}}));
/// # drop(search);
/// ```
///
/// Its `Err` goes to the guest. A panic ends the task with the verdict
/// [`Error`](crate::Verdict::Error). Arguments that are no JSON, or are nested more than 127
/// levels deep, never reach the closure: the guest gets an `err` that says so.
///
/// The names, descriptions and schemas of all tools of a pool, or of a call, take 1 MiB at
/// most: more is a [`SettingError`](crate::SettingError).
#[derive(Clone)]
#[must_use = "a tool does nothing until it is given to a pool or a call"]
pub struct Tool {
    pub(super) entry: ToolEntry,
    pub(super) run: Arc<RunTool>,
}

type RunTool = dyn Fn(CallContext, Json) -> Result<Json, String> + Send + Sync;

impl std::fmt::Debug for Tool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.entry.fmt(f)
    }
}

impl Tool {
    /// Makes a tool of a closure.
    pub fn new(
        name: &str,
        function: impl Fn(Json) -> Result<Json, String> + Send + Sync + 'static,
    ) -> Self {
        Tool::with_context(name, move |_, arguments| function(arguments))
    }

    /// Makes a tool of a closure that is told which task calls it.
    pub fn with_context(
        name: &str,
        function: impl Fn(CallContext, Json) -> Result<Json, String> + Send + Sync + 'static,
    ) -> Self {
        Tool {
            entry: ToolEntry {
                name: name.to_owned(),
                description: None,
                schema: None,
            },
            run: Arc::new(function),
        }
    }

    /// Describes the tool, for a reader or a model \[no description\].
    pub fn description(mut self, text: &str) -> Self {
        self.entry.description = Some(text.to_owned());
        self
    }

    /// Adds a JSON schema of the arguments, which guests can read \[no schema\]. The arguments
    /// are not checked against it.
    pub fn schema(mut self, schema: Json) -> Self {
        self.entry.schema = Some(schema.to_string());
        self
    }

    /// Returns the name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.entry.name
    }

    /// Returns the bytes of the name, the description and the schema.
    fn bytes(&self) -> u64 {
        let ToolEntry {
            name,
            description,
            schema,
        } = &self.entry;
        let texts = [Some(name), description.as_ref(), schema.as_ref()];
        texts
            .into_iter()
            .flatten()
            .map(|text| text.len() as u64)
            .sum()
    }
}

/// The tools of a pool or of a call, by name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tools {
    named: BTreeMap<String, Arc<Tool>>,
}

impl Tools {
    pub(crate) fn add(&mut self, tool: Tool) {
        self.named.insert(tool.entry.name.clone(), Arc::new(tool));
    }

    /// Leaves only the tools with these names.
    pub(crate) fn keep(&mut self, names: &[String]) {
        self.named.retain(|name, _| names.contains(name));
    }

    /// Returns the bytes of the texts that each guest can ask for: names, descriptions and
    /// schemas.
    pub(crate) fn bytes(&self) -> u64 {
        self.named.values().map(|tool| tool.bytes()).sum()
    }

    pub(crate) fn find(&self, name: &str) -> Option<&Arc<Tool>> {
        self.named.get(name)
    }

    pub(crate) fn entries(&self) -> Vec<ToolEntry> {
        self.named.values().map(|tool| tool.entry.clone()).collect()
    }
}
