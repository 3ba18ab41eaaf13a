//! An interpreter for JavaScript as a guest: a task is then a text, and needs
//! no compiler for wasm.
//!
//! Each call makes a context of its own, and sandpool gives each call a fresh
//! instance anyway, so nothing that a script leaves behind is there for the
//! next one. There is no `require`, no `fetch`, no module to import: a script
//! has the language, its input, the clock and random numbers.

mod console;

use std::path::Path;
use std::rc::Rc;

use boa_engine::builtins::promise::PromiseState;
use boa_engine::context::ContextBuilder;
use boa_engine::module::IdleModuleLoader;
use boa_engine::object::builtins::JsPromise;
use boa_engine::property::Attribute;
use boa_engine::{Context, JsError, JsNativeError, JsObject, JsResult, JsValue, Source, js_string};
use serde_json::Value;

wit_bindgen::generate!({ path: "wit", world: "script" });

struct Script;

impl Guest for Script {
    fn eval(source: String, input: String) -> Result<String, String> {
        let input: Value = match input.trim() {
            "" => Value::Null,
            input => {
                serde_json::from_str(input).map_err(|e| format!("the input is no JSON: {e}"))?
            }
        };
        run(&source, &input).map_err(|error| describe(&error))
    }
}

export!(Script);

/// The depth of nested calls at which a script is stopped. A call takes memory and not
/// the stack, unless it goes by way of a function of the language (`map`, a getter):
/// then the stack may end earlier, in a trap.
const RECURSION: usize = 10_000;

/// The number of those calls that an error names.
const BACKTRACE: usize = 8;

fn run(source: &str, input: &Value) -> JsResult<String> {
    let mut context = context(input)?;
    let stringify = stringify(&mut context)?;
    let source = Source::from_bytes(source).with_path(Path::new("script"));
    let value = context.eval(source)?;
    context.run_jobs()?;
    let value = settled(value)?;
    let text = stringify.call(&JsValue::undefined(), &[value], &mut context)?;
    // Values without a form in JSON are left out: undefined, a function.
    let text = text.as_string();
    Ok(text.map_or_else(|| "null".to_owned(), |text| text.to_std_string_lossy()))
}

fn context(input: &Value) -> JsResult<Context> {
    let mut context = ContextBuilder::new()
        // The default one reads files, of which there are none.
        .module_loader(Rc::new(IdleModuleLoader))
        .build()?;
    // Loops have no limit of their own: the task's time is one.
    let limits = context.runtime_limits_mut();
    limits.set_recursion_limit(RECURSION);
    limits.set_stack_size_limit(100 * RECURSION);
    limits.set_backtrace_limit(BACKTRACE);
    let input = JsValue::from_json(input, &mut context)?;
    context.register_global_property(js_string!("input"), input, Attribute::all())?;
    console::register(&mut context)?;
    Ok(context)
}

/// `JSON.stringify`, as it is before a script can change it.
fn stringify(context: &mut Context) -> JsResult<JsObject> {
    let json = context.intrinsics().objects().json();
    let stringify = json.get(js_string!("stringify"), context)?;
    stringify
        .as_object()
        .ok_or_else(|| failure("JSON is not complete"))
}

/// Returns the result of a promise; anything else as it is.
fn settled(value: JsValue) -> JsResult<JsValue> {
    let Some(promise) = value
        .as_object()
        .and_then(|object| JsPromise::from_object(object).ok())
    else {
        return Ok(value);
    };
    match promise.state() {
        PromiseState::Fulfilled(value) => Ok(value),
        PromiseState::Rejected(reason) => Err(JsError::from_opaque(reason)),
        PromiseState::Pending => Err(failure("the script ended before its promise was settled")),
    }
}

/// The error's message, then the calls that it came through, each with line and
/// column. The interpreter does not know every place (that of a name that does
/// not exist, for one); those are left out, and its own code is no place.
fn describe(error: &JsError) -> String {
    let text = error.to_string();
    text.replace(" (script:?:?)", "").replace(" (native)", "")
}

fn failure(text: &'static str) -> JsError {
    JsNativeError::error().with_message(text).into()
}
