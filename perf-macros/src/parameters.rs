//! Drop order of a function's arguments when its body is wrapped.
//!
//! A closure or an async block around a body captures what the body mentions, and drops it in the
//! order of first mention. A function drops its arguments from the last to the first, also those
//! that the body does not mention. A statement before the body gives both the same order for the
//! arguments that the body mentions. The statement mentions no others, so that the compiler still
//! warns of unused arguments; these are dropped last.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens as _, quote_spanned};
use syn::{FnArg, Pat, Type};

use crate::signature::Signature;

pub(crate) struct Arguments {
    /// From the last argument to the first. `None` if one of them cannot be parsed.
    list: Option<Vec<Argument>>,
}

struct Argument {
    /// The names that the body mentions, from the last to the first. Empty if the type has no
    /// destructor.
    used: Vec<Ident>,
    /// Whether a block that mentions these names, or else the names that the body mentions,
    /// captures the whole argument.
    is_whole: bool,
}

impl Arguments {
    pub(crate) fn new(signature: &Signature, body: &TokenStream) -> Self {
        let inputs = signature.inputs().filter(|inputs| !inputs.iter().any(has_attributes));
        Self { list: inputs.map(|inputs| inputs.iter().rev().map(|input| Argument::new(input, body)).collect()) }
    }

    /// A statement that makes a `move` closure drop the arguments in the order of a function. A
    /// single argument needs none.
    pub(crate) fn in_order(&self) -> TokenStream {
        self.list.as_ref().map(|list| mention(list, 2)).unwrap_or_default()
    }

    /// A statement that makes an `async move` block own the arguments until the block itself is
    /// dropped. `None` if one of them would be dropped earlier.
    pub(crate) fn owned(&self) -> Option<TokenStream> {
        let list = self.list.as_ref()?;
        list.iter().all(|argument| argument.is_whole).then(|| mention(list, 1))
    }
}

impl Argument {
    fn new(input: &FnArg, body: &TokenStream) -> Self {
        let mut names = Vec::new();
        let (ty, is_one, borrows) = match input {
            FnArg::Receiver(receiver) => {
                names.push(Ident::from(receiver.self_token));
                (&receiver.ty, true, false)
            }
            FnArg::Typed(input) => {
                bindings(&input.pat, &mut names);
                let is_one = matches!(&*input.pat, Pat::Ident(name) if name.subpat.is_none());
                (&input.ty, is_one, mentions(input.pat.to_token_stream(), "ref"))
            }
        };
        let all = names.len();
        let is_used = |name: &Ident| {
            let text = name.to_string();
            // The compiler never warns that a name with a leading underscore is unused.
            text.starts_with('_') || mentions(body.clone(), text.trim_start_matches("r#"))
        };
        let used: Vec<_> = names.into_iter().filter(is_used).collect();
        // A binding that borrows from an argument cannot outlive the function.
        if borrows {
            return Self { used: if may_drop(ty) { used } else { Vec::new() }, is_whole: false };
        }
        let is_whole = is_one && used.len() == all;
        if may_drop(ty) {
            return Self { used, is_whole };
        }
        // Its drop has no effect. It is not mentioned, because a future that holds a reference may
        // not be `Send`.
        Self { used: Vec::new(), is_whole: is_whole || !holds_others(ty) }
    }
}

/// Whether an argument has attributes. With one such as `#[cfg]`, the argument may not exist.
fn has_attributes(input: &FnArg) -> bool {
    let attributes = match input {
        FnArg::Receiver(receiver) => &receiver.attrs,
        FnArg::Typed(input) => &input.attrs,
    };
    !attributes.is_empty()
}

/// Whether a type without a destructor is a reference or a pointer, or contains one.
fn holds_others(ty: &Type) -> bool {
    match ty {
        Type::Group(group) => holds_others(&group.elem),
        Type::Paren(paren) => holds_others(&paren.elem),
        Type::Array(array) => holds_others(&array.elem),
        Type::Tuple(tuple) => tuple.elems.iter().any(holds_others),
        Type::Reference(_) | Type::Ptr(_) => true,
        _ => false,
    }
}

fn mention(arguments: &[Argument], least: usize) -> TokenStream {
    let names: Vec<_> = arguments.iter().flat_map(|argument| &argument.used).collect();
    if names.len() < least {
        return TokenStream::new();
    }
    quote_spanned!(Span::mixed_site()=> let _ = (#(&#names,)*);)
}

/// Whether code mentions a name: as an identifier, or within a literal, which may be a format
/// string that captures it.
fn mentions(code: TokenStream, name: &str) -> bool {
    code.into_iter().any(|tree| match tree {
        TokenTree::Ident(ident) => ident.to_string().trim_start_matches("r#") == name,
        TokenTree::Literal(literal) => literal.to_string().contains(name),
        TokenTree::Group(group) => mentions(group.stream(), name),
        TokenTree::Punct(_) => false,
    })
}

fn may_drop(ty: &Type) -> bool {
    const PLAIN: [&str; 17] = [
        "bool", "char", "str", "u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32", "i64", "i128", "isize",
        "f32", "f64",
    ];
    match ty {
        Type::Group(group) => may_drop(&group.elem),
        Type::Paren(paren) => may_drop(&paren.elem),
        Type::Array(array) => may_drop(&array.elem),
        Type::Tuple(tuple) => tuple.elems.iter().any(may_drop),
        Type::Path(path) => !PLAIN.iter().any(|name| path.path.is_ident(name)),
        Type::Reference(_) | Type::Ptr(_) | Type::BareFn(_) | Type::Never(_) => false,
        _ => true,
    }
}

/// The names that a pattern binds, from the last to the first.
fn bindings(pattern: &Pat, names: &mut Vec<Ident>) {
    match pattern {
        Pat::Ident(it) => {
            if let Some((_, inner)) = &it.subpat {
                bindings(inner, names);
            }
            names.push(it.ident.clone());
        }
        Pat::Paren(it) => bindings(&it.pat, names),
        Pat::Reference(it) => bindings(&it.pat, names),
        Pat::Slice(it) => it.elems.iter().rev().for_each(|pattern| bindings(pattern, names)),
        Pat::Struct(it) => it.fields.iter().rev().for_each(|field| bindings(&field.pat, names)),
        Pat::Tuple(it) => it.elems.iter().rev().for_each(|pattern| bindings(pattern, names)),
        Pat::TupleStruct(it) => it.elems.iter().rev().for_each(|pattern| bindings(pattern, names)),
        Pat::Type(it) => bindings(&it.pat, names),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::Arguments;
    use crate::signature::Signature;
    use proc_macro2::{TokenStream, TokenTree};

    fn arguments(inputs: &str, body: &str) -> Arguments {
        let trees: Vec<TokenTree> = format!("fn f({inputs})").parse::<TokenStream>().unwrap().into_iter().collect();
        Arguments::new(&Signature::new(&trees).unwrap(), &body.parse().unwrap())
    }

    fn text(tokens: &TokenStream) -> String {
        tokens.to_string().replace(' ', "")
    }

    #[test]
    fn the_order_is_from_last_to_first_of_what_may_drop() {
        for (inputs, body, order) in [
            ("a: A, b: B", "a; b", "let_=(&b,&a,);"),
            ("self, n: u32, (b, _): (B, C)", "self; b; n", "let_=(&b,&self,);"),
            ("a: A, b: B, c: C", "a; c", "let_=(&c,&a,);"),
            ("a: A, _b: B", "a", "let_=(&_b,&a,);"),
            ("a: A, r#b: B", "println!(\"{a} {b}\")", "let_=(&r#b,&a,);"),
            ("a: A, b: &B", "a; b", ""),
            ("a: A, b: B", "a", ""),
            ("a: A", "a", ""),
            ("a: A, B", "a", ""),
            ("#[cfg(x)] a: A, b: B", "a; b", ""),
        ] {
            assert_eq!(text(&arguments(inputs, body).in_order()), order, "{inputs}");
        }
    }

    #[test]
    fn a_block_owns_them_or_is_not_used() {
        for (inputs, body, owned) in [
            ("", "", Some("")),
            ("_a: &A, b: u8", "", Some("")),
            ("&self, a: A", "self.a", Some("let_=(&a,);")),
            ("a: A, _b: B", "a", Some("let_=(&_b,&a,);")),
            ("a: A", "1", None),
            ("_: A", "1", None),
            ("(a, b): (A, B)", "a; b", None),
            ("B", "1", None),
            ("ref a: A", "a", None),
            ("ref a: u8", "a", None),
            ("(ref a, _): (u8, u8)", "a", None),
            ("(a, _): (u8, u8)", "a", Some("")),
            ("#[cfg(x)] a: A", "a", None),
            ("a: &A", "a", Some("")),
            ("a: &A", "1", None),
            ("&self", "1", None),
            ("(a, _): (&A, u8)", "a", None),
        ] {
            assert_eq!(arguments(inputs, body).owned().map(|owned| text(&owned)).as_deref(), owned, "{inputs}");
        }
    }
}
