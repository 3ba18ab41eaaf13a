//! `console`, as far as a script without a terminal needs it: a line on stdout
//! or stderr for each call. Strings stand there as they are, all else as the
//! interpreter shows it.

use boa_engine::object::ObjectInitializer;
use boa_engine::property::Attribute;
use boa_engine::{Context, JsResult, JsValue, NativeFunction, js_string};

/// Gives the context its `console`.
pub fn register(context: &mut Context) -> JsResult<()> {
    let mut console = ObjectInitializer::new(context);
    for name in ["log", "info", "debug"] {
        console.function(NativeFunction::from_fn_ptr(out), js_string!(name), 0);
    }
    for name in ["error", "warn"] {
        console.function(NativeFunction::from_fn_ptr(err), js_string!(name), 0);
    }
    let console = console.build();
    context.register_global_property(js_string!("console"), console, Attribute::all())
}

fn out(_this: &JsValue, words: &[JsValue], _context: &mut Context) -> JsResult<JsValue> {
    println!("{}", line(words));
    Ok(JsValue::undefined())
}

fn err(_this: &JsValue, words: &[JsValue], _context: &mut Context) -> JsResult<JsValue> {
    eprintln!("{}", line(words));
    Ok(JsValue::undefined())
}

fn line(words: &[JsValue]) -> String {
    let words = words.iter().map(|word| match word.as_string() {
        Some(text) => text.to_std_string_lossy(),
        None => word.display().to_string(),
    });
    words.collect::<Vec<_>>().join(" ")
}
