//! Functions that return futures: measured from the first poll until they complete or are dropped.

use std::error::Error;
use std::future::{Future, ready};
use std::mem::size_of_val;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Waker};

use async_trait::async_trait;
use perf_sdk::profiled;

use crate::{Yield, assert_recorded, block_on};

fn assert_send<T: Send + Sync>(value: T) -> T {
    value
}

#[profiled]
async fn adds(a: &u32, b: u32) -> u32 {
    Yield::default().await;
    a + b
}

#[profiled]
async fn nothing() {
    Yield::default().await;
}

#[test]
fn an_async_fn() {
    assert_eq!(block_on(assert_send(adds(&1, 2))), 3);
    block_on(nothing());
    assert_recorded!("adds", [1, 0, 0, 0]);
    let found = crate::find(module_path!(), "adds").unwrap();
    assert_eq!(found.future.unwrap().polls, 2);
    assert_recorded!("nothing", [1, 0, 0, 0]);
}

#[profiled]
async fn tries(text: &str) -> Result<u32, Box<dyn Error>> {
    if text.is_empty() {
        return Err("empty".into());
    }
    let number: u32 = text.parse()?;
    Yield::default().await;
    Ok(number)
}

#[profiled]
async fn coerces(early: bool) -> Box<dyn Fn() -> u32> {
    if early {
        return Box::new(|| 1);
    }
    Yield::default().await;
    Box::new(|| 2)
}

#[profiled]
async fn coerces_in_a_result(early: bool) -> Result<Box<dyn Fn() -> u32>, ()> {
    if early {
        return Ok(Box::new(|| 1));
    }
    Ok(Box::new(|| 2))
}

#[test]
fn an_async_fn_of_a_result() {
    assert_eq!(block_on(tries("4")).unwrap(), 4);
    assert!(block_on(tries("")).is_err());
    assert!(block_on(tries("x")).is_err());
    assert_recorded!("tries", [1, 2, 0, 0]);
}

#[test]
fn box_dyn_coercions_at_an_async_return() {
    assert_eq!(block_on(coerces(true))() + block_on(coerces(false))(), 3);
    assert_eq!(block_on(coerces_in_a_result(true)).unwrap()(), 1);
    assert_eq!(block_on(coerces_in_a_result(false)).unwrap()(), 2);
    assert_recorded!("coerces", [2, 0, 0, 0]);
    assert_recorded!("coerces_in_a_result", [2, 0, 0, 0]);
}

#[profiled]
async fn opaque(fail: bool) -> Result<impl Iterator<Item = u32>, Box<dyn Error>> {
    if fail {
        Err("no")?;
    }
    Ok(1..3)
}

#[profiled]
async fn all_opaque() -> impl Iterator<Item = u32> {
    1..3
}

#[profiled]
async fn never() -> ! {
    Yield::default().await;
    panic!("on purpose")
}

#[profiled]
async fn diverges() {
    Yield::default().await;
    loop {
        assert_eq!(block_on(all_opaque()).count(), 0, "on purpose");
    }
}

#[test]
fn async_fns_of_opaque_and_never() {
    assert_eq!(block_on(opaque(false)).unwrap().sum::<u32>(), 3);
    assert!(block_on(opaque(true)).is_err());
    assert_eq!(block_on(all_opaque()).sum::<u32>(), 3);
    assert!(std::panic::catch_unwind(|| block_on(never())).is_err());
    assert!(std::panic::catch_unwind(|| block_on(diverges())).is_err());
    assert_recorded!("opaque", [1, 1, 0, 0]);
    assert_recorded!("all_opaque", [2, 0, 0, 0]);
    assert_recorded!("never", [0, 0, 1, 0]);
    assert_recorded!("diverges", [0, 0, 1, 0]);
}

struct Store {
    items: Vec<u32>,
}

impl Store {
    #[profiled]
    async fn last(&mut self) -> Result<&mut u32, &'static str> {
        Yield::default().await;
        self.items.last_mut().ok_or("empty")
    }

    #[profiled]
    async fn into_sum(mut self, extra: u32) -> u32 {
        self.items.push(extra);
        Yield::default().await;
        self.items.iter().sum()
    }

    #[profiled]
    async unsafe fn get(&self, at: usize) -> Result<u32, ()> {
        // SAFETY: as the caller guarantees.
        Ok(unsafe { *self.items.get_unchecked(at) })
    }
}

#[test]
fn async_methods() {
    let mut store = Store { items: vec![1] };
    *block_on(store.last()).unwrap() += 1;
    // SAFETY: there is one item.
    assert_eq!(block_on(unsafe { store.get(0) }), Ok(2));
    assert_eq!(block_on(store.into_sum(5)), 7);
    assert_recorded!("Store::last", [1, 0, 0, 0]);
    assert_recorded!("Store::get", [1, 0, 0, 0]);
    assert_recorded!("Store::into_sum", [1, 0, 0, 0]);
}

trait Fetch {
    async fn fetch(&self, fail: bool) -> Result<u32, u32>;

    #[profiled]
    async fn twice(&self) -> Result<u32, u32> {
        Ok(self.fetch(false).await? + self.fetch(true).await?)
    }

    fn later(&self) -> impl Future<Output = u32> + Send;
}

impl Fetch for Store {
    #[profiled]
    async fn fetch(&self, fail: bool) -> Result<u32, u32> {
        Yield::default().await;
        if fail { Err(self.items[0]) } else { Ok(self.items[0]) }
    }

    #[profiled]
    fn later(&self) -> impl Future<Output = u32> + Send {
        let first = self.items[0];
        async move {
            Yield::default().await;
            first
        }
    }
}

#[test]
fn async_fns_in_traits() {
    let store = Store { items: vec![4] };
    assert_eq!(block_on(store.twice()), Err(4));
    assert_eq!(block_on(store.later()), 4);
    assert_recorded!("Fetch::twice", [0, 1, 0, 0]);
    assert_recorded!("<Store as Fetch>::fetch", [1, 1, 0, 0]);
    assert_recorded!("<Store as Fetch>::later", [1, 0, 0, 0]);
}

#[async_trait]
trait Remote {
    async fn call(&self, text: &str) -> Result<u32, Box<dyn Error + Send + Sync>>;

    #[profiled]
    async fn call_or_zero(&self, text: &str) -> u32
    where
        Self: Sync,
    {
        self.call(text).await.unwrap_or(0)
    }
}

struct Local;
struct Other;

#[async_trait]
impl Remote for Local {
    #[profiled]
    async fn call(&self, text: &str) -> Result<u32, Box<dyn Error + Send + Sync>> {
        if text.is_empty() {
            return Err("empty".into());
        }
        Yield::default().await;
        Ok(text.parse()?)
    }
}

// The other order: the attribute of the container is above `async_trait`.
#[profiled]
#[async_trait]
impl Remote for Other {
    async fn call(&self, text: &str) -> Result<u32, Box<dyn Error + Send + Sync>> {
        Yield::default().await;
        Ok(text.parse()?)
    }
}

#[test]
fn behind_async_trait() {
    let remote: &dyn Remote = &Local;
    assert_eq!(block_on(assert_send_only(remote.call("5"))).unwrap(), 5);
    assert!(block_on(remote.call("")).is_err());
    assert_eq!(block_on(Other.call_or_zero("x")), 0);
    assert_recorded!("<Local as Remote>::call", [1, 1, 0, 0]);
    let polls = crate::find(module_path!(), "<Local as Remote>::call").unwrap().future.unwrap().polls;
    assert_eq!(polls, 3, "the future is measured, not the call that creates it");
    assert_recorded!("Remote::call_or_zero", [1, 0, 0, 0]);
    assert_recorded!("<Other as Remote>::call", [0, 1, 0, 0]);
}

fn assert_send_only<T: Send>(value: T) -> T {
    value
}

#[profiled]
fn returns_impl(base: u32) -> impl Future<Output = Result<u32, String>> + Send + Sync + 'static {
    let doubled = base * 2;
    async move {
        Yield::default().await;
        if doubled > 10 {
            return Err(String::from("large"));
        }
        Ok(doubled)
    }
}

#[profiled]
fn returns_early_impl(early: bool) -> impl Future<Output = u32> + Unpin {
    if early {
        return ready(1);
    }
    ready(2)
}

#[allow(clippy::manual_async_fn)] // the path of a future is tested
#[profiled]
fn returns_std_path<'a>(text: &'a str) -> impl core::future::Future<Output = &'a str> + 'a {
    async move { text.trim() }
}

#[test]
fn a_function_that_returns_impl_future() {
    assert_eq!(block_on(assert_send(returns_impl(2))), Ok(4));
    assert_eq!(block_on(returns_impl(6)), Err(String::from("large")));
    assert_eq!(block_on(returns_early_impl(true)) + block_on(returns_early_impl(false)), 3);
    assert_eq!(block_on(returns_std_path(" a ")), "a");
    assert_recorded!("returns_impl", [1, 1, 0, 0]);
    assert_recorded!("returns_early_impl", [2, 0, 0, 0]);
    assert_recorded!("returns_std_path", [1, 0, 0, 0]);
}

/// A trait bound that the wrapper future does not implement.
trait Named {
    fn name(&self) -> &'static str {
        "named"
    }
}

impl Named for std::future::Ready<u32> {}

#[profiled]
fn more_bounds() -> impl Future<Output = u32> + Named {
    ready(1)
}

#[test]
fn impl_future_with_other_bounds_keeps_them() {
    let future = more_bounds();
    assert_eq!(future.name(), "named");
    assert_eq!(block_on(future), 1);
    // The call that creates the future is measured.
    assert_recorded!("more_bounds", [1, 0, 0, 0]);
    assert!(crate::find(module_path!(), "more_bounds").unwrap().future.is_none());
}

#[profiled]
fn returns_boxed<'a>(text: &'a str) -> Pin<Box<dyn Future<Output = Result<usize, &'a str>> + Send + 'a>> {
    let length = text.len();
    Box::pin(async move {
        Yield::default().await;
        if length == 0 {
            return Err(text);
        }
        Ok(length)
    })
}

#[profiled]
fn returns_boxed_early(early: bool) -> Pin<Box<dyn Future<Output = u32>>> {
    if early {
        return Box::pin(ready(1));
    }
    Box::pin(async { 2 })
}

#[profiled]
fn returns_anothers_box(text: &str) -> Pin<Box<dyn Future<Output = Result<usize, &str>> + Send + '_>> {
    returns_boxed(text)
}

#[test]
fn a_function_that_returns_a_boxed_future() {
    assert_eq!(block_on(assert_send_only(returns_boxed("ab"))), Ok(2));
    assert_eq!(block_on(returns_anothers_box("")), Err(""));
    assert_eq!(block_on(returns_boxed_early(true)) + block_on(returns_boxed_early(false)), 3);
    assert_recorded!("returns_boxed", [1, 1, 0, 0]);
    assert_recorded!("returns_anothers_box", [0, 1, 0, 0]);
    assert_recorded!("returns_boxed_early", [2, 0, 0, 0]);
}

#[profiled]
async fn recursive(depth: u32) -> u32 {
    if depth == 0 { 0 } else { 1 + Box::pin(recursive(depth - 1)).await }
}

#[test]
fn a_recursive_async_fn() {
    assert_eq!(block_on(recursive(3)), 3);
    assert_recorded!("recursive", [4, 0, 0, 0]);
}

#[profiled]
async fn is_cancelled() -> Result<(), ()> {
    std::future::pending().await
}

#[test]
fn a_future_dropped_on_the_way_is_cancelled() {
    {
        let mut future = pin!(is_cancelled());
        assert!(future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    assert_recorded!("is_cancelled", [0, 0, 0, 1]);
}

#[profiled]
async fn not_send() -> usize {
    let shared = Rc::new(1);
    Yield::default().await;
    Rc::strong_count(&shared)
}

#[test]
fn a_future_that_is_not_send() {
    assert_eq!(block_on(not_send()), 1);
    assert_recorded!("not_send", [1, 0, 0, 0]);
}

#[profiled]
async fn with_async_closures(values: Vec<u32>) -> u32 {
    let add = async |value: u32| {
        Yield::default().await;
        value + 1
    };
    let mut sum = 0;
    for value in values {
        sum += add(value).await;
    }
    sum
}

#[test]
fn async_closures_inside() {
    assert_eq!(block_on(with_async_closures(vec![1, 2])), 5);
    assert_recorded!("with_async_closures", [1, 0, 0, 0]);
}

#[profiled]
async fn patterns((a, mut b): (u32, Vec<u32>), _: u32, [first, ..]: [String; 2]) -> Result<usize, ()> {
    b.push(a);
    Yield::default().await;
    Ok(b.len() + first.len())
}

#[test]
fn pattern_arguments_of_an_async_fn() {
    assert_eq!(block_on(patterns((1, vec![2]), 3, [String::from("ab"), String::new()])), Ok(4));
    assert_recorded!("patterns", [1, 0, 0, 0]);
}

mod unmeasured {
    pub async fn large(bytes: [u8; 1024]) -> u8 {
        crate::Yield::default().await;
        bytes[0]
    }

    pub async fn small() -> u8 {
        crate::Yield::default().await;
        1
    }

    pub async fn fails(text: String, _held: String) -> Result<u32, std::num::ParseIntError> {
        crate::Yield::default().await;
        text.parse()
    }
}

#[profiled]
async fn large(bytes: [u8; 1024]) -> u8 {
    Yield::default().await;
    bytes[0]
}

#[allow(clippy::toplevel_ref_arg)] // this is tested
#[profiled]
async fn borrows_of_its_arguments(ref text: String, (ref first, _): (u8, u8)) -> usize {
    Yield::default().await;
    text.len() + usize::from(*first)
}

#[profiled]
async fn arguments_that_may_not_be_there(#[cfg(not(unix))] text: String, #[cfg(unix)] number: usize) -> usize {
    #[cfg(not(unix))]
    let number = text.len();
    Yield::default().await;
    number
}

fn is_send<T: Send>(_: &T) {}

/// Unused arguments are also part of the future, so whether the future is `Send` does not depend on
/// the attribute.
#[profiled]
async fn holds_what_it_does_not_mention(_unused: &std::sync::Mutex<u32>, #[allow(unused)] other: &u32) -> u8 {
    Yield::default().await;
    1
}

#[test]
fn odd_arguments_of_async_fns() {
    assert_eq!(block_on(borrows_of_its_arguments("abc".into(), (4, 5))), 7);
    assert_eq!(block_on(arguments_that_may_not_be_there(7)), 7);
    let lock = std::sync::Mutex::new(1);
    let held = holds_what_it_does_not_mention(&lock, &2);
    is_send(&held);
    assert_eq!(block_on(held), 1);
}

#[profiled]
async fn small() -> u8 {
    Yield::default().await;
    1
}

#[profiled]
async fn fails(text: String, _held: String) -> Result<u32, std::num::ParseIntError> {
    Yield::default().await;
    text.parse()
}

#[test]
fn a_future_is_not_boxed_and_grows_by_64_bytes_at_most() {
    let plain = [
        size_of_val(&unmeasured::small()),
        size_of_val(&unmeasured::fails(String::new(), String::new())),
        size_of_val(&unmeasured::large([0; 1024])),
    ];
    let measured =
        [size_of_val(&small()), size_of_val(&fails(String::new(), String::new())), size_of_val(&large([0; 1024]))];
    for (plain, measured) in plain.into_iter().zip(measured) {
        // The size is aligned for pointers.
        assert!(measured <= plain.next_multiple_of(8) + 64, "{measured} bytes, {plain} without");
    }
    assert!(measured[2] > 1024, "{measured:?} bytes: boxed");
    assert_eq!(block_on(large([7; 1024])), 7);
    assert_eq!(block_on(small()), 1);
    assert_eq!(block_on(fails("3".into(), String::new())), Ok(3));
    assert_recorded!("fails", [1, 0, 0, 0]);
}

macro_rules! levels {
    ($name:ident) => {
        #[profiled]
        async fn $name(value: u64) -> u64 {
            Yield::default().await;
            value
        }
    };
    ($name:ident $next:ident $($rest:ident)*) => {
        levels!($next $($rest)*);

        #[profiled]
        async fn $name(value: u64) -> u64 {
            $next(value + 1).await
        }
    };
}

levels!(l0 l1 l2 l3 l4 l5 l6 l7 l8 l9 l10 l11 l12 l13 l14 l15 l16 l17 l18 l19 l20 l21 l22 l23 l24 l25 l26 l27 l28 l29);

/// For `Send`, the compiler needs one level of recursion for each nested type, with a limit of 128.
#[test]
fn thirty_nested_futures_compile() {
    assert_eq!(block_on(assert_send(l0(1))), 30);
    assert_recorded!("l29", [1, 0, 0, 0]);
}
