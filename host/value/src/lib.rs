//! Types, values and functions as the host knows them, and every form they
//! take: bytes on the channel, JSON, WAVE, words of a command line, lines of an
//! input file, and Rust's own types.
//!
//! This crate knows none of sandpool's others, nor wasmtime, processes or pools. Programs
//! name it `sandpool::value`. Types, functions and encoded values come from processes that
//! may have been taken over, so every decoder in here bounds depth, memory and work by the
//! size of its input, and no text of a guest reaches a message unescaped.
//!
//! | to go from | to | use |
//! |---|---|---|
//! | Rust | [`Value`] and back | [`ToValue`](trait@ToValue), [`FromValue`](trait@FromValue), [`ToArgs`] |
//! | [`Value`] | the channel and back | [`encode`], [`decode`], [`encode_args`], [`decode_args`] |
//! | JSON | [`Value`] and back | [`from_json`], [`from_json_str`], [`to_json`], [`write_json`] |
//! | WAVE | [`Value`] and back | [`from_wave`], [`to_wave`] |
//! | words, lines, texts from data, files | arguments | [`parse_words`], [`parse_line`], [`parse_texts`], [`parse_contents`] |
//! | JSON of a script | [`ScriptValue`](script::ScriptValue) and back | [`script`] |
//! | Rust arguments | arguments checked against a function | [`Args::bind`] |

mod args;
mod arguments;
mod attachment;
mod causes;
mod codec;
mod coerce;
mod convert;
mod convert_compound;
mod convert_error;
mod decode;
#[cfg(feature = "derive")]
#[doc(hidden)]
pub mod derived;
#[cfg(test)]
mod error_texts;
mod function;
mod json;
mod json_write;
mod lines;
mod lookup;
mod nearest;
mod number;
mod output;
mod parse_error;
mod partial;
mod resource;
pub mod script;
mod shape;
#[cfg(test)]
mod strategies;
mod text;
mod type_codec;
mod types;
mod value;
mod wave;
mod wave_read;
mod wire;
mod words;

pub use args::{Args, Kwargs, ToArgs};
pub use arguments::ArgumentError;
#[doc(hidden)]
pub use attachment::Attachment;
pub use causes::with_causes;
pub use codec::{
    decode_args, decode_owned_result, decode_result, decode_result_within, encode, encode_apart,
    encode_args, encode_args_into, take_bytes, take_string, take_u32, take_u64,
};
pub use convert::{FromValue, ToValue};
pub use convert_error::ConvertError;
pub use decode::{DECODED_LIMIT, DecodeError, decode, decode_within};
pub use function::{Function, Param, decode_functions, encode_functions};
pub use json::{from_json, from_json_str};
pub use json_write::{to_json, write_json};
pub use lines::{LineFormat, parse_line};
pub use lookup::{LookupError, find_function};
pub use output::{error_text, raw, unwrap_result};
pub use parse_error::{Mismatch, ParseError};
pub use partial::Partial;
pub use resource::Resource;
#[cfg(feature = "derive")]
pub use sandpool_derive::{FromValue, ToValue};
#[doc(hidden)]
pub use shape::{may_fit, unknown_type};
pub use text::{Printable, quoted};
pub use type_codec::{MAX_TYPE_DEPTH, MAX_TYPE_PARTS, TypeDecodeError};
pub use types::Type;
pub use value::Value;
pub use wave::to_wave;
pub use wave_read::from_wave;
pub use words::{Utf8, parse_contents, parse_texts, parse_word, parse_words};
