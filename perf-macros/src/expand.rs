//! The code of a measured function.
//!
//! Its attributes, its signature and the tokens of its body stay unchanged. Added tokens have spans
//! of the macro, so lints in the user's crate ignore them. The braces around the user's code keep
//! the user's span, and so the user's edition.

use proc_macro2::{Delimiter, Group, Span, TokenStream, TokenTree};
use quote::quote_spanned;

use crate::ast::{Item, begins_with_item};
use crate::attr::Options;
use crate::parameters::Arguments;
use crate::returns::{Output, Returns, without_impl};
use crate::tokens::{boxed_tail, group, is_punct, may_return_early};
use crate::valid::Function;
use crate::{ast, site};

pub(crate) fn function(item: &Item, function: &Function, options: &Options) -> TokenStream {
    let span = Span::mixed_site();
    let body = Body::new(&function.body);
    let private = site::private(options);
    let writer = Writer {
        site: site::reference(&private, &function.signature.ident, options, function.is_lazy),
        private,
        notes: options.error.is_some(),
        arguments: Arguments::new(&function.signature, &body.code),
        function,
    };
    let as_written = || item.head.iter().cloned().collect();
    let (head, measured) = match &function.returns {
        Returns::Value(output) if output.is_result && !function.track_caller => {
            (as_written(), writer.judged(output, &body))
        }
        Returns::Value(_) => (as_written(), writer.plain(&body)),
        Returns::Async(output) => match writer.returning_future(item, output, &body) {
            Some(written) => written,
            None => (as_written(), writer.async_fn(output, &body)),
        },
        Returns::Future(output) => (as_written(), writer.future(output, &body)),
        Returns::Boxed(output) => (as_written(), writer.boxed(output, &body)),
    };
    let mut tokens = as_clippy_reads_it(item, &function.body, options);
    tokens.extend(quote_spanned!(span=> #[cfg(not(clippy))]));
    for attribute in body.attributes.iter().chain(&item.attributes) {
        attribute.to_tokens(&mut tokens);
    }
    tokens.extend(head);
    tokens.extend([braces(body.span, measured)]);
    tokens
}

/// The function as its author wrote it, for Clippy, with two additions. The names in the
/// attribute's arguments count as used. And Clippy does not suggest `const fn`, which could not be
/// measured.
fn as_clippy_reads_it(item: &Item, body: &Group, options: &Options) -> TokenStream {
    let span = Span::mixed_site();
    let mut used = TokenStream::new();
    if let Some(name) = &options.name {
        let name = &name.value;
        used.extend(quote_spanned!(span=> const _: &str = #name;));
    }
    if let Some(bytes) = &options.bounded {
        let bytes = &bytes.value;
        used.extend(quote_spanned!(span=> const _: usize = #bytes;));
    }
    if let Some(krate) = &options.krate {
        let krate = &krate.value;
        used.extend(quote_spanned!(span=> use #krate::__private as _;));
    }
    let mut tokens = quote_spanned!(span=> #[cfg(clippy)] #[allow(clippy::missing_const_for_fn)]);
    if used.is_empty() {
        tokens.extend(item.to_token_stream());
        return tokens;
    }
    tokens.extend(item.start());
    let code: TokenStream = [TokenTree::Group(body.clone())].into_iter().collect();
    tokens.extend([braces(body.span(), quote_spanned!(span=> #used #code))]);
    tokens
}

/// The user's code between the braces.
struct Body {
    span: Span,
    /// `#![…]` at its start, as outer attributes, because a block expression cannot have inner
    /// ones.
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

    /// The user's code after a statement of the macro's.
    ///
    /// Code that begins with an item gets braces of its own. Other code does not, because
    /// `unused_braces` would report braces around a single expression.
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
    /// Whether the text of errors is kept.
    notes: bool,
    arguments: Arguments,
    function: &'a Function,
}

impl Writer<'_> {
    /// A guard, followed by the unchanged body.
    fn plain(&self, body: &Body) -> TokenStream {
        let Self { private, site, .. } = self;
        body.after(quote_spanned!(Span::mixed_site()=> let _guard = #private::enter(#site);))
    }

    /// The body in a closure. Only a closure catches `?`, `return`, and those that macros hide.
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

    /// The body as an async block within the function, which stays `async`.
    fn async_fn(&self, output: &Output, body: &Body) -> TokenStream {
        let (bind, scoped) = self.scoped(output, &self.async_block(output, body, &self.arguments.in_order()));
        quote_spanned!(Span::mixed_site()=> #bind #scoped.await)
    }

    /// The head and the body of a function that is not `async` and returns the same future. This
    /// saves one layer of types, and no argument is stored in two futures. `None` if callers could
    /// tell it from an `async fn`.
    fn returning_future(&self, item: &Item, output: &Output, body: &Body) -> Option<(TokenStream, TokenStream)> {
        let is_plain = item.attributes.iter().chain(&body.attributes).all(|attribute| attribute.is_inert());
        let owned = self.arguments.owned().filter(|_| is_plain)?;
        let signature = &self.function.signature;
        let head = signature.returning_future(&item.head, item.qualifiers, &self.private)?;
        let (bind, scoped) = self.scoped(output, &self.async_block(output, body, &owned));
        Some((head, quote_spanned!(Span::mixed_site()=> #bind #scoped)))
    }

    fn async_block(&self, output: &Output, body: &Body, arguments: &TokenStream) -> TokenStream {
        let Self { private, .. } = self;
        let span = Span::mixed_site();
        // The type of an async block cannot be annotated. An earlier `return` fixes its output
        // type, so that later ones coerce to it.
        let typed = output.written.as_ref().map(|ty| {
            quote_spanned! {span=>
                if let #private::Some(value) = #private::None::<#ty> {
                    return value;
                }
            }
        });
        let block = braces(body.span, body.after(quote_spanned!(span=> #typed #arguments)));
        quote_spanned!(span=> async move #block)
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

    /// The measured form of the future `inner`: a statement to run first, and the expression.
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

    /// Binds the site to a name if errors are kept, because it is then needed twice.
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

    /// The body as a closure that is called immediately.
    ///
    /// `move` lets a reference that came in as a parameter be returned, in every edition.
    fn call(&self, body: &Body) -> TokenStream {
        let Self { private, .. } = self;
        let span = Span::mixed_site();
        let returns = self.function.signature.output.clone().map(|ty| {
            let ty = without_impl(ty);
            quote_spanned!(span=> -> #ty)
        });
        let block = braces(body.span, body.after(self.arguments.in_order()));
        quote_spanned!(span=> #private::call(move || #returns #block))
    }
}
