//! Functions of every kind, with annotations, or without them if the feature `annotated` is off.

use std::collections::HashMap;
use std::future::Future;
use std::num::ParseIntError;
use std::pin::Pin;

#[cfg_attr(feature = "annotated", perf_sdk::profiled)]
#[inline(never)]
pub fn plain(n: u64) -> u64 {
    #[cfg(feature = "annotated")]
    perf_sdk::scope!("loop");
    (0..n).fold(7, |sum, i| sum.rotate_left(5) ^ i)
}

#[cfg_attr(feature = "annotated", perf_sdk::profiled(error = display, sample = "1/64"))]
#[inline(never)]
pub fn fallible(text: &str) -> Result<u32, ParseIntError> {
    let first: u32 = text.split(',').next().unwrap_or_default().parse()?;
    Ok(first + 1)
}

#[cfg_attr(feature = "annotated", perf_sdk::profiled)]
#[inline(never)]
pub fn generic<T: Ord + Copy>(values: &mut [T]) -> Option<T> {
    values.sort();
    values.first().copied()
}

#[inline(never)]
pub fn generic_used(values: &mut [i16]) -> Option<i16> {
    generic(values)
}

/// Stands for a statement of a database.
#[inline(never)]
pub fn asked(id: u64) -> Result<u64, ParseIntError> {
    id.to_string().parse()
}

#[inline(never)]
pub fn statements(ids: &[u64]) -> Result<u64, ParseIntError> {
    let mut sum = 0;
    for id in ids {
        #[cfg(feature = "annotated")]
        {
            let statement = perf_sdk::watch_query("db").statement("SELECT a FROM t WHERE id = ?");
            sum += statement.values(id).run(|| asked(*id))?;
            statement.rows(1);
            statement.explain(|| Some(id.to_string()));
        }
        #[cfg(not(feature = "annotated"))]
        {
            sum += asked(*id)?;
        }
    }
    Ok(sum)
}

#[cfg_attr(feature = "annotated", perf_sdk::profiled)]
pub async fn later(n: u64) -> Result<u64, ParseIntError> {
    let text = n.to_string();
    std::future::ready(()).await;
    text.parse()
}

#[cfg_attr(feature = "annotated", perf_sdk::profiled)]
pub fn boxed(n: u64) -> Pin<Box<dyn Future<Output = u64> + Send>> {
    Box::pin(async move { plain(n) + later(n).await.unwrap_or(0) })
}

#[inline(never)]
pub fn looked_up(map: &HashMap<u64, u64>, key: u64) -> Option<u64> {
    let look_up = || map.get(&key).copied();
    #[cfg(feature = "annotated")]
    return perf_sdk::watch_cache("numbers").tier(2).get(look_up);
    #[cfg(not(feature = "annotated"))]
    look_up()
}

#[inline(never)]
pub fn checked_out(text: &str) -> Result<u64, ParseIntError> {
    let get = || text.parse();
    #[cfg(feature = "annotated")]
    return perf_sdk::watch_pool("numbers").checkout(get, |_| true);
    #[cfg(not(feature = "annotated"))]
    get()
}

pub struct Counter(HashMap<u64, u64>);

#[cfg_attr(feature = "annotated", perf_sdk::profiled)]
impl Counter {
    pub fn new() -> Self {
        Self(HashMap::new())
    }

    #[cfg_attr(feature = "annotated", perf_sdk::profiled(name = "add one", bounded = 1 << 20))]
    pub fn add(&mut self, key: u64) -> u64 {
        let count = self.0.entry(key).or_default();
        *count += 1;
        *count
    }

    #[cfg_attr(feature = "annotated", perf_sdk::profiled(skip))]
    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }
}

impl Default for Counter {
    fn default() -> Self {
        Self::new()
    }
}
