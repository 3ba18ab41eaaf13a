//! `#[sandpool(...)]`, on a type, a field or a case.

use syn::meta::ParseNestedMeta;
use syn::{Attribute, LitStr};

/// The attributes of a type.
pub struct OfType {
    pub flags: bool,
    /// Where `sandpool` is.
    pub sandpool: syn::Path,
}

/// The attributes of a field or a case.
#[derive(Default)]
pub struct OfPart {
    pub rename: Option<LitStr>,
    pub skip: bool,
    pub default: bool,
}

impl OfType {
    /// # Errors
    /// If an attribute is none of those that a type can have.
    pub fn read(attributes: &[Attribute]) -> syn::Result<Self> {
        let mut read = OfType {
            flags: false,
            sandpool: syn::parse_quote!(::sandpool),
        };
        each(attributes, |meta| {
            if meta.path.is_ident("flags") {
                read.flags = true;
            } else if meta.path.is_ident("crate") {
                read.sandpool = meta.value()?.parse::<LitStr>()?.parse()?;
            } else {
                return Err(unknown(&meta, "a type has `flags` and `crate`"));
            }
            Ok(())
        })?;
        Ok(read)
    }
}

impl OfPart {
    /// # Errors
    /// If an attribute is none of those that a named field can have.
    pub fn of_field(attributes: &[Attribute]) -> syn::Result<Self> {
        let mut read = OfPart::default();
        each(attributes, |meta| {
            if meta.path.is_ident("rename") {
                read.rename = Some(meta.value()?.parse()?);
            } else if meta.path.is_ident("skip") {
                read.skip = true;
            } else if meta.path.is_ident("default") {
                read.default = true;
            } else {
                let known = "a named field has `rename`, `skip` and `default`";
                return Err(unknown(&meta, known));
            }
            Ok(())
        })?;
        Ok(read)
    }

    /// # Errors
    /// If an attribute is none of those that a case, or a flag, can have.
    pub fn of_case(attributes: &[Attribute]) -> syn::Result<Self> {
        let mut read = OfPart::default();
        each(attributes, |meta| {
            if meta.path.is_ident("rename") {
                read.rename = Some(meta.value()?.parse()?);
                return Ok(());
            }
            Err(unknown(&meta, "a case, or a flag, has `rename` alone"))
        })?;
        Ok(read)
    }

    /// # Errors
    /// If there is any attribute: a field without a name can have none.
    pub fn of_unnamed(attributes: &[Attribute]) -> syn::Result<()> {
        each(attributes, |meta| {
            Err(unknown(&meta, "a field without a name has none"))
        })
    }
}

fn each(
    attributes: &[Attribute],
    mut read: impl FnMut(ParseNestedMeta<'_>) -> syn::Result<()>,
) -> syn::Result<()> {
    let ours = attributes
        .iter()
        .filter(|attribute| attribute.path().is_ident("sandpool"));
    for attribute in ours {
        attribute.parse_nested_meta(&mut read)?;
    }
    Ok(())
}

fn unknown(meta: &ParseNestedMeta<'_>, known: &str) -> syn::Error {
    let name = meta.path.segments.last();
    let name = name.map_or_else(String::new, |segment| segment.ident.to_string());
    meta.error(format!("unknown attribute `{name}`: {known}"))
}
