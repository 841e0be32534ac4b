//! The `#[profiled]` attribute of perf-sdk. Use it through that crate.

#![forbid(unsafe_code)]
