//! Text from JavaScript, whose strings may hold half of a pair of surrogates.

use rquickjs::{Ctx, FromJs, Result, Value, qjs};

/// A string; a lone surrogate is U+FFFD.
pub struct Text(pub String);

impl<'js> FromJs<'js> for Text {
    fn from_js(ctx: &Ctx<'js>, value: Value<'js>) -> Result<Self> {
        let mut length = 0;
        let raw = ctx.as_raw().as_ptr();
        // SAFETY: the value belongs to the context; what the engine returns is `length`
        // bytes, which are copied before they are given back.
        let bytes = unsafe {
            let start = qjs::JS_ToCStringLen2(raw, &mut length, value.as_raw(), false);
            if start.is_null() {
                return Err(rquickjs::Error::Exception);
            }
            let bytes = std::slice::from_raw_parts(start.cast::<u8>(), length as usize).to_vec();
            qjs::JS_FreeCString(raw, start);
            bytes
        };
        Ok(Text(String::from_utf8(bytes).unwrap_or_else(|error| {
            String::from_utf8_lossy(&without_surrogates(error.into_bytes())).into_owned()
        })))
    }
}

/// Replaces each half of a pair, which the engine writes in three bytes, by U+FFFD.
fn without_surrogates(mut bytes: Vec<u8>) -> Vec<u8> {
    for at in 0..bytes.len().saturating_sub(2) {
        if bytes[at] == 0xed && bytes[at + 1] >= 0xa0 {
            bytes[at..at + 3].copy_from_slice("\u{fffd}".as_bytes());
        }
    }
    bytes
}
