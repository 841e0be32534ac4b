//! The `static` that describes an annotated function.

use proc_macro2::{Literal, Span, TokenStream};
use quote::quote_spanned;
use syn::Ident;
use syn::ext::IdentExt as _;

use crate::attr::{Hot, Options, Sample};

/// The path of `perf_sdk::__private`, the only module that generated code names.
pub(crate) fn private(options: &Options) -> TokenStream {
    let span = Span::mixed_site();
    match &options.krate {
        None => quote_spanned!(span=> ::perf_sdk::__private),
        Some(krate) => {
            let krate = &krate.value;
            quote_spanned!(span=> #krate::__private)
        }
    }
}

/// An expression of type `&'static Site`. Its items are in a block of their own, where they are
/// invisible to the user's code.
///
/// `is_lazy`: whether the returned value does its work later.
pub(crate) fn reference(private: &TokenStream, function: &Ident, options: &Options, is_lazy: bool) -> TokenStream {
    let span = Span::mixed_site();
    let name = match &options.name {
        None => quote_spanned!(span=> #private::None),
        Some(name) => {
            let name = &name.value;
            quote_spanned!(span=> #private::Some(#name))
        }
    };
    let ident = Literal::string(&function.unraw().to_string());
    let (file, line) = position(function.span());
    let settings = settings(private, options, is_lazy);
    quote_spanned! {span=> {
        enum PerfMark {}
        static PERF_SITE: #private::Site = #private::Site::new(
            #private::Source {
                name: #name,
                path: #private::type_path::<PerfMark>,
                ident: #ident,
                module: #private::module_path!(),
                file: #file,
                line: #line,
            },
            #settings,
        );
        &PERF_SITE
    }}
}

fn settings(private: &TokenStream, options: &Options, is_lazy: bool) -> TokenStream {
    let span = Span::mixed_site();
    let cpu = options.cpu.as_ref().is_none_or(|given| given.value);
    let alloc = options.alloc.as_ref().is_none_or(|given| given.value);
    let sample = options.sample.as_ref().map(|given| given.value);
    let hot = options.hot.as_ref().map(|given| given.value);
    let is_root = options.root.is_some();
    if cpu && alloc && sample.is_none() && hot.is_none() && options.bounded.is_none() {
        let default = quote_spanned!(span=> #private::Options::DEFAULT);
        return match (is_lazy, is_root) {
            (false, false) => default,
            _ => quote_spanned!(span=> #private::Options { lazy: #is_lazy, root: #is_root, ..#default }),
        };
    }
    let sample = match sample {
        None => quote_spanned!(span=> Default),
        Some(Sample::Always) => quote_spanned!(span=> Always),
        Some(Sample::Never) => quote_spanned!(span=> Never),
        Some(Sample::OneIn(n)) => quote_spanned!(span=> OneIn(#n)),
    };
    let hot = match hot {
        None => quote_spanned!(span=> #private::None),
        Some(Hot::Rest) => quote_spanned!(span=> #private::Some(#private::Hot::Rest)),
        Some(Hot::Count) => quote_spanned!(span=> #private::Some(#private::Hot::Count)),
    };
    let bounded = match &options.bounded {
        None => quote_spanned!(span=> 0),
        Some(bytes) => {
            let bytes = &bytes.value;
            quote_spanned!(span=> #private::bytes(#bytes))
        }
    };
    quote_spanned!(span=> #private::Options {
        sample: #private::Sample::#sample,
        hot: #hot,
        cpu: #cpu,
        alloc: #alloc,
        bounded: #bounded,
        lazy: #is_lazy,
        root: #is_root,
    })
}

/// The file and the line of a span.
///
/// PERF: two literals cost less compile time than `file!()` and `line!()`. They are also correct
/// inside a measured `mod`, where `line!()` would give the line of the attribute on the `mod`.
fn position(span: Span) -> (Literal, Literal) {
    let (file, line) = if proc_macro::is_available() {
        let span = span.unwrap();
        (span.file(), span.line())
    } else {
        (String::new(), 0)
    };
    (Literal::string(&file), Literal::u32_unsuffixed(u32::try_from(line).unwrap_or(0)))
}
