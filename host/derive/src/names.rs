//! Names as WIT has them.

use heck::ToKebabCase;
use syn::ext::IdentExt;
use syn::{Ident, LitStr};

/// Returns the WIT name of a Rust name.
///
/// # Errors
/// If that is no name in WIT: an identifier of other letters, say.
pub fn of(ident: &Ident) -> syn::Result<String> {
    let name = ident.unraw().to_string().to_kebab_case();
    match is_name(&name) {
        true => Ok(name),
        false => Err(syn::Error::new(
            ident.span(),
            format!(
                "`{}` has no name in WIT; give it one: `#[sandpool(rename = \"...\")]`",
                ident.unraw()
            ),
        )),
    }
}

/// The name that an attribute gives.
///
/// # Errors
/// If it is none in WIT.
pub fn given(literal: &LitStr) -> syn::Result<String> {
    let name = literal.value();
    match is_name(&name) {
        true => Ok(name),
        false => Err(syn::Error::new(
            literal.span(),
            format!(
                "`{name}` is not a name in WIT: words of letters and digits with `-` between \
                 them, the first of which begins with a letter, each in lower case or in \
                 upper case"
            ),
        )),
    }
}

/// Returns whether it is a label of the component model.
fn is_name(name: &str) -> bool {
    let is_word = |word: &str| {
        let all = |is: fn(&u8) -> bool| word.bytes().all(|b| is(&b) || b.is_ascii_digit());
        !word.is_empty() && (all(u8::is_ascii_lowercase) || all(u8::is_ascii_uppercase))
    };
    name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.split('-').all(is_word)
}
