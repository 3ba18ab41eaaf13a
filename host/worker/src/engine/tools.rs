//! The interface for tools: functions of the host by name, JSON in and out.

use super::bindings::v0_2::sandpool::task::host;
use super::bounds::HostFunctionFailed;
use super::guest::Guest;
use sandpool_protocol::request::{Reply, ToolEntry};

impl host::Host for Guest {
    fn call(
        &mut self,
        name: String,
        arguments: String,
    ) -> wasmtime::Result<Result<String, String>> {
        self.check_call_arguments(name.len().saturating_add(arguments.len()))?;
        let reply = match &self.broker {
            Some(broker) => broker.tool(name.clone(), arguments),
            None => Reply::Tool(None),
        };
        match reply {
            Reply::Tool(Some(answer)) => Ok(answer),
            Reply::Tool(None) => {
                let text = format!("tool `{name}` is not granted");
                self.bounds.deny("tool", name);
                Ok(Err(text))
            }
            Reply::CallFailed => Err(HostFunctionFailed.into()),
            _ => Err(wasmtime::format_err!("an answer of another kind")),
        }
    }

    fn tools(&mut self) -> wasmtime::Result<Vec<host::Tool>> {
        let reply = self.broker.as_ref().map(|broker| broker.tools());
        match reply {
            None => Ok(Vec::new()),
            Some(Reply::Tools(tools)) => Ok(tools.into_iter().map(host::Tool::from).collect()),
            Some(_) => Err(wasmtime::format_err!("an answer of another kind")),
        }
    }
}

impl From<ToolEntry> for host::Tool {
    fn from(tool: ToolEntry) -> Self {
        let ToolEntry {
            name,
            description,
            schema,
        } = tool;
        host::Tool {
            name,
            description,
            schema,
        }
    }
}
