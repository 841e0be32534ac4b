//! Generated code passes every lint that a strict crate denies. The groups of clippy are tested
//! when clippy runs.
#![forbid(unsafe_code)]
#![deny(missing_docs, unused, nonstandard_style, rust_2018_idioms, let_underscore)]
#![deny(unused_qualifications, unused_results, single_use_lifetimes, trivial_casts, missing_debug_implementations)]
#![deny(clippy::all, clippy::pedantic, clippy::nursery, clippy::cargo)]

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use perf_sdk::profiled;

use crate::{Yield, assert_recorded, block_on};

/// A number.
#[derive(Debug, Clone, Default)]
pub struct Number(u32);

#[profiled]
fn single_expression() -> u32 {
    1
}

#[profiled]
fn nothing_at_all() {}

#[profiled]
#[rustfmt::skip]
fn tail_block(value: u32) -> u32 {
    {
        value + 1
    }
}

#[profiled]
fn items_first(value: u32) -> u32 {
    use std::cmp::max;
    const LIMIT: u32 = 3;
    const fn half(value: u32) -> u32 {
        value / 2
    }
    max(half(value), LIMIT)
}

#[profiled]
fn items_first_in_a_result(value: u32) -> Result<u32, fmt::Error> {
    use std::cmp::max;
    const LIMIT: u32 = 3;
    if value == 0 {
        return Err(fmt::Error);
    }
    Ok(max(value, LIMIT))
}

#[profiled]
async fn items_first_in_an_async_fn(value: u32) -> Result<u32, fmt::Error> {
    use std::cmp::max;
    const LIMIT: u32 = 3;
    Yield::default().await;
    if value == 0 {
        return Err(fmt::Error);
    }
    Ok(max(value, LIMIT))
}

#[profiled(error = display)]
fn one_call(text: &str) -> Result<u32, std::num::ParseIntError> {
    text.parse()
}

#[profiled(error = display, cpu = false)]
async fn one_async_call(text: String) -> Result<u32, std::num::ParseIntError> {
    Yield::default().await;
    text.parse()
}

#[profiled]
fn forwards() -> Result<u32, fmt::Error> {
    helper()
}

#[profiled(sample = always)]
fn helper() -> Result<u32, fmt::Error> {
    let mut text = String::new();
    fmt::write(&mut text, format_args!("x"))?;
    text.len().to_string().parse().map_err(|_| fmt::Error)
}

#[profiled]
fn boxed(text: &str) -> Pin<Box<dyn Future<Output = usize> + Send + '_>> {
    Box::pin(async move { text.len() })
}

#[profiled]
fn boxed_early(text: &str) -> Pin<Box<dyn Future<Output = usize> + Send + '_>> {
    if text.is_empty() {
        return Box::pin(std::future::ready(9));
    }
    Box::pin(async move { text.len() })
}

#[profiled]
fn opaque(text: &str) -> impl Future<Output = usize> + Send {
    std::future::ready(text.len())
}

#[profiled]
fn assert_send<T: Send>() {}

/// Small enough to be copied.
#[derive(Debug, Copy, PartialEq, Eq)]
pub struct Small(u32);

#[allow(clippy::expl_impl_clone_on_copy)]
#[profiled]
impl Clone for Small {
    fn clone(&self) -> Self {
        *self
    }
}

#[profiled]
impl PartialOrd for Small {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

trait Pairs {
    /// A type as complex as clippy allows only in the `impl` of a trait.
    #[allow(clippy::type_complexity)]
    fn pairs(&self, _lock: Vec<u32>, rest: Vec<u32>) -> Result<(usize, Vec<u32>), ((usize, Self), (usize, Vec<Self>))>
    where
        Self: Sized;
}

#[profiled]
impl Pairs for Small {
    fn pairs(&self, _lock: Vec<u32>, rest: Vec<u32>) -> Result<(usize, Vec<u32>), ((usize, Self), (usize, Vec<Self>))> {
        if rest.is_empty() {
            return Err(((1, *self), (1, vec![*self])));
        }
        Ok((1, rest))
    }
}

impl Ord for Small {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}

#[profiled]
impl Number {
    /// The next one.
    ///
    /// # Errors
    /// At the end.
    pub fn next(&mut self) -> Result<&mut Self, fmt::Error> {
        self.0 = self.0.checked_add(1).ok_or(fmt::Error)?;
        Ok(self)
    }

    /// The sum.
    #[must_use]
    pub fn plus(mut self, other: &Self) -> Self {
        self.0 += other.0;
        self
    }

    /// Both.
    ///
    /// # Errors
    /// When they are equal.
    pub fn both(self, other: Self) -> Result<(Self, Self), fmt::Error> {
        if self.0 == other.0 { Err(fmt::Error) } else { Ok((self, other)) }
    }

    /// Waits.
    pub async fn wait(&self, times: Vec<()>) -> u32 {
        for () in times {
            Yield::default().await;
        }
        self.0
    }
}

#[test]
fn generated_code_passes_strict_lints() {
    perf_sdk::scope!("linted scope");
    assert_eq!(single_expression() + tail_block(1) + items_first(8), 7);
    nothing_at_all();
    assert_send::<Number>();
    assert!(Small(1) < Small(2));
    assert!(Small(1).pairs(Vec::new(), Vec::new()).is_err_and(|error| error.0.1 == Small(1)));
    assert_recorded!("<Small as Pairs>::pairs", [0, 1, 0, 0]);
    assert_recorded!("<Small as PartialOrd>::partial_cmp", [1, 0, 0, 0]);
    assert_eq!(items_first_in_a_result(4), Ok(4));
    assert_eq!(block_on(items_first_in_an_async_fn(4)), Ok(4));
    assert_eq!((one_call("3"), block_on(one_async_call(String::from("3")))), (Ok(3), Ok(3)));
    assert_eq!(forwards(), Ok(1));
    assert_eq!(block_on(boxed("ab")) + block_on(boxed_early("")) + block_on(opaque("a")), 12);
    let mut number = Number::default();
    assert_eq!(number.next().map(|number| number.0), Ok(1));
    let (first, second) = number.plus(&Number(1)).both(Number(5)).unwrap_or_default();
    assert_eq!(block_on(first.wait(vec![(), ()])) + second.0, 7);
    assert_recorded!("Number::wait", [1, 0, 0, 0]);
    assert_recorded!("forwards", [1, 0, 0, 0]);
}
