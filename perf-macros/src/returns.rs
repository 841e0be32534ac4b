//! What a function returns, recognized from the text of its return type.

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::{AngleBracketedGenericArguments, GenericArgument, Path, PathArguments, Type, TypeInfer, TypeParamBound};

use crate::attr::Options;
use crate::signature::Signature;
use crate::tokens::{ident, is_ident, is_punct};

/// How the result of a call arrives.
pub(crate) enum Returns {
    /// A value when the function returns.
    Value(Output),
    /// `async fn`: a value when its future completes.
    Async(Output),
    /// `-> impl Future`.
    Future(Output),
    /// `-> Pin<Box<dyn Future>>`.
    Boxed(Output),
}

/// The type of the final value, and whether it tells success from failure.
pub(crate) struct Output {
    /// The type as it can be written inside the function: `impl Trait` is replaced by `_`. `None`:
    /// unit, never, or unknown.
    pub(crate) written: Option<TokenStream>,
    pub(crate) is_result: bool,
}

impl Returns {
    fn output(&self) -> &Output {
        let (Self::Value(output) | Self::Async(output) | Self::Future(output) | Self::Boxed(output)) = self;
        output
    }

    /// The output, if it is a `Result`.
    pub(crate) fn judged(&self) -> Option<&Output> {
        Some(self.output()).filter(|output| output.is_result)
    }
}

impl Output {
    fn new(ty: Option<&Type>, options: &Options) -> Self {
        let ty = ty.map(ungroup);
        let is_result = match (&options.result, ty) {
            (Some(given), _) => given.value,
            (None, Some(Type::Path(path))) => path.path.segments.last().is_some_and(|last| last.ident == "Result"),
            (None, _) => false,
        };
        let written = match ty {
            None | Some(Type::Never(_) | Type::ImplTrait(_)) => None,
            Some(Type::Tuple(unit)) if unit.elems.is_empty() => None,
            Some(ty) => Some(without_impl(ty.to_token_stream())),
        };
        Self { written, is_result }
    }

    /// The output when its type cannot be parsed.
    fn unparsed(ty: Option<&TokenStream>, options: &Options) -> Self {
        let is_result = match &options.result {
            Some(given) => given.value,
            None => ty.is_some_and(|ty| is_path_to(ty, "Result")),
        };
        Self { written: ty.cloned().map(without_impl), is_result }
    }
}

pub(crate) fn of(signature: &Signature, options: &Options) -> Returns {
    let Ok(ty) = signature.output() else {
        let output = Output::unparsed(signature.output.as_ref(), options);
        return if signature.is_async { Returns::Async(output) } else { Returns::Value(output) };
    };
    let ty = ty.as_ref().map(ungroup);
    if signature.is_async {
        return Returns::Async(Output::new(ty, options));
    }
    let wish = options.future.as_ref().map(|given| given.value);
    if wish == Some(false) {
        return Returns::Value(Output::new(ty, options));
    }
    let insists = wish == Some(true);
    match ty {
        Some(Type::ImplTrait(ty)) => {
            if let Some(output) = future_output(ty.bounds.iter(), insists).or(insists.then_some(None)) {
                return Returns::Future(Output::new(output, options));
            }
        }
        Some(Type::Path(path)) => {
            if let Some(Type::TraitObject(object)) = pinned_box(&path.path)
                && let Some(output) = future_output(object.bounds.iter(), true)
            {
                return Returns::Boxed(Output::new(output, options));
            }
        }
        _ => {}
    }
    if insists && ty.is_some() {
        // The alias hides the output type. Unless the option says otherwise, the value itself
        // decides whether it is a `Result`.
        let is_result = options.result.as_ref().is_none_or(|given| given.value);
        return Returns::Boxed(Output { written: None, is_result });
    }
    Returns::Value(Output::new(ty, options))
}

/// Whether a function returns an iterator, a stream or a future whose trait is named: as
/// `impl Trait` or `Box<dyn Trait>`.
pub(crate) fn is_lazy(signature: &Signature) -> bool {
    const LAZY: [&str; 6] =
        ["DoubleEndedIterator", "ExactSizeIterator", "Future", "FusedIterator", "Iterator", "Stream"];
    let is_lazy = |bound: &TypeParamBound| match bound {
        TypeParamBound::Trait(bound) => {
            bound.path.segments.last().is_some_and(|last| LAZY.iter().any(|name| last.ident == name))
        }
        _ => false,
    };
    let Ok(Some(ty)) = signature.output() else { return false };
    match ungroup(&ty) {
        Type::ImplTrait(ty) => ty.bounds.iter().any(is_lazy),
        Type::Path(path) => {
            let boxed = path.path.segments.last().filter(|last| last.ident == "Box");
            let inner = boxed.and_then(|boxed| argument(&boxed.arguments)).or_else(|| pinned_box(&path.path));
            matches!(inner, Some(Type::TraitObject(object)) if object.bounds.iter().any(is_lazy))
        }
        _ => false,
    }
}

/// Unwraps parentheses, and the invisible groups that `macro_rules!` puts around its fragments.
fn ungroup(ty: &Type) -> &Type {
    match ty {
        Type::Group(group) => ungroup(&group.elem),
        Type::Paren(paren) => ungroup(&paren.elem),
        ty => ty,
    }
}

/// The output of a future with these bounds: `Some(None)` if it is not written, `None` if these are
/// not the bounds of a future.
///
/// The wrapper has the auto traits of the wrapped future and no other trait, so any other bound
/// rules it out.
fn future_output<'a>(bounds: impl Iterator<Item = &'a TypeParamBound>, insists: bool) -> Option<Option<&'a Type>> {
    let mut output = None;
    for bound in bounds {
        let TypeParamBound::Trait(bound) = bound else { continue };
        let last = bound.path.segments.last()?;
        match last.ident.to_string().as_str() {
            "Future" => output = Some(binding(&last.arguments, "Output")),
            "Send" | "Sync" | "Unpin" | "UnwindSafe" | "RefUnwindSafe" | "Sized" => {}
            _ if insists => {}
            _ => return None,
        }
    }
    output
}

/// `T` in `Pin<Box<T>>`.
fn pinned_box(path: &Path) -> Option<&Type> {
    let pin = path.segments.last().filter(|last| last.ident == "Pin")?;
    let Type::Path(inner) = argument(&pin.arguments)? else { return None };
    let boxed = inner.path.segments.last().filter(|last| last.ident == "Box")?;
    argument(&boxed.arguments)
}

fn argument(arguments: &PathArguments) -> Option<&Type> {
    let PathArguments::AngleBracketed(AngleBracketedGenericArguments { args, .. }) = arguments else { return None };
    match args.first()? {
        GenericArgument::Type(ty) => Some(ungroup(ty)),
        _ => None,
    }
}

fn binding<'a>(arguments: &'a PathArguments, name: &str) -> Option<&'a Type> {
    let PathArguments::AngleBracketed(AngleBracketedGenericArguments { args, .. }) = arguments else { return None };
    args.iter().find_map(|arg| match arg {
        GenericArgument::AssocType(binding) if binding.ident == name => Some(&binding.ty),
        _ => None,
    })
}

/// Whether `ty` is `path::to::name<…>`.
fn is_path_to(ty: &TokenStream, name: &str) -> bool {
    let trees: Vec<_> = ty.clone().into_iter().collect();
    let path = trees.iter().position(|tree| is_punct(Some(tree), '<')).unwrap_or(trees.len());
    let is_path = trees[..path].iter().all(|tree| ident(Some(tree)).is_some() || is_punct(Some(tree), ':'));
    is_path && is_ident(trees[..path].last(), name)
}

/// Whether `impl Trait` occurs anywhere in a type.
pub(crate) fn mentions_impl(ty: &impl ToTokens) -> bool {
    ty.to_token_stream().into_iter().any(|tree| match tree {
        TokenTree::Ident(ident) => ident == "impl",
        TokenTree::Group(group) => mentions_impl(&group.stream()),
        _ => false,
    })
}

/// Replaces each `impl Trait`, which cannot be written inside a function, by `_`.
pub(crate) fn without_impl(ty: TokenStream) -> TokenStream {
    if !mentions_impl(&ty) {
        return ty;
    }
    match syn::parse2(ty.clone()) {
        Ok(mut parsed) => {
            replace_impl(&mut parsed);
            parsed.to_token_stream()
        }
        Err(_) => ty,
    }
}

fn replace_impl(ty: &mut Type) {
    match ty {
        Type::ImplTrait(it) => *ty = Type::Infer(TypeInfer { underscore_token: syn::Token![_](it.impl_token.span) }),
        Type::Array(it) => replace_impl(&mut it.elem),
        Type::Group(it) => replace_impl(&mut it.elem),
        Type::Paren(it) => replace_impl(&mut it.elem),
        Type::Ptr(it) => replace_impl(&mut it.elem),
        Type::Reference(it) => replace_impl(&mut it.elem),
        Type::Slice(it) => replace_impl(&mut it.elem),
        Type::Tuple(it) => it.elems.iter_mut().for_each(replace_impl),
        Type::Path(it) => it.path.segments.iter_mut().for_each(|segment| replace_in(&mut segment.arguments)),
        Type::TraitObject(it) => {
            for bound in &mut it.bounds {
                if let TypeParamBound::Trait(bound) = bound {
                    bound.path.segments.iter_mut().for_each(|segment| replace_in(&mut segment.arguments));
                }
            }
        }
        _ => {}
    }
}

fn replace_in(arguments: &mut PathArguments) {
    if let PathArguments::AngleBracketed(arguments) = arguments {
        for argument in &mut arguments.args {
            match argument {
                GenericArgument::Type(ty) => replace_impl(ty),
                GenericArgument::AssocType(binding) => replace_impl(&mut binding.ty),
                _ => {}
            }
        }
    }
}
