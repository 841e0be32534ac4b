//! The item that the attribute is on, recognized from a few tokens.
//!
//! A body is never parsed. So the attribute costs little compile time, and syntax that is newer
//! than this crate passes through.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};

use crate::tokens::{group, ident, is_ident, is_punct, item_braces, ungroup};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Function {
        is_const: bool,
    },
    Impl,
    Trait,
    Module,
    /// Something else, with the noun for it in an error message.
    Other(&'static str),
}

/// One item: attributes, then the head (visibility, qualifiers, keyword and the rest), then the
/// braces, if it ends in braces.
pub(crate) struct Item {
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) head: Vec<TokenTree>,
    /// The index in `head` at which the qualifiers begin, after the visibility.
    pub(crate) qualifiers: usize,
    pub(crate) kind: Kind,
    pub(crate) keyword: Span,
    pub(crate) braces: Option<Group>,
}

/// One attribute, such as `#[path::to::name(args)]`.
#[derive(Clone)]
pub(crate) struct Attribute {
    pound: TokenTree,
    brackets: Group,
}

impl Attribute {
    pub(crate) fn new(pound: TokenTree, brackets: Group) -> Self {
        Self { pound, brackets }
    }

    /// The arguments, if this is `#[profiled]` by any path.
    pub(crate) fn profiled(&self) -> Option<TokenStream> {
        let trees: Vec<_> = self.brackets.stream().into_iter().collect();
        let trees = match trees.as_slice() {
            // A `macro_rules!` fragment: `#[$meta]`.
            [TokenTree::Group(meta)] if meta.delimiter() == Delimiter::None => meta.stream().into_iter().collect(),
            _ => trees,
        };
        let (path, args) = match trees.split_last()? {
            (TokenTree::Group(args), path) => (path, args.stream()),
            _ => (trees.as_slice(), TokenStream::new()),
        };
        let is_path = path.iter().all(|tree| ident(Some(tree)).is_some() || is_punct(Some(tree), ':'));
        (is_path && is_ident(path.last(), "profiled")).then_some(args)
    }

    /// Whether the attribute is one of `names`, also as `#[unsafe(name)]` or
    /// `#[cfg_attr(…, name)]`.
    pub(crate) fn is_any(&self, names: &[&str]) -> bool {
        fn mentions(stream: TokenStream, names: &[&str]) -> bool {
            let mut trees = stream.into_iter();
            let Some(TokenTree::Ident(first)) = trees.next() else { return false };
            if names.iter().any(|name| first == name) {
                return true;
            }
            if first != "unsafe" && first != "cfg_attr" {
                return false;
            }
            let Some(TokenTree::Group(group)) = trees.next() else { return false };
            let list: Vec<_> = group.stream().into_iter().collect();
            list.split(|tree| is_punct(Some(tree), ',')).any(|entry| mentions(entry.iter().cloned().collect(), names))
        }
        mentions(self.brackets.stream(), names)
    }

    /// Whether this is a built-in attribute that means the same on an `async fn` as on a function
    /// that returns a future. Any other may be a macro that needs to see the `async`.
    pub(crate) fn is_inert(&self) -> bool {
        const INERT: [&str; 8] = ["allow", "cold", "deny", "deprecated", "doc", "forbid", "inline", "warn"];
        let first = self.brackets.stream().into_iter().next();
        INERT.iter().any(|name| is_ident(first.as_ref(), name))
    }

    pub(crate) fn to_tokens(&self, tokens: &mut TokenStream) {
        tokens.extend([self.pound.clone(), TokenTree::Group(self.brackets.clone())]);
    }
}

impl Item {
    /// Parses `input`, which is one item.
    pub(crate) fn new(input: TokenStream) -> Self {
        let mut trees: Vec<_> = input.into_iter().collect();
        // `#[profiled] $item` of a `macro_rules!`.
        while let [TokenTree::Group(only)] = trees.as_slice()
            && only.delimiter() == Delimiter::None
        {
            trees = only.stream().into_iter().collect();
        }
        let mut item = Self::open(&trees);
        // If an item stands alone, its braces are its last token.
        let last = item.head.last().map(ungroup);
        if let Some(braces) = group(last.as_ref(), Delimiter::Brace)
            && item.kind != Kind::Other(CONST)
        {
            item.braces = Some(braces.clone());
            item.head.pop();
        }
        item
    }

    /// The first item of `trees`, and the number of tokens in it.
    pub(crate) fn first(trees: &[TokenTree]) -> (Self, usize) {
        let mut item = Self::open(trees);
        let start = trees.len() - item.head.len();
        // `use a::{b};` and `const A: T = { … };` end at their semicolon.
        let ends_in_braces = item.kind != Kind::Other(CONST) && item.kind != Kind::Other(USE);
        for (at, tree) in trees.iter().enumerate().skip(start) {
            if is_punct(Some(tree), ';') {
                item.head.truncate(at + 1 - start);
                return (item, at + 1);
            }
            if ends_in_braces && let Some(braces) = item_braces(trees, at) {
                item.head.truncate(at - start);
                item.braces = Some(braces);
                return (item, at + 1);
            }
        }
        (item, trees.len())
    }

    /// Reads attributes, visibility and keyword. All remaining tokens are left in `head`.
    fn open(trees: &[TokenTree]) -> Self {
        let mut attributes = Vec::new();
        let mut at = 0;
        while is_punct(trees.get(at), '#')
            && let Some(brackets) = group(trees.get(at + 1), Delimiter::Bracket)
        {
            attributes.push(Attribute { pound: trees[at].clone(), brackets: brackets.clone() });
            at += 2;
        }
        let head = &trees[at..];
        let qualifiers = visibility(head);
        let (kind, keyword) = keyword(&head[qualifiers..]);
        Self { attributes, head: head.to_vec(), qualifiers, kind, keyword, braces: None }
    }

    /// Removes every `#[profiled]`, and calls `found` with the arguments of each.
    pub(crate) fn without_profiled(&self, mut found: impl FnMut(TokenStream) -> syn::Result<()>) -> syn::Result<Self> {
        let mut attributes = Vec::with_capacity(self.attributes.len());
        for attribute in &self.attributes {
            match attribute.profiled() {
                Some(args) => found(args)?,
                None => attributes.push(attribute.clone()),
            }
        }
        Ok(Self { attributes, head: self.head.clone(), braces: self.braces.clone(), ..*self })
    }

    /// The attributes and the head.
    pub(crate) fn start(&self) -> TokenStream {
        let mut tokens = TokenStream::new();
        for attribute in &self.attributes {
            attribute.to_tokens(&mut tokens);
        }
        tokens.extend(self.head.iter().cloned());
        tokens
    }

    pub(crate) fn to_token_stream(&self) -> TokenStream {
        let mut tokens = self.start();
        tokens.extend(self.braces.clone().map(TokenTree::Group));
        tokens
    }
}

const CONST: &str = "constant";
const USE: &str = "use";
const CALL: &str = "macro call";

/// The number of tokens in the visibility.
fn visibility(head: &[TokenTree]) -> usize {
    if group(head.first(), Delimiter::None).is_some() {
        return 1; // `$vis` of a `macro_rules!`, possibly empty
    }
    if !is_ident(head.first(), "pub") {
        return 0;
    }
    if group(head.get(1), Delimiter::Parenthesis).is_some() { 2 } else { 1 }
}

/// Whether code begins with an item: `use`, `fn`, `const`, …
pub(crate) fn begins_with_item(trees: &[TokenTree]) -> bool {
    let item = Item::open(trees);
    item.kind != Kind::Other(CALL) || is_ident(item.head.first(), "macro_rules")
}

/// The keyword after the qualifiers.
fn keyword(trees: &[TokenTree]) -> (Kind, Span) {
    let nothing = || (Kind::Other(CALL), trees.first().map_or_else(Span::call_site, TokenTree::span));
    let mut is_const: Option<&Ident> = None;
    let mut is_extern: Option<&Ident> = None;
    for (at, tree) in trees.iter().enumerate() {
        let word = match tree {
            TokenTree::Ident(word) if !is_punct(trees.get(at + 1), '!') || word == "impl" => word,
            TokenTree::Literal(_) if is_extern.is_some() => continue,
            // `extern "C" { … }`
            TokenTree::Group(_) if is_extern.is_some() => break,
            _ => break,
        };
        let kind = match word.to_string().as_str() {
            "fn" => Kind::Function { is_const: is_const.is_some() },
            "impl" => Kind::Impl,
            "trait" => Kind::Trait,
            "mod" => Kind::Module,
            "struct" => Kind::Other("struct"),
            "enum" => Kind::Other("enum"),
            "union" if ident(trees.get(at + 1)).is_some() => Kind::Other("union"),
            "use" => Kind::Other(USE),
            "type" => Kind::Other("type alias"),
            "static" => Kind::Other(CONST),
            "crate" if is_extern.is_some() => Kind::Other(USE),
            "macro" => Kind::Other("macro"),
            "const" => {
                is_const = Some(word);
                continue;
            }
            "extern" => {
                is_extern = Some(word);
                continue;
            }
            "async" | "unsafe" | "safe" | "default" | "auto" | "gen" => continue,
            _ => break,
        };
        return (kind, word.span());
    }
    match (is_const, is_extern) {
        (Some(word), _) => (Kind::Other(CONST), word.span()),
        (None, Some(word)) => (Kind::Other("block of foreign items"), word.span()),
        (None, None) => nothing(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Item, Kind};
    use proc_macro2::TokenTree;

    fn kinds(source: &str) -> Vec<Kind> {
        let trees: Vec<TokenTree> = source.parse::<proc_macro2::TokenStream>().unwrap().into_iter().collect();
        let mut rest = trees.as_slice();
        let mut kinds = Vec::new();
        while !rest.is_empty() {
            let (item, taken) = Item::first(rest);
            assert_eq!(
                item.to_token_stream().to_string(),
                rest[..taken].iter().cloned().collect::<proc_macro2::TokenStream>().to_string()
            );
            kinds.push(item.kind);
            rest = &rest[taken..];
        }
        kinds
    }

    #[test]
    fn items_are_told_apart() {
        let function = Kind::Function { is_const: false };
        assert_eq!(
            kinds(
                "pub(crate) async unsafe extern \"C\" fn a<const N: usize>() -> M<{ N + 1 }, 2> where M<{ 3 }>: T { {} }
                 const fn b() {} const C: [u8; 2] = { [1, 2] }; static D: u8 = 1; use a::{b, c}; extern crate e;
                 extern \"C\" { fn f(); } unsafe extern { fn g(); } fn h(); impl<T> X<{ 1 }> for Y {} unsafe impl Z {}
                 macro_rules! m { () => {} } m! { fn } a::m!(x); struct S; struct T<A>(A) where A: B; struct U { a: u8 }
                 enum E {} union V { a: u8 } type F<'a> = &'a u8; #[a] #[b] pub trait G { fn x() {} } mod i { } mod j; fn k() {}"
            ),
            [
                function,
                Kind::Function { is_const: true },
                Kind::Other("constant"),
                Kind::Other("constant"),
                Kind::Other("use"),
                Kind::Other("use"),
                Kind::Other("block of foreign items"),
                Kind::Other("block of foreign items"),
                function,
                Kind::Impl,
                Kind::Impl,
                Kind::Other("macro call"),
                Kind::Other("macro call"),
                Kind::Other("macro call"),
                Kind::Other("struct"),
                Kind::Other("struct"),
                Kind::Other("struct"),
                Kind::Other("enum"),
                Kind::Other("union"),
                Kind::Other("type alias"),
                Kind::Trait,
                Kind::Module,
                Kind::Module,
                function,
            ]
        );
    }

    #[test]
    fn attributes_are_recognised_under_any_path() {
        let item = |source: &str| Item::new(source.parse().unwrap());
        for source in
            ["#[profiled] fn f() {}", "#[perf_sdk::profiled(skip)] fn f() {}", "#[::a::b::profiled()] fn f() {}"]
        {
            assert!(item(source).attributes[0].profiled().is_some(), "{source}");
        }
        for source in ["#[unprofiled] fn f() {}", "#[profiled::x] fn f() {}", "#[cfg_attr(a, profiled)] fn f() {}"] {
            assert!(item(source).attributes[0].profiled().is_none(), "{source}");
        }
        for source in ["#[naked]", "#[unsafe(naked)]", "#[cfg_attr(x = \"y\", inline, unsafe(naked))]"] {
            assert!(item(&format!("{source} fn f() {{}}")).attributes[0].is_any(&["naked"]), "{source}");
        }
        assert!(!item("#[doc(naked)] fn f() {}").attributes[0].is_any(&["naked"]));
        for (source, is_inert) in [
            ("/// Text.", true),
            ("#[inline(never)]", true),
            ("#[expect(unused, reason = \"x\")]", false),
            ("#[tokio::main]", false),
            ("#[must_use]", false),
            ("#[cfg_attr(a, inline)]", false),
        ] {
            assert_eq!(item(&format!("{source}\nfn f() {{}}")).attributes[0].is_inert(), is_inert, "{source}");
        }
    }
}
