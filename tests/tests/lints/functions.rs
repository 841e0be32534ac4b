//! Functions with many lint findings, each with `#[profiled]` on a separate line.

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Mutex;

#[profiled]
fn unused_argument(used: u32, unused: u32) -> u32 {
    return used;
}

#[profiled]
fn unused_arguments_of_a_result(used: String, unused: String, other: Vec<u8>) -> Result<u32, std::num::ParseIntError> {
    let value = used.parse()?;
    return Ok(value);
}

#[profiled]
async fn unused_arguments_of_a_future(used: String, unused: String, (left, right): (String, u32)) -> usize {
    std::future::ready(()).await;
    used.len() + left.len()
}

#[profiled]
async fn unused_arguments_of_a_future_of_a_result(used: u32, unused: u32, other: &str) -> Result<u32, ()> {
    std::future::ready(()).await;
    Ok(used)
}

#[profiled]
fn unused_argument_of_a_named_future(used: u32, unused: u32) -> impl Future<Output = u32> {
    async move { return used; }
}

#[profiled]
fn unused_argument_of_a_boxed_future(used: u32, unused: u32) -> Pin<Box<dyn Future<Output = u32> + Send>> {
    Box::pin(async move { used })
}

#[profiled]
fn unused_in_the_body(mut text: String, mut count: u32) -> Result<String, ()> {
    let unused = 1;
    let mut never_changed = 2;
    if count == 1 {
        count = 3;
    }
    println!("{count}");
    text.push_str("x");
    if never_changed == 2 {
        return Err(());
    }
    Ok(text)
}

#[profiled]
fn in_a_format(name: String, other: String) -> Result<(), std::fmt::Error> {
    println!("{name}");
    Err(std::fmt::Error)?;
    Ok(())
}

#[profiled]
async fn nothing_is_awaited(value: u32) -> u32 {
    value
}

#[profiled]
async fn not_send(value: Rc<u32>) -> u32 {
    std::future::ready(()).await;
    *value
}

#[profiled]
async fn holds_a_lock(lock: &Mutex<u32>) -> u32 {
    let held = lock.lock().unwrap();
    std::future::ready(()).await;
    *held
}

#[profiled]
fn by_value(text: String, list: Vec<u32>) -> Result<usize, ()> {
    if list.is_empty() {
        return Err(());
    }
    Ok(text.len() + list[0] as usize)
}

#[profiled]
pub fn should_be_documented(text: &String) -> Result<u32, String> {
    if text.len() > 3 {
        panic!("too long");
    }
    text.parse::<u32>().map_err(|error| error.to_string())
}

#[profiled]
pub fn only_ok(value: u32) -> Result<u32, ()> {
    Ok(value + 1)
}

#[profiled]
pub fn could_be_const() -> u32 {
    42
}

#[profiled]
fn too_many(a: u8, b: u8, c: u8, d: u8, e: u8, f: u8, g: u8, h: u8, flag: bool, other: bool, third: bool, more: bool) -> u8 {
    if flag && other && third && more { a + b + c + d } else { e + f + g + h }
}

#[profiled]
fn late_items(value: u32) -> Result<u32, ()> {
    let doubled = value * 2;
    use std::cmp::max;
    let value = max(doubled, 1);
    let value = value as u64 as u32;
    drop(value);
    Ok(value)
}

#[profiled]
fn a_lifetime_that_is_used_once<'a>(text: &'a str) -> usize {
    text.len()
}

#[profiled]
fn complex(value: Option<Result<Vec<Box<dyn Fn(u32) -> Option<u32>>>, Box<dyn std::error::Error + Send + Sync>>>) -> Result<Vec<Option<Box<dyn Fn(Vec<u32>, Vec<u32>) -> Option<Vec<u32>>>>>, ()> {
    match value {
        Some(_) => return Ok(Vec::new()),
        None => return Err(()),
    }
}

#[profiled]
fn type_parameter_that_nobody_uses<T>() {}

#[profiled]
#[inline(always)]
fn always_inlined(x: f32) -> bool {
    x == 1.0
}

#[profiled]
fn underscored(_text: String, _count: u32) -> Result<usize, ()> {
    if _count == 1 {
        Err(())?;
    }
    Ok(_text.len())
}

#[profiled]
fn nobody_calls() {}

#[profiled]
#[must_use]
async fn must_be_used() -> u32 {
    std::future::ready(1).await
}

#[profiled]
#[deprecated]
fn deprecated() {}

#[profiled]
fn calls_others() {
    must_be_used();
    not_send(Rc::new(1));
    should_be_documented(&String::new());
    deprecated();
    let _ = nothing_is_awaited(1);
    let text = String::new();
    let copy = text.clone();
    unreachable!();
    println!("never");
}

#[profiled]
async fn awaits_others() {
    must_be_used().await;
    only_ok(1);
}

pub struct Holder<T>(T);

#[profiled]
impl<T: Debug> Holder<T> {
    pub fn new(value: T) -> Self {
        return Self(value);
    }

    pub fn to_text(self) -> String {
        format!("{:?}", self.0)
    }

    pub async fn later(self, unused: u32) -> Result<T, ()> {
        let value = self.0;
        std::future::ready(()).await;
        Ok(value)
    }

    pub fn borrowed(&self, other: &u32) -> Result<&T, ()> {
        Ok(&self.0)
    }
}

pub trait Later {
    async fn later(&self, text: String) -> usize;

    fn sooner(&self, text: String) -> impl Future<Output = usize> + Send;
}

#[profiled]
impl Later for u32 {
    async fn later(&self, text: String) -> usize {
        std::future::ready(()).await;
        *self as usize
    }

    async fn sooner(&self, text: String) -> usize {
        std::future::ready(()).await;
        text.len()
    }
}

#[profiled]
impl Clone for Holder<u32> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}
