//! Local names that could be confused with names in generated code.
#![allow(dead_code, non_camel_case_types, unused_macros, non_upper_case_globals)]

mod std {}
mod core {}
mod alloc {}
mod perf_sdk {}
mod __private {}

use ::perf_sdk::profiled;

struct Result<T, E>(T, E);
struct Option;
struct Box;
struct Some;
struct None;
struct Ok;
struct Err;
struct Site;
struct Guard;
struct Source;
struct Options;
struct Future;
struct PerfMark;
struct String;
type u32 = &'static str;
type bool = ();
type str = u8;
const PERF_SITE: () = ();

macro_rules! line {
    () => {
        compile_error!("the user's own")
    };
}
macro_rules! file {
    () => {
        compile_error!("the user's own")
    };
}
macro_rules! module_path {
    () => {
        compile_error!("the user's own")
    };
}
macro_rules! concat {
    () => {
        compile_error!("the user's own")
    };
}
macro_rules! panic {
    () => {
        compile_error!("the user's own")
    };
}

/// Methods on every type, with the names that generated code calls.
trait outcome {
    fn finish(&self) {}
    fn deref(&self) {}
}
impl<T> outcome for T {}

fn enter() {}
fn call() {}
fn future() {}

#[profiled]
fn plain(value: i32, _guard: i32, _scope: i32, site: i32) -> i32 {
    value + _guard + _scope + site
}

#[profiled(error = display)]
fn fails(value: i32, guard: i32, site: i32) -> ::std::result::Result<i32, i32> {
    let call = value + guard;
    let outcome = call + site;
    ::std::result::Result::Err(outcome)
}

#[profiled]
fn own_result(value: i32) -> Result<i32, Ok> {
    Result(value, Ok)
}

#[profiled(error = display)]
async fn fails_later(value: i32, site: i32) -> ::std::result::Result<i32, i32> {
    ::std::future::ready(()).await;
    ::std::result::Result::Err(value + site)
}

#[profiled]
fn boxed(value: i32) -> ::std::pin::Pin<::std::boxed::Box<dyn ::std::future::Future<Output = i32>>> {
    if value == 0 {
        return ::std::boxed::Box::pin(::std::future::ready(1));
    }
    ::std::boxed::Box::pin(async move { value })
}

#[profiled]
fn opaque(value: i32) -> impl ::std::future::Future<Output = i32> {
    ::std::future::ready(value)
}

struct Generic<site, guard>(site, guard);

#[profiled]
impl<site, guard> Generic<site, guard> {
    fn new(value: site, _guard: guard) -> Self {
        Self(value, _guard)
    }
}

#[profiled]
fn scoped() -> i32 {
    let _scope = 1;
    ::perf_sdk::scope!("hostile scope");
    _scope
}

#[test]
fn hostile_local_names() {
    assert_eq!(plain(1, 2, 3, 4), 10);
    assert_eq!(fails(1, 2, 3), ::std::result::Result::Err(6));
    assert_eq!(own_result(1).0, 1);
    assert_eq!(crate::block_on(fails_later(1, 2)), ::std::result::Result::Err(3));
    assert_eq!(crate::block_on(boxed(0)) + crate::block_on(boxed(2)), 3);
    assert_eq!(crate::block_on(opaque(4)), 4);
    assert_eq!(Generic::new(1, 2).1, 2);
    assert_eq!(scoped(), 1);
    let module = ::std::module_path!();
    for (name, outcomes) in [
        ("plain", [1, 0, 0, 0]),
        ("fails", [0, 1, 0, 0]),
        ("own_result", [1, 0, 0, 0]),
        ("fails_later", [0, 1, 0, 0]),
        ("boxed", [2, 0, 0, 0]),
        ("opaque", [1, 0, 0, 0]),
        ("Generic::new", [1, 0, 0, 0]),
        ("scoped", [1, 0, 0, 0]),
        ("hostile scope", [1, 0, 0, 0]),
    ] {
        assert_eq!(crate::outcomes(module, name), outcomes, "{name}");
    }
    assert_eq!(crate::find(module, "fails").unwrap().last_error.as_deref(), ::std::option::Option::Some("6"));
}
