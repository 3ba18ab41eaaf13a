//! The derive macros of `sandpool`: Rust types as values of WebAssembly components,
//! and back. Use them through `sandpool`, which exports them beside the traits.
//!
//! `input` reads a type and its attributes, and refuses types without a counterpart in WIT;
//! `to_value` and `from_value` write the implementations, which call functions of
//! `sandpool::value::derived` wherever they can. The docs of the macros are files, since
//! `sandpool` tests their examples.
//!
//! This crate depends on none of sandpool's others. The code that it writes names
//! `sandpool::value` and nothing else of sandpool.

mod attributes;
mod from_value;
mod input;
mod names;
mod to_value;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

use input::Input;

#[doc = include_str!("../docs/to_value.md")]
#[proc_macro_derive(ToValue, attributes(sandpool))]
pub fn derive_to_value(input: TokenStream) -> TokenStream {
    derive(
        &parse_macro_input!(input as DeriveInput),
        to_value::implement,
    )
}

#[doc = include_str!("../docs/from_value.md")]
#[proc_macro_derive(FromValue, attributes(sandpool))]
pub fn derive_from_value(input: TokenStream) -> TokenStream {
    derive(
        &parse_macro_input!(input as DeriveInput),
        from_value::implement,
    )
}

fn derive(input: &DeriveInput, implement: fn(&Input) -> proc_macro2::TokenStream) -> TokenStream {
    match Input::read(input) {
        Ok(input) => implement(&input).into(),
        Err(error) => error.into_compile_error().into(),
    }
}
