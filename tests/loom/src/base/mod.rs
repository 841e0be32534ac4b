//! What stands in the place of the library's `base`.

pub(crate) mod atomic;
pub(crate) mod footprint;
pub(crate) mod orders;
pub(crate) mod pages;
#[path = "../../../../perf-sdk/src/base/prefetch.rs"]
pub(crate) mod prefetch;
pub(crate) mod run;
