//! A function's signature, split at its tokens.
//!
//! Only the arguments and the return type are parsed, each alone. So syntax that the parser does
//! not know (a bare trait object of edition 2015, or newer syntax) disables one refinement, not the
//! measurement.

use proc_macro2::{Delimiter, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens as _, quote_spanned};
use syn::{FnArg, Type};

use crate::returns::mentions_impl;
use crate::tokens::{group, ident, is_ident, is_punct};

pub(crate) struct Signature {
    pub(crate) ident: Ident,
    pub(crate) is_async: bool,
    /// The index at which the parentheses of the arguments end.
    arguments_end: usize,
    /// The index at which the return type ends.
    output_end: usize,
    inputs: TokenStream,
    /// The return type, if one is written.
    pub(crate) output: Option<TokenStream>,
}

impl Signature {
    /// Reads `async unsafe fn name<…>(…) -> Type where …`.
    pub(crate) fn new(trees: &[TokenTree]) -> Option<Self> {
        let keyword = trees.iter().position(|tree| is_ident(Some(tree), "fn"))?;
        let name = ident(trees.get(keyword + 1))?.clone();
        let generics = keyword + 2;
        let arguments = generics + skip_angles(&trees[generics..]);
        let inputs = group(trees.get(arguments), Delimiter::Parenthesis)?.stream();
        let rest = &trees[arguments + 1..];
        let end = rest.iter().position(|tree| is_ident(Some(tree), "where")).unwrap_or(rest.len());
        let output = match &rest[..end] {
            [dash, arrow, output @ ..] if is_punct(Some(dash), '-') && is_punct(Some(arrow), '>') => {
                Some(output.iter().cloned().collect())
            }
            _ => None,
        };
        Some(Self {
            ident: name,
            is_async: trees[..keyword].iter().any(|tree| is_ident(Some(tree), "async")),
            arguments_end: arguments + 1,
            output_end: arguments + 1 + end,
            inputs,
            output,
        })
    }

    /// The head of an `async fn` without `async`, with its future as the return type. `head` is the
    /// head that was parsed; its first `qualifiers` tokens are the visibility.
    ///
    /// `None` if the difference would be visible. The body of an `unsafe fn` is unsafe, but that of
    /// an async block in it is so in old editions only. `impl Trait` may capture other lifetimes.
    /// `!` cannot be written as an associated type.
    pub(crate) fn returning_future(
        &self,
        head: &[TokenTree],
        qualifiers: usize,
        private: &TokenStream,
    ) -> Option<TokenStream> {
        let span = Span::mixed_site();
        let output = match self.output().ok()? {
            Some(ty) if matches!(ty, Type::Never(_) | Type::Macro(_)) || mentions_impl(&ty) => return None,
            Some(ty) => ty.into_token_stream(),
            None => quote_spanned!(span=> ()),
        };
        let (before, trees) = head.split_at(qualifiers);
        let [TokenTree::Ident(first), TokenTree::Ident(second), ..] = trees else { return None };
        if first != "async" || second != "fn" {
            return None;
        }
        let mut tokens: TokenStream = before.iter().chain(&trees[1..self.arguments_end]).cloned().collect();
        // `impl` with the span of the macro's own edition: such a type captures the lifetimes of
        // all arguments, as an `async fn` does in every edition.
        tokens.extend(quote_spanned!(span=> -> impl #private::Future<Output = #output));
        // For lints, a head whose last token is in the user's file is the user's code.
        let end = trees[self.arguments_end - 1].span();
        tokens.extend(quote_spanned!(end=> >));
        tokens.extend(trees[self.output_end..].iter().cloned());
        Some(tokens)
    }

    /// The arguments, parsed. `None` if one of them cannot be parsed.
    pub(crate) fn inputs(&self) -> Option<Vec<FnArg>> {
        use syn::parse::Parser as _;
        let list = syn::punctuated::Punctuated::<FnArg, syn::Token![,]>::parse_terminated;
        Some(list.parse2(self.inputs.clone()).ok()?.into_iter().collect())
    }

    /// The return type, parsed. `Err` if it cannot be parsed.
    pub(crate) fn output(&self) -> Result<Option<Type>, ()> {
        self.output.clone().map(|output| syn::parse2(output).map_err(drop)).transpose()
    }
}

/// The number of tokens in a leading `<…>`.
fn skip_angles(trees: &[TokenTree]) -> usize {
    let mut depth = 0_usize;
    for (at, tree) in trees.iter().enumerate() {
        let is_arrow = at > 0 && is_punct(trees.get(at - 1), '-');
        if is_punct(Some(tree), '<') {
            depth += 1;
        } else if is_punct(Some(tree), '>') && !is_arrow {
            depth = depth.saturating_sub(1);
        }
        if depth == 0 {
            return if at == 0 { 0 } else { at + 1 };
        }
    }
    0
}

#[cfg(test)]
mod tests {
    use super::Signature;
    use proc_macro2::{TokenStream, TokenTree};

    fn signature(source: &str) -> Signature {
        let trees: Vec<TokenTree> = source.parse::<TokenStream>().unwrap().into_iter().collect();
        Signature::new(&trees).unwrap()
    }

    #[test]
    fn parts_are_found() {
        let it = signature(
            "async unsafe fn f<'a, T: Fn(u8) -> Vec<u8>, const N: usize>(self, a: &'a [T; { 2 }]) -> A<B> where T: C",
        );
        assert_eq!(it.ident, "f");
        assert!(it.is_async);
        assert_eq!(it.inputs().unwrap().len(), 2);
        assert_eq!(it.output.unwrap().to_string().replace(' ', ""), "A<B>");
        let it = signature("extern \"C\" fn g<const N: usize, 'a>(value: i32)");
        assert!(!it.is_async && it.output.is_none());
        assert!(signature("fn h() -> !").output().unwrap().is_some());
    }

    #[test]
    fn an_async_fn_as_one_that_returns_its_future() {
        let rewritten = |source: &str| {
            let trees: Vec<TokenTree> = source.parse::<TokenStream>().unwrap().into_iter().collect();
            let head = Signature::new(&trees[1..]).unwrap().returning_future(&trees, 1, &"p".parse().unwrap());
            head.map(|head| head.to_string().replace(' ', ""))
        };
        for (source, expected) in [
            ("pub async fn f()", "pubfnf()->implp::Future<Output=()>"),
            ("pub async fn f<T>(a: T) -> A<T> where T: B", "pubfnf<T>(a:T)->implp::Future<Output=A<T>>whereT:B"),
            ("pub async fn f(&self) -> &str", "pubfnf(&self)->implp::Future<Output=&str>"),
        ] {
            assert_eq!(rewritten(source).as_deref(), Some(expected), "{source}");
        }
        for source in [
            "pub async fn f() -> !",
            "pub async unsafe fn f()",
            "pub async fn f() -> Option<impl A>",
            "pub async fn f() -> m!()",
            "pub async fn f() -> Box<Fn() -> u32 + Send>",
        ] {
            assert_eq!(rewritten(source), None, "{source}");
        }
    }

    #[test]
    fn what_the_parser_does_not_know_is_kept() {
        let it = signature("fn old(u8, Box<Fn() -> u32 + Send>) -> Result<Box<Fn() -> u32 + Send>, ()>");
        assert!(it.inputs().is_none() && it.output().is_err());
        assert!(it.output.is_some());
    }
}
