//! In-process profiler: annotate functions, look at latency, CPU and allocations.

#![deny(unsafe_code)]

mod histogram;
pub mod snapshot;

pub use histogram::Histogram;
