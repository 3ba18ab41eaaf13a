//! What `js/globals.js` cannot do itself: output, the clock, random numbers, bytes and text,
//! URLs, the host's tools, and HTTP requests.

use std::cell::Cell;
use std::io::{self, Write};

use rquickjs::prelude::{Func, Opt};
use rquickjs::{Ctx, Exception, Object, Result, TypedArray, Value, qjs};
use wasip2::clocks::monotonic_clock;

use crate::sandpool::task::host;
use crate::text::Text;
use crate::{failure, fetch, urls};

thread_local! {
    /// The time at which the clock of `performance` was first asked, in nanoseconds; 0
    /// before that.
    static START: Cell<u64> = const { Cell::new(0) };

    /// `true` if a timer was set and not dropped.
    pub static TIMERS: Cell<bool> = const { Cell::new(false) };
}

/// The number of levels that a value may have, as in `js/values.js`.
const MAX_DEPTH: i32 = 200;

unsafe extern "C" {
    // This is in `engine/extra.c`.
    fn sandpool_is_json(ctx: *mut qjs::JSContext, value: qjs::JSValue, levels: i32) -> i32;
}

/// Returns the object of all of them.
pub fn object<'js>(ctx: &Ctx<'js>) -> Result<Object<'js>> {
    let native = Object::new(ctx.clone())?;
    native.set("write", Func::from(write))?;
    native.set("now", Func::from(now))?;
    native.set("random", Func::from(random))?;
    native.set("timerIsSet", Func::from(|| TIMERS.set(true)))?;
    native.set("isJson", Func::from(is_json))?;
    native.set("depth", Func::from(depth))?;
    native.set("encodeUtf8", Func::from(encode_utf8))?;
    native.set("decodeText", Func::from(decode_text))?;
    native.set("wholeCharacters", Func::from(whole_characters))?;
    native.set("parseUrl", Func::from(parse_url))?;
    native.set(
        "urlPart",
        Func::from(|href: Text, name: Text| urls::part(&href.0, &name.0)),
    )?;
    native.set(
        "setUrlPart",
        Func::from(|href: Text, name: Text, value: Text| {
            urls::with_part(&href.0, &name.0, &value.0)
        }),
    )?;
    native.set(
        "parseQuery",
        Func::from(|text: Text| urls::parse_query(&text.0)),
    )?;
    native.set(
        "formatQuery",
        Func::from(|flat: Vec<Text>| {
            let flat: Vec<String> = flat.into_iter().map(|text| text.0).collect();
            urls::format_query(&flat)
        }),
    )?;
    native.set("tools", Func::from(tools))?;
    native.set("callTool", Func::from(call_tool))?;
    native.set("fetch", Func::from(fetch::begin))?;
    native.set("endFetch", Func::from(fetch::end))?;
    Ok(native)
}

/// Writes a whole line at once; what cannot be written is no concern of a snippet's.
fn write(stream: i32, line: Text) {
    let _ = match stream {
        1 => io::stdout()
            .write_all(line.0.as_bytes())
            .and_then(|()| io::stdout().flush()),
        _ => io::stderr().write_all(line.0.as_bytes()),
    };
}

/// Returns milliseconds since the first call.
fn now() -> f64 {
    let now = monotonic_clock::now();
    if START.get() == 0 {
        START.set(now);
    }
    (now - START.get()) as f64 / 1e6
}

fn random<'js>(ctx: Ctx<'js>, length: u32) -> Result<TypedArray<'js, u8>> {
    TypedArray::new(
        ctx,
        wasip2::random::random::get_random_bytes(u64::from(length)),
    )
}

fn is_json<'js>(ctx: Ctx<'js>, value: Value<'js>, levels: i32) -> bool {
    // SAFETY: the value belongs to the context, and is only looked at.
    unsafe { sandpool_is_json(ctx.as_raw().as_ptr(), value.as_raw(), levels) != 0 }
}

/// Returns the text of a value, if JSON has a form for it that is the value's own.
pub fn json<'js>(ctx: &Ctx<'js>, value: &Value<'js>) -> Result<Option<Text>> {
    if !is_json(ctx.clone(), value.clone(), MAX_DEPTH) {
        return Ok(None);
    }
    ctx.json_stringify(value.clone())?
        .map(|text| text.into_value().get())
        .transpose()
}

/// Returns how deep the brackets of a JSON text nest.
fn depth(text: Text) -> u32 {
    let (mut depth, mut deepest, mut quoted, mut escaped) = (0_u32, 0, false, false);
    for byte in text.0.bytes() {
        if quoted {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => quoted = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => quoted = true,
            b'[' | b'{' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

fn encode_utf8<'js>(ctx: Ctx<'js>, text: Text) -> Result<TypedArray<'js, u8>> {
    TypedArray::new(ctx, text.0.into_bytes())
}

fn bytes(array: &TypedArray<'_, u8>) -> Vec<u8> {
    // SAFETY: no JavaScript runs before the bytes are copied.
    unsafe { array.as_bytes() }.unwrap_or_default().to_vec()
}

fn decode_text(
    ctx: Ctx<'_>,
    label: Text,
    array: TypedArray<'_, u8>,
    fatal: bool,
    keep_mark: bool,
) -> Result<String> {
    let bytes = bytes(&array);
    let invalid = || Exception::throw_type(&ctx, &format!("the bytes are not valid {}", label.0));
    let text = match label.0.as_str() {
        "windows-1252" => bytes.iter().map(|&byte| char::from(byte)).collect(),
        "utf-16le" => {
            let units = bytes.chunks(2).map(|unit| match *unit {
                [low, high] => u16::from_le_bytes([low, high]),
                _ => 0xdfff,
            });
            let characters = char::decode_utf16(units);
            let text: std::result::Result<String, _> = if fatal {
                characters.collect()
            } else {
                Ok(characters
                    .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
                    .collect())
            };
            text.map_err(|_| invalid())?
        }
        _ if fatal => String::from_utf8(bytes).map_err(|_| invalid())?,
        _ => String::from_utf8_lossy(&bytes).into_owned(),
    };
    match text.strip_prefix('\u{feff}') {
        Some(rest) if !keep_mark => Ok(rest.to_owned()),
        _ => Ok(text),
    }
}

/// Returns how many of the bytes are whole characters, for a decoder that waits for more.
fn whole_characters(label: Text, array: TypedArray<'_, u8>) -> usize {
    let bytes = bytes(&array);
    match label.0.as_str() {
        "utf-8" => match std::str::from_utf8(&bytes) {
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            _ => {
                // An error before the end hides whether the end is complete.
                let lead = (1..=3.min(bytes.len())).find(|&back| {
                    let byte = bytes[bytes.len() - back];
                    (byte >= 0xc0 && back < 2)
                        || (byte >= 0xe0 && back < 3)
                        || (byte >= 0xf0 && back < 4)
                });
                bytes.len() - lead.unwrap_or(0)
            }
        },
        "utf-16le" => bytes.len() / 2 * 2,
        _ => bytes.len(),
    }
}

fn parse_url(url: Text, base: Opt<Value<'_>>) -> Result<Option<String>> {
    let base = match base.0 {
        Some(base) if !base.is_undefined() => Some(base.get::<Text>()?.0),
        _ => None,
    };
    Ok(urls::parse(&url.0, base.as_deref()))
}

fn tools<'js>(ctx: Ctx<'js>) -> Result<Vec<Object<'js>>> {
    let tools = host::tools().into_iter().map(|tool| {
        let object = Object::new(ctx.clone())?;
        object.set("name", tool.name)?;
        if let Some(description) = tool.description {
            object.set("description", description)?;
        }
        if let Some(schema) = tool.schema {
            object.set("schema", schema)?;
        }
        Ok(object)
    });
    tools.collect()
}

fn call_tool(ctx: Ctx<'_>, name: Text, arguments: Text) -> Result<String> {
    host::call(&name.0, &arguments.0).map_err(|error| failure::throw(&ctx, &error))
}
