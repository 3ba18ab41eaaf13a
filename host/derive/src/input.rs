//! A type as WIT sees it, read from what Rust's compiler hands over.

use std::collections::BTreeSet;

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{
    Data, DeriveInput, Generics, Ident, Member, Path, Token, Type, Variant, WherePredicate,
    parse_quote,
};

use crate::attributes::{OfPart, OfType};
use crate::names;

/// The type that something is derived for.
pub struct Input<'a> {
    pub ident: &'a Ident,
    pub generics: &'a Generics,
    /// Where `sandpool` is.
    pub sandpool: Path,
    pub shape: Shape,
}

/// The type's shape in WIT.
pub enum Shape {
    Struct(Parts),
    Flags(Vec<Field>),
    Enum {
        cases: Vec<Case>,
        /// True if some case has a payload, which makes it a `variant`.
        has_payloads: bool,
    },
}

/// A case of an enum or a variant.
pub struct Case {
    pub ident: Ident,
    pub name: String,
    pub parts: Parts,
}

/// The fields of a struct or of a case.
pub struct Parts {
    pub style: Style,
    pub fields: Vec<Field>,
}

/// The way in which fields make one value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// There are none.
    Unit,
    /// The one field is the value.
    Newtype,
    Tuple,
    Record,
}

pub struct Field {
    pub member: Member,
    /// A variable for it.
    pub binding: Ident,
    /// Its name in WIT; empty where it has no name.
    pub name: String,
    pub ty: Type,
    pub skip: bool,
    pub default: bool,
}

impl Field {
    /// Where errors about its type stand. Names in code of this span mean what they mean
    /// in the rest, also if a macro wrote the type.
    pub fn span(&self) -> Span {
        self.ty.span().resolved_at(Span::call_site())
    }
}

impl<'a> Input<'a> {
    /// # Errors
    /// If WIT has nothing of this kind, or an attribute or a name makes no sense.
    pub fn read(input: &'a DeriveInput) -> syn::Result<Self> {
        let attributes = OfType::read(&input.attrs)?;
        let error = |text: &str| Err(syn::Error::new(input.ident.span(), text));
        let shape = match &input.data {
            Data::Struct(data) if attributes.flags => match &data.fields {
                syn::Fields::Named(fields) if !fields.named.is_empty() => {
                    Shape::Flags(read_named(fields, OfPart::of_case)?)
                }
                _ => return error("flags are a struct with named fields, one for each flag"),
            },
            _ if attributes.flags => {
                return error("flags are a struct with named fields, one for each flag");
            }
            Data::Struct(data) => Shape::Struct(Parts::read(&data.fields)?),
            Data::Enum(data) if data.variants.is_empty() => {
                return error("an enum of WIT has one case at least");
            }
            Data::Enum(data) => {
                let cases = read_cases(&data.variants)?;
                let has_payload = |case: &Case| case.parts.style != Style::Unit;
                let has_payloads = cases.iter().any(has_payload);
                Shape::Enum {
                    cases,
                    has_payloads,
                }
            }
            Data::Union(_) => {
                let text = "a union has no counterpart in WIT; a struct or an enum has";
                return error(text);
            }
        };
        Ok(Input {
            ident: &input.ident,
            generics: &input.generics,
            sandpool: attributes.sandpool,
            shape,
        })
    }

    /// An implementation of a trait of `sandpool::value`, which the type's parameters
    /// have to implement as well, as far as fields have them.
    pub fn implement(&self, name: &str, body: &TokenStream) -> TokenStream {
        let Input {
            ident, sandpool, ..
        } = self;
        let implemented = Ident::new(name, Span::call_site());
        let mut generics = self.generics.clone();
        let used = self.used_idents();
        let params = self.generics.type_params();
        let bounds: Vec<WherePredicate> = params
            .map(|param| &param.ident)
            .filter(|param| used.contains(&param.to_string()))
            .map(|param| parse_quote!(#param: #sandpool::value::#implemented))
            .collect();
        generics.make_where_clause().predicates.extend(bounds);
        let (impl_generics, type_generics, where_clause) = generics.split_for_impl();
        quote! {
            #[automatically_derived]
            #[allow(deprecated)]
            impl #impl_generics #sandpool::value::#implemented for #ident #type_generics
            #where_clause
            {
                #body
            }
        }
    }

    /// All identifiers in the types of fields that are not skipped.
    fn used_idents(&self) -> BTreeSet<String> {
        let mut used = BTreeSet::new();
        let parts: Vec<&[Field]> = match &self.shape {
            Shape::Struct(parts) => vec![&parts.fields],
            Shape::Flags(fields) => vec![fields],
            Shape::Enum { cases, .. } => {
                let parts = cases.iter().map(|case| case.parts.fields.as_slice());
                parts.collect()
            }
        };
        let fields = parts.into_iter().flatten().filter(|field| !field.skip);
        fields.for_each(|field| collect_idents(field.ty.to_token_stream(), &mut used));
        used
    }
}

fn collect_idents(tokens: TokenStream, into: &mut BTreeSet<String>) {
    for token in tokens {
        match token {
            TokenTree::Ident(ident) => {
                into.insert(ident.to_string());
            }
            TokenTree::Group(group) => collect_idents(group.stream(), into),
            TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
    }
}

impl Parts {
    fn read(fields: &syn::Fields) -> syn::Result<Self> {
        let (style, fields) = match fields {
            syn::Fields::Unit => (Style::Unit, Vec::new()),
            syn::Fields::Named(named) => {
                let fields = read_named(named, OfPart::of_field)?;
                let is_there = fields.iter().any(|field| !field.skip);
                let style = if is_there { Style::Record } else { Style::Unit };
                (style, fields)
            }
            syn::Fields::Unnamed(unnamed) => {
                let read = |(index, field): (usize, &syn::Field)| {
                    OfPart::of_unnamed(&field.attrs)?;
                    Ok(Field {
                        member: index.into(),
                        binding: format_ident!("field_{index}"),
                        name: String::new(),
                        ty: field.ty.clone(),
                        skip: false,
                        default: false,
                    })
                };
                let fields: Vec<Field> = each(unnamed.unnamed.iter().enumerate(), read)?;
                let style = match fields.len() {
                    0 => Style::Unit,
                    1 => Style::Newtype,
                    _ => Style::Tuple,
                };
                (style, fields)
            }
        };
        Ok(Parts { style, fields })
    }

    /// Those that stand in the value.
    pub fn written(&self) -> impl Iterator<Item = &Field> {
        self.fields.iter().filter(|field| !field.skip)
    }

    /// A pattern that binds those that stand in the value, to be put behind the name of
    /// the struct or case.
    pub fn pattern(&self) -> TokenStream {
        let fields = self.written().map(|field| {
            let Field {
                member, binding, ..
            } = field;
            quote!(#member: #binding)
        });
        quote!({ #(#fields,)* .. })
    }
}

fn read_named(
    fields: &syn::FieldsNamed,
    attributes: fn(&[syn::Attribute]) -> syn::Result<OfPart>,
) -> syn::Result<Vec<Field>> {
    let mut names = Names::default();
    each(fields.named.iter().enumerate(), |(index, field)| {
        let part = attributes(&field.attrs)?;
        // It has a name, as all of them.
        let ident = field.ident.clone();
        let ident = ident.unwrap_or_else(|| format_ident!("field_{index}"));
        let name = match part.skip {
            true => String::new(),
            false => names.name(&ident, &part)?,
        };
        Ok(Field {
            member: ident.into(),
            binding: format_ident!("field_{index}"),
            name,
            ty: field.ty.clone(),
            skip: part.skip,
            default: part.default,
        })
    })
}

fn read_cases(variants: &Punctuated<Variant, Token![,]>) -> syn::Result<Vec<Case>> {
    let mut names = Names::default();
    each(variants, |variant| {
        let part = OfPart::of_case(&variant.attrs)?;
        Ok(Case {
            ident: variant.ident.clone(),
            name: names.name(&variant.ident, &part)?,
            parts: Parts::read(&variant.fields)?,
        })
    })
}

/// The names so far in one record, variant, enum or flags.
#[derive(Default)]
struct Names(BTreeSet<String>);

impl Names {
    /// The name of a further part.
    fn name(&mut self, ident: &Ident, part: &OfPart) -> syn::Result<String> {
        let (name, span) = match &part.rename {
            Some(given) => (names::given(given)?, given.span()),
            None => (names::of(ident)?, ident.span()),
        };
        // WIT tells names apart regardless of case.
        match self.0.insert(name.to_ascii_lowercase()) {
            true => Ok(name),
            false => Err(syn::Error::new(
                span,
                format!("there are two of the name `{name}`"),
            )),
        }
    }
}

/// Reads each, and tells all errors and not only the first.
fn each<I, T>(
    items: impl IntoIterator<Item = I>,
    mut read: impl FnMut(I) -> syn::Result<T>,
) -> syn::Result<Vec<T>> {
    let mut all = Vec::new();
    let mut errors: Option<syn::Error> = None;
    for item in items {
        match (read(item), &mut errors) {
            (Ok(item), _) => all.push(item),
            (Err(error), Some(errors)) => errors.combine(error),
            (Err(error), none) => *none = Some(error),
        }
    }
    errors.map_or(Ok(all), Err)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Why the type is refused, and how many reasons there are.
    fn refused(input: DeriveInput) -> (String, usize) {
        match Input::read(&input) {
            Ok(_) => panic!("`{}` is accepted", input.ident),
            Err(error) => (error.to_string(), error.into_iter().count()),
        }
    }

    #[track_caller]
    fn assert_refused(input: DeriveInput, why: &str) {
        let (said, _) = refused(input);
        assert!(said.contains(why), "{said}");
    }

    #[test]
    fn what_wit_has_not_is_refused_with_a_word_on_why() {
        let union = parse_quote!(
            union Either {
                number: u32,
                float: f32,
            }
        );
        assert_refused(union, "a union has no counterpart in WIT");
        assert_refused(
            parse_quote!(
                enum Never {}
            ),
            "an enum of WIT has one case at least",
        );
        let flags = "flags are a struct with named fields";
        assert_refused(
            parse_quote!(
                #[sandpool(flags)]
                struct Flags(bool);
            ),
            flags,
        );
        assert_refused(
            parse_quote!(
                #[sandpool(flags)]
                struct Flags;
            ),
            flags,
        );
        assert_refused(
            parse_quote!(
                #[sandpool(flags)]
                enum Flags {
                    A,
                }
            ),
            flags,
        );
    }

    #[test]
    fn names_that_wit_cannot_have_and_names_that_come_twice_are_refused() {
        assert_refused(
            parse_quote!(
                struct Large {
                    größe: u8,
                }
            ),
            "`größe` has no name in WIT; give it one",
        );
        assert_refused(
            parse_quote!(
                struct A {
                    #[sandpool(rename = "Hello World")]
                    a: u8,
                }
            ),
            "`Hello World` is not a name in WIT",
        );
        assert_refused(
            parse_quote!(
                struct A {
                    a_b: u8,
                    #[sandpool(rename = "A-B")]
                    c: u8,
                }
            ),
            "there are two of the name `A-B`",
        );
        assert_refused(
            parse_quote!(
                enum A {
                    Http,
                    HTTP,
                }
            ),
            "there are two of the name `http`",
        );
        let two = parse_quote!(
            enum A {
                É,
                #[sandpool(rename = "")]
                B,
            }
        );
        assert_eq!(refused(two).1, 2, "all errors are told at once");
    }

    #[test]
    fn attributes_that_are_not_known_are_refused_beside_those_that_are() {
        let field = "unknown attribute `renamed`: a named field has `rename`";
        assert_refused(
            parse_quote!(
                struct A {
                    #[sandpool(renamed = "b")]
                    a: u8,
                }
            ),
            field,
        );
        assert_refused(
            parse_quote!(
                #[sandpool(rename_all = "snake_case")]
                struct A {
                    a: u8,
                }
            ),
            "unknown attribute `rename_all`: a type has `flags` and `crate`",
        );
        assert_refused(
            parse_quote!(
                struct A(#[sandpool(skip)] u8);
            ),
            "unknown attribute `skip`: a field without a name has none",
        );
        assert_refused(
            parse_quote!(
                enum A {
                    #[sandpool(skip)]
                    B,
                }
            ),
            "unknown attribute `skip`: a case, or a flag, has `rename` alone",
        );
    }

    #[test]
    fn names_are_in_kebab_case_and_without_what_makes_them_rust() {
        let input: DeriveInput = parse_quote!(
            struct A {
                r#type: u8,
                longest_word: u8,
                sha256: u8,
                #[sandpool(rename = "XML-parser")]
                parser: u8,
            }
        );
        let Ok(Input {
            shape: Shape::Struct(parts),
            ..
        }) = Input::read(&input)
        else {
            panic!("it is a record")
        };
        let names = parts.fields.iter().map(|field| field.name.as_str());
        let expected = ["type", "longest-word", "sha256", "XML-parser"];
        assert!(names.eq(expected));
    }
}
