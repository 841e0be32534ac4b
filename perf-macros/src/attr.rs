//! The options in `#[profiled(…)]`.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::ext::IdentExt as _;
use syn::parse::{Parse, ParseStream, Parser as _};
use syn::{Error, Expr, Ident, Lit, Path, Token};

/// The allowed options, for the error at an unknown one.
const ALLOWED: &str = "`#[profiled]` takes `name = \"…\"`, `skip`, `root`, `sample = always | never | \"10%\" | \"1/64\"`, `hot = rest | count`, `cpu = false`, `alloc = false`, \
    `bounded = bytes`, `result = true | false`, `future = true | false`, `error = display`, `crate = path`";

/// The maximum number of calls that one measured call may stand for.
const MOST: u32 = 4096;

/// The key under which a container passes its options to its members. An item's own options take
/// precedence over them.
const INHERITED: &str = "__inherited";

/// An option as the user wrote it.
#[derive(Clone)]
pub(crate) struct Given<T> {
    pub(crate) value: T,
    pub(crate) span: Span,
    /// Whether it comes from the `impl`, `trait` or `mod` around the item. An inherited option that
    /// does not fit is ignored, not an error.
    pub(crate) inherited: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sample {
    Always,
    Never,
    OneIn(u32),
}

/// What happens where counting the calls would exceed the budget.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hot {
    Rest,
    Count,
}

#[derive(Clone, Default)]
pub(crate) struct Options {
    pub(crate) name: Option<Given<Expr>>,
    pub(crate) skip: Option<Given<()>>,
    pub(crate) root: Option<Given<()>>,
    pub(crate) sample: Option<Given<Sample>>,
    pub(crate) hot: Option<Given<Hot>>,
    pub(crate) cpu: Option<Given<bool>>,
    pub(crate) alloc: Option<Given<bool>>,
    pub(crate) bounded: Option<Given<Expr>>,
    pub(crate) result: Option<Given<bool>>,
    pub(crate) future: Option<Given<bool>>,
    pub(crate) error: Option<Given<()>>,
    pub(crate) krate: Option<Given<Path>>,
}

impl Options {
    pub(crate) fn parse(args: TokenStream) -> syn::Result<Self> {
        if args.is_empty() { Ok(Self::default()) } else { Self::parse_list.parse2(args) }
    }

    fn parse_list(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut options = Self::default();
        let mut inherited = None;
        while !input.is_empty() {
            if !input.peek(Ident::peek_any) {
                let hint = if input.peek(syn::LitStr) { "; to give a name write `name = \"…\"`" } else { "" };
                return Err(Error::new(input.span(), format!("expected an option{hint}; {ALLOWED}")));
            }
            let key = Ident::parse_any(input)?;
            if key == INHERITED {
                let content;
                syn::parenthesized!(content in input);
                inherited = Some(Self::parse_list(&content)?);
            } else {
                options.parse_option(&key, input)?;
            }
            if input.is_empty() {
                break;
            }
            if !input.peek(Token![,]) {
                return Err(Error::new(input.span(), format!("expected `,` after `{key}`; {ALLOWED}")));
            }
            input.parse::<Token![,]>()?;
        }
        if let Some(inherited) = inherited {
            options.inherit(inherited);
        }
        Ok(options)
    }

    fn parse_option(&mut self, key: &Ident, input: ParseStream<'_>) -> syn::Result<()> {
        match key.to_string().as_str() {
            "name" => set(&mut self.name, key, input, parse_name),
            "skip" | "root" if input.peek(Token![=]) || input.peek(syn::token::Paren) => {
                Err(Error::new(input.span(), format!("`{key}` takes no value")))
            }
            "skip" => put(&mut self.skip, key, ()),
            "root" => put(&mut self.root, key, ()),
            "sample" => set(&mut self.sample, key, input, parse_sample),
            "hot" => set(&mut self.hot, key, input, |input| {
                choice(input, "`hot` takes `rest` or `count`", &[("rest", Hot::Rest), ("count", Hot::Count)])
            }),
            "cpu" => set(&mut self.cpu, key, input, |input| flag(input, "`cpu` takes `false` or `true`")),
            "alloc" => set(&mut self.alloc, key, input, |input| flag(input, "`alloc` takes `false` or `true`")),
            "bounded" => set(&mut self.bounded, key, input, parse_bytes),
            "result" => set(&mut self.result, key, input, |input| flag(input, "`result` takes `true` or `false`")),
            "future" => set(&mut self.future, key, input, |input| flag(input, "`future` takes `true` or `false`")),
            "error" => {
                set(&mut self.error, key, input, |input| choice(input, "`error` takes `display`", &[("display", ())]))
            }
            "crate" => set(&mut self.krate, key, input, parse_crate),
            _ => Err(Error::new(key.span(), format!("unknown option `{key}`; {ALLOWED}"))),
        }
    }

    /// Takes over the options of the container, from the attribute that the container put on this
    /// item.
    pub(crate) fn inherit_from(&mut self, args: TokenStream) -> syn::Result<()> {
        let is_handed_down = matches!(args.clone().into_iter().next(),
            Some(proc_macro2::TokenTree::Ident(first)) if first == INHERITED);
        if !is_handed_down {
            let span = args.into_iter().next().map_or_else(Span::call_site, |tree| tree.span());
            return Err(Error::new(span, "`#[profiled]` is given twice; write one with all options"));
        }
        self.inherit(Self::parse(args)?);
        Ok(())
    }

    fn inherit(&mut self, outer: Self) {
        fn take<T>(own: &mut Option<Given<T>>, outer: Option<Given<T>>) {
            if own.is_none() {
                *own = outer.map(|given| Given { inherited: true, ..given });
            }
        }
        // Of a root each call is measured.
        if self.root.is_none() {
            take(&mut self.sample, outer.sample);
            take(&mut self.hot, outer.hot);
        }
        take(&mut self.cpu, outer.cpu);
        take(&mut self.alloc, outer.alloc);
        take(&mut self.error, outer.error);
        take(&mut self.krate, outer.krate);
    }

    /// The options that a container passes to its members.
    pub(crate) fn handed_down(&self) -> TokenStream {
        let inherited = Ident::new(INHERITED, Span::call_site());
        let sample = self.sample.as_ref().map(|given| match given.value {
            Sample::Always => quote!(sample = always,),
            Sample::Never => quote!(sample = never,),
            Sample::OneIn(n) => {
                let rate = format!("1/{n}");
                quote!(sample = #rate,)
            }
        });
        let hot = self.hot.as_ref().map(|given| match given.value {
            Hot::Rest => quote!(hot = rest,),
            Hot::Count => quote!(hot = count,),
        });
        let cpu = self.cpu.as_ref().map(|Given { value, .. }| quote!(cpu = #value,));
        let alloc = self.alloc.as_ref().map(|Given { value, .. }| quote!(alloc = #value,));
        let error = self.error.as_ref().map(|_| quote!(error = display,));
        let krate = self.krate.as_ref().map(|Given { value, .. }| quote!(crate = #value,));
        quote!(#inherited(#sample #hot #cpu #alloc #error #krate))
    }
}

fn put<T>(slot: &mut Option<Given<T>>, key: &Ident, value: T) -> syn::Result<()> {
    if slot.is_some() {
        return Err(Error::new(key.span(), format!("`{key}` is given twice")));
    }
    *slot = Some(Given { value, span: key.span(), inherited: false });
    Ok(())
}

fn set<T>(
    slot: &mut Option<Given<T>>,
    key: &Ident,
    input: ParseStream<'_>,
    value: impl FnOnce(ParseStream<'_>) -> syn::Result<T>,
) -> syn::Result<()> {
    if !input.peek(Token![=]) {
        return Err(Error::new(key.span(), format!("`{key}` needs a value; {ALLOWED}")));
    }
    input.parse::<Token![=]>()?;
    let value = value(input)?;
    put(slot, key, value)
}

fn parse_name(input: ParseStream<'_>) -> syn::Result<Expr> {
    fn is_name(expr: &Expr) -> bool {
        match expr {
            Expr::Lit(lit) => matches!(&lit.lit, Lit::Str(text) if !text.value().is_empty()),
            Expr::Group(group) => is_name(&group.expr),
            Expr::Macro(_) | Expr::Path(_) => true,
            _ => false,
        }
    }
    let span = input.span();
    input
        .parse()
        .ok()
        .filter(is_name)
        .ok_or_else(|| Error::new(span, "`name` takes a string that is not empty: `name = \"…\"`"))
}

fn parse_bytes(input: ParseStream<'_>) -> syn::Result<Expr> {
    let span = input.span();
    let wanted = "`bounded` takes a number of bytes, at least 1: a constant expression such as `64 << 20`";
    let expr: Expr = input.parse().map_err(|_| Error::new(span, wanted))?;
    match &expr {
        Expr::Lit(lit) if !matches!(&lit.lit, Lit::Int(bytes) if bytes.base10_digits() != "0") => {
            Err(Error::new(span, wanted))
        }
        _ => Ok(expr),
    }
}

/// `always`, `never`, or a rate between the two: `"10%"`, `"1/64"`.
fn parse_sample(input: ParseStream<'_>) -> syn::Result<Sample> {
    let wanted =
        format!("`sample` takes `always`, `never`, `\"1/2\"` to `\"1/{MOST}\"`, or a percentage such as `\"10%\"`");
    if !input.peek(syn::LitStr) {
        return choice(input, &wanted, &[("always", Sample::Always), ("never", Sample::Never)]);
    }
    let text: syn::LitStr = input.parse()?;
    one_in(text.value().trim()).map(Sample::OneIn).ok_or_else(|| Error::new(text.span(), wanted))
}

fn one_in(text: &str) -> Option<u32> {
    let n = match text.strip_suffix('%') {
        Some(percent) => {
            let percent: f64 = percent.trim().parse().ok()?;
            let is_share = percent > 0.0 && percent <= 100.0;
            is_share.then(|| (100.0 / percent).round() as u32)?
        }
        None => text.strip_prefix("1/")?.parse().ok()?,
    };
    (1..=MOST).contains(&n).then_some(n)
}

fn parse_crate(input: ParseStream<'_>) -> syn::Result<Path> {
    let span = input.span();
    input
        .call(Path::parse_mod_style)
        .map_err(|_| Error::new(span, "`crate` takes the path of perf-sdk: `crate = path`"))
}

fn flag(input: ParseStream<'_>, wanted: &str) -> syn::Result<bool> {
    let span = input.span();
    syn::LitBool::parse(input).map(|flag| flag.value).map_err(|_| Error::new(span, wanted))
}

fn choice<T: Copy>(input: ParseStream<'_>, wanted: &str, choices: &[(&str, T)]) -> syn::Result<T> {
    let span = input.span();
    let word = Ident::parse_any(input).map_err(|_| Error::new(span, wanted))?;
    let found = choices.iter().find(|(name, _)| word == name);
    found.map(|(_, value)| *value).ok_or_else(|| Error::new(span, wanted))
}
