//! Helpers that inspect tokens without parsing them.

use proc_macro2::{Delimiter, Group, Ident, TokenStream, TokenTree};

pub(crate) fn ident(tree: Option<&TokenTree>) -> Option<&Ident> {
    match tree {
        Some(TokenTree::Ident(ident)) => Some(ident),
        _ => None,
    }
}

pub(crate) fn is_ident(tree: Option<&TokenTree>, text: &str) -> bool {
    ident(tree).is_some_and(|ident| ident == text)
}

pub(crate) fn is_punct(tree: Option<&TokenTree>, character: char) -> bool {
    matches!(tree, Some(TokenTree::Punct(punct)) if punct.as_char() == character)
}

pub(crate) fn group(tree: Option<&TokenTree>, delimiter: Delimiter) -> Option<&Group> {
    match tree {
        Some(TokenTree::Group(group)) if group.delimiter() == delimiter => Some(group),
        _ => None,
    }
}

/// Unwraps the invisible group around a `macro_rules!` fragment of one token tree.
pub(crate) fn ungroup(tree: &TokenTree) -> TokenTree {
    if let Some(group) = group(Some(tree), Delimiter::None) {
        let mut inner = group.stream().into_iter();
        if let (Some(only), None) = (inner.next(), inner.next()) {
            return ungroup(&only);
        }
    }
    tree.clone()
}

/// The braces that end an item. Braces before `>` or `,` are a const argument: `Matrix<{ N + 1 }>`.
pub(crate) fn item_braces(trees: &[TokenTree], at: usize) -> Option<Group> {
    let next = trees.get(at + 1);
    if is_punct(next, '>') || is_punct(next, ',') {
        return None;
    }
    match ungroup(&trees[at]) {
        TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => Some(group),
        _ => None,
    }
}

/// Whether control may leave a function before its end: by `return`, or by a macro that may contain
/// one.
///
/// A `return` in an `async` block leaves that block only.
pub(crate) fn may_return_early(body: TokenStream) -> bool {
    let trees: Vec<_> = body.into_iter().collect();
    trees.iter().enumerate().any(|(at, tree)| match tree {
        TokenTree::Ident(ident) => ident == "return",
        TokenTree::Punct(punct) if punct.as_char() == '!' => {
            at > 0 && ident(trees.get(at - 1)).is_some() && matches!(trees.get(at + 1), Some(TokenTree::Group(_)))
        }
        TokenTree::Group(group) => {
            let before = |steps: usize| at.checked_sub(steps).and_then(|at| trees.get(at));
            let is_async =
                is_ident(before(1), "async") || (is_ident(before(1), "move") && is_ident(before(2), "async"));
            !is_async && may_return_early(group.stream())
        }
        _ => false,
    })
}

/// Splits a body that ends in `Box::pin(argument)` into the tokens before the argument's
/// parentheses, and the argument.
pub(crate) fn boxed_tail(body: &TokenStream) -> Option<(TokenStream, TokenStream)> {
    let mut trees: Vec<_> = body.clone().into_iter().collect();
    let argument = group(trees.pop().as_ref(), Delimiter::Parenthesis)?.stream();
    let path = trees.len();
    // Walk back over `::std::boxed::Box::pin`.
    let mut at = path;
    let mut segments = 0;
    loop {
        let segment = ident(at.checked_sub(1).and_then(|at| trees.get(at)));
        let expected = match segments {
            0 => segment.is_some_and(|ident| ident == "pin"),
            1 => segment.is_some_and(|ident| ident == "Box"),
            _ => segment.is_some(),
        };
        if !expected && segments < 2 {
            return None;
        }
        if expected {
            at -= 1;
            segments += 1;
        }
        if at >= 2 && is_punct(trees.get(at - 1), ':') && is_punct(trees.get(at - 2), ':') {
            at -= 2;
        } else {
            break;
        }
    }
    let begins = segments >= 2
        && match at.checked_sub(1).and_then(|at| trees.get(at)) {
            None => true,
            Some(TokenTree::Punct(punct)) => punct.as_char() == ';',
            Some(TokenTree::Group(group)) => group.delimiter() == Delimiter::Brace,
            Some(_) => false,
        };
    if !begins {
        return None;
    }
    let mut argument: Vec<_> = argument.into_iter().collect();
    if is_punct(argument.last(), ',') {
        argument.pop();
    }
    Some((trees.into_iter().collect(), argument.into_iter().collect()))
}

#[cfg(test)]
mod tests {
    use super::{boxed_tail, may_return_early};
    use proc_macro2::TokenStream;

    fn tokens(source: &str) -> TokenStream {
        source.parse().unwrap()
    }

    #[test]
    fn early_returns() {
        for source in ["return x;", "if a { return b }", "bail!(\"x\")", "a(|| return 1)", "match x { _ => panic! {} }"]
        {
            assert!(may_return_early(tokens(source)), "{source}");
        }
        for source in
            ["a; b", "async { return 1 }", "let x = 1; async move { bail!() }", "a != (b)", "!(x)", "x(!{ y })"]
        {
            assert!(!may_return_early(tokens(source)), "{source}");
        }
    }

    #[test]
    fn boxed_tails() {
        for (source, argument) in [
            ("Box::pin(async move { 1 })", "async move { 1 }"),
            ("let a = 1; Box::pin(f(a, b),)", "f (a , b)"),
            ("if x { y } ::std::boxed::Box::pin(z)", "z"),
        ] {
            assert_eq!(boxed_tail(&tokens(source)).unwrap().1.to_string(), tokens(argument).to_string(), "{source}");
        }
        for source in [
            "",
            "pin(x)",
            "Box::new(x)",
            "a + Box::pin(x)",
            "Box::pin(x);",
            "Box::pin(x).boxed()",
            "let a = Box::pin(x)",
        ] {
            assert!(boxed_tail(&tokens(source)).is_none(), "{source}");
        }
    }
}
