//! A function's signature, taken apart at its tokens.
//!
//! Only arguments and the return type are parsed, each alone: what the parser does not know (a bare trait object of
//! edition 2015, syntax newer than the parser) costs one nicety, not the measurement.

use proc_macro2::{Delimiter, Ident, TokenStream, TokenTree};
use syn::{FnArg, Type};

use crate::tokens::{group, ident, is_ident, is_punct};

pub(crate) struct Signature {
    pub(crate) ident: Ident,
    pub(crate) is_async: bool,
    pub(crate) has_type_parameters: bool,
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
            has_type_parameters: trees[generics..arguments].iter().enumerate().any(|(at, tree)| {
                let before = trees.get(generics + at - 1);
                ident(Some(tree)).is_some_and(|ident| ident != "const")
                    && (is_punct(before, '<') || is_punct(before, ','))
            }),
            inputs,
            output,
        })
    }

    /// Those arguments that can be parsed, `None` if one cannot.
    pub(crate) fn inputs(&self) -> Option<Vec<FnArg>> {
        use syn::parse::Parser as _;
        let list = syn::punctuated::Punctuated::<FnArg, syn::Token![,]>::parse_terminated;
        Some(list.parse2(self.inputs.clone()).ok()?.into_iter().collect())
    }

    /// The return type, parsed. `Err`: it cannot be.
    pub(crate) fn output(&self) -> Result<Option<Type>, ()> {
        self.output.clone().map(|output| syn::parse2(output).map_err(drop)).transpose()
    }
}

/// How many tokens `<…>` at the start takes.
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
        assert!(it.is_async && it.has_type_parameters);
        assert_eq!(it.inputs().unwrap().len(), 2);
        assert_eq!(it.output.unwrap().to_string().replace(' ', ""), "A<B>");
        let it = signature("extern \"C\" fn g<const N: usize, 'a>(value: i32)");
        assert!(!it.is_async && !it.has_type_parameters && it.output.is_none());
        assert!(signature("fn h() -> !").output().unwrap().is_some());
    }

    #[test]
    fn what_the_parser_does_not_know_is_kept() {
        let it = signature("fn old(u8, Box<Fn() -> u32 + Send>) -> Result<Box<Fn() -> u32 + Send>, ()>");
        assert!(it.inputs().is_none() && it.output().is_err());
        assert!(it.output.is_some());
    }
}
