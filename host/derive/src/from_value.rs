//! Implementations of `FromValue`.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::Path;

use crate::input::{Case, Field, Input, Parts, Shape, Style};

pub fn implement(input: &Input) -> TokenStream {
    let sandpool = &input.sandpool;
    let value = quote!(#sandpool::value);
    let (from_value, more) = match &input.shape {
        Shape::Struct(parts) => {
            let read = whole(&quote!(Self), parts, sandpool);
            (read, many(parts, sandpool))
        }
        Shape::Flags(fields) => (flags(fields, sandpool), quote!()),
        Shape::Enum { cases, .. } => (enumerated(cases, sandpool), quote!()),
    };
    let body = quote! {
        fn from_value(
            value: #value::Value,
        ) -> ::std::result::Result<Self, #value::ConvertError> {
            #from_value
        }

        #more
    };
    input.implement("FromValue", &body)
}

/// The struct or case of the name, read from the whole `value`.
fn whole(name: &TokenStream, parts: &Parts, sandpool: &Path) -> TokenStream {
    let value = quote!(#sandpool::value);
    let fields = parts.fields.iter();
    let (begin, fields): (_, Vec<TokenStream>) = match parts.style {
        Style::Unit => (
            quote!(<() as #value::FromValue>::from_value(value)?;),
            fields.map(defaulted).collect(),
        ),
        Style::Newtype => {
            let read = fields.map(|field| {
                let (member, ty) = (&field.member, &field.ty);
                quote_spanned! {field.span() =>
                    #member: <#ty as #value::FromValue>::from_value(value)?
                }
            });
            (quote!(), read.collect())
        }
        Style::Tuple => {
            let count = parts.fields.len();
            let read = fields.map(|field| {
                let (member, ty) = (&field.member, &field.ty);
                quote_spanned! {field.span() =>
                    #member: items.next(<#ty as #value::FromValue>::from_value)?
                }
            });
            (
                quote!(let mut items = #value::derived::Items::of(value, #count)?;),
                read.collect(),
            )
        }
        Style::Record => (
            quote!(let mut fields = #value::derived::Fields::of(value)?;),
            fields.map(|field| of_record(field, sandpool)).collect(),
        ),
    };
    quote! {
        #begin
        ::std::result::Result::Ok(#name { #(#fields,)* })
    }
}

fn defaulted(field: &Field) -> TokenStream {
    let member = &field.member;
    quote_spanned!(field.span() => #member: ::std::default::Default::default())
}

fn of_record(field: &Field, sandpool: &Path) -> TokenStream {
    if field.skip {
        return defaulted(field);
    }
    let Field {
        member, name, ty, ..
    } = field;
    let from_value = quote_spanned! {field.span() => <#ty as #sandpool::value::FromValue>};
    let missing = match field.default {
        true => quote_spanned! {field.span() =>
            || ::std::option::Option::Some(::std::default::Default::default())
        },
        false => quote!(#from_value::from_missing),
    };
    quote!(#member: fields.take(#name, #from_value::from_value, #missing)?)
}

/// Many newtypes are as many of what is in them: bytes are not a value each.
fn many(parts: &Parts, sandpool: &Path) -> TokenStream {
    let [Field { member, ty, .. }] = parts.fields.as_slice() else {
        return quote!();
    };
    if parts.style != Style::Newtype {
        return quote!();
    }
    let value = quote!(#sandpool::value);
    quote! {
        fn vec_from_value(
            value: #value::Value,
        ) -> ::std::result::Result<::std::vec::Vec<Self>, #value::ConvertError> {
            let items = <#ty as #value::FromValue>::vec_from_value(value)?;
            let items = ::std::iter::IntoIterator::into_iter(items);
            let items = ::std::iter::Iterator::map(items, |item| Self { #member: item });
            ::std::result::Result::Ok(::std::iter::Iterator::collect(items))
        }
    }
}

fn flags(fields: &[Field], sandpool: &Path) -> TokenStream {
    let names: Vec<_> = fields.iter().map(|field| &field.name).collect();
    let fields = fields.iter().enumerate().map(|(index, field)| {
        let member = &field.member;
        quote_spanned!(field.span() => #member: set[#index])
    });
    quote! {
        let set = #sandpool::value::derived::flags(value, &[#(#names),*])?;
        ::std::result::Result::Ok(Self { #(#fields,)* })
    }
}

fn enumerated(cases: &[Case], sandpool: &Path) -> TokenStream {
    let value = quote!(#sandpool::value);
    let names: Vec<_> = cases.iter().map(|case| &case.name).collect();
    let arms = cases.iter().map(|Case { ident, name, parts }| {
        let read = whole(&quote!(Self::#ident), parts, sandpool);
        quote!(#name => #value::derived::in_case(#name, payload, |value| { #read }))
    });
    quote! {
        let (case, payload) = #value::derived::case(value)?;
        match case.as_str() {
            #(#arms,)*
            other => ::std::result::Result::Err(
                #value::ConvertError::unknown_name(other, &[#(#names),*]),
            ),
        }
    }
}
