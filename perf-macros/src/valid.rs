//! Rejects items that cannot be measured, and options that do not fit the item.

use proc_macro2::Group;
use syn::Error;

use crate::ast::{Item, Kind};
use crate::attr::{Hot, Options, Sample};
use crate::returns::{self, Returns};
use crate::signature::Signature;

/// Something that can be measured.
pub(crate) enum Target<'a> {
    Function(Box<Function>),
    /// The members of an `impl`, a `trait` or a `mod`.
    Container(&'a Group),
}

pub(crate) struct Function {
    pub(crate) signature: Signature,
    pub(crate) returns: Returns,
    pub(crate) body: Group,
    pub(crate) track_caller: bool,
    /// Whether the returned value does its work later, unmeasured.
    pub(crate) is_lazy: bool,
}

const WHERE: &str = "`#[profiled]` goes on a function with a body, an `impl`, a `trait` or an inline `mod`";

pub(crate) fn target<'a>(item: &'a Item, options: &Options) -> syn::Result<Target<'a>> {
    let refuse = |message: String| Err(Error::new(item.keyword, message));
    match (item.kind, &item.braces) {
        (Kind::Other(what), _) => refuse(format!("{WHERE}; this is a {what}")),
        (Kind::Function { is_const: true }, _) => {
            refuse(format!("a `const fn` cannot be measured, because the compiler itself may run it; {WHERE}"))
        }
        (Kind::Function { .. }, None) => refuse(format!("{WHERE}; this function has no body")),
        (Kind::Module, None) => {
            refuse(format!("{WHERE}; the contents of this `mod` are in another file: annotate them there"))
        }
        (Kind::Impl | Kind::Trait, None) => refuse(format!("{WHERE}; this has no body")),
        (Kind::Impl | Kind::Trait | Kind::Module, Some(members)) => {
            container_options(options)?;
            Ok(Target::Container(members))
        }
        (Kind::Function { .. }, Some(body)) => {
            if item.attributes.iter().any(|attribute| attribute.is_any(&["naked"])) {
                return refuse(format!(
                    "a naked function cannot be measured, because its body is assembly only; {WHERE}"
                ));
            }
            let Some(signature) = Signature::new(&item.head[item.qualifiers..]) else {
                return refuse(format!("{WHERE}; this function's signature cannot be parsed"));
            };
            let track_caller = item.attributes.iter().any(|attribute| attribute.is_any(&["track_caller"]));
            let returns = returns::of(&signature, options);
            function_options(&signature, &returns, track_caller, options)?;
            let is_lazy = matches!(returns, Returns::Value(_)) && returns::is_lazy(&signature);
            Ok(Target::Function(Box::new(Function { signature, returns, body: body.clone(), track_caller, is_lazy })))
        }
    }
}

fn container_options(options: &Options) -> syn::Result<()> {
    let single = [
        ("name", options.name.as_ref().map(|given| given.span)),
        ("result", options.result.as_ref().map(|given| given.span)),
        ("future", options.future.as_ref().map(|given| given.span)),
        ("bounded", options.bounded.as_ref().map(|given| given.span)),
        ("root", options.root.as_ref().map(|given| given.span)),
    ];
    match single.iter().find_map(|(name, span)| span.map(|span| (name, span))) {
        Some((name, span)) => Err(Error::new(
            span,
            format!(
                "`{name}` is for one function; an `impl`, a `trait` or a `mod` takes `skip`, `sample = always | never | \"10%\" | \"1/64\"`, \
                 `hot = rest | count`, `cpu = false`, `alloc = false`, `error = display`, `crate = path`"
            ),
        )),
        None => Ok(()),
    }
}

fn function_options(
    signature: &Signature,
    returns: &Returns,
    track_caller: bool,
    options: &Options,
) -> syn::Result<()> {
    let error = options.error.as_ref().filter(|given| !given.inherited);
    let result = options.result.as_ref().filter(|given| given.value);
    let future = options.future.as_ref().filter(|given| given.value);
    if options.root.is_some() {
        let sample = options.sample.as_ref().filter(|given| given.value != Sample::Always);
        let hot = options.hot.as_ref().filter(|given| given.value != Hot::Count);
        let wish = sample.map(|given| (given.span, "sample")).or(hot.map(|given| (given.span, "hot = rest")));
        if let Some((span, option)) = wish {
            return Err(Error::new(
                span,
                format!(
                    "`{option}` does not fit `root`, of which each call is measured: a function has one of the two"
                ),
            ));
        }
    }
    if let Some(future) = future
        && signature.output.is_none()
        && !signature.is_async
    {
        return Err(Error::new(future.span, "`future = true` is for a function that returns a future"));
    }
    if track_caller && matches!(returns, Returns::Value(_)) {
        let wish =
            error.map(|given| (given.span, "error = display")).or(result.map(|given| (given.span, "result = true")));
        if let Some((span, option)) = wish {
            return Err(Error::new(
                span,
                format!(
                    "`{option}` needs a closure around the body, where `#[track_caller]` has no effect; \
                     a function has one of the two"
                ),
            ));
        }
    }
    if let Some(error) = error
        && returns.judged().is_none()
    {
        return Err(Error::new(
            error.span,
            "`error = display` is for a function that returns a `Result`; if the return type has another name, add `result = true`",
        ));
    }
    Ok(())
}
