//! A measured function.
//!
//! Its attributes, signature and the tokens of its body stay what they were. What is added has spans of the macro, so lints
//! in the user's crate pass over it; the braces around the user's code keep the user's span and so the user's edition.

use proc_macro2::{Delimiter, Group, Span, TokenStream, TokenTree};
use quote::quote_spanned;
use syn::{FnArg, Ident, Pat, Type};

use crate::ast::{Item, begins_with_item};
use crate::attr::Options;
use crate::returns::{Output, Returns, without_impl};
use crate::signature::Signature;
use crate::tokens::{boxed_tail, group, is_punct, may_return_early};
use crate::valid::Function;
use crate::{ast, site};

pub(crate) fn function(item: &Item, function: &Function, options: &Options) -> TokenStream {
    let body = Body::new(&function.body);
    let private = site::private(options);
    let writer = Writer {
        site: site::reference(&private, &function.signature.ident, options),
        private,
        notes: options.error.is_some(),
        function,
    };
    let measured = match &function.returns {
        Returns::Value(output) if output.is_result && !function.track_caller => writer.judged(output, &body),
        Returns::Value(_) => writer.plain(&body),
        Returns::Async(output) => writer.async_fn(output, &body),
        Returns::Future(output) => writer.future(output, &body),
        Returns::Boxed(output) => writer.boxed(output, &body),
    };
    let span = Span::mixed_site();
    let mut tokens = TokenStream::new();
    for attribute in &body.attributes {
        attribute.to_tokens(&mut tokens);
    }
    let ident = &function.signature.ident;
    if body.code.is_empty() && function.signature.has_type_parameters {
        tokens.extend(quote_spanned!(span=> #[allow(clippy::extra_unused_type_parameters)]));
    }
    if writes_return_type(&function.returns) && is_complex(function.signature.output.as_ref()) {
        tokens.extend(quote_spanned!(span=> #[allow(clippy::type_complexity)]));
    }
    tokens.extend(item.start());
    // Clippy wants these two to be one expression, unless the braces are a macro's.
    let is_canonical = ident == "clone" || ident == "partial_cmp";
    let span = if is_canonical { span.located_at(body.span) } else { body.span };
    tokens.extend([braces(span, measured)]);
    tokens
}

fn writes_return_type(returns: &Returns) -> bool {
    match returns {
        Returns::Value(output) => output.is_result,
        Returns::Async(output) | Returns::Future(output) | Returns::Boxed(output) => output.written.is_some(),
    }
}

/// Whether clippy may find the return type too complex. It says so of any type in a body, but not of signatures in a trait's
/// `impl`, whose author has no choice; so written in the body the type must not be reported either.
fn is_complex(output: Option<&TokenStream>) -> bool {
    // As clippy counts, roughly: ten a name or bracket, times the depth it stands at; 250 is too much.
    fn score(tokens: TokenStream, depth: u32) -> u32 {
        let (mut depth, mut sum, mut arrow) = (depth, 0, false);
        for tree in tokens {
            match tree {
                TokenTree::Ident(_) => sum += 10 * depth,
                TokenTree::Group(group) => sum += 10 * depth + score(group.stream(), depth + 1),
                TokenTree::Punct(punct) if punct.as_char() == '<' => depth += 1,
                TokenTree::Punct(punct) if punct.as_char() == '>' && !arrow => depth = depth.saturating_sub(1),
                TokenTree::Punct(punct) => arrow = punct.as_char() == '-',
                TokenTree::Literal(_) => {}
            }
        }
        sum
    }
    output.is_some_and(|output| score(output.clone(), 1) > 200)
}

/// The user's code between the braces.
struct Body {
    span: Span,
    /// `#![…]` at its start, as outer attributes: a block that is an expression cannot have any.
    attributes: Vec<ast::Attribute>,
    code: TokenStream,
    begins_with_item: bool,
}

impl Body {
    fn new(body: &Group) -> Self {
        let trees: Vec<_> = body.stream().into_iter().collect();
        let mut rest = trees.as_slice();
        let mut attributes = Vec::new();
        while is_punct(rest.first(), '#')
            && is_punct(rest.get(1), '!')
            && let Some(brackets) = group(rest.get(2), Delimiter::Bracket)
        {
            attributes.push(ast::Attribute::new(rest[0].clone(), brackets.clone()));
            rest = &rest[3..];
        }
        Self {
            span: body.span(),
            attributes,
            code: if rest.len() == trees.len() { body.stream() } else { rest.iter().cloned().collect() },
            begins_with_item: begins_with_item(rest),
        }
    }

    /// The user's code after a statement of ours.
    ///
    /// Items stay first in their block, as `clippy::items_after_statements` wants it. Other code gets no braces of its own,
    /// for around a single expression `unused_braces` would report them.
    fn after(&self, statement: TokenStream) -> TokenStream {
        let mut tokens = statement;
        if self.begins_with_item && !tokens.is_empty() {
            tokens.extend([braces(self.span, self.code.clone())]);
        } else {
            tokens.extend(self.code.clone());
        }
        tokens
    }
}

fn braces(span: Span, code: TokenStream) -> TokenTree {
    let mut group = Group::new(Delimiter::Brace, code);
    group.set_span(span);
    TokenTree::Group(group)
}

struct Writer<'a> {
    private: TokenStream,
    site: TokenStream,
    /// Whether errors are kept as text.
    notes: bool,
    function: &'a Function,
}

impl Writer<'_> {
    /// A guard, and the body as it stands.
    fn plain(&self, body: &Body) -> TokenStream {
        let Self { private, site, .. } = self;
        body.after(quote_spanned!(Span::mixed_site()=> let _guard = #private::enter(#site);))
    }

    /// The body in a closure, because only that catches `?`, `return` and what macros hide.
    fn judged(&self, output: &Output, body: &Body) -> TokenStream {
        let Self { private, .. } = self;
        let span = Span::mixed_site();
        let (bind, site) = self.bound_site(output);
        let call = self.call(body);
        let outcome = self.outcome(&quote_spanned!(span=> &value));
        quote_spanned! {span=>
            #bind
            let guard = #private::enter(#site);
            let value = #call;
            guard.finish(#outcome);
            value
        }
    }

    fn async_fn(&self, output: &Output, body: &Body) -> TokenStream {
        let Self { private, .. } = self;
        let span = Span::mixed_site();
        // An async block's type cannot be written down. An earlier `return` fixes it, so that later ones coerce to it.
        let typed = output.written.as_ref().map(|ty| {
            quote_spanned! {span=>
                if let #private::Some(value) = #private::None::<#ty> {
                    return value;
                }
            }
        });
        let order = drop_order(&self.function.signature);
        let block = braces(body.span, body.after(quote_spanned!(span=> #typed #order)));
        let (bind, scoped) = self.scoped(output, &quote_spanned!(span=> async move #block));
        quote_spanned!(span=> #bind #scoped.await)
    }

    fn future(&self, output: &Output, body: &Body) -> TokenStream {
        let made = if !may_return_early(body.code.clone()) {
            TokenTree::Group(Group::new(Delimiter::Brace, body.code.clone())).into()
        } else if self.function.track_caller {
            return self.plain(body);
        } else {
            self.call(body)
        };
        let (bind, scoped) = self.scoped(output, &made);
        quote_spanned!(Span::mixed_site()=> #bind #scoped)
    }

    fn boxed(&self, output: &Output, body: &Body) -> TokenStream {
        let Self { private, .. } = self;
        let span = Span::mixed_site();
        let early = may_return_early(body.code.clone());
        if !early && let Some((before, inner)) = boxed_tail(&body.code) {
            let (bind, scoped) = self.scoped(output, &inner);
            return quote_spanned!(span=> #before({ #bind #scoped }));
        }
        if early && self.function.track_caller {
            return self.plain(body);
        }
        let call = self.call(body);
        let (bind, scoped) = self.scoped(output, &call);
        quote_spanned!(span=> #bind #private::Box::pin(#scoped))
    }

    /// The measured form of the future `inner`.
    fn scoped(&self, output: &Output, inner: &TokenStream) -> (TokenStream, TokenStream) {
        let Self { private, site, .. } = self;
        let span = Span::mixed_site();
        if !output.is_result {
            return (TokenStream::new(), quote_spanned!(span=> #private::future(#site, #inner)));
        }
        let (bind, site) = self.bound_site(output);
        let ty = output.written.as_ref().map_or_else(|| quote_spanned!(span=> _), |ty| quote_spanned!(span=> #ty));
        let outcome = self.outcome(&quote_spanned!(span=> value));
        (bind, quote_spanned!(span=> #private::future_with(#site, #inner, move |value: &#ty| #outcome)))
    }

    /// The site under a name if its errors are kept, for it is needed twice then.
    fn bound_site(&self, output: &Output) -> (TokenStream, TokenStream) {
        let Self { private, site, .. } = self;
        let span = Span::mixed_site();
        if self.notes && output.is_result {
            (quote_spanned!(span=> let site: &'static #private::Site = #site;), quote_spanned!(span=> site))
        } else {
            (TokenStream::new(), site.clone())
        }
    }

    fn outcome(&self, value: &TokenStream) -> TokenStream {
        let Self { private, .. } = self;
        let span = Span::mixed_site();
        if self.notes {
            quote_spanned!(span=> #private::Noted(#private::Probe(#value), site).outcome())
        } else {
            quote_spanned!(span=> #private::Probe(#value).outcome())
        }
    }

    /// The body as a closure that is called at once.
    ///
    /// `move`: a reference that came in as a parameter may go out again, in every edition.
    fn call(&self, body: &Body) -> TokenStream {
        let Self { private, .. } = self;
        let span = Span::mixed_site();
        let returns = self.function.signature.output.clone().map(|ty| {
            let ty = without_impl(ty);
            quote_spanned!(span=> -> #ty)
        });
        let block = braces(body.span, body.after(drop_order(&self.function.signature)));
        quote_spanned!(span=> #private::call(move || #returns #block))
    }
}

/// A statement that makes a `move` closure drop the parameters in the order in which the function would.
///
/// What is captured is dropped in the order of first mention; parameters are dropped from last to first. One parameter that
/// may have a destructor has no order.
fn drop_order(signature: &Signature) -> TokenStream {
    let mut owned = 0;
    let mut names = Vec::new();
    for input in signature.inputs().iter().flatten().rev() {
        match input {
            FnArg::Receiver(receiver) => {
                owned += usize::from(may_drop(&receiver.ty));
                names.push(Ident::from(receiver.self_token));
            }
            FnArg::Typed(input) => {
                owned += usize::from(may_drop(&input.ty));
                bindings(&input.pat, &mut names);
            }
        }
    }
    if owned < 2 || names.len() < 2 {
        return TokenStream::new();
    }
    let span = Span::mixed_site();
    let allow = names
        .iter()
        .any(|name| name.to_string().starts_with('_'))
        .then(|| quote_spanned!(span=> #[allow(clippy::used_underscore_binding)]));
    quote_spanned!(span=> #allow let _ = (#(&#names,)*);)
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

/// The names that a pattern binds, from last to first.
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
