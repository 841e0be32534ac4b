//! After a mistake: one error, and the user's item as if the attribute were not there.

use proc_macro2::TokenStream;

use crate::ast::{Item, Kind};
use crate::delegate;

pub(crate) fn expand(item: &Item, error: &syn::Error) -> TokenStream {
    let mut tokens = error.to_compile_error();
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
