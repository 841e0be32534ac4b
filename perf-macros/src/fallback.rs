//! After a mistake: one error, and the user's item as if the attribute were not there.

use proc_macro2::{Span, TokenStream};
use quote::quote_spanned;

use crate::ast::{Item, Kind};
use crate::delegate;

/// Where the error is, but with the macro's edition: in a crate of edition 2015 there is no `::core`.
pub(crate) fn compile_error(error: &syn::Error) -> TokenStream {
    let message = error.to_string();
    quote_spanned!(Span::mixed_site().located_at(error.span())=> ::core::compile_error! { #message })
}

pub(crate) fn expand(item: &Item, error: &syn::Error) -> TokenStream {
    let mut tokens = compile_error(error);
    // The container's options are unknown, so what is inside is not measured either; its own attributes would be more errors.
    let plain = item.without_profiled(|_| Ok(()));
    let item = plain.as_ref().unwrap_or(item);
    match (item.kind, &item.braces) {
        (Kind::Impl | Kind::Trait | Kind::Module, Some(members)) => {
            tokens.extend(item.start());
            tokens.extend(delegate::plain(members));
        }
        _ => tokens.extend(item.to_token_stream()),
    }
    tokens
}
