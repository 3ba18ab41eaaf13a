//! The derive macros of `sandpool`: Rust types as values of WebAssembly components,
//! and back. Use them by way of `sandpool`, which exports them beside the traits.
//!
//! `input` reads a type and its attributes, and refuses what WIT has not; `to_value`
//! and `from_value` write the implementations, which lean on `sandpool::value::derived`
//! wherever something can be a function.

mod attributes;
mod from_value;
mod input;
mod names;
mod to_value;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

use input::Input;

/// Makes a type an argument: a value of a WebAssembly component.
///
/// | Rust | WIT |
/// |---|---|
/// | struct with named fields | `record` |
/// | struct with named `bool` fields and `#[sandpool(flags)]` | `flags` |
/// | tuple struct | `tuple`; with one field, what that field is |
/// | struct without fields | nothing: no result, no payload |
/// | enum without payloads | `enum` |
/// | enum with payloads | `variant`; several fields of a case are a `tuple`, named ones a `record` |
///
/// `Option<T>` is `option<T>`, `Result<T, E>` is `result<T, E>`, and so on: a field may
/// be whatever implements the trait. Names are as in WIT: `longest_word` is
/// `longest-word`, `UpperCase` is `upper-case`, `r#type` is `type`.
///
/// ```
/// use sandpool::{FromValue, ToValue, Value};
///
/// #[derive(Clone, Debug, PartialEq, ToValue, FromValue)]
/// struct Rectangle {
///     width: f64,
///     height: f64,
/// }
///
/// #[derive(Clone, Debug, PartialEq, ToValue, FromValue)]
/// enum Shape {
///     Circle(f64),
///     Rectangle(Rectangle),
///     Triangle(f64, f64, f64),
///     Point,
/// }
///
/// #[derive(Clone, Debug, Default, PartialEq, ToValue, FromValue)]
/// #[sandpool(flags)]
/// struct FindFlags {
///     ignore_case: bool,
///     whole_word: bool,
/// }
///
/// let shape = Shape::Rectangle(Rectangle { width: 2.0, height: 3.0 });
/// let value = shape.clone().into_value();
/// assert_eq!(value.to_string(), r#"{"rectangle":{"width":2.0,"height":3.0}}"#);
/// assert_eq!(Shape::from_value(value)?, shape);
/// let flags = FindFlags { whole_word: true, ..FindFlags::default() };
/// assert_eq!(flags.into_value(), Value::Flags(vec!["whole-word".into()]));
/// # Ok::<(), sandpool::value::ConvertError>(())
/// ```
///
/// As an argument it stands in a tuple: `pool.apply(&text, "describe", (shape,))`.
///
/// # Attributes
///
/// | | of | does |
/// |---|---|---|
/// | `#[sandpool(flags)]` | a struct | makes it `flags`; the first field is the first flag |
/// | `#[sandpool(crate = "path")]` | a type | says where `sandpool` is, if not at `::sandpool` |
/// | `#[sandpool(rename = "name")]` | a field or case | says what WIT calls it |
/// | `#[sandpool(skip)]` | a named field | leaves it out; it is read as its type's default |
/// | `#[sandpool(default)]` | a named field | if it is missing, it is read as its type's default |
///
/// A type parameter has to implement the trait, if a field that is not skipped has it.
///
/// # What is refused
///
/// What WIT has not: unions, enums without cases, two fields or cases of the same name,
/// and names that are none in WIT.
///
/// ```compile_fail
/// #[derive(sandpool::ToValue)]
/// union Either { number: u32, float: f32 } // a union has no counterpart in WIT
/// ```
///
/// ```compile_fail
/// #[derive(sandpool::ToValue)]
/// enum Never {} // an enum of WIT has one case at least
/// ```
///
/// ```compile_fail
/// #[derive(sandpool::ToValue)]
/// #[sandpool(flags)]
/// struct Flags(bool, bool); // flags are a struct with named fields
/// ```
///
/// ```compile_fail
/// #[derive(sandpool::ToValue)]
/// #[sandpool(flags)]
/// struct Flags { on: u32 } // a flag is a `bool`
/// ```
///
/// ```compile_fail
/// #[derive(sandpool::ToValue)]
/// struct Renamed {
///     #[sandpool(rename = "Hello World")] // `Hello World` is no name in WIT
///     hello: u32,
/// }
/// ```
///
/// ```compile_fail
/// #[derive(sandpool::ToValue)]
/// struct Twice {
///     a: u32,
///     #[sandpool(rename = "a")] // there are two of the name `a`
///     b: u32,
/// }
/// ```
///
/// ```compile_fail
/// #[derive(sandpool::ToValue)]
/// struct Misspelt {
///     #[sandpool(renamed = "b")] // unknown attribute `renamed`
///     a: u32,
/// }
/// ```
#[proc_macro_derive(ToValue, attributes(sandpool))]
pub fn derive_to_value(input: TokenStream) -> TokenStream {
    derive(
        &parse_macro_input!(input as DeriveInput),
        to_value::implement,
    )
}

/// Makes a type a result: it is read from a value of a WebAssembly component.
///
/// Shapes, names and attributes are those of the derive macro
/// [`ToValue`](macro@ToValue). Numbers of another width are read if they fit. Of a record,
/// fields that the type has not are left out, one that is missing is an error unless it is
/// an `Option` or has `#[sandpool(default)]`; a case or flag that the type has not is an
/// error. The error says where in the whole it is:
///
/// ```
/// use sandpool::{FromValue, Value};
///
/// #[derive(Debug, FromValue)]
/// struct Summary {
///     words: u64,
///     longest_word: Option<String>,
/// }
///
/// let value = Value::record([("words", Value::String("many".into()))]);
/// let error = Summary::from_value(value).unwrap_err();
/// assert_eq!(error.to_string(), r#"the value `"many"` is no u64 at `.words`"#);
/// let value = Value::record([("words", Value::U64(7))]);
/// let summary = Summary::from_value(value)?;
/// assert_eq!((summary.words, summary.longest_word), (7, None));
/// # Ok::<(), sandpool::value::ConvertError>(())
/// ```
///
/// What is read is owned, so a field that borrows is refused:
///
/// ```compile_fail
/// #[derive(sandpool::FromValue)]
/// struct Borrowed<'a> {
///     text: &'a str, // `&'a str` cannot be read from a value
/// }
/// ```
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
