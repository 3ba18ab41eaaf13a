//! Implementations of `ToValue`.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::Path;

use crate::input::{Case, Field, Input, Parts, Shape, Style};

pub fn implement(input: &Input) -> TokenStream {
    let sandpool = &input.sandpool;
    let value = quote!(#sandpool::value);
    let (into_value, attach_to, more) = match &input.shape {
        Shape::Struct(parts) => {
            let pattern = parts.pattern();
            let (whole, attached) = (whole(parts, sandpool), attached(parts, sandpool));
            (
                quote!(let Self #pattern = self; #whole),
                quote!(let Self #pattern = self; #attached),
                many(parts, sandpool),
            )
        }
        Shape::Flags(fields) => (flags(fields, sandpool), quote!(), quote!()),
        Shape::Enum {
            cases,
            has_payloads,
        } => {
            let (values, attached): (Vec<_>, Vec<_>) = cases
                .iter()
                .map(|case| of_case(case, *has_payloads, sandpool))
                .unzip();
            (
                quote!(match self { #(#values)* }),
                quote!(match self { #(#attached)* }),
                quote!(),
            )
        }
    };
    let body = quote! {
        fn into_value(self) -> #value::Value {
            #into_value
        }

        fn attach_to(&self, attachments: &mut ::std::vec::Vec<#value::Attachment>) {
            let _ = &attachments;
            #attach_to
        }

        #more
    };
    input.implement("ToValue", &body)
}

/// The bound fields as one value.
fn whole(parts: &Parts, sandpool: &Path) -> TokenStream {
    let value = quote!(#sandpool::value);
    let fields = parts.written().map(|field| {
        let (binding, ty) = (&field.binding, &field.ty);
        // By name of the type, so that an error stands there.
        quote_spanned!(field.span() => <#ty as #value::ToValue>::into_value(#binding))
    });
    match parts.style {
        Style::Unit => quote!(#value::ToValue::into_value(())),
        Style::Newtype => quote!(#(#fields)*),
        Style::Tuple => quote!(#value::Value::Tuple(::std::vec![#(#fields),*])),
        Style::Record => {
            let names = parts.written().map(|field| &field.name);
            quote! {
                #value::Value::Record(::std::vec![
                    #((::std::string::String::from(#names), #fields)),*
                ])
            }
        }
    }
}

/// Collects the attachments of the bound fields.
fn attached(parts: &Parts, sandpool: &Path) -> TokenStream {
    let fields = parts.written().map(|field| {
        let (binding, ty) = (&field.binding, &field.ty);
        quote_spanned! {field.span() =>
            <#ty as #sandpool::value::ToValue>::attach_to(#binding, attachments);
        }
    });
    quote!(#(#fields)*)
}

/// Many newtypes are as many of what is in them: bytes are not a value each.
fn many(parts: &Parts, sandpool: &Path) -> TokenStream {
    let [Field { ty, .. }] = parts.fields.as_slice() else {
        return quote!();
    };
    if parts.style != Style::Newtype {
        return quote!();
    }
    let value = quote!(#sandpool::value);
    quote! {
        fn vec_into_value(items: ::std::vec::Vec<Self>) -> #value::Value {
            let items = ::std::iter::IntoIterator::into_iter(items);
            let items = ::std::iter::Iterator::map(items, |item| item.0);
            <#ty as #value::ToValue>::vec_into_value(::std::iter::Iterator::collect(items))
        }

        fn slice_into_value(items: &[Self]) -> #value::Value
        where
            Self: ::std::clone::Clone,
        {
            <Self as #value::ToValue>::vec_into_value(items.to_vec())
        }
    }
}

fn flags(fields: &[Field], sandpool: &Path) -> TokenStream {
    let set = fields.iter().map(|field| {
        let Field { member, name, .. } = field;
        quote_spanned! {field.span() =>
            let is_set: bool = self.#member;
            if is_set {
                set.push(::std::string::String::from(#name));
            }
        }
    });
    quote! {
        let mut set = ::std::vec::Vec::new();
        #(#set)*
        #sandpool::value::Value::Flags(set)
    }
}

/// The arms of a case: for its value, and for what comes along.
fn of_case(case: &Case, has_payloads: bool, sandpool: &Path) -> (TokenStream, TokenStream) {
    let Case { ident, name, parts } = case;
    let value = quote!(#sandpool::value);
    let pattern = parts.pattern();
    let name = quote!(::std::string::String::from(#name));
    let made = match parts.style {
        _ if !has_payloads => quote!(#value::Value::Enum(#name)),
        Style::Unit => quote!(#value::Value::Variant(#name, ::std::option::Option::None)),
        _ => {
            let whole = whole(parts, sandpool);
            quote!(#value::Value::Variant(#name, #value::derived::payload(#whole)))
        }
    };
    let attached = attached(parts, sandpool);
    (
        quote!(Self::#ident #pattern => #made,),
        quote!(Self::#ident #pattern => { #attached }),
    )
}
