//! Output after a mistake: one error, and the user's item as if the attribute were absent.

use proc_macro2::{TokenStream, TokenTree};

use crate::ast::{Item, Kind};
use crate::delegate;
use crate::tokens::{is_ident, is_punct};

/// The error as syn writes it, without the path before `compile_error`, because a crate of edition
/// 2015 has no `::core`.
pub(crate) fn compile_error(error: &syn::Error) -> TokenStream {
    let is_path = |tree: &TokenTree| is_ident(Some(tree), "core") || is_punct(Some(tree), ':');
    error.to_compile_error().into_iter().filter(|tree| !is_path(tree)).collect()
}

pub(crate) fn expand(item: &Item, error: &syn::Error) -> TokenStream {
    let mut tokens = compile_error(error);
    // The container's options are invalid, so its members are not measured either. Their own
    // attributes are removed, because they would cause further errors.
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
