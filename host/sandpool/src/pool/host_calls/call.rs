//! One call of a function or tool of the host, from the worker's question to the reply.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::bound::BoundFunction;
use super::context::{CallContext, TaskFacts};
use super::tool::Tool;
use crate::guard::panic_text;
use sandpool_protocol::Violation;
use sandpool_protocol::limits::{Limit, LimitHit, LimitName, TaskLimits, show_bytes};
use sandpool_protocol::request::{Item, MAX_ITEM, Reply};
use sandpool_sys::stdio;
use sandpool_value::{
    DecodeError, Function, Printable, Type, Value, decode_within, encode, raw as raw_of,
};

/// The receiver of the reply to a question. It passes over the reply to a question that is no
/// longer asked.
pub(crate) trait CallReplySink: Send + Sync {
    fn reply(&self, question: u64, reply: Reply);

    /// Takes the violation that was found in the question.
    fn violated(&self, question: u64, violation: Violation);
}

/// A call, ready to run on any thread.
pub(crate) struct HostCall {
    pub(crate) question: u64,
    pub(crate) facts: Arc<TaskFacts>,
    pub(crate) target: CallTarget,
    /// The limit of the result.
    pub(crate) results: Limit<u64>,
    pub(crate) sink: Arc<dyn CallReplySink>,
}

/// A call that has returned.
pub(super) struct Returned {
    question: u64,
    sink: Arc<dyn CallReplySink>,
    reply: Result<Reply, Violation>,
}

impl Returned {
    /// Sends the reply. Returns `true` if the worker broke a rule, which the dispatcher has to
    /// see.
    pub(super) fn send(self) -> bool {
        match self.reply {
            Ok(reply) => {
                self.sink.reply(self.question, reply);
                false
            }
            Err(violation) => {
                self.sink.violated(self.question, violation);
                true
            }
        }
    }
}

/// The function or the tool that is called, with the arguments as the worker sent them.
pub(crate) enum CallTarget {
    Function(Arc<BoundFunction>, Item),
    Tool(Arc<Tool>, String),
}

/// The reason why a call has no reply of its own.
enum CallFailure {
    Violation(Violation),
    /// The closure failed, which ends the task with this text.
    Failed(String),
}

/// The memory that the decoded arguments may take for each of their bytes, and in any case.
const MEMORY_PER_BYTE: usize = 256;
const LEAST_MEMORY: usize = 1024 * 1024;

/// The largest size in bytes of the text of a call that failed: it may repeat words of the
/// guest.
const MAX_FAILURE: usize = 1024;

impl HostCall {
    /// Runs the closure; returns the reply.
    pub(super) fn run(self) -> Returned {
        if self.facts.has_ended() {
            // Nobody waits for it any more, and it has not begun.
            return self.returned(Ok(Reply::CallFailed));
        }
        let returned = match &self.target {
            CallTarget::Function(function, arguments) => self.run_function(function, arguments),
            CallTarget::Tool(tool, arguments) => self.run_tool(tool, arguments),
        };
        let reply = match returned {
            Ok(reply) => Ok(reply),
            Err(CallFailure::Failed(text)) => {
                self.facts.fail(text);
                Ok(Reply::CallFailed)
            }
            Err(CallFailure::Violation(violation)) => Err(violation),
        };
        self.returned(reply)
    }

    fn returned(self, reply: Result<Reply, Violation>) -> Returned {
        Returned {
            question: self.question,
            sink: self.sink,
            reply,
        }
    }

    /// Ends the call, and with it its task, with this text.
    pub(super) fn fail(self, text: String) {
        self.facts.fail(text);
        self.sink.reply(self.question, Reply::CallFailed);
    }

    /// Returns the name of the target, for messages.
    fn name(&self) -> String {
        match &self.target {
            CallTarget::Function(function, _) => {
                Printable(&function.function.full_name()).to_string()
            }
            CallTarget::Tool(tool, _) => format!("tool {}", Printable(tool.name())),
        }
    }

    fn failed(&self, text: impl std::fmt::Display) -> CallFailure {
        let mut text = format!("`{}` {text}", self.name());
        if text.len() > MAX_FAILURE {
            text.truncate(text.floor_char_boundary(MAX_FAILURE));
            text.push('…');
        }
        CallFailure::Failed(text)
    }

    fn run_function(&self, bound: &BoundFunction, arguments: &Item) -> Result<Reply, CallFailure> {
        let Some(run) = &bound.run else {
            return Ok(Reply::CallDenied);
        };
        let arguments = decode(&bound.params, arguments)
            .map_err(|_| CallFailure::Violation(Violation("it calls a function wrongly")))?;
        let value = self.guarded(|context| (**run)(context, arguments))?;
        let value = value.map_err(|error| self.failed(format!("cannot be called: {error}")))?;
        let value = result(value, &bound.function).map_err(|text| self.failed(text))?;
        let mut bytes = Vec::new();
        encode(&value, &mut bytes);
        self.check_size(bytes.len())?;
        Ok(Reply::Item(bytes.into()))
    }

    fn run_tool(&self, tool: &Tool, arguments: &str) -> Result<Reply, CallFailure> {
        let arguments = match serde_json::from_str(arguments) {
            Ok(arguments) => arguments,
            Err(error) => {
                let text = format!(
                    "the arguments of tool `{}` are {}",
                    tool.name(),
                    fault(&error)
                );
                return Ok(Reply::Tool(Some(Err(text))));
            }
        };
        let answer = self.guarded(|context| (tool.run)(context, arguments))?;
        let answer = answer.map(|json| json.to_string());
        self.check_size(answer.as_ref().map_or_else(String::len, String::len))?;
        Ok(Reply::Tool(Some(answer)))
    }

    /// Runs a closure. Its panic is reported, and ends the task.
    fn guarded<T>(&self, run: impl FnOnce(CallContext) -> T) -> Result<T, CallFailure> {
        let context = CallContext::new(Arc::clone(&self.facts));
        catch_unwind(AssertUnwindSafe(|| run(context))).map_err(|panic| {
            let text = panic_text(panic);
            // It may repeat words of the guest.
            let failed = self.failed(format!("panicked: {}", Printable(&text)));
            if let CallFailure::Failed(line) = &failed {
                // When stderr is gone there is nobody left to tell.
                let _ = stdio::write_stderr(format!("sandpool: {line}\n").as_bytes());
            }
            failed
        })
    }

    fn check_size(&self, bytes: usize) -> Result<(), CallFailure> {
        let name = LimitName::HostCallResults;
        if self.results.value.is_some_and(|most| bytes as u64 > most) {
            let limits = TaskLimits {
                host_call_results: self.results,
                ..TaskLimits::default()
            };
            let hit = limits.hit(name).as_ref().map(LimitHit::to_string);
            return Err(self.failed(format!("failed: {}", hit.unwrap_or_default())));
        }
        match bytes > MAX_ITEM {
            true => Err(self.failed(format!(
                "returned more than {}",
                show_bytes(MAX_ITEM as u64)
            ))),
            false => Ok(()),
        }
    }
}

/// Returns the fault in a text that was to be JSON. serde_json tells the kinds apart by its
/// words alone.
fn fault(error: &serde_json::Error) -> String {
    match error.to_string() {
        text if text.starts_with("recursion limit exceeded") => {
            "nested more than 127 levels deep".into()
        }
        text => format!("no JSON: {text}"),
    }
}

/// Decodes the arguments, which are the whole input.
fn decode(params: &[Type], mut input: &[u8]) -> Result<Vec<Value>, DecodeError> {
    let memory = input.len().saturating_mul(MEMORY_PER_BYTE);
    let mut memory = memory.saturating_add(LEAST_MEMORY);
    let mut arguments = Vec::with_capacity(params.len());
    for ty in params {
        arguments.push(decode_within(ty, &mut input, &mut memory)?);
    }
    match input.len() {
        0 => Ok(arguments),
        count => Err(DecodeError::LeftOver { count }),
    }
}

/// Makes the closure's value one of the function's result.
///
/// # Errors
///
/// Returns the text of the closure's error, if the function has no way to fail, or the reason
/// why the value does not fit.
fn result(value: Value, function: &Function) -> Result<Value, String> {
    let misfit = |wanted: &str, why: String| format!("returned what is no `{wanted}`: {why}");
    let value = match (value, &function.result) {
        (value @ Value::Result(_), Some(Type::Result { .. })) => value,
        (Value::Result(Err(error)), _) => {
            let text = error.map_or_else(
                || "an error".to_owned(),
                |error| String::from_utf8_lossy(&raw_of(&error)).into_owned(),
            );
            return Err(format!("failed: {}", Printable(&text)));
        }
        (Value::Result(Ok(value)), _) => value.map_or_else(Value::unit, |value| *value),
        (value, Some(Type::Result { .. })) => {
            let payload = (!value.is_unit()).then(|| Box::new(value));
            Value::Result(Ok(payload))
        }
        (value, _) => value,
    };
    match &function.result {
        None if value.is_unit() => Ok(value),
        None => Err("returned a value, and has no result".to_owned()),
        Some(ty) => value
            .coerce(ty)
            .map_err(|error| misfit(&ty.to_string(), error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn returning(result: Option<Type>) -> Function {
        Function {
            name: "f".into(),
            interface: None,
            params: Vec::new(),
            result,
        }
    }

    fn text(text: &str) -> Option<Box<Value>> {
        Some(Box::new(Value::String(text.into())))
    }

    #[test]
    fn a_closures_result_is_that_of_wit_or_its_ok_alone() {
        let fails = returning(Some(Type::result(Some(Type::U8), Some(Type::String))));
        let ok = Value::Result(Ok(Some(Box::new(Value::U8(7)))));
        assert_eq!(result(ok.clone(), &fails), Ok(ok.clone()));
        assert_eq!(
            result(Value::U8(7), &fails),
            Ok(ok.clone()),
            "it cannot fail"
        );
        let error = Value::Result(Err(text("no")));
        assert_eq!(result(error.clone(), &fails), Ok(error.clone()));
        let number = returning(Some(Type::U8));
        assert_eq!(result(ok, &number), Ok(Value::U8(7)));
        assert_eq!(result(error.clone(), &number), Err("failed: no".into()));
        let nothing = returning(None);
        assert_eq!(result(Value::Result(Ok(None)), &nothing), Ok(Value::unit()));
        assert_eq!(result(error, &nothing), Err("failed: no".into()));
        assert!(result(Value::U8(1), &nothing).is_err());
        assert!(result(Value::U32(300), &number).is_err(), "it does not fit");
    }

    #[test]
    fn json_that_is_nested_too_deeply_is_not_called_no_json() {
        let read = |levels| {
            let text = format!("{}{}", "[".repeat(levels), "]".repeat(levels));
            serde_json::from_str::<serde_json::Value>(&text)
        };
        assert!(read(127).is_ok());
        let error = read(128).expect_err("too deep");
        assert_eq!(fault(&error), "nested more than 127 levels deep");
        let error = serde_json::from_str::<serde_json::Value>("{").expect_err("cut");
        assert!(fault(&error).starts_with("no JSON: "), "{error}");
    }

    #[test]
    fn arguments_are_the_whole_input_and_take_bounded_memory() {
        let two = [Type::U32, Type::Bool];
        let values = vec![Value::U32(7), Value::Bool(true)];
        assert_eq!(decode(&two, &[7, 0, 0, 0, 1]), Ok(values));
        assert!(decode(&two, &[7, 0, 0, 0]).is_err());
        assert!(decode(&two, &[7, 0, 0, 0, 1, 1]).is_err());
        let deep = (0..40).fold(Type::Bool, |ty, _| Type::tuple([ty]));
        let mut bomb = 60_000u32.to_le_bytes().to_vec();
        bomb.resize(4 + 60_000, 1);
        let bombed = decode(&[Type::list(deep)], &bomb);
        assert_eq!(bombed, Err(DecodeError::TooLarge));
    }
}
