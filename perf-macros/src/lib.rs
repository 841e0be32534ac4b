//! The `#[profiled]` attribute of perf-sdk. Use it through that crate.
//!
//! One file a phase: `ast` finds out what the attribute stands on, `attr` reads its options,
//! `valid` refuses what cannot work, `expand` and `delegate` write the code, `fallback` reports a
//! mistake and keeps the user's item. Generated code names nothing but `perf_sdk::__private`;
//! everything that runs is there.

#![forbid(unsafe_code)]

mod arguments;
mod ast;
mod attr;
mod delegate;
mod expand;
mod fallback;
mod returns;
mod signature;
mod site;
mod tokens;
mod valid;

use proc_macro2::TokenStream;

/// Measures every call of a function: how long it took, its CPU time, what it allocated, and how it
/// ended.
///
/// It goes on a function or method with a body, of any kind but `const fn`: `async`, generic,
/// `unsafe`, `extern "C"`, `#[test]`, `main`. A function that returns a future (`async fn`,
/// `-> impl Future`, `-> Pin<Box<dyn Future>>`, also one that `async_trait` wrote) is measured
/// while the future runs, from its first poll until it completes or is dropped. A function whose
/// return type is called `Result` counts as failed when it returns `Err`.
///
/// On an `impl`, a `trait` or an inline `mod` it measures every function inside, also in `impl`s,
/// `trait`s and `mod`s inside of that; `const fn`s and functions without a body are left alone.
///
/// # Options
///
/// | option | meaning | also on `impl`, `trait`, `mod` |
/// |---|---|---|
/// | `name = "…"` | the name to report, instead of `function` or `Type::method`; any constant expression | |
/// | `skip` | do not measure; leaves one item out of a measured `impl`, `trait` or `mod` | yes |
/// | `sample = always` | measure every call, whatever is configured | yes |
/// | `sample = "10%"`, `sample = "1/64"` | measure one call in so many, at most 4096, at random; it stands for them | yes |
/// | `sample = never` | count calls and outcomes, measure none | yes |
/// | `hot = count` | count its calls even where that takes more than the budget, whatever is configured | yes |
/// | `hot = rest` | estimate its calls where counting them takes more than the budget, whatever is configured; not beside `sample = always` | yes |
/// | `cpu = false` | leave thread CPU time out | yes |
/// | `alloc = false` | leave allocations out | yes |
/// | `bounded = 64 << 20` | what it and its callees allocate may hold so many bytes at a time, any constant `usize` expression: a cache, say, which the leak detector then does not suspect | |
/// | `result = true` | the return type is a `Result` under another name | |
/// | `result = false` | an `Err` is nothing unusual here: every return counts as ok | |
/// | `future = true` | the return type is an alias of a boxed future | |
/// | `future = false` | measure the call that makes the future, not the future | |
/// | `error = display` | keep the text of the last error, at most 256 bytes | yes |
/// | `crate = path` | where perf-sdk is, if it is renamed or re-exported | yes |
///
/// Options of a function go before those of what it stands in.
///
/// # Errors
///
/// A wrong option, or an item that cannot be measured, is one compile error that names what is
/// allowed. The item itself is still compiled, so that no other error follows.
///
/// # Cost
///
/// One `static` and one guard a function; a function that returns a `Result` also gets a closure
/// around its body, a future a wrapper of 64 bytes around it. Clippy reads the function as it is
/// written. Nothing is boxed, except that a function with a boxed future that does not end in
/// `Box::pin(…)`, or that can return early, boxes it once more.
///
/// # Blind spots
///
/// - A `#[track_caller]` function counts as ok unless it panics: a closure around its body would
///   hide the caller.
/// - Parameters that the body does not use are dropped after the measurement ends.
/// - What a function does before it makes its future is not part of the future's time.
/// - What a returned iterator, stream or closure does is not measured: it runs later. The page says
///   `lazy` of a function whose return type tells (`impl Iterator`, `Box<dyn Stream>`); measure
///   what it does, or a future by `future = true`.
/// - `-> impl Future` with more bounds than `Future`, auto traits and lifetimes measures the making
///   of the future only, because the wrapper would not have those bounds; `future = true` insists.
/// - An `async fn` becomes a function that returns its future, and documentation shows it so. It
///   stays an `async fn`, with a future in its future and arguments in both, where that could be
///   told: below other attributes than those of the compiler (`#[tokio::main]`, `#[must_use]`),
///   `unsafe`, with `impl Trait` or `!` as its output, or with an argument that has a destructor
///   and is not mentioned in the body, or only in parts.
/// - The compiler follows 128 types in each other, and a measured future is four of them where one
///   without is three: 30 levels of `async fn`s that are called directly, instead of 40;
///   `#![recursion_limit = "256"]` makes it 60.
/// - An argument of a `Result`'s function that is only written to has two warnings instead of one.
#[proc_macro_attribute]
pub fn profiled(args: proc_macro::TokenStream, item: proc_macro::TokenStream) -> proc_macro::TokenStream {
    expand(args.into(), item.into()).unwrap_or_else(|mistake| mistake).into()
}

/// [`macro@profiled`] when measuring is switched off at compile time: the item as it stands.
/// Mistakes are reported all the same.
#[doc(hidden)]
#[proc_macro_attribute]
pub fn unprofiled(args: proc_macro::TokenStream, item: proc_macro::TokenStream) -> proc_macro::TokenStream {
    match expand(args.into(), item.clone().into()) {
        Ok(_) => item,
        Err(mistake) => mistake.into(),
    }
}

/// The code; or what stands in for it after a mistake.
fn expand(args: TokenStream, item: TokenStream) -> Result<TokenStream, TokenStream> {
    let item = ast::Item::new(item);
    let options = attr::Options::parse(args);
    options.and_then(|options| rewrite(options, &item)).map_err(|error| fallback::expand(&item, &error))
}

fn rewrite(mut options: attr::Options, item: &ast::Item) -> syn::Result<TokenStream> {
    // The attribute may stand on the item once more, when a container or a `cfg_attr` put it there.
    let item = &item.without_profiled(|args| options.inherit_from(args))?;
    if options.skip.is_some() {
        return Ok(item.to_token_stream());
    }
    match valid::target(item, &options)? {
        valid::Target::Function(function) => Ok(expand::function(item, &function, &options)),
        valid::Target::Container(members) => delegate::container(item, members, &options),
    }
}
