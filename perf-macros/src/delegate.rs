//! `#[profiled]` on an `impl`, a `trait` or an inline `mod`: puts the attribute on every member
//! that can be measured.
//!
//! The compiler then expands these one by one, so a member is treated exactly as if the user had
//! annotated it.

use proc_macro2::{Group, TokenStream, TokenTree};
use quote::quote;

use crate::ast::{Item, Kind};
use crate::attr::Options;
use crate::fallback;
use crate::site;
use crate::tokens::is_punct;

pub(crate) fn container(item: &Item, members: &Group, options: &Options) -> syn::Result<TokenStream> {
    let private = site::private(options);
    let handed_down = options.handed_down();
    let members = each(members, |member, tokens| {
        let mut own = None;
        let plain = member.without_profiled(|args| {
            own.get_or_insert_with(TokenStream::new).extend(quote!(, #args));
            Ok(())
        })?;
        if own.is_none() && !is_measurable(member) {
            tokens.extend(member.to_token_stream());
            return Ok(());
        }
        // The new attribute comes last, so that those above it expand first: `#[cfg]`, or
        // `#[async_trait]`, whose output is the code that runs.
        for attribute in &plain.attributes {
            attribute.to_tokens(tokens);
        }
        tokens.extend(quote!(#[#private::profiled(#handed_down #own)]));
        tokens.extend(plain.head.iter().cloned());
        tokens.extend(plain.braces.map(TokenTree::Group));
        Ok(())
    })?;
    let mut tokens = item.start();
    tokens.extend(members);
    Ok(tokens)
}

/// The members, with every `#[profiled]` removed.
pub(crate) fn plain(members: &Group) -> TokenStream {
    let plain = each(members, |member, tokens| {
        let member = member.without_profiled(|_| Ok(()))?;
        match (member.kind, &member.braces) {
            (Kind::Impl | Kind::Trait | Kind::Module, Some(members)) => {
                tokens.extend(member.start());
                tokens.extend(plain(members));
            }
            _ => tokens.extend(member.to_token_stream()),
        }
        Ok(())
    });
    plain.unwrap_or_else(|error| fallback::compile_error(&error))
}

fn is_measurable(member: &Item) -> bool {
    member.braces.is_some()
        && match member.kind {
            Kind::Function { is_const } => {
                !is_const && !member.attributes.iter().any(|attribute| attribute.is_any(&["naked"]))
            }
            Kind::Impl | Kind::Trait | Kind::Module => true,
            Kind::Other(_) => false,
        }
}

/// The same braces around the tokens that `write` produces for each member.
fn each(
    members: &Group,
    mut write: impl FnMut(&Item, &mut TokenStream) -> syn::Result<()>,
) -> syn::Result<TokenStream> {
    let trees: Vec<TokenTree> = members.stream().into_iter().collect();
    let mut tokens = TokenStream::new();
    let mut rest = trees.as_slice();
    // Inner attributes.
    while is_punct(rest.first(), '#') && is_punct(rest.get(1), '!') && rest.len() > 2 {
        tokens.extend(rest[..3].iter().cloned());
        rest = &rest[3..];
    }
    while !rest.is_empty() {
        let (member, taken) = Item::first(rest);
        write(&member, &mut tokens)?;
        rest = &rest[taken..];
    }
    let mut group = Group::new(members.delimiter(), tokens);
    group.set_span(members.span());
    Ok(TokenTree::Group(group).into())
}
